"""Measure a baseline's cells once more with the code as it is now: on its own weights, or on retrained ones."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from bench.commands.compare.baseline_weights import Record, copy_weights, require_weights
from bench.commands.compare.comparison import Comparison
from bench.commands.compare.repeatable import REMEDY, condition_of, is_repeatable
from bench.commands.start import start
from bench.core.errors import BadInput
from bench.core.plan import Plan
from bench.core.progress import Progress
from bench.models.checkpoint import WEIGHT_FILES
from bench.results.store import read_job, read_rows
from bench.results.survey import run_folders
from bench.runner.experiment import Experiment, plan_experiment
from bench.runner.job_runner import Runner
from bench.runner.options import CellOptions, default_workers
from bench.runner.pool import run_jobs
from bench.runner.prices.cost import training_cost
from bench.runner.request import Request
from bench.training.job import Job
from bench.training.run_folder import LOCK_FILE, clear, lock_folder

REQUIRED_FIELDS = ("name", "dataset", "model", "seed", "plan", "precision", "source", "images", "train_eps", "settings")
UNFINISHED_MARK = ".unfinished-comparison"  # file in a folder whose comparison is not printed and written yet


def measure_anew(asked: Comparison) -> None:
    """Level 1 copies the baseline's weights into `current`, level 2 trains its jobs there; then all is evaluated.

    `current` must be empty: a cell's key says nothing of the code, so a cell that is there proves nothing about it.
    What a comparison that was killed has left there is therefore measured anew as well.

    BadInput where `current` is taken.
    """
    current = asked.current
    if current.exists() and (not current.is_dir() or _is_taken(current)):
        raise BadInput(
            f"{current} is there already; --level {asked.level} measures all anew: name a new or an empty folder"
        )
    device = start(asked.device)
    experiments, weight_copies = experiments_of(asked, device)
    with lock_folder(current):
        (current / UNFINISHED_MARK).touch()
        for folder in run_folders(current):
            clear(folder)
        for copy_one in weight_copies:
            copy_one()
        _evaluate_all(experiments, asked, device)


def end_comparison(current: Path) -> None:
    """Mark the comparison with a folder as finished: `measure_anew` refuses the folder from then on."""
    (current / UNFINISHED_MARK).unlink()


def _is_taken(folder: Path) -> bool:
    """Whether something else lies there than what a comparison has left that was killed."""
    mark = folder / UNFINISHED_MARK
    is_ours = mark.is_file() and not mark.is_symlink()
    return not is_ours and any(not path.name.startswith(LOCK_FILE) for path in folder.iterdir())


def _evaluate_all(experiments: Sequence[Experiment], asked: Comparison, device: torch.device) -> None:
    cost = sum(len(w.jobs) * len(w.epochs) * c.cost(w.n) for w in experiments for c in w.conditions)
    if asked.level == 2:
        cost += sum(training_cost(w, job) for w in experiments for job in w.jobs)
    with Progress(cost) as progress:
        for experiment in experiments:
            runner = Runner(experiment, asked.current, device, CellOptions(asked.batch_size))
            run_jobs(runner, experiment.jobs, progress, default_workers(device), asked.current / "bench.log")


def experiments_of(asked: Comparison, device: torch.device) -> tuple[list[Experiment], list[Callable[[], None]]]:
    """The baseline's jobs with the conditions of their rows; jobs that share these share an experiment.

    Also what is to be called before level 1: each puts the weights of one job into `current`.

    BadInput where a training cannot be repeated, or its data or test images are no longer the same.
    """
    experiments: dict[tuple[object, ...], Experiment] = {}
    weight_copies: list[Callable[[], None]] = []
    for folder in run_folders(asked.baseline):
        rows = [
            row for row in read_rows(folder) if row.status == "ok" and row.metric == "accuracy" and is_repeatable(row)
        ]
        if not rows:
            continue
        record = read_job(folder)
        planned, job = plan_again(folder, record, asked.access.data_dir, device, is_retrained=asked.level == 2)
        epochs = tuple(epoch for epoch in WEIGHT_FILES if any(row.epoch == epoch for row in rows))
        if asked.level == 1:
            require_weights(folder, epochs)
            weight_copies.append(
                partial(copy_weights, folder, record, asked.current / job.run, job, planned.dataset, epochs)
            )
        elif job.start:
            raise BadInput(f"{folder}: --level 2 cannot repeat a training that goes on from another's; use --level 1")
        elif job.data != record.get("data") or job.extra != record.get("extra", ""):
            raise BadInput(f"the training images of {job.dataset} are not those of {folder}; {REMEDY}")
        for n in sorted({row.n for row in rows}):
            if n > len(planned.test):
                raise BadInput(f"{folder}: n={n}, but {job.dataset} has {len(planned.test)} test images; {REMEDY}")
            conditions = tuple(dict.fromkeys(condition_of(row, folder) for row in rows if row.n == n))
            shared = (job.dataset, job.data, job.extra, job.precision, n, epochs, conditions)
            one = experiments.setdefault(shared, replace(planned, n=n, jobs=(), epochs=epochs, conditions=conditions))
            experiments[shared] = replace(one, jobs=(*one.jobs, job))
    return list(experiments.values()), weight_copies


def plan_again(
    folder: Path, record: Record, data_dir: Path, device: torch.device, is_retrained: bool
) -> tuple[Experiment, Job]:
    """The data and the job of a run folder, with the recipe of that name as it is now.

    is_retrained: whether the job is trained again, for which alone the images of --extra are read.

    BadInput where job.json does not suffice.
    """
    path, budget = folder / "job.json", str(record.get("budget", ""))
    reads_extra = is_retrained and bool(record.get("extra_file"))
    missing = [field for field in REQUIRED_FIELDS if field not in record]
    if record.get("status") == "external":
        raise BadInput(
            f"{folder} is of a model from outside, which --level cannot load; name the model in the place of CURRENT: "
            f"bench compare {folder} {record.get('spec', 'FILE.py:FUNCTION@WEIGHTS')}"
        )
    if missing:
        raise BadInput(f"{path} does not say what was trained ({', '.join(missing)}); {REMEDY}")
    request = Request(
        methods=(record["name"],),
        dataset=record["source"],
        model=record["model"],
        budget="paper" if budget.startswith("paper") else "quick",  # what else a budget sets is in the record
        limit_train=record["images"],
        train_eps=record["train_eps"],
        settings=tuple(record["settings"]),
        extra=Path(record["extra_file"]) if reads_extra else None,
        extra_share=record["extra_share"] if reads_extra else None,
        attacks=(),
        seeds=(record["seed"],),
        precision=record["precision"],
        threads=record.get("threads", 1),
    )
    work = plan_experiment(request, data_dir, device)
    try:
        fields: Record = {name: tuple(v) if isinstance(v, list) else v for name, v in record["plan"].items()}
        plan = Plan(**fields)
    except TypeError as error:
        raise BadInput(f"{path}: its plan is not one of this version ({error}); {REMEDY}") from error
    job = replace(work.jobs[-1], plan=plan, budget=budget)  # behind those that it trains on
    return work, job if is_retrained else _with_extra(job, record)


def _with_extra(job: Job, record: Record) -> Job:
    """The job, and those that it trains on, with the extra images that job.json names, which are not read."""
    start = job.start and _with_extra(job.start, record)
    return replace(job, start=start, extra=record.get("extra", ""), extra_share=record.get("extra_share", 0.0))
