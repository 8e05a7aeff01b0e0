"""Models and their normalisers."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small import EACH_MODEL
from torch import nn
from torch.fx import symbolic_trace
from torch.nn import functional as F

from bench.commands.speed.race import flops
from bench.core.errors import BadInput, UnknownName
from bench.data.dataset import DATASETS
from bench.data.loader import epoch_batches, to_float
from bench.models.batch_norm.folding import FoldedModel
from bench.models.build import MODELS, build, find_parts, smallest_side
from bench.models.madry_wrn import madry_wrn
from bench.models.normalise import NORMALISERS
from bench.models.wrn import wrn

CIFAR = DATASETS["cifar10"]
FACTS = {  # parameters with 10 and with 100 classes, batch norms, and how many of these a convolution takes in
    "cnn": (24_346, 30_196, 3, 3),
    "resnet8": (78_042, 83_892, 9, 9),
    "resnet8-s32": (308_650, 320_260, 9, 9),
    "resnet8-s48": (691_834, 709_204, 9, 9),
    "resnet8-s64": (1_227_594, 1_250_724, 9, 9),
    "resnet18": (11_173_962, 11_220_132, 20, 20),
    "preact-resnet18": (11_171_146, 11_217_316, 16, 8),
    "preact-resnet18-bn": (11_172_170, 11_218_340, 17, 8),
    "wrn-16-8": (10_961_370, 11_007_540, 13, 7),
    "wrn-28-10": (36_479_194, 36_536_884, 25, 13),
    "wrn-34-10": (46_160_474, 46_218_164, 31, 16),
    "madry-wrn": (45_901_914, 45_959_604, 31, 16),
    "densenet121": (6_956_298, 7_048_548, 120, 58),
    "resnext29-2x64d": (9_128_778, 9_221_028, 31, 31),
    "resnext29-32x4d": (4_774_218, 4_866_468, 31, 31),
    "vgg16-bn": (14_724_042, 14_770_212, 13, 13),
    "vgg16-bn-224": (134_309_962, 134_678_692, 13, 13),
    "resnet18-imagenet": (11_181_642, 11_227_812, 20, 20),
    "resnet50": (23_528_522, 23_712_932, 53, 53),
    "resnext50-32x4d": (23_000_394, 23_184_804, 53, 53),
}


@pytest.fixture(params=MODELS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def rng():
    return torch.Generator().manual_seed(0)


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("name", FACTS)
def test_sizes(name):
    with torch.device("meta"):
        ten, hundred = (MODELS[name](classes, 3) for classes in (10, 100))
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in ten.modules())
    assert (parameters(ten), parameters(hundred), norms) == FACTS[name][:3]


def test_the_imagenet_layout_has_its_published_size():
    with torch.device("meta"):
        assert parameters(MODELS["resnet18-imagenet"](1000, 3)) == 11_689_512


def test_structure(name):
    with torch.device("meta"):
        net = MODELS[name](10, 3)
    has_norms = any(isinstance(module, nn.BatchNorm2d) for module in net.modules())  # which add a bias of their own
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            assert module.out_channels % 16 == 0
            assert module.bias is None or not has_norms or name == "vgg16-bn-224" or name not in FACTS
        assert not getattr(module, "inplace", False)
    nodes = symbolic_trace(net).graph.nodes
    called = Counter(node.target for node in nodes if node.op == "call_module")
    for layer, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.LeakyReLU | nn.Linear):
            assert called[layer] == 1
        elif isinstance(module, nn.ReLU):
            assert called[layer] >= 1  # torchvision's blocks use theirs again
    others = {node.target for node in nodes if node.op != "call_module"}
    assert not others & {F.relu, F.leaky_relu, F.batch_norm, torch.relu, "relu"}


@pytest.mark.parametrize("width", [32, 48, 64])
def test_a_strided_resnet8_sees_a_quarter_of_the_pixels_in_every_stage(width):
    """And computes on 32x32 pixels as much as resnet8 does where it is 32 wide: convolutions and logits, one image."""
    sizes, x = [], torch.zeros(1, 3, 32, 32, device="meta")
    with torch.device("meta"):
        net, plain = MODELS[f"resnet8-s{width}"](10, 3), MODELS["resnet8"](10, 3)
    for stage in net[3:6]:
        stage.register_forward_hook(lambda module, inputs, out: sizes.append(tuple(out.shape[1:])))
    computed = flops(net, x)
    assert sizes == [(width, 16, 16), (2 * width, 8, 8), (4 * width, 4, 4)]
    if width == 32:
        assert computed == pytest.approx(flops(plain, x), rel=0.02)


@pytest.mark.parametrize("size", [8, 28, 64])
def test_any_number_of_channels_and_any_size_from_the_smallest(name, size):
    size = max(size, smallest_side(name))
    data = replace(CIFAR, classes=tuple("abcde"), shape=(1, size, size), mean=(0.5,), std=(0.5,))
    with torch.device("meta"):
        assert build(name, data).eval()(torch.zeros(2, 1, size, size)).shape == (2, 5)


def test_the_smallest_size_is_what_the_net_can_compute(name):
    least = smallest_side(name)
    with torch.device("meta"):
        net = MODELS[name](10, 3).eval()
        assert net(torch.zeros(1, 3, least, least)).shape == (1, 10)
        if least > 1:
            with pytest.raises(RuntimeError, match="size"):
                net(torch.zeros(1, 3, least, least - 1))


def test_images_too_small_are_refused_in_one_line():
    message = "vgg16-bn needs images of 32x32 pixels or more, and digits has 8x8; give --model another"
    for refused in (find_parts, build):
        with pytest.raises(BadInput, match=message):
            refused("vgg16-bn.pm1", DATASETS["digits"])
    find_parts("densenet121", DATASETS["digits"])


@pytest.mark.parametrize("name", EACH_MODEL)
def test_logits_survive_folding(name, rng):
    model = build(name, CIFAR).eval().to(memory_format=torch.channels_last)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):  # as if trained
            module.running_mean.normal_(0, 0.1, generator=rng)
            module.running_var.uniform_(0.5, 1.5, generator=rng)
    folded_model = FoldedModel(model)
    if name in FACTS:
        assert len(folded_model.pairs) == FACTS[name][3]
    x = torch.rand(1, 3, 32, 32, generator=rng)
    with torch.no_grad():
        logits, again = model(x), folded_model.refresh()(x)
    assert logits.shape == (1, 10)
    assert (logits - again).abs().max() <= 1e-4 * logits.abs().max()


@pytest.mark.parametrize("name", EACH_MODEL)
def test_every_weight_learns(name, rng):
    model = build(name, CIFAR)
    size = max(smallest_side(name), 8)
    model(torch.rand(4, 3, size, size, generator=rng)).square().sum().backward()
    idle = {m.bias for m in model.modules() if isinstance(m, nn.Conv2d)}  # the batch norm behind takes it away
    assert all(p.grad.abs().sum() > 0 for p in model.parameters() if p not in idle)


def test_wrn_starts_as_its_authors_have_it():
    net = wrn(10, 4, 10, 3)
    for conv in (m for m in net.modules() if isinstance(m, nn.Conv2d) and m.weight.numel() > 10_000):
        wanted = math.sqrt(2 / (conv.kernel_size[0] ** 2 * conv.out_channels))
        assert conv.weight.std().item() == pytest.approx(wanted, rel=0.05)
    assert not net[-1].bias.any()


def test_madrys_net_computes_what_its_authors_code_does(rng):
    """Logits of a transcription, in train mode; strided convolutions padded on four sides in both."""

    def bn_relu(norm, x):
        return F.leaky_relu(F.batch_norm(x, None, None, norm.weight, norm.bias, True, eps=1e-3), 0.1)

    def residual(unit, x, stride, activate_before_residual):
        orig_x = x
        x = bn_relu(unit.active[0], x)
        if activate_before_residual:
            orig_x = x
        x = F.conv2d(x, unit.inner[0].weight, stride=stride, padding=1)
        x = F.conv2d(bn_relu(unit.inner[1], x), unit.inner[3].weight, padding=1)
        if x.shape[1] != orig_x.shape[1]:
            orig_x = F.avg_pool2d(orig_x, stride, stride)
            zeros = orig_x.new_zeros(len(x), (x.shape[1] - orig_x.shape[1]) // 2, *x.shape[2:])
            orig_x = torch.cat([zeros, orig_x, zeros], 1)
        return x + orig_x

    net = madry_wrn(10, 3)
    images = torch.rand(4, 3, 8, 8, generator=rng)
    with torch.no_grad():
        x = F.conv2d(images, net[0].weight, padding=1)
        for group, stride in zip(net[1:4], (1, 2, 2), strict=True):
            for i, unit in enumerate(group):
                x = residual(unit, x, stride if i == 0 else 1, group is net[1] and i == 0)
        logits = F.linear(bn_relu(net[4], x).mean((2, 3)), net[-1].weight, net[-1].bias)
        assert (net(images) - logits).abs().max() <= 1e-4 * logits.abs().max()


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
        ("vgg", "known: cnn, densenet121"),
    ],
)
def test_unknown_names(wrong, message):
    with pytest.raises(UnknownName, match=message):
        find_parts(wrong, CIFAR)
