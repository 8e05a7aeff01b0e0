"""A model from outside in the place of a results folder: measured under the conditions of the other side."""

import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.commands.compare.cells import Cell, Cells
from bench.commands.compare.comparison import Comparison
from bench.commands.compare.repeatable import REMEDY, condition_of
from bench.commands.start import start
from bench.core.errors import BadInput
from bench.core.parsing import format_count
from bench.core.progress import Progress
from bench.data.lookup import dataset
from bench.evaluation.conditions.base import Condition
from bench.evaluation.external.load import load_external
from bench.evaluation.external.spec import parse_spec
from bench.evaluation.row import ModelRef
from bench.results.store import read_job
from bench.results.survey import run_folders
from bench.runner.cells import CellPlan
from bench.runner.model_evaluation import ModelEvaluation
from bench.runner.options import CellOptions
from bench.runner.pool import log_to_file
from bench.training.run_folder import lock_folder

CellKey = tuple[tuple[object, ...], int]  # of `Cells`: configuration and seed


def measure_spec(asked: Comparison, cells: Cells) -> Cells:
    """The cells of the side that is a results folder, as the model has them on the same images and conditions.

    What looks wrong with the model is said on stderr. BadInput where it cannot be had, or where the folder holds
    several models, of which one alone can stand beside it.

    cells: of the results folder, those that can be measured again.
    """
    spec, results, access = asked.spec, asked.folder, asked.access
    source, device = parse_spec(spec), start(asked.device)
    data = dataset(source_of(cells, results, spec), access.data_dir)
    test = data.load("test", access.data_dir).to(device)
    conditions = {where: condition_of(cell.row, results) for where, cell in cells.items()}
    model = load_external(source, data, test, access, any(c.searches for c in conditions.values()))
    for warning in model.warnings:
        print(f"{source}: {warning}", file=sys.stderr)
    groups = defaultdict[tuple[int, str], dict[CellKey, Condition]](dict)
    for where, cell in cells.items():
        if cell.row.n > len(test):
            raise BadInput(f"{results}: n={cell.row.n}, but {data.name} has {len(test)} test images; {REMEDY}")
        groups[cell.row.n, cell.row.precision][where] = conditions[where]
    cost = sum(condition.cost(n) for (n, _), group in groups.items() for condition in group.values())
    which, found = ModelRef(model.subject, source.epoch, source.view), dict[CellKey, Cell]()
    with TemporaryDirectory() as folder, Progress(cost) as progress, log_to_file(Path(folder) / "bench.log"):
        for (n, precision), group in groups.items():
            plan = CellPlan(test, n, tuple(group.values()), device, precision, CellOptions(asked.batch_size))
            with lock_folder(Path(folder) / f"{n}-{precision}", merge=False) as run_folder:
                ModelEvaluation(plan, run_folder, which, model.net, model.identity, progress).fill()
            rows = {row.key: row for row in run_folder.rows}
            for where, condition in group.items():
                key = plan.key(model.identity, condition)
                found[where] = Cell(rows[key], run_folder.outcomes.get(key, cells[where].bits[:0]), cells[where].budget)
    return found


def source_of(cells: Cells, results: Path, spec: str) -> str:
    """The data set, as --dataset takes it, of a folder's one model. BadInput where it has several."""
    models = sorted({f"{cell.row.run}@{cell.row.epoch}@{cell.row.view}" for cell in cells.values()})
    if len(models) > 1:
        named = ", ".join(models[:3]) + (", ..." if len(models) > 3 else "")
        raise BadInput(
            f"{results} holds {format_count(len(models), 'model')} ({named}), and "
            f"{spec} is one; name the folder of a run"
        )
    (run,) = {cell.row.run for cell in cells.values()}
    jobs = [read_job(folder) for folder in run_folders(results)]
    (job,) = [job for job in jobs if job.get("run", run) == run]
    return str(job.get("source", next(iter(cells.values())).row.dataset))
