"""The budget for a laptop: all images, as many epochs for each recipe, and a net that processors like."""

from pathlib import Path

import numpy as np
import pytest
import torch

import methods  # noqa: F401
from bench.data.dataset import DATASETS
from bench.runner.budgets import LAPTOP_BUDGET, budget_of
from bench.runner.experiment import plan_experiment
from bench.runner.request import Request

CPU = torch.device("cpu")
TRAIN, TEST = 300, 1100


@pytest.fixture(scope="module")
def cifar(tmp_path_factory) -> Path:
    """A folder with a very small CIFAR-10."""
    folder, draw = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    arrays = {
        f"{kind}_{split}": draw.integers(0, 256, (n, 32, 32, 3), np.uint8) if kind == "x" else np.arange(n) % 10
        for kind in "xy"
        for split, n in (("train", TRAIN), ("test", TEST))
    }
    np.savez(folder / "cifar10.npz", **arrays)
    return folder


@pytest.mark.parametrize(
    ("name", "model", "peak"),
    [
        ("cifar10", LAPTOP_BUDGET.model, 0.2),
        ("cifar100", LAPTOP_BUDGET.model, 0.2),
        ("svhn", LAPTOP_BUDGET.model, 0.02),  # a tenth, as at the quick budget
        ("fashion-mnist", None, 0.2),  # None: the data set's own
        ("mnist", None, 0.004),  # twice that of the quick budget, as everywhere; by Adam
    ],
)
def test_sets_of_usual_images_share_one_cycle(name, model, peak):
    budget = budget_of("laptop", DATASETS[name])
    assert (budget.train, budget.test, budget.model) == (None, 1000, model)
    assert (budget.plan.epochs, budget.plan.batch_size, budget.plan.weight_decay) == (10, 128, 5e-4)
    assert (budget.plan.schedule, budget.plan.lr) == ("one-cycle", pytest.approx(peak))
    assert budget.plan.optimiser == DATASETS[name].quick.plan.optimiser


def test_digits_keep_their_net_and_train_as_long_as_at_the_standard_budget():
    digits = DATASETS["digits"]
    budget = budget_of("laptop", digits)
    assert budget.model is None
    assert (budget.plan.epochs, budget.plan.batch_size) == (digits.standard.plan.epochs, digits.quick.plan.batch_size)
    assert budget.plan.schedule == "one-cycle"


def test_it_takes_all_images_says_what_is_held_out_and_evaluates_the_last_epoch_on_a_thousand(cifar):
    request = Request(methods=("Standard", "PGD-AT", "R-MC-LA"), dataset="cifar10", budget="laptop")
    work = plan_experiment(request, cifar, CPU)
    assert (len(work.train) + len(work.holdout), work.n, work.epochs) == (TRAIN, 1000, ("last",))
    assert {(job.plan, job.model, job.precision) for job in work.jobs} == {
        (LAPTOP_BUDGET.plan, LAPTOP_BUDGET.model, "fp32")  # on every machine, so that all boards compare
    }
    words = f"laptop, 10 epochs, {TRAIN} training images ({len(work.holdout)} held out)"
    assert work.jobs[0].budget == words


def test_what_is_asked_for_comes_before_the_budget(cifar):
    asked = {"model": "resnet8-s32", "precision": "bf16", "epochs": 3, "limit": 7, "settings": ("plan.lr=0.1",)}
    work = plan_experiment(Request(("Standard",), "cifar10", budget="laptop", **asked), cifar, CPU)
    (job,) = work.jobs
    assert (job.model, job.precision, job.plan.epochs, job.plan.lr, work.n) == ("resnet8-s32", "bf16", 3, 0.1, 7)
