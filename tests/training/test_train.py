"""Training: the same weights however often it is interrupted, and a stored reason where there are none."""

import json
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from trainings import CPU, DIGITS, HOLDOUT, PLAN, TRAIN, job, training

from bench.attacks.searches.ascent import Ascent
from bench.attacks.searches.search import search
from bench.core.errors import AttackWarning, BadInput, Failed
from bench.core.foreign.plugins import load_plugins
from bench.core.losses import cross_entropy
from bench.core.passes import count_passes
from bench.core.processes import describe_idle_cores
from bench.core.rng import image_stream
from bench.data.loader import to_float
from bench.models.checkpoint import fingerprint, load_progress, load_views, save_progress, save_views
from bench.training.job import Job
from bench.training.monitor import _attack_logits, alarms, validate
from bench.training.optimiser import build_optimiser
from bench.training.recipe import RECIPES, Recipe
from bench.training.step import TrainingStep

load_plugins()


class Killed(Exception):
    pass


def weights(asked: Job, saved: Path) -> dict[tuple[str, str], str]:
    last, best = training(asked).run(saved)
    views = {"last": last, "best": best}
    return {(epoch, view): fingerprint(net) for epoch in views for view, net in views[epoch].items()}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("TRADES-6", {}),  # a folded copy
        ("TRADES-6", {"optimiser": "adam"}),
        ("M2AT", {}),  # statistics that the attack moves
        ("M2AT", {"optimiser": "adam"}),
        ("Standard", {"schedule": "one-cycle", "steps": 12}),
        ("Standard", {"schedule": "cosine-steps", "warm_up": 0.5}),
        ("M2AT", {"ema": 0.9}),
        ("AdvProp", {"ema": 0.9}),  # batch norms in branches
        ("IKL-AT", {}),  # mean predictions of the epoch before
        ("Free-AT", {"ema": 0.9}),  # several updates on a batch, and a perturbation from one to the next
    ],
)
def test_a_training_killed_after_any_epoch_ends_with_the_same_weights(tmp_path, name, changes):
    asked = job(name, plan=replace(PLAN, lr=0.01, **changes))
    whole = weights(asked, tmp_path / "whole")

    def kill(record):
        raise Killed

    for _ in range(asked.plan.epochs):
        with pytest.raises(Killed):
            training(asked).run(tmp_path / "killed", kill)
    assert weights(asked, tmp_path / "killed") == whole


def test_a_length_in_steps_cuts_the_last_epoch(tmp_path, monkeypatch):
    """180 images are 5 full batches of 32: epochs of 5, 5 and 2 steps, each with its checkpoint and its hold-out."""
    seen = []
    gradients = TrainingStep.compute_gradients

    def noting(self, x, q):
        seen.append((len(x), self.optimiser.param_groups[0]["lr"]))
        return gradients(self, x, q)

    monkeypatch.setattr(TrainingStep, "compute_gradients", noting)
    plan = replace(PLAN, epochs=1, schedule="one-cycle", steps=12)
    under_way, ticks = training(job("Standard", plan=plan)), []
    under_way.run(tmp_path / "state", ticks.append)
    assert seen == [(32, plan.lr_at_step(n, 180)) for n in range(12)]
    assert [tick["epoch"] for tick in ticks] == [1, 2, 3]
    assert [tick["lr"] for tick in ticks] == [seen[last][1] for last in (4, 9, 11)]
    assert len(load_progress(tmp_path / "state", under_way.job.run, CPU)["curve"]) == 3


def test_a_training_killed_in_the_middle_of_an_epoch_ends_with_the_same_weights(tmp_path, monkeypatch):
    whole = weights(job(), tmp_path / "whole")
    steps = iter(range(100))
    step = TrainingStep.take

    def killed_at_the_eighth(self, x, q, lr):
        if next(steps) == 8:
            raise Killed
        return step(self, x, q, lr)

    monkeypatch.setattr(TrainingStep, "take", killed_at_the_eighth)
    with pytest.raises(Killed):
        training(job()).run(tmp_path / "killed")
    monkeypatch.undo()
    assert weights(job(), tmp_path / "killed") == whole


