"""Measure the cells of one model that its run folder lacks, and store each at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import nn

from bench.core.errors import Failed
from bench.core.foreign.guard import attack_timeout
from bench.core.foreign.messages import cell_errors_as_failed
from bench.core.progress import Event, ProgressCallback, Step
from bench.evaluation.adversarial_file import write_adversarial_set
from bench.evaluation.adversarial_set import AdversarialSet
from bench.evaluation.conditions.base import Condition
from bench.evaluation.evaluator import outcomes_of_group
from bench.evaluation.outcome import Outcome
from bench.evaluation.row import ModelRef
from bench.evaluation.search_groups import group_by_search
from bench.evaluation.settings import EvalSettings
from bench.report.row_text import describe_row, summarise_rows
from bench.results.keys import digest16
from bench.results.row import Row
from bench.results.run_folder import RunFolder
from bench.runner.cells import CellPlan
from bench.runner.reuse import copy_to_model, delete_stale_progress, find_same_key, image_metadata, update
from bench.runner.shards.adversarial_sets import adversarial_set_path
from bench.runner.shards.joining import assemble
from bench.runner.shards.results import ShardResult


@dataclass(frozen=True, eq=False)
class ModelEvaluation:
    """Measures one model under the conditions of a plan, on the images of this process."""

    cells: CellPlan
    run_folder: RunFolder  # locked by the caller
    model: ModelRef
    net: nn.Module
    identity: str  # a digest that changes with anything that the model's logits depend on
    tell: ProgressCallback
    measured: dict[Condition, Outcome] = field(default_factory=dict)  # several conditions may be read from one outcome

    def fill(self) -> int:
        """Measure and store the missing cells; returns how many failed.

        A cell that was measured for another epoch or view with the same weights is copied. A cell that fails is stored
        as a failure, unless it has a value already, and the others are measured all the same.
        """
        run_folder, shard = self.run_folder, self.cells.options.shard
        with run_folder.hold_lock():
            delete_stale_progress(run_folder, self.model, shard)
            missing = self.cells.missing_conditions(run_folder, self.model, self.identity)
        cells_to_fill = [*missing.items()]
        failed = sum(
            self._fill_cell(*cell, [c for _, c in cells_to_fill[place + 1 :]])
            for place, cell in enumerate(cells_to_fill)
        )
        assemble(run_folder)  # also without shards of its own: those of an earlier process may be left
        if missing:
            self._tell_summary()
        return failed

    def _tell_summary(self) -> None:
        """Report the rows of the model in one line, if all are there: the last shard joins them."""
        keys = {self.cells.key(self.identity, condition) for condition in self.cells.conditions}
        which = self.model.epoch, self.model.view
        rows = [row for row in self.run_folder.rows if row.key in keys and (row.epoch, row.view) == which]
        if len(rows) == len(keys):
            self.tell(Event(str(self.model), 1, 1, 0.0, summarise_rows(rows), "model"))

    def _fill_cell(self, key: str, condition: Condition, later: Sequence[Condition]) -> bool:
        """Measure and store one cell, or copy it; returns whether it failed. later: conditions that come after it."""
        run_folder, shard = self.run_folder, self.cells.shard_of(condition)
        known = find_same_key(run_folder, key, shard)
        if known and not self.cells.lacks_images(run_folder.path, key, condition):
            with run_folder.hold_lock():
                copy_to_model(run_folder, find_same_key(run_folder, key, shard) or known, self.model)
            return False
        basis, units = condition.base(), len(self.cells.ids(condition))
        title = f"{self.model} {condition.label}{f' shard {shard}' if shard.count > 1 else ''}"
        step = Step(self.tell, title, units, condition.cost(units))
        step.advance(0)
        bases = [basis] if self.cells.options.save_adv else group_by_search(basis, later)
        has_failed = False
        try:
            if basis not in self.measured:
                with cell_errors_as_failed():
                    self.measured.update(zip(bases, self._measure(key, bases, step), strict=True))
            word = self._store(condition, key, condition.read(self.measured[basis]), known)
        except Failed as error:
            if not known:
                run_folder.add(self.cells.row(self.model, condition, key, error), None)
            word, has_failed = f"failed: {error}", True
        for saved in run_folder.path.glob(f"{self._progress_stem(key, bases)}.*"):
            saved.unlink(missing_ok=True)
        step.end(word, has_failed)
        return has_failed

    def _measure(self, row_key: str, bases: Sequence[Condition], step: Step) -> list[Outcome]:
        """Measure conditions that share one search, on this shard's images; returns an outcome for each.

        With --save-adv there is one condition, and its adversarial images are written to the folder.

        Args:
            row_key: the key of the row that the measurement is for; it is in the name of the progress file.
            bases: conditions of which `group_by_search` says that one search measures all.
        """
        cells, folder, basis = self.cells, self.run_folder.path, bases[0]
        key, ids = cells.key(self.identity, basis), cells.ids(basis)
        adversarial_set = AdversarialSet() if cells.lacks_images(folder, key, basis) else None
        with attack_timeout(cells.options.attack_timeout):
            found = outcomes_of_group(
                self.net,
                cells.test,
                bases,
                EvalSettings(ids.stop, ids.start, cells.precision, cells.options.batch_size),
                saved=folder / f"{self._progress_stem(row_key, bases)}.json",
                adversarial_set=adversarial_set,
                tick=lambda o: step.advance(o.done, f"{o.right[: o.done].mean():.1%} so far"),
            )
        if adversarial_set is not None:
            images = cells.test.first(cells.n).fingerprint()
            about = image_metadata(self.model, basis, self.identity, images, cells.n, key)
            write_adversarial_set(adversarial_set_path(folder, key, cells.options.shard), adversarial_set, about)
        return found

    def _store(self, condition: Condition, key: str, outcome: Outcome, known: Row | ShardResult | None) -> str:
        """Store the outcome of a cell, whole or of one shard, and return it as text.

        known: what the cell was measured at before; its row stays, and follows the images that were attacked again.
        """
        cells, run_folder = self.cells, self.run_folder
        row, shard = cells.row(self.model, condition, key, outcome), cells.shard_of(condition)
        if known:
            with run_folder.hold_lock():  # and after a process of another shard has updated the same row
                known = find_same_key(run_folder, key, shard) or known
                copy_to_model(run_folder, update(run_folder, known, outcome, cells.ids(condition)), self.model)
        elif shard.count > 1:
            ShardResult(row, cells.n, shard, outcome).write(run_folder.path)
        else:
            run_folder.add(row, outcome.right)
        return f"{describe_row(row)}, {outcome.seconds:.1f} s, {row.verdict}"

    def _progress_stem(self, key: str, bases: Sequence[Condition]) -> str:
        """The stem of the files from which an interrupted measurement for the row with this key resumes."""
        digest = digest16(*(self.cells.key(self.identity, basis) for basis in bases))
        return f"partial-{key}-{digest}{self.cells.shard_of(bases[0]).suffix}"
