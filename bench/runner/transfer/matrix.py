"""Who crafts images, who is judged on them, and filling run folders with the cells that they lack."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from torch import nn

from bench.core.errors import Failed
from bench.core.foreign.guard import attack_timeout
from bench.core.foreign.messages import cell_errors_as_failed
from bench.core.progress import Event, ProgressCallback
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.evaluator import PROTOCOL
from bench.evaluation.outcome import Outcome
from bench.evaluation.row import ModelRef
from bench.evaluation.settings import EvalSettings
from bench.evaluation.transfer import final_iterate_attacks, transfer_each
from bench.results.keys import digest16
from bench.results.run_folder import RunFolder
from bench.runner.cells import CellEvaluator
from bench.runner.reuse import is_shown
from bench.training.run_folder import lock_folder


@dataclass(frozen=True, eq=False)
class TransferModel:
    """A finished model, why there is none, or (with neither) one whose training is to come."""

    place: str  # as rows name it as a source
    identity: str  # digits that change with anything that its logits depend on
    net: nn.Module | None = None
    failure: str = ""


@dataclass(frozen=True, eq=False)
class TransferRunner:
    """Sources by targets, under each attack that hands images over. The targets are sources too."""

    exam: CellEvaluator
    results: Path
    targets: Mapping[ModelRef, TransferModel]
    guests: Sequence[TransferModel]  # sources from outside

    @cached_property
    def conditions(self) -> list[Attacked]:
        return final_iterate_attacks(self.exam.conditions)[0]

    @cached_property
    def sources(self) -> list[TransferModel]:
        """Guests that are none of the targets come last."""
        own = list(self.targets.values())
        return [*own, *(guest for guest in self.guests if guest.identity not in {e.identity for e in own})]

    @cached_property
    def seen(self) -> str:
        """Fingerprint of the images that are attacked."""
        return self.exam.test.first(self.exam.n).fingerprint()

    def key(self, source: TransferModel, target: TransferModel, condition: Attacked) -> str:
        """Of both models, the images, the attack and the protocol."""
        who = (source.place, source.identity, target.identity)
        what = (self.seen, self.exam.n, condition, condition.attack.params, self.exam.precision, PROTOCOL)
        return digest16(who, what)

    def missing(self) -> dict[tuple[Attacked, TransferModel], dict[ModelRef, str]]:
        """The targets, and the keys of the rows that they lack, for each attack on each source.

        Failed attacks are to be made again; what has no model fails once and for all.
        """
        found: dict[tuple[Attacked, TransferModel], dict[ModelRef, str]] = {}
        for model, target in self.targets.items():
            run = RunFolder(self.results / model.subject.run)
            stored = run.rows
            shown = [row for row, last in zip(stored, is_shown(stored), strict=True) if last]
            rows = [row for row in shown if (row.epoch, row.view) == (model.epoch, model.view)]
            bits, said = run.outcomes, {row.key for row in rows}
            answered = {row.key for row in rows if row.status == "ok" and row.key in bits}
            for condition in self.conditions:
                for source in self.sources:
                    key = self.key(source, target, condition)
                    hopeless = bool(source.failure or target.failure)
                    if key not in (said if hopeless else answered):
                        found.setdefault((condition, source), {})[model] = key
        return found

    def cost(self) -> float:
        """Forward passes of filling what is missing, a backward counted as two."""
        return sum(self._cost(condition, len(owed)) for (condition, _), owed in self.missing().items())

    def _cost(self, condition: Attacked, targets: int) -> float:
        return condition.cost(self.exam.n) + targets * self.exam.n

    def estimate(self) -> str:
        """What there is to do, in a line."""
        missing = self.missing()
        cells, total = sum(map(len, missing.values())), len(self.sources) * len(self.targets) * len(self.conditions)
        return (
            f"transfer from {len(self.sources)} to {len(self.targets)} models: {cells} of {total} cells to do, "
            f"attacks to run: {len(missing)}"
        )

    def fill(self, tell: ProgressCallback) -> int:
        """Make and store what is missing; how many cells have failed."""
        failed, missing = 0, self.missing()
        last = {model.subject.run: attack for attack, owed in missing.items() for model in owed}
        for (condition, source), owed in missing.items():
            title, n = f"{source.place} {condition.label}", self.exam.n
            weight = self._cost(condition, len(owed))
            tell(Event(title, 0, n, weight))
            tick = partial(_tick, tell, Event(title, 0, n, weight))
            results = self._results(condition, source, [self.targets[model] for model in owed], tick)
            for (model, key), result in zip(owed.items(), results, strict=True):
                row = replace(self.exam.row(model, condition, key, result), source=source.place)
                run = model.subject.run
                with lock_folder(self.results / run, fold=last[run] == (condition, source)) as held:
                    held.add(row, result.right if isinstance(result, Outcome) else None)
            tell(Event(title, n, n, weight, _describe(results)))
            failed += sum(isinstance(result, Failed) for result in results)
        return failed

    def _results(
        self, condition: Attacked, source: TransferModel, targets: Sequence[TransferModel], tick: Callable[[int], None]
    ) -> list[Outcome | Failed]:
        """One for each target."""
        nets = [target.net for target in targets if target.net is not None]
        made: list[Outcome | Failed] = []
        if source.net is None:
            return [Failed(source.failure) for _ in targets]
        try:
            with cell_errors_as_failed(), attack_timeout(self.exam.options.attack_timeout):
                if nets:
                    made = transfer_each(
                        source.net,
                        nets,
                        self.exam.test,
                        condition,
                        EvalSettings(self.exam.n, 0, self.exam.precision, self.exam.options.batch_size),
                        tick,
                    )
        except Failed as error:
            return [Failed(f"{error} (of the source)") for _ in targets]
        judged = iter(made)
        return [Failed(target.failure) if target.net is None else next(judged) for target in targets]


def _tick(tell: ProgressCallback, begun: Event, done: int) -> None:
    if done < begun.units:  # the last news has a word with it
        tell(replace(begun, done=done))


def _describe(results: Sequence[Outcome | Failed]) -> str:
    """What came out of one attack, in a few words."""
    known = [result for result in results if isinstance(result, Outcome)]
    if not known:
        return f"failed: {results[0]}"
    shares = [float(outcome.right.mean()) for outcome in known]
    return (
        f"{min(shares):.1%} to {max(shares):.1%} right over {len(known)} of {len(results)} models, "
        f"{known[0].seconds:.1f} s, {known[0].verdict}"
    )
