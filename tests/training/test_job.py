"""A training's plan, and the digest that is its identity."""

import math
from dataclasses import fields, replace

import pytest

import methods  # noqa: F401
from bench import RECIPES
from bench.core.errors import BadInput
from bench.core.overrides import override
from bench.core.plan import Plan
from bench.training.job import Job


def test_the_learning_rate_falls_tenfold_at_half_and_at_three_quarters():
    rates = [Plan(epochs=20, lr=0.1).lr_at(epoch) for epoch in range(20)]
    assert rates == pytest.approx([0.1] * 10 + [0.01] * 5 + [0.001] * 5)


def test_the_cosine_goes_from_lr_through_its_half_towards_zero():
    rates = [Plan(epochs=8, lr=0.4, schedule="cosine").lr_at(epoch) for epoch in range(8)]
    assert rates == pytest.approx([0.2 * (1 + math.cos(math.pi * e / 8)) for e in range(8)])
    assert (rates[0], rates[4]) == pytest.approx((0.4, 0.2))
    assert 0 < rates[7] < 0.02


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0}, {"batch_size": 1}, {"lr": 0.0}, {"lr": math.inf}, {"lr": math.nan}, {"momentum": 1.0},
        {"weight_decay": -1.0}, {"optimiser": "lion"}, {"schedule": "linear"},
    ],
    ids=str,
)  # fmt: skip
def test_a_plan_that_cannot_be_followed_is_refused(wrong):
    with pytest.raises(BadInput, match=next(iter(wrong))):
        Plan(**{"epochs": 10} | wrong)


JOB = Job("PGD-AT", RECIPES["PGD-AT"], "digits", "0123456789abcdef", "cnn", Plan(20), "quick")
CHANGES = {
    "name": "other",
    "recipe": RECIPES["PGD-AT-LS0.9"],
    "dataset": "cifar10",
    "data": "0123456789abcdee",
    "model": "cnn.pm1",
    "plan": Plan(21),
    "budget": "standard",
    "precision": "bf16",
    "threads": 2,
    "extra": "0123456789abcdef",
    "extra_share": 0.5,
    "start": Job("Standard", RECIPES["Standard"], "digits", "0123456789abcdef", "cnn", Plan(20), "quick"),
}


def test_the_digest_of_a_job_changes_with_every_setting_but_the_seed():
    assert set(CHANGES) | {"seed"} == {field.name for field in fields(Job)}
    digests = {replace(JOB, **{field: value}).digest for field, value in CHANGES.items()}
    assert len(digests | {JOB.digest}) == len(CHANGES) + 1
    assert replace(JOB, seed=3).digest == JOB.digest
    assert replace(JOB, seed=3).run == f"digits/cnn/PGD-AT/s3-{JOB.digest}"


@pytest.mark.parametrize("field", [f.name for f in fields(Plan)])
def test_the_digest_of_a_job_sees_into_its_plan(field):
    new = {"epochs": 7, "batch_size": 64, "optimiser": "adam", "schedule": "cosine", "milestones": (0.5,)}
    new |= {"steps": 7, "warm_up_steps": 7, "anneal": "cosine", "accumulate": 2}
    assert replace(JOB, plan=replace(JOB.plan, **{field: new.get(field, 0.01)})).digest != JOB.digest


def test_the_digest_of_a_job_sees_into_its_recipe():
    paths = {"decay": "kernels", "keep": "0.5", "adversary.stats": "batch", "adversary.ascent.threat.eps": "0.1"}
    digests = {replace(JOB, recipe=override(JOB.recipe, path, text)).digest for path, text in paths.items()}
    assert len(digests | {JOB.digest}) == len(paths) + 1
