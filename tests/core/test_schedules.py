"""Learning rates by step, beside torch's own schedulers; lengths in steps; and plans that contradict themselves."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.optim import lr_scheduler as lrs

import methods  # noqa: F401
from bench.core.errors import BadInput
from bench.core.plan import Plan
from bench.data.dataset import DATASETS
from bench.report.studies.papers.plans import describe_plan
from bench.runner.experiment import plan_experiment
from bench.runner.request import Request

CPU = torch.device("cpu")
IMAGES, BATCH, EPOCHS = 330, 32, 7  # 10 full batches an epoch
STEPS = 70


def rates(plan: Plan) -> list[float]:
    return [plan.lr_at_step(step, IMAGES) for step in range(plan.length(IMAGES))]


def rates_of_torch(lr: float, schedule: object, steps: int = STEPS) -> list[float]:
    """What a torch scheduler gives an optimiser for each step."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
    scheduler, found = schedule(optimiser), []
    for _ in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(("anneal", "name"), [("linear", "linear"), ("cosine", "cos")])
@pytest.mark.parametrize(
    ("settings", "rise"),
    [({}, {}), ({"warm_up": 0.2}, {"pct_start": 0.2}), ({"warm_up_steps": 21}, {"pct_start": 0.3}),
     ({"warm_up_from": 0.1}, {"div_factor": 10})],
)  # fmt: skip
def test_one_cycle_is_that_of_torch(anneal, name, settings, rise):
    plan = Plan(EPOCHS, BATCH, lr=0.2, schedule="one-cycle", anneal=anneal, **settings)

    def schedule(optimiser):
        return lrs.OneCycleLR(optimiser, 0.2, total_steps=STEPS, anneal_strategy=name, **rise)

    assert rates(plan) == pytest.approx(rates_of_torch(0.2, schedule), rel=1e-9)


@pytest.mark.parametrize("warm_up", [0, 20])
def test_a_cosine_by_step_is_that_of_torch_behind_a_linear_warm_up(warm_up):
    plan = Plan(EPOCHS, BATCH, lr=0.2, schedule="cosine-steps", warm_up_steps=warm_up or None)

    def schedule(optimiser):
        down = lrs.CosineAnnealingLR(optimiser, STEPS - warm_up)
        if not warm_up:
            return down
        up = lrs.LinearLR(optimiser, 1 / 25, total_iters=warm_up)
        return lrs.SequentialLR(optimiser, [up, down], [warm_up])

    assert rates(plan) == pytest.approx(rates_of_torch(0.2, schedule), rel=1e-9)


def test_milestones_fall_at_the_step_where_the_length_is_in_steps():
    plan = Plan(1, BATCH, lr=0.2, steps=64, milestones=(0.5, 0.75))
    expected = rates_of_torch(0.2, lambda optimiser: lrs.MultiStepLR(optimiser, [32, 48]), 64)
    assert rates(plan) == pytest.approx(expected, rel=1e-9)
    slow = replace(plan, warm_up=0.125, warm_up_from=0.0)
    assert rates(slow)[:9] == pytest.approx([0.2 * step / 8 for step in range(9)])


