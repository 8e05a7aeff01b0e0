"""`bench run`: plan requests, then train and evaluate what is missing, or print what that would cost."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from bench.core.foreign.plugins import has_plugins
from bench.core.parsing import format_count
from bench.core.processes import cores
from bench.core.progress import Progress
from bench.results.shards import Shard
from bench.runner.engines.engine import open_engine
from bench.runner.experiment import Experiment
from bench.runner.job_runner import Todo
from bench.runner.options import RunOptions
from bench.runner.planned_run import PlannedRun, plan_run
from bench.runner.pool import log_to_file
from bench.runner.prices.estimates import longest_first
from bench.runner.request import Request
from bench.runner.shards.joining import missing_shards
from bench.runner.transfer.models import transfer_runners
from bench.training.run_folder import clear

LOG_FILE = "bench.log"


def run_requests(
    requests: Sequence[Request], options: RunOptions, is_itemised: bool = False
) -> tuple[list[Experiment], int]:
    """Plan all requests, then train and evaluate what is missing, or (--dry-run) print what that would cost.

    Args:
        is_itemised: print the cost of each recipe too.

    Returns:
        The experiment of each request, and how many cells failed.

    Raises:
        BadInput: a request or a combination of options is refused; nothing has been trained or written then.
        Failed: nothing can be written to the disk.
    """
    planned = plan_run(requests, options)
    if options.device.type == "cpu" and options.team is None:
        planned.warn_idle_cores()
    if options.dry_run:
        planned.print_costs(is_itemised)
        return planned.experiments, 0
    failed = _carry_out(planned)
    if options.cells.shard.count > 1:
        print_missing_shards(options.results, planned.runs, options.cells.shard)
    return planned.experiments, failed


def _carry_out(planned: PlannedRun) -> int:
    """Train and evaluate what is missing; returns how many cells failed."""
    options, workers, log = planned.options, planned.workers, planned.options.results / LOG_FILE
    # in worker processes if there is enough to do, --workers asks for them, or a plug-in's code could crash this one
    parallel = workers > 1 and (bool(options.workers) or has_plugins() or not planned.is_quick)
    if parallel or options.engine == "ray":
        place = "on a Ray cluster" if options.engine == "ray" else f"in {workers} worker processes"
        print_start(planned.todo_counted_once, place)
    threads = max((job.threads for experiment in planned.experiments for job in experiment.jobs), default=1)
    failed = 0
    with open_engine(options, workers, parallel, threads, log) as run_jobs, Progress(planned.passes) as progress:
        if options.retrain:  # not before a cluster that cannot be used has been refused
            for run in planned.runs:
                clear(options.results / run)
        for runner, missing, costs in zip(planned.runners, planned.todo, planned.costs, strict=True):
            jobs = longest_first(missing, costs) if workers > 1 else [t.job for t in missing]
            failed += run_jobs(runner, jobs, progress)
        torch.set_num_threads(cores())
        with log_to_file(log):
            failed += sum(transfer.fill(progress) for transfer in transfer_runners(planned.runners, planned.external))
    return failed


def print_start(todo: Sequence[Sequence[Todo]], place: str) -> None:
    """Say on stderr what is about to be done, as worker processes take a while until they report anything."""
    missing = [t for part in todo for t in part]
    if missing:
        trainings, cells = sum(t.training for t in missing), sum(len(t.cells) for t in missing)
        words = f"{format_count(trainings, 'training')} and {format_count(cells, 'cell')} to do {place}"
        print(words, file=sys.stderr)


def print_missing_shards(results: Path, runs: Iterable[str], shard: Shard) -> None:
    """Print which shards the cells of these runs still lack, and what to run next."""
    lines = [line for run in sorted(runs) for line in missing_shards(results / run)]
    print("\n".join([*lines, f"shard {shard} is in {results}"]))
    others = "next: the other shards in this folder, or bench merge DIR DIR ... --into DIR with those of other folders"
    print(others if lines else "all cells are whole; next: bench report")
