"""Recipes with a second network, HAT and LBGAT, against their authors' code; and how they are given that network."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small import CLASSES, EPS, STEP, Q, close, net
from torch import Tensor, nn
from torch.nn import functional as F
from trainings import CPU, DIGITS, HOLDOUT, PLAN, TRAIN, job

from bench import RECIPES, add_network, branch, plain
from bench.core.rng import fixed_seed
from bench.models.checkpoint import fingerprint
from bench.report.studies.papers.plans import plan_of_paper
from bench.runner.experiment import plan_experiment
from bench.runner.request import Request
from bench.training.recipe import list_starts
from bench.training.trainer import Trainer
from methods.hat import Hat
from methods.lbgat import Lbgat
from methods.trades import Trades


@pytest.fixture
def grey(x) -> Tensor:
    """Images so far from black and white that helper images stay in [0, 1]."""
    return 0.2 + 0.6 * x


def other_net() -> nn.Module:
    """A second network with other weights."""
    model = net()
    with fixed_seed("other"), torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    return model


def pair(name: str, trained: bool = True) -> nn.Module:
    """`net()` beside `other_net()`."""
    both = add_network(net(), name, trained)
    both.networks[name].load_state_dict(other_net().state_dict())
    return both.train()


def divergence(logits_adv: Tensor, p: Tensor) -> Tensor:
    return nn.KLDivLoss(reduction="sum")(F.log_softmax(logits_adv, dim=1), p)


def official_attack(model: nn.Module, x: Tensor, eps: float, step: float) -> Tensor:
    """The attack of TRADES, which both papers use, with statistics of evaluation mode."""
    model.eval()
    x_adv = x + 0.001 * torch.randn(x.shape, dtype=x.dtype)
    p = F.softmax(model(x), dim=1).detach()
    for _ in range(10):
        x_adv = x_adv.detach().requires_grad_()
        (grad,) = torch.autograd.grad(divergence(model(x_adv), p), x_adv)
        x_adv = torch.clamp(torch.min(torch.max(x_adv + step * grad.sign(), x - eps), x + eps), 0, 1)
    model.train()
    return x_adv.detach()


def official_hat(model: nn.Module, helper: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """imrahulr/hat, core/utils/hat.py, hat_loss with the README's beta and gamma and the parser's h."""
    x_adv = official_attack(model, x, EPS, STEP)
    x_hr = x + 2.0 * (x_adv - x)
    y_hr = helper.eval()(x_adv).argmax(dim=1)
    out_clean, out_adv, out_help = model(x), model(x_adv), model(x_hr)
    loss_adv = divergence(out_adv, F.softmax(out_clean, dim=1)) / len(x)
    return F.cross_entropy(out_clean, y) + 2.5 * loss_adv + 0.5 * F.cross_entropy(out_help, y_hr)


def official_lbgat(model: nn.Module, teacher: nn.Module, x: Tensor, y: Tensor, beta: float) -> Tensor:
    """dvlab-research/LBGAT, lbgat.py, lbgat_loss with the constants of train_lbgat_cifar100.py."""
    x_adv = official_attack(model, x, 0.031, 0.007)
    out_adv, out_natural, out = model(x_adv), model(x), teacher(x)
    loss_mse = nn.MSELoss()(out_adv, out) + F.cross_entropy(out, y)
    return loss_mse + beta * divergence(out_adv, F.softmax(out_natural, dim=1)) / len(x)


def test_hat_is_the_official_loss_with_the_official_gradient(grey):
    ours, theirs, helper = pair("helper", trained=False), net(), other_net()
    with fixed_seed("hat"):
        loss = RECIPES["HAT"].loss(ours, grey, Q)
    with fixed_seed("hat"):
        expected = official_hat(theirs, helper, grey, CLASSES)
    assert close(loss, expected)
    loss.backward()
    expected.backward()
    for a, b in zip(ours.networks["main"].parameters(), theirs.parameters(), strict=True):
        assert close(a.grad, b.grad, 1e-10)
    assert all(p.grad is None for p in ours.networks["helper"].parameters())
    assert close(ours.networks["main"][1].running_mean, theirs[1].running_mean)
    assert close(ours.networks["helper"][1].running_mean, other_net()[1].running_mean), "the helper stays as it was"


def test_hat_without_helper_images_is_trades(x):
    with fixed_seed("hat"):
        loss = Hat(gamma=0.0).loss(pair("helper", trained=False), x, Q)
    with fixed_seed("hat"):
        assert close(loss, Trades(Hat.inner, beta=2.5).loss(net(), x, Q))


@pytest.mark.parametrize("beta", [0.0, 6.0])
def test_lbgat_is_the_official_loss_with_the_official_gradients_of_both_networks(beta, x):
    ours, theirs, teacher = pair("natural"), net(), other_net()
    with fixed_seed("lbgat"):
        loss = RECIPES[f"LBGAT-{beta:g}"].loss(ours, x, Q)
    with fixed_seed("lbgat"):
        expected = official_lbgat(theirs, teacher, x, CLASSES, beta)
    assert close(loss, expected)
    loss.backward()
    expected.backward()
    for name, official in (("main", theirs), ("natural", teacher)):
        for a, b in zip(ours.networks[name].named_parameters(), official.parameters(), strict=True):
            assert close(a[1].grad, b.grad, 1e-10), a[0]
        assert close(ours.networks[name][1].running_mean, official[1].running_mean)


def test_where_both_networks_agree_and_nothing_moves_lbgat_is_standard_training(x, monkeypatch):
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    still = Lbgat(replace(Lbgat.inner, steps=0))
    assert close(still.loss(still.prepare(net()).train(), x, Q), F.cross_entropy(net()(x), CLASSES))


# the second network


def test_a_second_network_computes_inside_its_branch_alone(x):
    both = pair("second").eval()
    with branch(both, "second"):
        assert torch.equal(both(x), other_net().eval()(x))
    assert torch.equal(both(x), net().eval()(x))
    assert fingerprint(plain(both, "main")) == fingerprint(net())
    assert fingerprint(plain(both, "second")) == fingerprint(other_net())
    assert not any(p.requires_grad for p in pair("second", trained=False).networks["second"].parameters())


def test_hat_trains_a_new_model_by_its_own_plan_with_a_finished_standard_model_as_helper():
    assert list_starts(RECIPES["HAT"]) == ["Standard"]
    work = plan_experiment(Request(methods=("HAT",), limit_train=40), Path(), CPU)
    start, asked = work.jobs
    assert (start.name, asked.name, asked.start, asked.plan) == ("Standard", "HAT", start, start.plan)
    standard = Trainer(job("Standard", plan=replace(PLAN, epochs=1)), DIGITS, TRAIN, HOLDOUT, CPU)
    helper, _ = standard.run(None)
    hat = job("HAT", plan=replace(PLAN, epochs=1), start=standard.job)
    under_way = Trainer(hat, DIGITS, TRAIN, HOLDOUT, CPU, helper["main"].state_dict())
    fresh = Trainer(job("HAT", plan=replace(PLAN, epochs=1)), DIGITS, TRAIN, HOLDOUT, CPU)
    networks = under_way.model.networks
    assert fingerprint(networks["helper"]) == fingerprint(helper["main"])
    assert fingerprint(networks["main"]) != fingerprint(helper["main"])
    assert fingerprint(fresh.model.networks["main"]) == fingerprint(fresh.model.networks["helper"])
    last, _ = under_way.run(None)
    assert fingerprint(networks["helper"]) == fingerprint(helper["main"]), "it is not trained, and its statistics stay"
    assert last["main"].state_dict().keys() == helper["main"].state_dict().keys()


def test_hat_and_lbgat_have_the_plans_of_their_code():
    plan = plan_of_paper("HAT", "cifar10")
    assert (plan.epochs, plan.batch_size, plan.weight_decay, plan.schedule) == (50, 128, 5e-4, "one-cycle")
    rates = [plan.lr_at_step(step, 12_800) for step in range(5000)]
    scheduled = torch.optim.SGD([nn.Parameter(torch.zeros(()))], 0.21)
    cycle = torch.optim.lr_scheduler.OneCycleLR(scheduled, max_lr=0.21, pct_start=0.25, steps_per_epoch=100, epochs=50)
    expected = []
    for _ in range(5000):
        expected.append(cycle.get_last_lr()[0])
        scheduled.step()
        cycle.step()
    assert rates == pytest.approx(expected)
    rates = [plan_of_paper("LBGAT-6", "cifar100").lr_at(epoch) for epoch in range(100)]
    assert rates == pytest.approx([0.1] * 75 + [0.01] * 15 + [0.001] * 10)
