"""Runs whose trainings several processes share, started by torchrun."""

import contextlib
import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from bench.core.errors import BadInput, Failed, ProcessLost
from bench.core.foreign.messages import format_error
from bench.runner.experiment import Experiment, plan_experiment
from bench.runner.options import RunOptions
from bench.runner.request import Request
from bench.runner.torchrun.team import Team, TrainingOrder
from bench.training.shared.torchrun import Torchrun, torchrun
from bench.training.trainer import Trainer

FEWEST_IMAGES = 2  # of a batch, for each process


def run_together(options: RunOptions, carry_out: Callable[[RunOptions], int]) -> int:
    """Carry out a run in this process; of those of torchrun in the first, while the others take part in its trainings.

    Returns the exit code.

    Raises:
        BadInput: the options do not fit the processes.
        ProcessLost: another process has ended.
    """
    place = torchrun()
    if place is None:
        return carry_out(options)
    device = device_of(place, options)
    team = Team(place, device)
    options = replace(options, device=device, workers=1, team=team)
    if place.rank:
        return _take_part(team, options)
    try:
        return carry_out(options)
    finally:
        team.end()


def device_of(place: Torchrun, options: RunOptions) -> torch.device:
    """The device of this process; BadInput if options and processes do not fit."""
    start = f"torchrun has started {place.size} processes, which share each training"
    if options.engine != "local":
        raise BadInput(f"--engine {options.engine}: {start}; leave --engine or torchrun out")
    if options.workers not in (None, 1):
        raise BadInput(f"--workers {options.workers}: {start}; leave --workers or torchrun out")
    if options.device.type == "cpu":
        return options.device
    if options.device.index is not None:
        raise BadInput(f"--device {options.device}: {start}, each on a GPU of its own; give --device cuda")
    if place.local_size > (found := torch.cuda.device_count()):
        raise BadInput(f"{start}, {place.local_size} of them here, and there are {found} GPUs; start one a GPU")
    torch.cuda.set_device(place.local_rank)
    return torch.device("cuda", place.local_rank)


def check_batches(experiments: Sequence[Experiment], processes: int) -> None:
    """BadInput if a batch has too few images for so many processes."""
    for experiment in experiments:
        for job in experiment.jobs:
            size = min(job.plan.batch_size, len(experiment.train)) // job.plan.accumulate
            if size < FEWEST_IMAGES * processes:
                what = f"a batch of {size} images" if job.plan.accumulate == 1 else f"a part of {size} images"
                raise BadInput(
                    f"{job.name}: {processes} processes share {what}, and each needs {FEWEST_IMAGES} or more; "
                    f"start {max(1, size // FEWEST_IMAGES)} at most (torchrun --nproc-per-node), or set plan.batch_size"
                )


def _take_part(team: Team, options: RunOptions) -> int:
    """Take part in the trainings of the first process until it ends; returns the exit code."""

    @functools.cache
    def plan(request: Request) -> Experiment:
        return plan_experiment(request, options.data_dir, options.device, cache=options.images)

    for order in team.orders():
        try:
            _train(team, order, plan)
        except ProcessLost:
            continue  # the first process, if it still runs, prints the reason
        except Failed as error:
            team.report(order, error)
            team.leave(order)
        except Exception as error:
            team.report(order, ProcessLost(f"process {team.place.rank} cannot train: {format_error(error)}"))
            team.leave(order)
    return 0


def _train(team: Team, order: TrainingOrder, plan: Callable[[Request], Experiment]) -> None:
    # the first process prints the same messages
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        experiment = plan(order.request)
    job = next((job for job in experiment.jobs if job.run == order.run), None)
    if job is None:
        raise BadInput(f"its options, data or plug-ins make no run {order.run}; give all hosts the same ones")
    with team.join(order) as group:
        states = group.share(None)
        images = experiment.train, experiment.holdout
        Trainer(job, experiment.dataset, *images, team.device, states, group, experiment.extra).run(None)
