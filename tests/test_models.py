"""Facts about models and their normalisers."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.fx import symbolic_trace
from torch.fx.experimental.optimization import fuse

from bench.data import DATASETS
from bench.data.batches import epoch_batches, to_float
from bench.errors import UnknownName
from bench.models import MODELS, build, parts
from bench.models.normalise import NORMALISERS
from bench.models.wrn import wrn

CIFAR = DATASETS["cifar10"]
SMALL = [name for name in MODELS if not name.startswith("wrn")]
FACTS = {  # parameters with 10 and with 100 classes, batch norms
    "cnn": (24_346, 30_196, 3),
    "resnet8": (78_042, 83_892, 9),
    "resnet18": (11_173_962, 11_220_132, 20),
    "preact-resnet18": (11_171_146, 11_217_316, 16),
    "wrn-28-10": (36_479_194, 36_536_884, 25),
    "wrn-34-10": (46_160_474, 46_218_164, 31),
}


@pytest.fixture(params=MODELS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def rng():
    return torch.Generator().manual_seed(0)


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_sizes(name):
    with torch.device("meta"):
        ten, hundred = (MODELS[name](classes, 3) for classes in (10, 100))
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in ten.modules())
    assert (parameters(ten), parameters(hundred), norms) == FACTS[name]


def test_structure(name):
    with torch.device("meta"):
        net = MODELS[name](10, 3)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            assert module.out_channels % 16 == 0
            assert module.bias is None
        assert not getattr(module, "inplace", False)
    called = Counter(node.target for node in symbolic_trace(net).graph.nodes if node.op == "call_module")
    layers = {n for n, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.ReLU | nn.Linear)}
    assert all(called[layer] == 1 for layer in layers)  # each used, and used once


@pytest.mark.parametrize("size", [8, 28, 64])
@pytest.mark.parametrize("small", SMALL)
def test_any_image_size(small, size):
    data = replace(CIFAR, classes=tuple("abcde"), shape=(1, size, size), mean=(0.5,), std=(0.5,))
    assert build(small, data).eval()(torch.zeros(2, 1, size, size)).shape == (2, 5)


def test_logits_survive_folding(name, rng):
    model = build(name, CIFAR)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):  # as if trained
            module.running_mean.normal_(0, 0.1, generator=rng)
            module.running_var.uniform_(0.5, 1.5, generator=rng)
    folded = fuse(model.eval())
    x = torch.rand(1, 3, 32, 32, generator=rng)
    with torch.no_grad():
        logits, again = model(x), folded(x)
    assert logits.shape == (1, 10)
    assert (logits - again).abs().max() <= 1e-4 * logits.abs().max()
    norms = [sum(isinstance(m, nn.BatchNorm2d) for m in net.modules()) for net in (model, folded)]
    assert norms[1] < norms[0]


@pytest.mark.parametrize("small", SMALL)
def test_every_weight_learns(small, rng):
    model = build(small, CIFAR)
    model(torch.rand(4, 3, 16, 16, generator=rng)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())


def test_wrn_starts_as_its_authors_have_it():
    net = wrn(10, 4, 10, 3)
    for conv in (m for m in net.modules() if isinstance(m, nn.Conv2d) and m.weight.numel() > 10_000):
        wanted = math.sqrt(2 / (conv.kernel_size[0] ** 2 * conv.out_channels))
        assert conv.weight.std().item() == pytest.approx(wanted, rel=0.05)
    assert not net[-1].bias.any()


def test_cnn_learns_digits():
    data = DATASETS["digits"]
    train, test = (data.load(split, Path("/nonexistent")) for split in ("train", "test"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build("cnn", data)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
        for epoch in range(6):
            optimiser.param_groups[0]["lr"] = 0.05 if epoch < 4 else 0.005
            for x, y in epoch_batches(train, 64, pad=0, flip=False):
                optimiser.zero_grad()
                nn.functional.cross_entropy(model(x), y).backward()
                optimiser.step()
    with torch.no_grad():
        assert (model.eval()(to_float(test.x)).argmax(1) == test.y).float().mean() > 0.97


# normalisers


def normaliser(tag: str) -> nn.Module:
    return build(f"cnn.{tag}", CIFAR).normalise


def test_default_is_meanstd():
    assert torch.equal(build("cnn", CIFAR).normalise.mean, normaliser("meanstd").mean)


@pytest.mark.parametrize("tag", NORMALISERS)
def test_every_normaliser_can_be_traced(tag, rng):
    model = build(f"cnn.{tag}", CIFAR).eval()
    x = torch.rand(2, 3, 32, 32, generator=rng)
    assert torch.equal(symbolic_trace(model)(x), model(x))


def test_closed_forms(rng):
    x = torch.rand(2, 3, 32, 32, generator=rng)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (CIFAR.mean, CIFAR.std))
    assert torch.equal(normaliser("none")(x), x)
    assert torch.allclose(normaliser("pm1")(x), 2 * x - 1)
    assert torch.allclose(normaliser("meanstd")(x), (x - mean) / std)
    z = normaliser("per_image_std")(x).flatten(1)
    assert torch.allclose(z.mean(1), torch.zeros(2), atol=1e-5)
    assert torch.allclose(z.std(1, correction=0), torch.ones(2), atol=1e-5)


def test_flat_images_meet_the_floor():
    x = torch.full((1, 3, 32, 32), 0.5)
    x[0, 0, 0, 0] += 0.001
    flat = normaliser("per_image_std")(x)
    count = 3 * 32 * 32
    floor = 1 / math.sqrt(count)  # in 0..255 units
    spread = 255 * 0.001 * math.sqrt((count - 1) / count**2)
    assert spread < floor
    assert flat[0, 0, 0, 0].item() == pytest.approx(255 * 0.001 * (1 - 1 / count) / floor, rel=1e-3)
    constant = torch.full((1, 3, 32, 32), 0.5, requires_grad=True)
    normaliser("per_image_std")(constant).square().sum().backward()
    assert constant.grad.isfinite().all()


# names


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("resnet81", "no model named 'resnet81'; did you mean resnet8"),
        ("resnet8.meanst", "no normaliser named 'meanst'; did you mean meanstd"),
        ("vgg", "known: cnn, resnet8"),
    ],
)
def test_unknown_names(wrong, message):
    with pytest.raises(UnknownName, match=message):
        parts(wrong)