def test_the_threads_of_the_process_change_no_weights_and_those_of_the_job_do(tmp_path):
    one = weights(job(), tmp_path / "one")
    torch.set_num_threads(2)
    assert weights(job(), tmp_path / "two") == one
    assert torch.get_num_threads() == 2, "the process has its own again"
    torch.set_num_threads(1)
    assert weights(job(threads=2), tmp_path / "other") != one
    assert job(threads=2).run != job().run


@pytest.mark.parametrize("threads", [0, 257])
def test_a_number_of_threads_that_cannot_be_is_refused(threads):
    with pytest.raises(BadInput, match=f"--threads {threads}: a training computes with 1 to 256 threads"):
        job(threads=threads)


def test_a_state_that_other_threads_computed_is_refused(tmp_path):
    """The state is one that an older version wrote, whose run names did not include the number of threads."""
    weights(job(), tmp_path / "state")
    save_progress(tmp_path / "state", load_progress(tmp_path / "state", job().run, CPU) | {"threads": 4})
    with pytest.raises(BadInput, match=r"state was computed with 4 threads, and digits/.* with 1; delete it"):
        training(job()).run(tmp_path / "state")


@pytest.mark.parametrize(
    ("trainings", "workers", "threads", "line"),
    [
        (1, 8, 1, "the training uses 1 of 8 cores; --threads 8 trains faster, and is part of the run's name"),
        (2, 8, 2, "2 trainings at a time use 4 of 8 cores; --threads 4 "),
        (9, 3, 1, "3 trainings at a time use 3 of 8 cores; --threads 2 "),
        (8, 8, 1, ""),
        (1, 1, 8, ""),
        (0, 8, 1, ""),
    ],
)
def test_cores_that_trainings_leave_idle_are_told(monkeypatch, trainings, workers, threads, line):
    monkeypatch.setattr("bench.core.processes.cores", lambda: 8)
    said = describe_idle_cores(trainings, workers, threads)
    assert said.startswith(line)
    assert bool(said) == bool(line)


def test_another_seed_gives_other_weights(tmp_path):
    assert weights(job(), tmp_path / "a") != weights(job(seed=1), tmp_path / "b")


def test_what_was_drawn_before_changes_nothing(tmp_path):
    first = weights(job(), tmp_path / "a")
    torch.rand(7)
    assert weights(job(), tmp_path / "b") == first


def test_the_state_of_another_job_is_refused(tmp_path):
    weights(job(), tmp_path / "state")
    with pytest.raises(BadInput, match=r"state belongs to job digits/cnn/PGD-AT/s0-\w+, not to .*s1-"):
        training(job(seed=1)).run(tmp_path / "state")


def test_a_damaged_state_is_named(tmp_path):
    weights(job(), tmp_path / "state")
    (tmp_path / "state").write_bytes((tmp_path / "state").read_bytes()[:1000])
    with pytest.raises(BadInput, match="state cannot be read"):
        training(job()).run(tmp_path / "state")


@dataclass(frozen=True)
class Alone(Recipe):
    """A model without batch statistics: batch norms use running ones, so that images do not influence each other."""

    def loss(self, model, x, q):
        return torch.nn.functional.cross_entropy(model.eval()(x), q)


@pytest.mark.parametrize(("recipe", "whole"), [(RECIPES["Standard"], False), (Alone(), True)])
def test_the_gradient_of_a_batch_in_parts_is_the_mean_of_theirs(recipe, whole):
    under_way = training(job(recipe=recipe, plan=replace(PLAN, accumulate=4)))
    x, q = TRAIN.x[:32] / 255, torch.nn.functional.one_hot(TRAIN.y[:32], 10).float()
    oracle = deepcopy(under_way.model).train()
    parts = [slice(0, 32)] if whole else [slice(start, start + 8) for start in range(0, 32, 8)]
    losses = [recipe.loss(oracle, x[part], q[part]) for part in parts]
    (sum(losses) / len(parts)).backward()
    (loss,) = under_way.step.compute_gradients(x, q)
    assert loss.item() == pytest.approx(sum(losses).item() / len(parts), rel=1e-5)
    for found, expected in zip(under_way.model.parameters(), oracle.parameters(), strict=True):
        assert torch.allclose(found.grad, expected.grad, rtol=1e-4, atol=1e-6)
    for found, expected in zip(under_way.model.buffers(), oracle.buffers(), strict=True):
        assert torch.equal(found, expected), "each part moves the statistics of batch norms"
    assert under_way.step.cost == {"forwards": 1, "backwards": 1}


