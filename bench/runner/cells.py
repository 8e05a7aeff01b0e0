"""What models are judged under, and filling a folder with the numbers that it lacks."""

import glob
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from bench.core.device import describe
from bench.core.errors import BadInput, Failed
from bench.core.foreign.guard import attack_timeout
from bench.core.foreign.messages import cell_errors_as_failed
from bench.core.progress import Event, ProgressCallback
from bench.data.dataset import Images
from bench.evaluation.adversarial_set import AdversarialSet
from bench.evaluation.conditions.base import Condition
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.evaluator import PROTOCOL, outcomes_of_group
from bench.evaluation.outcome import Outcome
from bench.evaluation.resume import album_beside
from bench.evaluation.row import ModelRef, row_of
from bench.evaluation.search_groups import group_by_search
from bench.evaluation.settings import EvalSettings
from bench.report.row_text import describe_row
from bench.results.keys import digest16
from bench.results.row import Row
from bench.results.run_folder import RunFolder
from bench.results.shards import WHOLE, Shard
from bench.results.store import ALL_AGAIN
from bench.runner.options import CellOptions
from bench.runner.reuse import copy_to_model, find_same_key, has_images, image_metadata, measured_keys, update
from bench.runner.shard_albums import album_path
from bench.runner.shard_results import ShardResult, assemble

Tick = Callable[[Outcome], None]


