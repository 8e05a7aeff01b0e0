"""Trainings that several processes share: weights of one process, whatever the recipe, and after any interruption."""

import shutil
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import pytest
import torch
from shared_training import (
    difference,
    no_group,
    run_in_group,
    train_and_resume,
    train_by_steps,
    train_until,
    train_whole,
)
from torch import nn
from torch.nn import functional as F
from trainings import PLAN, job

from bench import beta, whole_batch
from bench.core.foreign.plugins import load_plugins
from bench.core.rng import fixed_seed
from bench.training.mixing import shuffled
from bench.training.recipe import RECIPES
from bench.training.shared.batch import SharedBatch, rows_of_batch, share_sizes
from bench.training.shared.group import Group

load_plugins()

ROUNDING = 1e-12  # of weights in double precision
KINDS = {  # a recipe for each way in which the images of a batch meet
    "PGD-AT": "random starts",
    "PGD-AT.m2at": "statistics of batch norms that the attack moves",
    "PGD-AT+AWP": "gradients of weights within the loss",
    "TRADES-6": "two passes",
    "Mixup": "partners",
    "IAT": "partners of attacked images, and a radius for the batch",
    "CutMix": "a box for the batch",
    "FS": "a cost of the whole batch",
    "AugMix": "draws for some images, and copies of the batch in one pass",
    "AdvProp.2aux": "batch norms in branches",
    "RobMask": "batch norms with several rescalings",
    "R-MC-LA": "labels from the model",
    "GradAlign": "gradients of gradients",
    "Free-AT": "several updates on a batch",
    "LBGAT-6": "two networks",
    "IKL-AT": "mean predictions of classes",
}


def test_rows_are_shared_evenly():
    assert share_sizes(20, 3) == (7, 7, 6)
    for images, parts in ((20, 1), (20, 2), (24, 4)):
        groups = [Group(rank, 3, torch.device("cpu")) for rank in range(3)]
        rows = torch.cat([rows_of_batch(images, parts, group) for group in groups])
        assert rows.sort().values.tolist() == [*range(images)]
    assert rows_of_batch(24, 4, Group(1, 3, torch.device("cpu"))).tolist() == [2, 3, 8, 9, 14, 15, 20, 21]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("plan", [{}, {"accumulate": 2, "ema": 0.9}], ids=["batch", "parts"])
def test_three_processes_compute_the_weights_of_one(tmp_path, plan):
    """20 images, or parts of 10, by three processes: the shares differ."""
    names = [*KINDS]
    one = train_by_steps(no_group, names, **plan)
    for found in run_in_group(3, tmp_path, partial(train_by_steps, **plan), names):
        assert {name for name in names if difference(one[name], found[name]) > ROUNDING} == set()


@pytest.mark.slow
@pytest.mark.long
def test_every_recipe_has_the_weights_of_one_process(tmp_path):
    names = [*RECIPES]
    one, (first, second) = train_by_steps(no_group, names), run_in_group(2, tmp_path, train_by_steps, names)
    assert {name for name in names if difference(one[name], first[name]) > ROUNDING} == set()
    assert {name for name in names if difference(first[name], second[name])} == set()


@pytest.mark.slow
@pytest.mark.long
def test_a_training_has_the_weights_and_the_curve_of_one_process_and_goes_on_with_any_number(tmp_path):
    """Resumed by as many processes it has the same bits, by another number the same weights within rounding."""
    asked = job("M2AT", plan=replace(PLAN, epochs=3, lr=0.01, ema=0.9))
    weights, curve = train_whole(no_group, asked, tmp_path / "one.pt")
    found = run_in_group(2, tmp_path / "two", train_and_resume, asked, tmp_path)
    assert [error for _, error, _ in found] == ["KeyboardInterrupt", "ProcessLost"]
    for whole, _, resumed in found:
        assert difference(weights, whole) < ROUNDING
        assert difference(whole, resumed) == 0
    for record, shared in zip(curve, load_curve(tmp_path / "whole.pt"), strict=True):
        assert shared | {"seconds": 0} == pytest.approx(record | {"seconds": 0}, abs=ROUNDING)
    shutil.copy(tmp_path / "half.pt", tmp_path / "third.pt")
    for resumed, _ in [
        train_whole(no_group, asked, tmp_path / "half.pt"),
        *run_in_group(3, tmp_path / "three", train_whole, asked, tmp_path / "third.pt"),
    ]:
        assert difference(weights, resumed) < ROUNDING
    assert train_until(no_group, asked, tmp_path / "single.pt", 2) == "KeyboardInterrupt"
    for resumed, _ in run_in_group(2, tmp_path / "both", train_whole, asked, tmp_path / "single.pt"):
        assert difference(weights, resumed) < ROUNDING