def test_a_batch_of_fewer_images_is_cut_too(tmp_path):
    plan = replace(PLAN, epochs=1, batch_size=200, accumulate=4)
    assert weights(job("Standard", plan=plan), tmp_path / "four") != weights(
        job("Standard", plan=replace(plan, accumulate=1)), tmp_path / "one"
    )
    with pytest.raises(BadInput, match="accumulate=8: a batch of 180 images is not cut"):
        training(job("Standard", plan=replace(plan, accumulate=8)))


def test_divergence_is_a_failure_with_its_epoch_and_learning_rate(tmp_path):
    with pytest.raises(Failed, match=r"training diverged: loss .* in epoch 1 of 3 at lr 1e\+30"):
        training(job(plan=replace(PLAN, lr=1e30))).run(tmp_path / "state")


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_what_is_not_finite_is_named(tmp_path, where):
    with pytest.raises(Failed, match=rf"training diverged: .*{where} nan.* in epoch 1 of 3"):
        training(job(recipe=Broken(where))).run(tmp_path / "state")


def curve(*epochs: tuple[float, float, float]) -> list[dict[str, float]]:
    columns = ("val_clean", "val_fgsm", "val_pgd")
    return [{"epoch": i} | dict(zip(columns, shares, strict=True)) for i, shares in enumerate(epochs, start=1)]


@pytest.mark.parametrize(
    ("epochs", "alarm"),
    [
        ([], None),
        ([(0.5, 0.3, 0.2), (0.6, 0.4, 0.3)], None),
        ([(0.5, 0.4, 0.3), (0.6, 0.4, 0.28)], None),  # within chance
        ([(0.5, 0.4, 0.3), (0.7, 0.7, 0.01)], "catastrophic overfitting: FGSM 40.0% in epoch 1, 70.0% in epoch 2, "),
        ([(0.8, 0.95, 0.0)], "catastrophic overfitting: FGSM 95.0% in epoch 1, PGD-10 0.0% in epoch 1"),  # labels leak
        ([(0.8, 0.6, 0.5), (0.8, 0.58, 0.0)], "catastrophic overfitting: FGSM 60.0% in epoch 1, 58.0% in epoch 2, "),
        ([(0.9, 0.06, 0.0)], None),  # never was robust
        ([(0.5, 0.1, 0.031), (0.9, 0.03, 0.0)], None),  # a standard training: never more robust than chance
        ([(0.5, 0.4, 0.3), (0.7, 0.1, 0.01)], "robust overfitting: PGD-10 30.0% in epoch 1, 1.0% in epoch 2"),
        ([(0.5, 0.4, 0.3), (0.7, 0.5, 0.2)], "robust overfitting: PGD-10 30.0% in epoch 1, 20.0% in epoch 2"),
        ([(0.5, 0.4, 0.3), (0.11, 0.11, 0.11)], "collapsed: 11.0% of the hold-out images right, chance is 10.0%"),
    ],
)
def test_a_training_that_goes_wrong_raises_its_alarm(epochs, alarm):
    found = alarms(curve(*epochs), n=500, classes=10)
    assert found == [] if alarm is None else found[0].startswith(alarm)


def test_robust_overfitting_of_two_classes_is_seen():
    (found,) = alarms(curve((0.9, 0.6, 0.5), (0.95, 0.5, 0.25)), n=1000, classes=2)
    assert found == "robust overfitting: PGD-10 50.0% in epoch 1, 25.0% in epoch 2"


