"""The improved KL divergence, IKL-AT, against its authors' code."""

import pytest
import torch
from small import CLASSES, EPS, B, K, Q, close, net
from torch import Tensor, nn
from torch.nn import functional as F
from trainings import job, training

from bench import RECIPES
from bench.core.errors import BadInput
from bench.core.rng import fixed_seed
from bench.training.epoch_share import in_epoch
from methods.dkl import Ikl, WithClassMeans


def official_dkl(logits_nat: Tensor, logits_adv: Tensor, s: Tensor, alpha: float, beta: float) -> Tensor:
    """jiequancui/DKL, DKLv1/Adv-training-dkl/train_dkl_cifar10.py, dkl_loss, by loops."""
    squares, soft = 0, 0
    for nat, adv, weights in zip(logits_nat, logits_adv, s, strict=True):
        for j in range(K):
            for k in range(K):
                squares = squares + weights[j] * weights[k] * ((nat[j] - nat[k]) - (adv[j] - adv[k])) ** 2
        soft = soft - (F.softmax(nat, dim=0).detach() * F.log_softmax(adv, dim=0)).sum()
    return beta * 0.25 * squares / len(s) + alpha * soft / len(s)


class Official:
    """Its training loop with --alpha 4 --beta 20 --T 4, without AWP and averages; a batch is an epoch."""

    def __init__(self) -> None:
        self.weight = torch.ones(K, K, dtype=torch.float64) / K

    def loss(self, model: nn.Module, x: Tensor, y: Tensor, epoch: int, epochs: int) -> Tensor:
        epsilon = EPS * epoch / epochs
        onehot = F.one_hot(y, K).double()
        s = onehot @ self.weight
        model.eval()
        x_adv = x + 0.001 * torch.randn(x.shape, dtype=x.dtype)
        for _ in range(5):
            x_adv = x_adv.detach().requires_grad_()
            (grad,) = torch.autograd.grad(official_dkl(model(x), model(x_adv), s, 1.0, 0.0), x_adv)
            x_adv = torch.min(torch.max(x_adv + epsilon / 2 * grad.sign(), x - epsilon), x + epsilon)
            x_adv = torch.clamp(x_adv, 0, 1)
        model.train()
        logits_adv, logits_nat = model(x_adv.detach()), model(x)
        weight = onehot.t() @ F.softmax(logits_nat.detach() / 4, dim=-1)
        total = weight.sum(1, keepdim=True)  # the official code divides by 0 where a class has no image
        self.weight = torch.where(total > 0, weight / total.clamp_min(1e-12), self.weight)
        return F.cross_entropy(logits_nat, y) + official_dkl(logits_nat, logits_adv, s, 4.0, 20.0)


def test_ikl_is_the_official_loss_with_the_official_gradient_epoch_by_epoch(x):
    recipe, theirs, official = RECIPES["IKL-AT"], net(), Official()
    ours = recipe.prepare(net()).double().train()
    for epoch, y in ((1, CLASSES), (2, CLASSES.flip(0)), (3, CLASSES)):
        with fixed_seed("ikl", epoch), in_epoch(epoch, 3):
            loss = recipe.loss(ours, x, torch.eye(K, dtype=torch.float64)[y])
        with fixed_seed("ikl", epoch):
            expected = official.loss(theirs, x, y, epoch, 3)
        assert close(loss, expected, 1e-10)
        for a, b in zip(
            torch.autograd.grad(loss, list(ours.parameters())),
            torch.autograd.grad(expected, list(theirs.parameters())),
            strict=True,
        ):
            assert close(a, b, 1e-9)


def test_means_are_of_the_epoch_before_and_uniform_where_a_class_had_no_image():
    means = WithClassMeans(net()).double()
    p = torch.softmax(torch.arange(B * K, dtype=torch.float64).view(B, K).sin(), 1)
    with in_epoch(1, 2):
        for _ in range(2):
            assert torch.equal(means.update(Q, p), torch.full((K, K), 1 / K, dtype=torch.float32).double())
    with in_epoch(2, 2):
        found = means.update(Q, p)
    assert close(found[3], (p[0] + p[3]) / 2), "two images are of class 3"
    assert close(found[9], p[2])
    assert close(found[5], torch.full((K,), 1 / K, dtype=torch.float64), 1e-7)
    assert close(found.sum(1), torch.ones(K, dtype=torch.float64), 1e-6)


def test_without_its_terms_it_is_standard_training_and_both_add_to_it(x):
    def loss(**weights: float) -> float:
        with fixed_seed("ikl"):
            return Ikl(**weights).loss(Ikl().prepare(net()).double().train(), x, Q).item()

    clean = loss(alpha=0.0, beta=0.0)
    assert clean == pytest.approx(F.cross_entropy(net()(x), CLASSES).item())
    soft, squares = loss(beta=0.0) - clean, loss(alpha=0.0) - clean
    assert min(soft, squares) > 0
    assert loss() == pytest.approx(clean + soft + squares)


def test_a_shift_of_all_logits_changes_nothing(x):
    """Differences between classes alone count, as of the KL divergence."""
    losses = []
    for shift in (0.0, 7.0):
        model = net()
        with torch.no_grad():
            model[-1].bias += shift
        with fixed_seed("ikl"):
            losses.append(Ikl().loss(Ikl().prepare(model).double().train(), x, Q))
    assert close(*losses, 1e-9)


def test_a_training_collects_the_means_of_its_epochs_and_leaves_none_in_the_finished_model(tmp_path):
    under_way, means = training(job("IKL-AT")), []
    last, _ = under_way.run(tmp_path / "state", lambda record: means.append(under_way.model.means.clone()))
    assert torch.allclose(means[0], torch.full((10, 10), 0.1))
    assert all(torch.allclose(found.sum(1), torch.ones(10)) for found in means)
    assert means[2].diag().mean() > 0.11, "the model is right more often than by chance"
    assert not [name for name in last["main"].state_dict() if "means" in name or "sums" in name]


def test_a_model_without_a_linear_layer_is_refused_in_one_line():
    with pytest.raises(BadInput, match=r"ends in nn\.Linear, as it counts"):
        RECIPES["IKL-AT"].prepare(nn.Sequential(nn.Conv2d(3, 10, 8), nn.Flatten()))