@pytest.mark.slow
@pytest.mark.long
def test_a_training_with_extra_images_has_the_weights_of_one_process(tmp_path):
    asked = job("PGD-AT", plan=replace(PLAN, epochs=2, lr=0.01), extra="digest", extra_share=0.4)
    weights, _ = train_whole(no_group, asked, tmp_path / "one.pt")
    plain, _ = train_whole(no_group, replace(asked, extra="", extra_share=0.0), tmp_path / "plain.pt")
    assert difference(weights, plain) > 1e-3
    for found, _ in run_in_group(2, tmp_path / "two", train_whole, asked, tmp_path / "two.pt"):
        assert difference(weights, found) < ROUNDING


def load_curve(saved):
    return torch.load(saved, weights_only=True)["curve"]


DRAWS = {
    "uniform": lambda x: torch.rand_like(x),
    "channels last": lambda x: torch.randn_like(x.to(memory_format=torch.channels_last)),
    "size": lambda x: torch.rand(len(x), 2),
    "size in a tuple": lambda x: torch.randint(1, 9, (len(x), 1)),
    "size by name": lambda x: torch.randint(9, size=(len(x),)),
    "in place": lambda x: torch.empty_like(x).normal_(),
    "two copies": lambda x: torch.rand_like(torch.cat([x, x])).view(2, len(x), -1).transpose(0, 1),
    "gamma": lambda x: torch.distributions.Gamma(x.flatten(1) + 0.1, 1.0).sample(),
    "mixing": lambda x: beta(1.0, x, "image"),
    "bernoulli": lambda x: torch.bernoulli(x),
    "dropout": lambda x: F.dropout(x, 0.5),
    "partner": lambda x: x[shuffled(x)],
    "all": lambda x: x - whole_batch(x).mean(0),
    "batch norm": lambda x: nn.BatchNorm2d(1)(x),
}
SAME = {  # in all processes, as these are no draws for each image
    "number": lambda x: torch.rand(()),
    "numbers": lambda x: torch.rand(1, 3),
    "mixing": lambda x: beta(1.0, x[:1], "batch"),
    "weight": lambda x: torch.randn_like(nn.Parameter(torch.zeros(6, 2))),
}
IMAGES = 11  # 6 and 5


def draw(join):
    """Everything in DRAWS and SAME for this process's rows, and the same number of draws afterwards."""
    with fixed_seed("images"):
        x = torch.rand(IMAGES, 1, 4, 4)
    with fixed_seed("draws"), join() as group, nullcontext() if group is None else SharedBatch(group, IMAGES) as batch:
        rows = x if group is None else x[batch.rows]
        found = {name: function(rows) for name, function in DRAWS.items()}
        same = {name: function(rows) for name, function in SAME.items()}
        return found, same, torch.rand(())


@pytest.mark.slow
def test_draws_partners_and_batch_norms_are_those_of_the_whole_batch(tmp_path):
    found, same, after = draw(no_group)
    shared = run_in_group(2, tmp_path, draw)
    for name, value in found.items():
        joined = torch.cat([parts[name] for parts, _, _ in shared])
        assert (joined - value).abs().max() < 1e-6, name
    for _, its, last in shared:
        assert last == after
        assert all(torch.equal(its[name], same[name]) for name in its)