@pytest.mark.parametrize(
    ("shares", "n", "classes"),
    [((0.7, 0.5, 0.2), 50, 10), ((1.0, 1.0, 1.0), 2, 10), ((1.0, 1.0, 1.0), 6, 2), ((0.4, 0.4, 0.4), 10, 10),
     ((0.5, 0.5, 0.5), 20, 2), ((0.0, 0.0, 0.0), 2, 10)],
)  # fmt: skip
def test_few_images_held_out_raise_no_alarm_by_chance(shares, n, classes):
    assert alarms(curve((0.5, 0.4, 0.3), shares), n, classes) == []


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_chance_on_many_images_is_a_collapse(classes):
    assert alarms(curve((1 / classes,) * 3), n=1000, classes=classes)[0].startswith("collapsed")
    assert alarms(curve((1 / classes + 0.2,) * 3), n=1000, classes=classes) == []


def test_validation_is_that_of_plain_attacks_on_the_same_images():
    under_way = training(job())
    x, y = HOLDOUT.x.float() / 255 if HOLDOUT.x.dtype == torch.uint8 else HOLDOUT.x, HOLDOUT.y
    model = under_way.model.eval()
    x_grad = x.clone().requires_grad_()
    torch.nn.functional.cross_entropy(model(x_grad), y).backward()
    fgsm = (x + DIGITS.threat.eps * x_grad.grad.sign()).clamp(0, 1)
    found = validate(model, HOLDOUT, DIGITS.threat, 7)
    assert found["val_clean"] == pytest.approx((model(x).argmax(1) == y).double().mean().item())
    assert found["val_fgsm"] == pytest.approx((model(fgsm).argmax(1) == y).double().mean().item())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_validation_attacks_only_images_that_are_right_and_finds_what_an_attack_on_all_finds(tmp_path, precision):
    under_way = training(job(plan=replace(PLAN, epochs=1)))
    under_way.run(tmp_path / "state")
    model, x, y = under_way.model.eval(), to_float(HOLDOUT.x), HOLDOUT.y
    ascent = Ascent(DIGITS.threat, 10, DIGITS.threat.eps / 4)
    with image_stream(range(len(x)), "holdout"):
        attacked = search(model, ascent, cross_entropy, x, y)
    right = [(model(z).argmax(1) == y) for z in (x, attacked)]
    with count_passes(model) as passes:
        found = validate(model, HOLDOUT, DIGITS.threat, 7, precision)
    clean = int(right[0].sum())
    assert 0 < clean < len(x)
    assert found["val_clean"] == pytest.approx(clean / len(x))
    slack = 0 if precision == "fp32" else 0.15  # 3 of 20 images
    assert found["val_pgd"] == pytest.approx((right[0] & right[1]).double().mean().item(), abs=slack + 1e-9)
    assert passes.backwards <= len(x) + (10 if precision == "fp32" else 20) * clean


