"""Averages of weights: those of torch, in views of their own, evaluated and stored as any other."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from trainings import CPU, DIGITS, HOLDOUT, PLAN, job, training

from bench.core.errors import BadInput
from bench.core.plan import Plan
from bench.evaluation.external.load import load_model
from bench.models.checkpoint import fingerprint
from bench.results.load import load_results
from bench.runner.experiment import plan_experiment
from bench.runner.job_runner import Runner
from bench.runner.options import CellOptions
from bench.runner.pool import run_here
from bench.runner.request import Request
from bench.training.averaging import check_averaging
from bench.training.monitor import validate
from bench.training.step import TrainingStep


@pytest.mark.parametrize(
    ("name", "views"),
    [("Standard", ["main", "ema"]), ("M2AT", ["main", "ema"]), ("AdvProp", ["main", "aux1", "ema", "ema-aux1"])],
)
def test_the_average_is_that_of_torch_with_the_statistics_of_batch_norms(tmp_path, monkeypatch, name, views):
    under_way = training(job(name, plan=replace(PLAN, epochs=2, ema=0.9)))
    oracle = AveragedModel(under_way.model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    step = TrainingStep.take

    def followed(self, x, q, lr):
        loss = step(self, x, q, lr)
        oracle.update_parameters(self.model)
        return loss

    monkeypatch.setattr(TrainingStep, "take", followed)
    last, best = under_way.run(tmp_path / "state")
    assert [*last] == [*best] == views
    state = torch.load(tmp_path / "state", weights_only=True)
    found, expected = ({**average} for average in (state["average"], oracle.state_dict()))
    counts = [name for name in found if name.endswith("num_batches_tracked")]
    assert len(counts) >= 3
    assert found["n_averaged"] == 2 * 5
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], state["model"][name.removeprefix("module.")]) for name in counts)
    assert all(torch.equal(found[name], expected[name]) for name in found if name not in counts)
    assert len({fingerprint(net) for net in last.values()}) == len(views)


def test_the_best_average_is_its_own_best_epoch(tmp_path):
    under_way = training(job(plan=replace(PLAN, ema=0.5)))
    _, best = under_way.run(tmp_path / "state")
    scores = [(record["ema_pgd"], record["ema_clean"]) for record in under_way.history.curve]
    assert scores[under_way.history.best_average["epoch"]] == max(scores)
    again = validate(best["ema"], HOLDOUT, DIGITS.threat, PLAN.batch_size, "fp32")
    assert (again["val_pgd"], again["val_clean"]) == pytest.approx(max(scores))


def test_an_average_is_stored_evaluated_and_found_again(tmp_path):
    settings = ("plan.ema=0.5", "plan.batch_size=32")
    asked = Request(methods=("Standard",), attacks=(), epochs=1, limit_train=100, limit=20, settings=settings)
    work = plan_experiment(asked, Path(), CPU)
    runner, (planned,) = Runner(work, tmp_path, CPU, CellOptions(128)), work.jobs
    assert [done.failed for done in run_here(runner, [planned], lambda event: None)] == [0, 0]
    assert runner.todo() == []
    rows = load_results(tmp_path).set_index("view")["value"]
    assert set(rows.index) == {"main", "ema"}
    columns = (tmp_path / planned.run / "train.csv").read_text().split("\n")[0]
    assert columns.endswith("val_pgd,seconds,ema_clean,ema_fgsm,ema_pgd")
    net = load_model(f"{tmp_path / planned.run}@ema", DIGITS, CPU)
    test = work.test.first(20)
    assert (net(test.x / 255).argmax(1) == test.y).double().mean().item() == pytest.approx(rows["ema"])


def test_an_average_that_reaches_further_back_than_the_training_raises_an_alarm():
    assert (
        "plan.ema=0.99 reaches over 100 steps, and the training has 15"
        in training(job(plan=replace(PLAN, ema=0.99))).alarms[0]
    )
    assert training(job(plan=replace(PLAN, ema=0.9))).alarms == []


@pytest.mark.parametrize("ema", [1.0, -0.1])
def test_an_average_moves(ema):
    with pytest.raises(BadInput, match=f"ema={ema:g}: .* from 0 and below 1"):
        Plan(1, ema=ema)


def test_batch_norms_tuned_alone_are_not_averaged():
    with pytest.raises(BadInput, match=re.escape("plan.ema: BN-adv tunes batch norms alone, ")):
        plan_experiment(Request(methods=("BN-adv",), settings=("plan.ema=0.9",), limit_train=40), Path(), CPU)


def test_a_recipe_keeps_its_own_views():
    net = training(job()).model
    with pytest.raises(BadInput, match=r"plan\.ema: Mine has a view 'ema-x' of its own; rename it"):
        check_averaging("Mine", net, {"main": net, "ema-x": net})
