"""`bench run`: from requests to stored rows and the tables of them."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from bench.core.errors import BadInput
from bench.core.foreign.plugins import has_plugins
from bench.core.processes import cores, describe_idle_cores
from bench.core.progress import Progress
from bench.evaluation.external.access import Access
from bench.results.shards import Shard
from bench.runner.estimates import by_recipe, cost_of, duration, estimate, is_quick, longest_first, transfer_seconds
from bench.runner.experiment import Experiment, plan_experiment
from bench.runner.job_runner import Runner, Todo
from bench.runner.options import RunOptions
from bench.runner.pool import logging_to, run_jobs
from bench.runner.request import Request
from bench.runner.shard_results import missing_shards
from bench.runner.transfer.models import external_sources, transfer_runners
from bench.training.run_folder import clear

LOG = "bench.log"


def run_requests(
    requests: Sequence[Request], options: RunOptions, itemised: bool = False
) -> tuple[list[Experiment], int]:
    """Plan everything, then do what is missing, or only say what that would cost. The work, and how many cells failed.

    BadInput, before anything is done, if any of the requests makes no sense. itemised: say it by recipe too.
    """
    if options.retrain and options.cells.shard.count > 1:
        raise BadInput(f"--retrain trains anew and --shard {options.cells.shard} judges only; give one of them")
    for request in requests:
        request.check_cut(options.cells.shard)
    fetch = options.download and not options.dry_run
    works = [plan_experiment(request, options.data_dir, options.device, fetch, options.images) for request in requests]
    runners = [runner_of(work, options) for work in works]
    guests = [external_sources(work, Access(options.data_dir, options.download)) for work in works]
    workers = options.workers or (1 if options.device.type == "cuda" else cores())
    todo = [runner.todo(options.retrain) for runner in runners]
    if options.cells.shard.count > 1 and any(t.training for missing in todo for t in missing):
        raise BadInput(
            f"--shard {options.cells.shard} judges only, and not all is trained under {options.results}; "
            "train first, with the same options and --attacks none in the place of --shard"
        )
    costs = [[cost_of(runner, t) for t in part] for runner, part in zip(runners, without_repeats(todo), strict=True)]
    matrices = transfer_runners(runners, guests, options.retrain)
    if options.device.type == "cpu":
        tell_idle_cores(works, without_repeats(todo), workers)
    if options.dry_run:
        if itemised:
            print("".join(f"{line}\n" for line in by_recipe(runners, costs, workers)), end="")
        print(estimate(runners, without_repeats(todo), costs, workers))
        for matrix in matrices:
            print(f"{matrix.estimate()}, about {duration(transfer_seconds(runners[0], matrix.cost()))}")
        return works, 0
    if options.retrain:
        for run in {job.run for work in works for job in work.jobs}:
            clear(options.results / run)
    failed = 0
    # somebody's own code is kept in processes of its own, and whoever asks for processes gets them
    beside = workers > 1 and (bool(options.workers) or has_plugins() or not is_quick(runners, costs, workers))
    passes = sum(cost.passes for part in costs for cost in part) + sum(matrix.cost() for matrix in matrices)
    with Progress(passes) as progress:
        for runner, missing, part in zip(runners, todo, costs, strict=True):
            jobs = longest_first(missing, part) if workers > 1 else [t.job for t in missing]
            failed += run_jobs(runner, jobs, progress, workers, options.results / LOG, beside)
        torch.set_num_threads(cores())
        with logging_to(options.results / LOG):
            failed += sum(matrix.fill(progress) for matrix in transfer_runners(runners, guests))
    if options.cells.shard.count > 1:
        tell_shards(options.results, {job.run for work in works for job in work.jobs}, options.cells.shard)
    return works, failed


def runner_of(work: Experiment, options: RunOptions) -> Runner:
    """What trains and judges an experiment as the options say."""
    return Runner(work, options.results, options.device, options.cells)


def tell_idle_cores(works: Sequence[Experiment], todo: Sequence[Sequence[Todo]], workers: int) -> None:
    """Say on stderr where trainings to come leave cores of the machine idle, once for each such line."""
    lines = [
        describe_idle_cores(sum(t.training for t in missing), workers, work.request.threads)
        for work, missing in zip(works, todo, strict=True)
    ]
    for line in dict.fromkeys(filter(None, lines)):
        print(line, file=sys.stderr)


def tell_shards(results: Path, runs: Iterable[str], shard: Shard) -> None:
    """Print what the cells of these runs still lack."""
    lines = [line for run in sorted(runs) for line in missing_shards(results / run)]
    print("\n".join([*lines, f"shard {shard} is in {results}"]))
    print("next: bench merge DIR DIR ... --into DIR" if lines else "all cells are whole; next: bench report")


def without_repeats(todo: Sequence[Sequence[Todo]]) -> list[list[Todo]]:
    """The same, where a training that several requests need is the first one's."""
    seen: set[str] = set()
    kept = []
    for missing in todo:
        kept.append([replace(t, training=t.training and t.job.run not in seen) for t in missing])
        seen |= {t.job.run for t in missing}
    return kept