def test_schedules_by_epoch_have_one_rate_an_epoch():
    for schedule in ("steps", "cosine"):
        plan = Plan(EPOCHS, BATCH, schedule=schedule)
        assert rates(plan) == [plan.lr_at(step // 10) for step in range(STEPS)]


def test_a_length_in_steps_is_so_many_epochs():
    """10 steps an epoch, and one where there are fewer images than a batch has."""
    assert [Plan(1, BATCH, steps=n).for_images(IMAGES).epochs for n in (1, 10, 11, 20, 64)] == [1, 1, 2, 2, 7]
    assert Plan(1, BATCH, steps=5).for_images(20).epochs == 5
    assert Plan(3, BATCH).for_images(IMAGES) == Plan(3, BATCH)
    assert Plan(1, 128, steps=80_000).for_images(50_000).epochs == 206


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 60, "warm_up_steps": 60}, "warm_up_steps=60: the training has 60 steps, and lr is to come down"),
        ({"schedule": "one-cycle", "warm_up_steps": 100}, "warm_up_steps=100: the training has 70 steps"),
        ({"warm_up_steps": 3}, "are of schedules by step .*, and schedule=steps goes by epoch; set plan.warm_up"),
        ({"schedule": "cosine", "warm_up_from": 0.1}, "schedule=cosine goes by epoch"),
        ({"schedule": "one-cycle", "warm_up": 0.1, "warm_up_steps": 9}, "both say how long lr rises; set one of them"),
        ({"accumulate": 3}, "accumulate=3: a batch of 32 images is not cut .*; set one of 1, 2, 4, 8, 16$"),
        ({"accumulate": 32}, "accumulate=32: a batch of 32 images is not cut into so many equal parts of two images"),
        ({"anneal": "cosine"}, "plan.anneal=cosine is of schedule=one-cycle, and this is steps"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(changes, message):
    with pytest.raises(BadInput, match=message):
        Plan(EPOCHS, BATCH, **changes).for_images(IMAGES)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps=0: at least 1"),
        ({"warm_up_steps": 0}, "warm_up_steps=0: at least 1"),
        ({"warm_up_from": 1.5}, "warm_up_from=1.5: a share of lr, from 0 to 1"),
        ({"accumulate": 0}, "accumulate=0: at least 1"),
        ({"anneal": "sine"}, "anneal=sine: one of linear, cosine"),
        ({"schedule": "cyclic"}, "schedule=cyclic: one of steps, cosine, cosine-steps, one-cycle"),
        ({"lr": 1e300}, "lr=1e[+]300.* below 3e[+]38"),
    ],
)
def test_a_value_out_of_its_range_is_refused(wrong, message):
    with pytest.raises(BadInput, match=message):
        Plan(EPOCHS, BATCH, **wrong)


def planned(*settings: str, **request: object):
    asked = Request(methods=("Standard", "BN-adv"), attacks=(), limit_train=100, settings=settings, **request)
    return plan_experiment(asked, Path(), CPU)


def test_a_schedule_is_set_from_the_command_line_in_any_order():
    settings = ("warm_up_from=0.1", "schedule=one-cycle", "lr=0.2", "steps=7", "anneal=cosine")
    work = planned(*(f"plan.{setting}" for setting in settings))
    plan = work.jobs[0].plan
    expected = Plan(7, 64, lr=0.2, schedule="one-cycle", anneal="cosine", warm_up_from=0.1, steps=7)
    assert plan == expected
    assert work.jobs[0].budget.startswith("quick, 7 steps, 100 training images, plan.warm_up_from=0.1, ")
    assert work.jobs[1].plan == replace(Plan(7, 64, lr=0.02, schedule="cosine-steps", steps=7))
    assert describe_plan(plan).startswith(
        "7 steps, batches of 64, sgd, lr 0.2, one cycle along half cosines, by step, "
    )


@pytest.mark.parametrize(
    ("settings", "epochs", "first"),
    [(["plan.steps=9"], 5, "--epochs 5"), (["plan.steps=9", "plan.epochs=5"], None, "--set plan.epochs=5")],
)
def test_a_length_in_epochs_and_in_steps_is_refused(settings, epochs, first):
    with pytest.raises(BadInput, match=f"{first} and --set plan.steps=9 both give the length"):
        planned(*settings, epochs=epochs)


def test_epochs_replace_the_steps_of_a_plan(monkeypatch):
    digits = DATASETS["digits"]
    in_steps = replace(digits, quick=replace(digits.quick, plan=replace(digits.quick.plan, steps=500)))
    monkeypatch.setattr("bench.runner.experiment.dataset", lambda name, data_dir: in_steps)
    assert planned().jobs[0].plan == Plan(500, 64, steps=500)
    assert planned(epochs=3).jobs[0].plan == planned("plan.epochs=3").jobs[0].plan == Plan(3, 64)
