"""Fine-tuning of batch norms alone: what moves, what does not, and the models in between."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from small import Q, images, net
from torch import Tensor, nn

import methods  # noqa: F401
from bench import RECIPES, blended, tuned
from bench.cli import cli
from bench.core.errors import BadInput
from bench.core.plan import Plan
from bench.core.rng import fixed_seed
from bench.models.checkpoint import load_views
from bench.training.job import Job

ASKED = ["run", "--methods", "BN-adv", "--limit-train", "100", "--epochs", "2", "--limit", "30", "--attacks", "PGD-5"]
POINTS = ["main", "p0.2", "p0.4", "p0.6", "p0.8"]


def logits(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return model.eval()(x)


def trained() -> nn.Module:
    """A model of which the batch norms have been tuned for three steps."""
    recipe, x = RECIPES["BN-adv"], images()
    model = recipe.prepare(net()).train()
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    for step in range(3):
        with fixed_seed(step):
            loss = recipe.loss(model, x, Q)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


def test_before_any_step_every_view_is_the_base():
    recipe, x = RECIPES["BN-adv"], images()
    for view in recipe.finish(recipe.prepare(net())).values():
        assert torch.equal(logits(view, x), logits(net(), x))


def test_only_the_batch_norms_learn():
    before, after = net(), RECIPES["BN-adv"].finish(trained())["main"]
    norms = {name for name, module in before.named_modules() if isinstance(module, nn.BatchNorm2d)}
    for name, tensor in before.state_dict().items():
        assert torch.equal(tensor, after.state_dict()[name]) == (name.rpartition(".")[0] not in norms)


def test_the_ends_of_the_interpolation_are_both_models_and_the_rest_lies_between():
    model, x = trained(), images()
    main = RECIPES["BN-adv"].finish(model)["main"]
    assert torch.equal(logits(blended(model, 1.0, "blended"), x), logits(net(), x))
    assert torch.equal(logits(blended(model, 0.0, "blended"), x), logits(main, x))
    half, (start, end) = blended(model, 0.5, "blended").state_dict(), (net().state_dict(), main.state_dict())
    for name in ("1.weight", "1.bias", "1.running_mean", "1.running_var"):
        assert torch.allclose(half[name], (start[name] + end[name]) / 2)
        assert not torch.equal(start[name], end[name])


@pytest.mark.parametrize("statistics", ["start", "main"])
def test_running_statistics_may_be_those_of_an_end(statistics):
    model = trained()
    end = {"start": net(), "main": RECIPES["BN-adv"].finish(model)["main"]}[statistics].state_dict()
    found = blended(model, 0.3, statistics).state_dict()
    assert all(torch.equal(found[name], end[name]) for name in ("1.running_mean", "1.running_var"))
    assert not torch.equal(found["1.weight"], end["1.weight"])


def test_every_parameter_of_a_finished_model_can_learn_again():
    assert all(p.requires_grad for p in blended(tuned(net()), 0.5, "blended").parameters())


def test_what_a_job_is_trained_on_is_part_of_its_name():
    plain = Job("Standard", RECIPES["Standard"], "digits", "", "cnn", Plan(epochs=1), "")
    second = Job("BN-adv", RECIPES["BN-adv"], "digits", "", "cnn", Plan(epochs=1), "", start=plain)
    assert second.digest != Job("BN-adv", RECIPES["BN-adv"], "digits", "", "cnn", Plan(epochs=1), "").digest


def test_awp_has_nothing_to_move_there():
    with pytest.raises(BadInput, match="trains none"):
        RECIPES["BN-adv+AWP"].prepare(net())


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tuning")
    places = ["--results", str(folder / "results"), "--reports", str(folder / "reports")]
    assert CliRunner().invoke(cli, [*ASKED, "--workers", "1", *places], standalone_mode=False).return_value == 0
    return folder / "results"


def run_of(results: Path, name: str) -> Path:
    return next((results / "digits/cnn" / name).iterdir())


def test_the_base_is_trained_and_evaluated_too(results):
    rows = pd.concat(pd.read_csv(path) for path in results.rglob("results.csv"))
    assert rows.groupby("recipe")["view"].unique().map(list).to_dict() == {"Standard": ["main"], "BN-adv": POINTS}


def test_each_view_is_named_as_in_its_rows(results):
    said = (results / "bench.log").read_text()
    for view in ("", *(f" {view}" for view in POINTS[1:])):
        assert said.count(f"BN-adv s0 last{view} clean: ") == 1


def test_a_run_says_what_it_was_trained_on(results):
    base, tuning = (json.loads((run_of(results, name) / "job.json").read_text()) for name in ("Standard", "BN-adv"))
    assert tuning["start"] == base["run"]
    assert base["start"] is None
    assert tuning["plan"]["lr"] == pytest.approx(base["plan"]["lr"] / 10)


def test_what_was_trained_on_other_weights_of_its_base_has_to_be_trained_anew(bench, results, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(results, copy)
    base, tuned = (run_of(copy, name) / "job.json" for name in ("Standard", "BN-adv"))
    job, before = json.loads(tuned.read_text()), (tuned.parent / "results.csv").read_bytes()
    assert job["start_weights"] == json.loads(base.read_text())["weights"]["last"]["main"]
    tuned.write_text(json.dumps(job | {"start_weights": "0" * 16}))
    code, _, err = bench(*ASKED, "--workers", "1")
    assert code == 2
    assert "was trained on other weights of Standard" in err
    assert "train BN-adv anew with --retrain" in err
    assert (tuned.parent / "results.csv").read_bytes() == before
    job.pop("start_weights")  # as of a run of before that was kept
    tuned.write_text(json.dumps(job))
    assert bench(*ASKED, "--workers", "1")[0] == 0


def test_convolutions_stay_those_of_the_base(results):
    folders = [run_of(results, name) for name in ("Standard", "BN-adv")]
    base, tuning = (load_views(f / "weights.safetensors", f.relative_to(results).as_posix()) for f in folders)
    kernels = [name for name, tensor in base["main"].items() if tensor.ndim == 4]
    assert kernels
    assert all(torch.equal(base["main"][name], tuning[view][name]) for name in kernels for view in POINTS)


def test_a_baseline_of_it_is_evaluated_anew_and_not_trained_again(bench, results, tmp_path):
    assert bench("compare", str(results), "current", "--level", "1")[0] == 0
    assert len(list((tmp_path / "current").rglob("results.csv"))) == 2
    code, _, err = bench("compare", str(results), "other", "--level", "2")
    assert (code, err.count("\n")) == (2, 1)
    assert "--level 2 cannot repeat a training that goes on from another's" in err
    assert not (tmp_path / "other").exists()


def test_what_trains_on_a_failed_training_fails_too(tmp_path):
    places = ["--results", str(tmp_path / "results"), "--reports", str(tmp_path / "reports")]
    command = [*ASKED, "--workers", "1", *places, "--set", "plan.lr=1e30"]
    assert CliRunner().invoke(cli, command, standalone_mode=False).return_value == 1
    status = json.loads((run_of(tmp_path / "results", "BN-adv") / "job.json").read_text())["status"]
    assert status.startswith("failed: it trains on Standard, whose own training failed: training diverged")
