"""`bench run`: plan requests, then train and evaluate what is missing, or print what that would cost."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from bench.core.errors import BadInput
from bench.core.foreign.plugins import has_plugins
from bench.core.parsing import format_count
from bench.core.processes import cores, describe_idle_cores
from bench.core.progress import Progress
from bench.evaluation.external.access import Access
from bench.results.shards import Shard
from bench.runner.engines.engine import open_engine
from bench.runner.experiment import Experiment, plan_experiment
from bench.runner.job_runner import Runner, Todo
from bench.runner.options import RunOptions
from bench.runner.pool import log_to_file
from bench.runner.prices.estimates import (
    cost_of,
    duration,
    estimate,
    is_quick,
    list_costs_by_recipe,
    longest_first,
    transfer_seconds,
)
from bench.runner.request import Request
from bench.runner.shards.joining import missing_shards
from bench.runner.transfer.models import external_sources, transfer_runners
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
    if options.retrain and options.cells.shard.count > 1:
        raise BadInput(f"--retrain trains anew and --shard {options.cells.shard} evaluates only; give one of them")
    for request in requests:
        request.check_shard(options.cells.shard)
    fetch = options.download and not options.dry_run
    experiments = [
        plan_experiment(request, options.data_dir, options.device, fetch, options.images) for request in requests
    ]
    runners = [make_runner(experiment, options) for experiment in experiments]
    external = [external_sources(experiment, Access(options.data_dir, options.download)) for experiment in experiments]
    workers = options.workers or (1 if options.device.type == "cuda" else cores())
    todo = [runner.todo(options.retrain) for runner in runners]
    if options.cells.shard.count > 1 and any(t.training for missing in todo for t in missing):
        raise BadInput(
            f"--shard {options.cells.shard} evaluates only, and not all is trained under {options.results}; "
            "train first, with the same options and --attacks none in the place of --shard"
        )
    costs = [
        [cost_of(runner, t) for t in part] for runner, part in zip(runners, count_trainings_once(todo), strict=True)
    ]
    transfers = transfer_runners(runners, external, options.retrain)
    if options.device.type == "cpu":
        warn_idle_cores(experiments, count_trainings_once(todo), workers)
    if options.dry_run:
        if is_itemised:
            print("".join(f"{line}\n" for line in list_costs_by_recipe(runners, costs, workers)), end="")
        print(estimate(runners, count_trainings_once(todo), costs, workers))
        for transfer in transfers:
            print(f"{transfer.estimate()}, about {duration(transfer_seconds(runners[0], transfer.cost()))}")
        return experiments, 0
    if options.retrain:
        for run in {job.run for experiment in experiments for job in experiment.jobs}:
            clear(options.results / run)
    failed = 0
    # in worker processes if there is enough to do, --workers asks for them, or a plug-in's code could crash this one
    parallel = workers > 1 and (bool(options.workers) or has_plugins() or not is_quick(runners, costs, workers))
    passes = sum(cost.passes for part in costs for cost in part) + sum(transfer.cost() for transfer in transfers)
    if parallel or options.engine == "ray":
        place = "on a Ray cluster" if options.engine == "ray" else f"in {workers} worker processes"
        print_start(count_trainings_once(todo), place)
    threads = max((job.threads for experiment in experiments for job in experiment.jobs), default=1)
    log = options.results / LOG_FILE
    with open_engine(options, workers, parallel, threads, log) as run_jobs, Progress(passes) as progress:
        for runner, missing, part in zip(runners, todo, costs, strict=True):
            jobs = longest_first(missing, part) if workers > 1 else [t.job for t in missing]
            failed += run_jobs(runner, jobs, progress)
        torch.set_num_threads(cores())
        with log_to_file(log):
            failed += sum(transfer.fill(progress) for transfer in transfer_runners(runners, external))
    if options.cells.shard.count > 1:
        print_missing_shards(
            options.results, {job.run for experiment in experiments for job in experiment.jobs}, options.cells.shard
        )
    return experiments, failed


def make_runner(experiment: Experiment, options: RunOptions) -> Runner:
    """The runner of an experiment with the folders, device and cell options of a run."""
    return Runner(experiment, options.results, options.device, options.cells)


def warn_idle_cores(experiments: Sequence[Experiment], todo: Sequence[Sequence[Todo]], workers: int) -> None:
    """Advise on stderr, once for each different text, where trainings leave cores of this machine idle."""
    lines = [
        describe_idle_cores(sum(t.training for t in missing), workers, experiment.request.threads)
        for experiment, missing in zip(experiments, todo, strict=True)
    ]
    for line in dict.fromkeys(filter(None, lines)):
        print(line, file=sys.stderr)


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


def count_trainings_once(todo: Sequence[Sequence[Todo]]) -> list[list[Todo]]:
    """What is left to do for each request, where a training that several requests need counts for the first alone."""
    seen: set[str] = set()
    counted = []
    for missing in todo:
        counted.append([replace(t, training=t.training and t.job.run not in seen) for t in missing])
        seen |= {t.job.run for t in missing}
    return counted
