"""What a dry run says before anything is done: a line a recipe, the total, and times that were measured once."""

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import methods  # noqa: F401
from bench import RECIPES, dataset
from bench.core.processes import cores
from bench.runner.experiment import plan_experiment
from bench.runner.job_runner import Runner
from bench.runner.options import CellOptions
from bench.runner.prices import pace
from bench.runner.prices.cost import COUNTED_IMAGES, step_passes, training_cost
from bench.runner.prices.estimates import (
    QUICK_PASSES,
    cost_of,
    estimate,
    is_quick,
    list_costs_by_recipe,
    longest_first,
    seconds_of,
)
from bench.runner.prices.pace import BATCH_SIZES, Pace, measure_pace
from bench.runner.request import Request

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def runner(tmp_path_factory) -> Runner:
    request = Request(("Standard", "PGD-AT", "R-MC-LA"), limit_train=60, epochs=2, attacks=("PGD-20",), limit=20)
    return Runner(plan_experiment(request, Path(), CPU), tmp_path_factory.mktemp("results"), CPU, CellOptions(128))


@pytest.fixture
def measured(monkeypatch) -> list[str]:
    """Replace the measurement of a pace by a made-up one; returns a list of the networks it is asked for."""
    names: list[str] = []

    def note(name: str, *how: object) -> Pace:
        names.append(name)
        return Pace(attack=0.001, learning=0.002)

    monkeypatch.setattr(pace, "_paces", {})
    monkeypatch.setattr(pace, "_measure", note)
    return names


def test_a_recipe_has_its_passes_shares_and_time(runner, measured):
    todo = runner.todo()
    costs = [cost_of(runner, t) for t in todo]
    assert [cost.training for cost in costs] == [
        training_cost(runner.experiment, job) for job in runner.experiment.jobs
    ]
    learnt = 2 * 54  # epochs, images: six of sixty are held out
    assert [round(cost.training - costs[0].training) for cost in costs] == [0, 30 * learnt, (2 + 2) * learnt]
    training, evaluation = seconds_of(costs[0], runner, 1)
    assert training == pytest.approx(0.001 * (costs[0].training - 3 * learnt) + 0.002 * 3 * learnt)
    assert evaluation == pytest.approx(0.001 * costs[0].evaluation)
    head, *lines = list_costs_by_recipe([runner], [costs], workers=1)
    assert "a pass is one image sent forward" in head
    assert [line.split(":")[0].strip() for line in lines] == ["Standard", "PGD-AT", "R-MC-LA"]
    assert len({line.index(" passes") - len(line.split(":")[1].split()[0]) for line in lines}) == 1  # aligned
    share = training / (training + evaluation)
    assert f"{share:.0%} of the time for training and {1 - share:.0%} for evaluation" in lines[0]


def test_the_total_is_of_so_many_processes_side_by_side(runner, measured):
    todo = runner.todo()
    costs = [cost_of(runner, t) for t in todo]
    seconds = [sum(seconds_of(cost, runner, 2)) for cost in costs]
    texts = [estimate([runner], [todo], [costs], workers) for workers in (1, 2, 9)]
    assert all(text.startswith("3 trainings, 6 of 6 cells to do, ") for text in texts)
    found = [float(re.search(r"about ([\d.]+) s", text)[1]) for text in texts]
    assert found == [round(sum(seconds)), round(max(sum(seconds) / 2, *seconds)), round(max(seconds))]


def test_a_network_is_timed_once_whatever_is_asked_of_it(runner, measured):
    for _ in range(3):
        list_costs_by_recipe([runner, runner], [[cost_of(runner, t) for t in runner.todo()]] * 2, workers=1)
    assert measured == ["cnn"] * len({1, cores()})  # of a training, and of an evaluation by one process


def test_jobs_that_cost_most_come_first(runner):
    todo = runner.todo()
    jobs = longest_first(todo, [cost_of(runner, t) for t in todo])
    assert [job.name for job in jobs] == ["PGD-AT", "R-MC-LA", "Standard"]


@pytest.mark.parametrize(("attack", "quick"), [(1e-6, True), (0.1, False)])
def test_work_is_quick_where_it_is_done_in_seconds(runner, measured, monkeypatch, attack, quick):
    costs = [cost_of(runner, t) for t in runner.todo()]
    monkeypatch.setattr(pace, "_measure", lambda *how: Pace(attack, attack))
    assert is_quick([runner], [costs], workers=2) == quick


def test_work_of_many_passes_is_not_quick_and_need_not_be_timed(runner, measured):
    costs = [replace(cost_of(runner, t), evaluation=QUICK_PASSES) for t in runner.todo()]
    assert not is_quick([runner], [costs], workers=2)
    assert measured == []


def test_a_slow_first_pass_is_no_pace():
    """The first pass may compile kernels, so its time is not used."""
    calls = []

    def compiles_first(x):
        calls.append(len(x))
        start = time.process_time()
        while time.process_time() - start < (0.4 if len(calls) == 1 else 0.0):
            pass

    assert pace._seconds(compiles_first, torch.zeros(128, 1), CPU) < 1e-3
    assert calls[:2] == [2, 2]
    assert calls[-1] == 128


def test_a_pace_is_that_of_passes(runner, monkeypatch):
    monkeypatch.setattr(pace, "_paces", {})
    found = measure_pace(runner.experiment, CPU, 1)
    assert 0 < found.attack < 0.1
    assert 0 < found.learning < 0.1
    assert measure_pace(runner.experiment, CPU, 1) is found
    assert len(runner.experiment.test) >= BATCH_SIZES[-1]


def test_several_threads_are_no_slower_than_one(runner, monkeypatch):
    """Where other processes have the cores, threads use up processor time while they wait for each other."""
    monkeypatch.setattr(pace, "_paces", {})
    monkeypatch.setattr(pace, "_measure", lambda *how: Pace(0.5, 0.1) if how[-1] == 2 else Pace(0.2, 0.3))
    assert measure_pace(runner.experiment, CPU, 2) == Pace(0.2, 0.1)
    assert measure_pace(runner.experiment, CPU, 1) == Pace(0.2, 0.3)


@pytest.mark.parametrize("name", ["AdvProp.2aux", "AugMix", "FS", "M2AT", "MART+AWP", "R-MC-LA", "RobMask", "TRADES-6"])
def test_passes_of_an_image_are_the_same_in_any_batch_and_leave_the_threads_as_they_were(name):
    digits = dataset("digits", Path())
    images, threads = digits.load("train", Path(), limit=40), torch.get_num_threads()
    assert len({step_passes(RECIPES[name], digits, images.first(n)) for n in (3, COUNTED_IMAGES, 40)}) == 1
    assert torch.get_num_threads() == threads