def test_an_image_that_is_wrong_in_bf16_alone_is_attacked_once_more_in_fp32():
    """Logits near 100 are half a unit apart in bf16: a search there sees nothing but ties, which class 0 wins."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).requires_grad_(False)
    net[1].weight.zero_()
    net[1].bias.copy_(torch.tensor([100.0, 100.1] + [0.0] * 8))
    x, y = to_float(HOLDOUT.x[:4]), torch.ones(4, dtype=torch.long)
    with count_passes(net) as passes, pytest.warns(AttackWarning):
        logits = _attack_logits(net, Ascent(DIGITS.threat, 10, 0.05), x, y, range(4), "bf16")
    assert logits.argmax(1).tolist() == [1] * 4
    assert passes.backwards == 4 * (1 + 10)  # the start is enough in bf16


def test_best_is_the_epoch_with_the_highest_pgd_accuracy_on_the_holdout(tmp_path):
    under_way = training(job())
    _, best = under_way.run(tmp_path / "state")
    scores = [(record["val_pgd"], record["val_clean"]) for record in under_way.history.curve]
    assert scores[under_way.history.best["epoch"]] == max(scores)
    again = validate(under_way.model, HOLDOUT, DIGITS.threat, PLAN.batch_size)  # the best weights are in place
    assert (again["val_pgd"], again["val_clean"]) == pytest.approx(max(scores))
    assert fingerprint(best["main"]) == fingerprint(under_way.model)


def test_cost_is_counted(tmp_path):
    passes = {}
    for name in ("Standard", "PGD-AT", "TRADES-6"):
        under_way = training(job(name, plan=replace(PLAN, epochs=1)))
        under_way.run(tmp_path / name)
        passes[name] = (under_way.step.cost["forwards"], under_way.step.cost["backwards"])
    assert passes["Standard"] == (1, 1)
    assert passes["PGD-AT"] == (11, 11)
    assert passes["TRADES-6"] == (13, 12)  # the clean prediction that the attack moves away from, and both losses


@pytest.mark.parametrize("rule", ["all", "kernels"])
def test_decay_spares_biases_and_norms_only_where_the_recipe_says_so(rule):
    model = training(job()).model
    asked = job(recipe=replace(RECIPES["PGD-AT"], decay=rule))
    decayed = [p for g in build_optimiser(asked, model).param_groups if g["weight_decay"] for p in g["params"]]
    spared = [p for g in build_optimiser(asked, model).param_groups if not g["weight_decay"] for p in g["params"]]
    assert all(p.ndim > 1 for p in decayed) == (rule == "kernels")
    assert all(p.ndim == 1 for p in spared)
    assert len(decayed) + len(spared) == len(list(model.parameters()))


def test_bf16_trains(tmp_path):
    under_way = training(job(precision="bf16"))
    under_way.run(tmp_path / "state")
    assert under_way.history.curve[-1]["loss"] < under_way.history.curve[0]["loss"]
    assert all(p.dtype == torch.float32 for p in under_way.model.parameters())


@dataclass(frozen=True)
class Watcher(Recipe):
    """Fails if a batch is not what the loop promises."""

    def loss(self, model, x, q):
        assert x.shape == (32, 1, 8, 8)
        assert x.min() >= 0
        assert x.max() <= 1
        assert torch.equal(q.sum(1), torch.ones(32))
        return torch.nn.functional.cross_entropy(model(x), q)


@dataclass(frozen=True)
class Broken(Recipe):
    """Its loss, or only the gradient of it, is not a number."""

    where: str

    def loss(self, model, x, q):
        loss = torch.nn.functional.cross_entropy(model(x), q)
        return loss * torch.nan if self.where == "loss" else loss + (loss - loss.detach()).sqrt()


def test_batches_are_full_images_lie_in_the_unit_range_and_labels_are_distributions(tmp_path):
    training(job(recipe=Watcher())).run(tmp_path / "state")


def test_weights_of_another_job_or_damaged_ones_are_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_views(path, {"main": nn.Linear(2, 2)}, "job a")
    assert load_views(path, "job a")["main"].keys() == {"weight", "bias"}
    with pytest.raises(BadInput, match="holds the weights of job job a, not of job b"):
        load_views(path, "job b")
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(BadInput, match=r"weights.safetensors cannot be read .* delete it"):
        load_views(path, "job a")


def test_views_share_the_tensors_that_are_equal_to_the_bit(tmp_path):
    main, other = nn.BatchNorm1d(512), nn.BatchNorm1d(512)
    with torch.no_grad():
        other.bias.copy_(-main.bias)  # zeros of another sign are equal as numbers
        other.running_var.mul_(2)
    path = tmp_path / "weights.safetensors"
    save_views(path, {"main": main, "other": other}, "job a")
    stored = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
    assert set(load_file(path)) == {f"main/{name}" for name in stored} | {"other/bias", "other/running_var"}
    for view, model in {"main": main, "other": other}.items():
        loaded = nn.BatchNorm1d(512)
        loaded.load_state_dict(load_views(path, "job a")[view])
        assert fingerprint(loaded) == fingerprint(model)
    content = path.read_bytes()
    for _ in range(20):
        save_views(path, {"main": main, "other": other}, "job a")
        assert path.read_bytes() == content
    tensors = {"main/weight": torch.zeros(1), "main/bias": torch.zeros(1)}
    save_file(tensors, path, {"job": "job a", "shared": json.dumps({"main/bias": "main/weight"})})
    with pytest.raises(BadInput, match="it holds main/bias twice"):
        load_views(path, "job a")
