"""Copies of models whose batch norms are folded into their convolutions."""

import pytest
import torch
from torch import Tensor, nn

import methods  # noqa: F401
from bench import DATASETS, cross_entropy, frozen
from bench.core.rng import fixed_seed
from bench.models.batch_norm.folding import TOLERANCE, FoldedModel, fast_copy, find_folded, keep_folded
from bench.models.build import build
from bench.models.resnet import preact_resnet, resnet


@pytest.fixture(autouse=True)
def same_draws():
    with fixed_seed("vocabulary"):
        yield


def trained(net: nn.Module) -> nn.Module:
    """With weights and statistics unlike those at the start."""
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.3, 2)
        nn.init.normal_(norm.weight, 1, 0.2)
        nn.init.normal_(norm.bias, 0, 0.2)
    return net


NETS = {  # nets, and how many batch norms follow a convolution whose output goes nowhere else
    "cnn": (lambda: build("cnn", DATASETS["digits"]), 3),
    "resnet": (lambda: resnet((16, 16), 1, 10, 1), 6),
    "preact": (lambda: preact_resnet((16, 16), 1, 10, 1), 2),
}


@pytest.mark.parametrize("kind", NETS)
def test_a_folded_copy_has_the_logits_and_the_gradient_of_its_model(kind):
    make, pairs = NETS[kind]
    model = trained(make()).double().eval()
    folded_model = FoldedModel(model)
    assert len(folded_model.pairs) == pairs
    norms, left = (sum(isinstance(m, nn.BatchNorm2d) for m in net.modules()) for net in (model, folded_model.graph))
    assert left == norms - pairs
    x = torch.rand(3, 1, 8, 8, dtype=torch.float64)
    results = []
    for net in (model, folded_model.refresh()):
        z = x.clone().requires_grad_()
        logits = net(z)
        results.append((logits.detach(), *torch.autograd.grad(cross_entropy(logits, torch.eye(10)[:3].to(z)).sum(), z)))
    for ours, theirs in zip(*results, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_a_norm_before_its_convolution_is_left_alone():
    net = trained(nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 16, 3), nn.ReLU(), nn.BatchNorm2d(16))).eval()
    folded_model = FoldedModel(net)
    assert folded_model.pairs == []
    with keep_folded(net, torch.rand(2, 1, 5, 5)):
        assert find_folded(net) is net


def test_a_convolution_that_something_else_reads_too_is_left_alone():
    class Forked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            return (self.norm(y) + y).mean((2, 3))

    assert FoldedModel(trained(Forked()).eval()).pairs == []


def test_a_folded_copy_follows_its_model_through_training():
    model, x = trained(build("cnn", DATASETS["digits"])).train(), torch.rand(4, 1, 8, 8)
    with keep_folded(model, x):
        assert model.training
        with frozen(model) as attacked, torch.no_grad():
            assert attacked is not model
            before = attacked(x)
        model(x + 0.1).square().sum().backward()  # new statistics
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.01 * p.grad.sign()
        with frozen(model) as attacked, torch.no_grad():
            after, own = attacked(x), model(x)
        assert (after - own).abs().max() <= TOLERANCE * own.abs().max()
        assert (after - before).abs().max() > 0.01 * own.abs().max()
        for kind in ("batch", "moving"):
            with frozen(model, kind) as attacked:
                assert attacked is model, "only running statistics can be folded"
    with frozen(model) as attacked:
        assert attacked is model, "outside the block there is no folded copy"


class Branching(nn.Module):
    """Looks at its input, so that it cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.Flatten(), nn.Linear(16 * 36, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x if x.sum() > 0 else -x)


class Moody(Branching):
    """Computes something else than its trace says."""

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x) + (1 if type(x) is Tensor else 0)


class Training(Branching):
    """A model that raises if it is called in eval mode."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            raise SystemExit("train me")
        return self.net(x)


def test_a_model_that_ends_the_process_in_eval_mode_is_trained_without_a_folded_copy():
    model, x = Training(), torch.rand(2, 1, 8, 8)
    with keep_folded(model, x):
        assert find_folded(model) is model
        assert model.training


@pytest.mark.parametrize("kind", [Branching, Moody])
def test_a_model_that_cannot_be_folded_is_attacked_itself(kind):
    model, x = trained(kind()).train(), torch.rand(2, 1, 8, 8)
    with keep_folded(model, x):
        assert find_folded(model) is model
        assert model.training
    logits = model.eval()(x)
    assert torch.allclose(fast_copy(model, x)(x), logits, atol=1e-5)


@pytest.mark.parametrize("kind", NETS)
def test_an_attackable_copy_has_the_logits_of_its_model_and_leaves_it_alone(kind):
    model, x = trained(NETS[kind][0]()).eval(), torch.rand(4, 1, 8, 8)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    copy = fast_copy(model, x)
    assert copy is not model
    assert not any(p.requires_grad for p in copy.parameters())
    assert not any(m.training for m in copy.modules())
    assert all(p.requires_grad for p in model.parameters())
    with torch.no_grad():
        assert (copy(x) - model(x)).abs().max() <= TOLERANCE * model(x).abs().max()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