@dataclass(frozen=True)
class CellEvaluator:
    """Test images, the conditions to be right under, and what the judging is done with."""

    test: Images  # in test order, all of it, so that attacks see whole blocks
    n: int  # of them to judge
    conditions: tuple[Condition, ...]
    device: torch.device
    precision: str
    options: CellOptions

    def __post_init__(self) -> None:
        refused = [condition.without_images for condition in self.conditions if condition.without_images]
        if self.options.save_adv and refused:
            raise BadInput(refused[0])

    def share(self, condition: Condition) -> Shard:
        """Into which a condition is cut here."""
        return self.options.shard if condition.sharded else WHOLE

    def ids(self, condition: Condition) -> range:
        """The images to be judged under a condition here. BadInput where there are too many shards for them."""
        if condition.sharded:
            return self.options.shard.ids(self.n, condition.base().block)
        return range(self.n if self.options.shard.index == 1 else 0)

    def missing(self, held: RunFolder, model: ModelRef, identity: str) -> dict[str, Condition]:
        """The conditions that no stored row of this model answers with a number, by key.

        Also those whose adversarial images are to be kept, and are not there.
        identity: digits that change with anything that the model's logits depend on.
        """
        known = measured_keys(held, model, self.options.shard)
        keys = {self.key(identity, condition): condition for condition in self.conditions if self.ids(condition)}
        return {key: c for key, c in keys.items() if key not in known or self._unkept(held.path, key, c)}

    def key(self, identity: str, condition: Condition) -> str:
        """Of the model, the images that the attack sees, the condition and the protocol."""
        block = condition.block or 1
        seen = self.test.first(-(-self.n // block) * block).fingerprint()
        return digest16(identity, seen, self.n, condition, condition.key_params, self.precision, PROTOCOL)

    def require_judged(self, held: RunFolder, model: ModelRef, identity: str) -> None:
        """BadInput where a folder has a clean accuracy of a model, and it is not this one's on these test images."""
        rows = [row for row in held.rows if (row.epoch, row.view) == (model.epoch, model.view)]
        clean = [row for row in rows if row.kind == "clean" and row.status == "ok" and row.n <= len(self.test)]
        known = [row for row in clean if row.protocol == PROTOCOL]
        asked = (replace(self, n=row.n, precision=row.precision).key(identity, Clean()) for row in known)
        if known and not any(row.key == key for row, key in zip(known, asked, strict=True)):
            raise BadInput(
                f"{held.path / 'results.csv'} was measured on other weights than those of {model.epoch} {model.view} "
                "there, or on other test images; put back the weights (or the images), or, if these are meant, "
                f"{ALL_AGAIN}"
            )

    def judge(self, held: RunFolder, model: ModelRef, net: nn.Module, identity: str, tell: ProgressCallback) -> int:
        """Fill the missing cells of one model, and say how many failed.

        What another epoch with the same weights was measured at is copied.
        """
        failed, folder = 0, held.path
        self._tidy(held, model)
        measured: dict[Condition, Outcome] = {}  # what several conditions are read off is measured once
        missing = self.missing(held, model, identity)
        for place, (key, condition) in enumerate(missing.items()):
            share, units = self.share(condition), len(self.ids(condition))
            known = find_same_key(held, key, share)
            if known and not self._unkept(folder, key, condition):
                copy_to_model(held, known, model)
                continue
            title = f"{model} {condition.label}{f' shard {share}' if share.count > 1 else ''}"
            weight, basis = condition.cost(units), condition.base()

            def after(o: Outcome, title: str = title, weight: float = weight, units: int = units) -> None:
                if o.done < units:
                    tell(Event(title, o.done, units, weight, f"{o.right[: o.done].mean():.1%} so far"))

            tell(Event(title, 0, units, weight))
            bases = [basis] if self.options.save_adv else group_by_search(basis, [*missing.values()][place + 1 :])
            try:
                if basis not in measured:
                    with cell_errors_as_failed():
                        found = self._measure(folder, model, net, identity, key, bases, after)
                    measured |= zip(bases, found, strict=True)
                outcome = condition.read(measured[basis])
                row = self.row(model, condition, key, outcome)
                if known:
                    copy_to_model(held, update(held, known, outcome, self.ids(condition)), model)
                elif share.count > 1:
                    ShardResult(row, self.n, share, outcome).write(folder)
                else:
                    held.add(row, outcome.right)
                word = f"{describe_row(row)}, {outcome.seconds:.1f} s, {row.verdict}"
            except Failed as error:
                if not known:
                    held.add(self.row(model, condition, key, error), None)
                word = f"failed: {error}"
                failed += 1
            for saved in folder.glob(f"{self._partial(identity, key, bases)}.*"):
                saved.unlink()
            tell(Event(title, units, units, weight, word))
        if self.options.shard.count > 1:
            assemble(held)
        return failed

    def _measure(
        self,
        folder: Path,
        model: ModelRef,
        net: nn.Module,
        identity: str,
        row_key: str,
        bases: Sequence[Condition],
        tick: Tick,
    ) -> list[Outcome]:
        """What conditions that one search serves come to on this shard's images. row_key: of the row asked for first.

        Adversarial images go to the folder if wanted; then there is one condition.
        """
        basis = bases[0]
        key, ids = self.key(identity, basis), self.ids(basis)
        album = AdversarialSet() if self._unkept(folder, key, basis) else None
        with attack_timeout(self.options.attack_timeout):
            found = outcomes_of_group(
                net,
                self.test,
                bases,
                EvalSettings(ids.stop, ids.start, self.precision, self.options.batch_size),
                saved=folder / f"{self._partial(identity, row_key, bases)}.json",
                album=album,
                tick=tick,
            )
        if album is not None:
            images = self.test.first(self.n).fingerprint()
            album.write(
                album_path(folder, key, self.options.shard), image_metadata(model, basis, identity, images, self.n, key)
            )
        return found

    def _partial(self, identity: str, key: str, bases: Sequence[Condition]) -> str:
        """Name of the files that an unfinished measurement goes on from, whose end is the row with this key.

        The keys of its numbers are the same alone.
        """
        digest = digest16(*(self.key(identity, basis) for basis in bases))
        return f"partial-{key}-{digest}{self.share(bases[0]).suffix}"

    def _tidy(self, held: RunFolder, model: ModelRef) -> None:
        """Delete the files of measurements whose row is stored: of a process killed between the two."""
        digest = "?" * 16
        folder = held.path
        names = {f"-{digest}{shard.suffix}.json" for shard in (WHOLE, self.options.shard)}
        for key in measured_keys(held, model, self.options.shard):
            for saved in (path for name in names for path in folder.glob(f"partial-{glob.escape(key)}{name}")):
                images = album_beside(saved)
                if not images.exists() or any(album_path(folder, key, s).exists() for s in (WHOLE, self.options.shard)):
                    images.unlink(missing_ok=True)
                    saved.unlink()

    def _unkept(self, folder: Path, key: str, condition: Condition) -> bool:
        """Whether its adversarial images are wanted and not there."""
        return self.options.save_adv and not has_images(folder, key, condition, self.options.shard)

    def row(self, model: ModelRef, condition: Condition, key: str, result: Outcome | Failed) -> Row:
        """What a folder stores of one cell."""
        return row_of(
            model,
            condition,
            result,
            n=len(result.right) if isinstance(result, Outcome) else self.n,
            partial=self.n < len(self.test),
            device=describe(self.device),
            precision=self.precision,
            key=key,
        )
