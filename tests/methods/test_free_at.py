"""Free adversarial training: updates of the weights and of the perturbation by one gradient, against public code."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from small import CLASSES, EPS, Q, close, net
from torch import Tensor, nn
from torch.nn import functional as F
from trainings import PLAN, job, training

from bench import RECIPES, Recipe, scaled
from bench.core.errors import BadInput, Failed
from bench.data.dataset import DATASETS
from bench.report.studies.papers.plans import plan_of_paper
from bench.runner.prices.cost import step_passes
from bench.training.step import TrainingStep

FREE = RECIPES["Free-AT"]


def with_replays(m: int) -> Recipe:
    ascent = replace(FREE.adversary.ascent, steps=m - 1)
    return replace(FREE, adversary=replace(FREE.adversary, ascent=ascent))


def official_free(model: nn.Module, batches: list[tuple[Tensor, Tensor]], m: int, lr: float) -> list[float]:
    """locuslab/fast_adversarial, CIFAR10/train_free.py, with images in [0, 1] and one lr; the loss of each update."""
    optimiser = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
    delta = torch.zeros_like(batches[0][0]).requires_grad_()
    losses = []
    for x, y in batches:
        for _ in range(m):
            loss = F.cross_entropy(model(x + delta), y)
            optimiser.zero_grad()
            loss.backward()
            delta.data = torch.clamp(delta + EPS * delta.grad.sign(), -EPS, EPS)
            delta.data = torch.max(torch.min(delta.data, 1 - x), 0 - x)
            optimiser.step()
            delta.grad.zero_()
            losses.append(loss.item())
    return losses


def ours(model: nn.Module, batches: list[tuple[Tensor, Tensor]], m: int, lr: float) -> list[float]:
    optimiser = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
    losses, carried = [], {}
    for x, q in batches:
        for loss in with_replays(m).losses(model, x, q, carried):
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return losses


@pytest.mark.parametrize("m", [1, 3, 8])
def test_free_training_is_the_public_loop(m, x):
    grey = 0.2 + 0.6 * x  # so that the perturbation of one batch leaves [0, 1] on none, which the public loop allows
    other, order = grey.flip(0).flip(3), torch.arange(len(x)).flip(0)
    models = net(), net()
    found = ours(models[0], [(grey, Q), (other, Q[order]), (grey, Q)], m, 0.05)
    expected = official_free(models[1], [(grey, CLASSES), (other, CLASSES[order]), (grey, CLASSES)], m, 0.05)
    assert found == pytest.approx(expected, abs=1e-10)
    assert len(found) == 3 * m
    for a, b in zip(models[0].state_dict().values(), models[1].state_dict().values(), strict=True):
        assert close(a.double(), b.double(), 1e-9)


def test_without_replays_the_second_batch_is_attacked_in_one_step_from_the_first(x):
    """m = 1: the step that FGSM takes, found on the batch before."""
    model, carried, shown = net(), {}, []
    model.register_forward_pre_hook(lambda module, inputs: shown.append(inputs[0].detach()))
    for _ in range(2):
        (loss,) = (loss for loss in with_replays(1).losses(model, x, Q, carried) if loss.backward() is None)
    z = x.clone().requires_grad_()
    F.cross_entropy(net()(z), CLASSES).backward()
    fgsm = (x + EPS * z.grad.sign()).clamp(0, 1)
    assert torch.equal(shown[0], x)
    assert close(shown[1], fgsm)
    assert close(loss, F.cross_entropy(net()(fgsm), CLASSES))


def test_the_last_loss_is_that_of_the_search_if_the_weights_stay(x):
    one, other = net(), net()
    losses = [loss for loss in FREE.losses(one, x, Q, {}) if loss.backward() is None]
    assert close(losses[-1], FREE.loss(other, x, Q))
    assert close(losses[0], F.cross_entropy(net()(x), CLASSES)), "the first update is by the images themselves"
    assert close(one[1].running_mean, other[1].running_mean)


def test_a_perturbation_stays_in_the_ball_and_in_the_range_of_pixels(x):
    carried = {"perturbation": torch.full_like(x, EPS)}
    shown = []
    model = net()
    model.register_forward_pre_hook(lambda module, inputs: shown.append(inputs[0].detach()))
    for loss in FREE.losses(model, x, Q, carried):
        loss.backward()
    assert len(shown) == 8
    assert all(z.min() >= 0 and z.max() <= 1 and (z - x).abs().max() <= EPS + 1e-12 for z in shown)
    assert carried["perturbation"].abs().max() <= EPS + 1e-12
    assert not carried["perturbation"].requires_grad


def test_a_training_updates_the_weights_eight_times_a_batch_and_counts_each_pass(tmp_path, monkeypatch):
    updates, carried = [], []
    take = TrainingStep.take

    def noting(self, x, q, lr):
        carried.append(len(self.carried[0]))
        loss = take(self, x, q, lr)
        updates.append(len(shown))
        shown.clear()
        return loss

    monkeypatch.setattr(TrainingStep, "take", noting)
    under_way, shown = training(job("Free-AT", plan=replace(PLAN, epochs=2, ema=0.5))), []
    step = under_way.step.optimiser.step
    monkeypatch.setattr(under_way.step.optimiser, "step", lambda: shown.append(step()))
    under_way.run(tmp_path / "state")
    assert updates == [8] * 10
    assert carried == [0, 1, 1, 1, 1] * 2, "an epoch begins without a perturbation, so that a training can go on there"
    assert under_way.average.state_dict()["n_averaged"] == 80
    assert under_way.step.cost == {"forwards": 8, "backwards": 8}


def test_its_price_is_that_of_all_updates():
    digits = DATASETS["digits"]
    assert step_passes(scaled(FREE, 6), digits, digits.load("train", None, 8)) == (8, 8)


def test_each_part_of_a_batch_carries_a_perturbation_of_its_own():
    under_way = training(job("Free-AT", plan=replace(PLAN, accumulate=2)))
    alone = training(job("Free-AT"))
    alone.model.load_state_dict(deepcopy(under_way.model.state_dict()))
    x = torch.rand(32, 1, 8, 8)
    q = torch.eye(10)[torch.arange(32) % 10]
    under_way.step.take(x, q, 0.0)
    alone.step.take(x[:16], q[:16], 0.0)
    assert [len(part["perturbation"]) for part in under_way.step.carried] == [16, 16]
    assert torch.equal(under_way.step.carried[0]["perturbation"], alone.step.carried[0]["perturbation"])


def test_awp_on_a_recipe_of_several_updates_is_refused():
    with pytest.raises(BadInput, match="AWP moves the weights once a batch, and this recipe updates them more often"):
        RECIPES["Free-AT+AWP"].prepare(net())


def test_its_plan_has_the_papers_80000_updates_in_an_eighth_of_as_many_batches():
    plan = plan_of_paper("Free-AT", "cifar10").for_images(50_000)
    assert (plan.length(50_000) * 8, plan.epochs, plan.weight_decay) == (80_000, 26, 2e-4)
    rates = [plan.lr_at_step(update // 8, 50_000) for update in (0, 39_999, 40_000, 59_999, 60_000, 79_999)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


class Empty(type(RECIPES["Standard"])):
    """Yields no loss at all, or none for the second part of a batch."""

    def losses(self, model, x, q, carried):
        if len(x) > 16 or "seen" in carried:
            return
        yield self.loss(model, x, q)


def test_a_recipe_without_a_loss_for_a_batch_fails_in_one_line():
    step = training(job("Standard")).step
    step.job = replace(step.job, recipe=Empty())
    with pytest.raises(Failed, match="`losses` of the recipe yields none for a batch"):
        step.take(torch.rand(32, 1, 8, 8), torch.eye(10)[torch.arange(32) % 10], 0.1)


def test_a_recipe_with_fewer_losses_for_a_part_of_a_batch_fails_in_one_line():
    step = training(job("Standard", plan=replace(PLAN, accumulate=2))).step
    step.job, step.carried = replace(step.job, recipe=Empty()), [{}, {"seen": torch.ones(())}]
    with pytest.raises(Failed, match="fewer losses for one part of a batch than for another"):
        step.take(torch.rand(32, 1, 8, 8), torch.eye(10)[torch.arange(32) % 10], 0.1)
