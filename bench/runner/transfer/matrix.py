"""Evaluate every target on images crafted on every source, and store the rows that run folders lack."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from torch import nn

from bench.core.errors import Failed
from bench.core.foreign.guard import attack_timeout
from bench.core.foreign.messages import cell_errors_as_failed
from bench.core.parsing import format_count
from bench.core.progress import ProgressCallback, Step
from bench.core.version import PROTOCOL
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.outcome import Outcome
from bench.evaluation.row import ModelRef
from bench.evaluation.settings import EvalSettings
from bench.evaluation.transfer import final_iterate_attacks, transfer_each
from bench.results.keys import digest16
from bench.results.run_folder import RunFolder
from bench.runner.cells import CellPlan
from bench.runner.reuse import is_shown
from bench.training.run_folder import lock_folder


@dataclass(frozen=True, eq=False)
class TransferModel:
    """A source or target: a finished model, a failed training, or (without net and failure) a training to come."""

    model_id: str  # the name in column `source` of rows
    identity: str  # a digest that changes with anything that the logits depend on
    net: nn.Module | None = None
    failure: str = ""  # why there is no model


@dataclass(frozen=True, eq=False)
class TransferRunner:
    """Transfers each attack that has a last iterate from every source to every target. Targets are sources too."""

    cells: CellPlan
    results: Path
    targets: Mapping[ModelRef, TransferModel]
    external: Sequence[TransferModel]  # external models, as sources only

    @cached_property
    def conditions(self) -> list[Attacked]:
        return final_iterate_attacks(self.cells.conditions)[0]

    @cached_property
    def sources(self) -> list[TransferModel]:
        """The targets, then the external models that are not among them."""
        own = list(self.targets.values())
        return [*own, *(model for model in self.external if model.identity not in {target.identity for target in own})]

    @cached_property
    def images_digest(self) -> str:
        """Fingerprint of the images that are attacked."""
        return self.cells.test.first(self.cells.n).fingerprint()

    def key(self, source: TransferModel, target: TransferModel, condition: Attacked) -> str:
        """The key of a row: a digest of both models, the images, the attack and the protocol."""
        who = (source.model_id, source.identity, target.identity)
        what = (
            self.images_digest,
            self.cells.n,
            condition,
            condition.attack.params,
            self.cells.precision,
            PROTOCOL,
        )
        return digest16(who, what)

    def missing_cells(self) -> dict[tuple[Attacked, TransferModel], dict[ModelRef, str]]:
        """For each attack on each source, the targets that lack a row, with the key of that row.

        A row of a failed attack counts as missing, so it is tried again. If source or target has no model, the stored
        failure is final.
        """
        found: dict[tuple[Attacked, TransferModel], dict[ModelRef, str]] = {}
        for model, target in self.targets.items():
            run = RunFolder(self.results / model.subject.run)
            stored = run.rows
            pairs = zip(stored, is_shown(stored), strict=True)
            rows = [row for row, shown in pairs if shown and (row.epoch, row.view) == (model.epoch, model.view)]
            all_keys = {row.key for row in rows}
            measured_keys = {row.key for row in rows if row.status == "ok" and row.key in run.outcomes}
            for condition in self.conditions:
                for source in self.sources:
                    key = self.key(source, target, condition)
                    has_no_model = bool(source.failure or target.failure)
                    if key not in (all_keys if has_no_model else measured_keys):
                        found.setdefault((condition, source), {})[model] = key
        return found

    def cost(self) -> float:
        """Forward passes of measuring what is missing; a backward pass counts as two."""
        return sum(self._cost(condition, len(row_keys)) for (condition, _), row_keys in self.missing_cells().items())

    def _cost(self, condition: Attacked, targets: int) -> float:
        return condition.cost(self.cells.n) + targets * self.cells.n

    def estimate(self) -> str:
        """One line of what there is to do: models, missing cells, attacks."""
        missing = self.missing_cells()
        cells, total = sum(map(len, missing.values())), len(self.sources) * len(self.targets) * len(self.conditions)
        return (
            f"transfer from {len(self.sources)} to {format_count(len(self.targets), 'model')}: "
            f"{cells} of {format_count(total, 'cell')} to do, "
            f"attacks to run: {len(missing)}"
        )

    def fill(self, tell: ProgressCallback) -> int:
        """Measure and store what is missing; returns how many cells failed."""
        failed, missing = 0, self.missing_cells()
        last = {model.subject.run: attack for attack, row_keys in missing.items() for model in row_keys}
        for (condition, source), row_keys in missing.items():
            title, weight = f"{source.model_id} {condition.label}", self._cost(condition, len(row_keys))
            step = Step(tell, title, self.cells.n, weight)
            step.advance(0)
            results = self._measure(condition, source, [self.targets[model] for model in row_keys], step.advance)
            for (model, key), result in zip(row_keys.items(), results, strict=True):
                row = replace(self.cells.row(model, condition, key, result), source=source.model_id)
                run = model.subject.run
                with lock_folder(self.results / run, merge=last[run] == (condition, source)) as run_folder:
                    run_folder.add(row, result.right if isinstance(result, Outcome) else None)
            step.end(_describe(results), has_failed=any(isinstance(result, Failed) for result in results))
            failed += sum(isinstance(result, Failed) for result in results)
        return failed

    def _measure(
        self, condition: Attacked, source: TransferModel, targets: Sequence[TransferModel], tick: Callable[[int], None]
    ) -> list[Outcome | Failed]:
        """Run one attack on a source; returns a result for each target."""
        nets = [target.net for target in targets if target.net is not None]
        results: list[Outcome | Failed] = []
        if source.net is None:
            return [Failed(source.failure) for _ in targets]
        try:
            with cell_errors_as_failed(), attack_timeout(self.cells.options.attack_timeout):
                if nets:
                    results = transfer_each(
                        source.net,
                        nets,
                        self.cells.test,
                        condition,
                        EvalSettings(self.cells.n, 0, self.cells.precision, self.cells.options.batch_size),
                        tick,
                    )
        except Failed as error:
            return [Failed(f"{error} (of the source)") for _ in targets]
        measured = iter(results)
        return [Failed(target.failure) if target.net is None else next(measured) for target in targets]


def _describe(results: Sequence[Outcome | Failed]) -> str:
    """The results of one attack as text: accuracies, seconds and verdict, or the failure."""
    outcomes = [result for result in results if isinstance(result, Outcome)]
    if not outcomes:
        return f"failed: {results[0]}"
    accuracies = [float(outcome.right.mean()) for outcome in outcomes]
    return (
        f"{min(accuracies):.1%} to {max(accuracies):.1%} right over {len(outcomes)} "
        f"of {format_count(len(results), 'model')}, "
        f"{outcomes[0].seconds:.1f} s, {outcomes[0].verdict}"
    )
