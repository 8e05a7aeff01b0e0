"""Evaluate a model under the conditions of a request and store the rows that its run folder lacks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from bench.core.device import describe
from bench.core.errors import BadInput, Failed
from bench.core.foreign.guard import attack_timeout
from bench.core.foreign.messages import cell_errors_as_failed
from bench.core.progress import Event, ProgressCallback, Step
from bench.data.dataset import Images
from bench.evaluation.adversarial_set import AdversarialSet
from bench.evaluation.conditions.base import Condition
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.evaluator import PROTOCOL, outcomes_of_group
from bench.evaluation.outcome import Outcome
from bench.evaluation.row import ModelRef, row_of
from bench.evaluation.search_groups import group_by_search
from bench.evaluation.settings import EvalSettings
from bench.report.row_text import describe_row, summarise_rows
from bench.results.keys import digest16
from bench.results.row import Row
from bench.results.run_folder import RunFolder
from bench.results.shards import WHOLE, Shard
from bench.results.store import ALL_AGAIN
from bench.runner.options import CellOptions
from bench.runner.reuse import (
    copy_to_model,
    delete_stale_progress,
    find_same_key,
    has_images,
    image_metadata,
    measured_keys,
    update,
)
from bench.runner.shard_albums import album_path
from bench.runner.shard_results import ShardResult, assemble


@dataclass(frozen=True)
class CellEvaluator:
    """Evaluates models on the same test images and conditions. A cell is one model under one condition: one row."""

    test: Images  # the whole test set in its order, as some attacks draw for a block of images at once
    n: int  # the first n of them count
    conditions: tuple[Condition, ...]
    device: torch.device
    precision: str
    options: CellOptions

    def __post_init__(self) -> None:
        refused = [condition.without_images for condition in self.conditions if condition.without_images]
        if self.options.save_adv and refused:
            raise BadInput(refused[0])

    def shard_of(self, condition: Condition) -> Shard:
        """The shard of the images that a condition is measured on: all of them if `--shard` does not cut its kind."""
        return self.options.shard if condition.sharded else WHOLE

    def ids(self, condition: Condition) -> range:
        """The test images of this process for a condition. BadInput if there are more shards than blocks of images.

        A condition that shards do not cut is measured whole by the first shard, and by no other.
        """
        if condition.sharded:
            return self.options.shard.ids(self.n, condition.base().block)
        return range(self.n if self.options.shard.index == 1 else 0)

    def missing(self, run_folder: RunFolder, model: ModelRef, identity: str) -> dict[str, Condition]:
        """The conditions for which this model has no stored row with a value, by the key of that row.

        With --save-adv also the conditions whose adversarial images are missing.

        Args:
            identity: a digest that changes with anything that the model's logits depend on.
        """
        known = measured_keys(run_folder, model, self.options.shard)
        keys = {self.key(identity, condition): condition for condition in self.conditions if self.ids(condition)}
        return {key: c for key, c in keys.items() if key not in known or self._lacks_images(run_folder.path, key, c)}

    def key(self, identity: str, condition: Condition) -> str:
        """The key of a row: a digest of the model, the images that the attack sees, the condition and the protocol."""
        block = condition.block or 1
        seen = self.test.first(-(-self.n // block) * block).fingerprint()
        return digest16(identity, seen, self.n, condition, condition.key_params, self.precision, PROTOCOL)

    def check_same_weights(self, run_folder: RunFolder, model: ModelRef, identity: str) -> None:
        """BadInput if the folder's clean accuracy of this epoch and view is of other weights or other test images."""
        rows = [row for row in run_folder.rows if (row.epoch, row.view) == (model.epoch, model.view)]
        clean = [row for row in rows if row.kind == "clean" and row.status == "ok" and row.n <= len(self.test)]
        known = [row for row in clean if row.protocol == PROTOCOL]
        keys = (replace(self, n=row.n, precision=row.precision).key(identity, Clean()) for row in known)
        if known and not any(row.key == key for row, key in zip(known, keys, strict=True)):
            raise BadInput(
                f"{run_folder.path / 'results.csv'} was measured on other weights than those of "
                f"{model.epoch} {model.view} there, or on other test images; put back the weights (or the images), or, "
                f"if these are meant, {ALL_AGAIN}"
            )

    def evaluate_missing(
        self, run_folder: RunFolder, model: ModelRef, net: nn.Module, identity: str, tell: ProgressCallback
    ) -> int:
        """Measure and store the missing cells of one model; returns how many failed.

        A cell that was measured for another epoch or view with the same weights is copied. A cell that fails is stored
        as a failure, unless it has a value already, and the others are measured all the same.
        """
        failed = 0
        with run_folder.changing():
            delete_stale_progress(run_folder, model, self.options.shard)
            missing = self.missing(run_folder, model, identity)
        measured: dict[Condition, Outcome] = {}  # by base condition, as several conditions may be read from one
        for place, (key, condition) in enumerate(missing.items()):
            shard, basis = self.shard_of(condition), condition.base()
            known = find_same_key(run_folder, key, shard)
            if known and not self._lacks_images(run_folder.path, key, condition):
                with run_folder.changing():
                    copy_to_model(run_folder, find_same_key(run_folder, key, shard) or known, model)
                continue
            title = f"{model} {condition.label}{f' shard {shard}' if shard.count > 1 else ''}"
            units = len(self.ids(condition))
            step = Step(tell, title, units, condition.cost(units))
            step.advance(0)
            has_failed = False
            bases = [basis] if self.options.save_adv else group_by_search(basis, [*missing.values()][place + 1 :])
            try:
                if basis not in measured:
                    with cell_errors_as_failed():
                        found = self._measure(run_folder.path, model, net, identity, key, bases, step)
                    measured |= zip(bases, found, strict=True)
                word = self._store(run_folder, model, condition, key, condition.read(measured[basis]), known)
            except Failed as error:
                if not known:
                    run_folder.add(self.row(model, condition, key, error), None)
                word, has_failed = f"failed: {error}", True
            failed += has_failed
            for saved in run_folder.path.glob(f"{self._progress_stem(identity, key, bases)}.*"):
                saved.unlink(missing_ok=True)
            step.end(word, has_failed)
        if self.options.shard.count > 1:
            assemble(run_folder)
        rows = [
            row for row in run_folder.rows if row.key in missing and (row.epoch, row.view) == (model.epoch, model.view)
        ]
        if rows:
            tell(Event(str(model), 1, 1, 0.0, summarise_rows(rows), "model"))
        return failed

    def _store(
        self,
        run_folder: RunFolder,
        model: ModelRef,
        condition: Condition,
        key: str,
        outcome: Outcome,
        known: Row | ShardResult | None,
    ) -> str:
        """Store the outcome of a cell, whole or of one shard, and return it as text.

        known: what the cell was measured at before; its row stays, and follows the images that were attacked again.
        """
        row, shard = self.row(model, condition, key, outcome), self.shard_of(condition)
        if known:
            with run_folder.changing():
                copy_to_model(run_folder, update(run_folder, known, outcome, self.ids(condition)), model)
        elif shard.count > 1:
            ShardResult(row, self.n, shard, outcome).write(run_folder.path)
        else:
            run_folder.add(row, outcome.right)
        return f"{describe_row(row)}, {outcome.seconds:.1f} s, {row.verdict}"

    def _measure(
        self,
        folder: Path,
        model: ModelRef,
        net: nn.Module,
        identity: str,
        row_key: str,
        bases: Sequence[Condition],
        step: Step,
    ) -> list[Outcome]:
        """Measure conditions that share one search, on this shard's images; returns an outcome for each.

        With --save-adv there is one condition, and its adversarial images are written to the folder.

        Args:
            row_key: the key of the row that the measurement is for; it is in the name of the progress file.
            bases: conditions of which `group_by_search` says that one search measures all.
        """
        basis = bases[0]
        key, ids = self.key(identity, basis), self.ids(basis)
        album = AdversarialSet() if self._lacks_images(folder, key, basis) else None
        with attack_timeout(self.options.attack_timeout):
            found = outcomes_of_group(
                net,
                self.test,
                bases,
                EvalSettings(ids.stop, ids.start, self.precision, self.options.batch_size),
                saved=folder / f"{self._progress_stem(identity, row_key, bases)}.json",
                album=album,
                tick=lambda o: step.advance(o.done, f"{o.right[: o.done].mean():.1%} so far"),
            )
        if album is not None:
            images = self.test.first(self.n).fingerprint()
            album.write(
                album_path(folder, key, self.options.shard), image_metadata(model, basis, identity, images, self.n, key)
            )
        return found

    def _progress_stem(self, identity: str, key: str, bases: Sequence[Condition]) -> str:
        """The stem of the files from which an interrupted measurement for the row with this key resumes."""
        digest = digest16(*(self.key(identity, basis) for basis in bases))
        return f"partial-{key}-{digest}{self.shard_of(bases[0]).suffix}"

    def _lacks_images(self, folder: Path, key: str, condition: Condition) -> bool:
        """Whether --save-adv asks for the adversarial images of a cell and they are not in the folder."""
        return self.options.save_adv and not has_images(folder, key, condition, self.options.shard)

    def row(self, model: ModelRef, condition: Condition, key: str, result: Outcome | Failed) -> Row:
        """The row of one cell, from its outcome or its failure."""
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
