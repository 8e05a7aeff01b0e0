"""What a run would do: experiments of all requests, what of them is missing, and what that costs."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.core.errors import BadInput
from bench.core.processes import describe_idle_cores
from bench.evaluation.external.access import Access
from bench.runner.experiment import Experiment, plan_experiment
from bench.runner.job_runner import Runner, Todo
from bench.runner.options import RunOptions
from bench.runner.prices.estimates import (
    Cost,
    cost_of,
    duration,
    estimate,
    is_quick,
    list_costs_by_recipe,
    transfer_seconds,
)
from bench.runner.request import Request
from bench.runner.torchrun.together import check_batches
from bench.runner.transfer.matrix import TransferModel, TransferRunner
from bench.runner.transfer.models import external_sources, transfer_runners


@dataclass(frozen=True)
class PlannedRun:
    """Requests, and what of them is missing. Lists have an entry for each request."""

    options: RunOptions
    experiments: list[Experiment]
    runners: list[Runner]
    external: list[list[TransferModel] | None]  # models of --source; None without --transfer
    todo: list[list[Todo]]  # what is missing
    todo_counted_once: list[list[Todo]]  # the same, but trainings that several requests need are in the first only
    costs: list[list[Cost]]  # of todo_counted_once
    transfers: list[TransferRunner]  # as the results are now; one for each request with --transfer

    @property
    def workers(self) -> int:
        """How many jobs may be done at the same time."""
        return self.options.worker_count

    @property
    def runs(self) -> set[str]:
        """The names of all run folders."""
        return {job.run for experiment in self.experiments for job in experiment.jobs}

    @property
    def passes(self) -> float:
        """Forward passes of everything that is missing; a backward pass counts as two."""
        jobs = sum(cost.passes for part in self.costs for cost in part)
        return jobs + sum(transfer.cost() for transfer in self.transfers)

    @property
    def is_quick(self) -> bool:
        """Whether it is done sooner in this process than worker processes would be started for it."""
        return is_quick(self.runners, self.costs, self.workers)

    def print_costs(self, by_recipe: bool) -> None:
        """Print what is missing and what it would cost. by_recipe: a line for each recipe too."""
        for experiment in self.experiments:
            if extra := experiment.extra:
                print(
                    f"extra data: a share of {experiment.jobs[0].extra_share:.4g} of each batch is taken from the "
                    f"{len(extra):,} images in {extra.path}; an epoch has as many steps as without them"
                )
        if by_recipe:
            print("".join(f"{line}\n" for line in list_costs_by_recipe(self.runners, self.costs, self.workers)), end="")
        print(estimate(self.runners, self.todo_counted_once, self.costs, self.workers))
        for transfer in self.transfers:
            print(f"{transfer.estimate()}, about {duration(transfer_seconds(self.runners[0], transfer.cost()))}")

    def warn_idle_cores(self) -> None:
        """Advise on stderr, once for each different text, where trainings leave cores of this machine idle."""
        lines = [
            describe_idle_cores(sum(t.training for t in missing), self.workers, experiment.request.threads)
            for experiment, missing in zip(self.experiments, self.todo_counted_once, strict=True)
        ]
        for line in dict.fromkeys(filter(None, lines)):
            print(line, file=sys.stderr)


def plan_run(requests: Sequence[Request], options: RunOptions) -> PlannedRun:
    """Plan requests; nothing is trained or written.

    Raises:
        BadInput: a request or a combination of options is refused.
    """
    shard = options.cells.shard
    if options.retrain and shard.count > 1:
        raise BadInput(f"--retrain trains anew and --shard {shard} evaluates only; give one of them")
    for request in requests:
        request.check_shard(shard)
    fetch = options.download and not options.dry_run
    experiments = [
        plan_experiment(request, options.data_dir, options.device, fetch, options.images) for request in requests
    ]
    if options.team is not None:
        check_batches(experiments, options.team.place.size)
    runners = [make_runner(experiment, options) for experiment in experiments]
    external = [external_sources(experiment, Access(options.data_dir, options.download)) for experiment in experiments]
    todo = [runner.todo(options.retrain) for runner in runners]
    if shard.count > 1 and any(t.training for missing in todo for t in missing):
        raise BadInput(
            f"--shard {shard} evaluates only, and not all is trained under {options.results}; "
            "train first, with the same options and --attacks none in the place of --shard"
        )
    counted = count_trainings_once(todo)
    costs = [[cost_of(runner, t) for t in part] for runner, part in zip(runners, counted, strict=True)]
    transfers = transfer_runners(runners, external, options.retrain)
    return PlannedRun(options, experiments, runners, external, todo, counted, costs, transfers)


def count_trainings_once(todo: Sequence[Sequence[Todo]]) -> list[list[Todo]]:
    """What is left to do for each request, where a training that several requests need counts for the first alone."""
    seen: set[str] = set()
    counted = []
    for missing in todo:
        counted.append([replace(t, training=t.training and t.job.run not in seen) for t in missing])
        seen |= {t.job.run for t in missing}
    return counted


def make_runner(experiment: Experiment, options: RunOptions) -> Runner:
    """The runner of an experiment with the folders, device and cell options of a run."""
    return Runner(experiment, options.results, options.device, options.cells, options.team)
