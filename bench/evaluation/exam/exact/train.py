"""Training of the exam's networks: adversarial training on digits, and what makes three of them hard to attack."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from bench.attacks.searches.ascent import Ascent
from bench.core.losses import cross_entropy
from bench.core.rng import fixed_seed
from bench.core.threats.linf import Linf
from bench.data.images import Images
from bench.data.loader import epoch_batches
from bench.data.lookup import dataset
from bench.evaluation.exam.nets import ARCHITECTURES, CLASSES
from bench.training.adversary import Untargeted

SATURATION = 8192.0  # a power of two, so that float32 logits lose no digit
STEEPNESS = 6.0  # of the clamped units after training, in the place of 1


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained. eps: radius of the adversarial images."""

    eps: float
    epochs: int = 40
    batch_size: int = 64
    rate: float = 0.005
    steps: int = 5


TRAININGS = {
    "mlp": TrainingSettings(0.1),
    "cnn": TrainingSettings(0.1),
    "saturated": TrainingSettings(0.1),
    "flat": TrainingSettings(0.1),
    "other-class": TrainingSettings(0.05),
}


def train(name: str, seed: int) -> nn.Sequential:
    """Train a network of the exam; it is returned in eval mode, without gradients of its weights."""
    how, net = TRAININGS[name], ARCHITECTURES[name]()
    images = dataset("digits", Path()).load("train", Path())
    with fixed_seed("exam", name, seed):
        for module in net:
            if isinstance(module, nn.Linear | nn.Conv2d):
                module.reset_parameters()
        _fit(net, images, how, net.parameters())
        if name == "flat":
            first, last = net[1], net[3]
            assert isinstance(first, nn.Linear)
            assert isinstance(last, nn.Linear)
            _steepen(first, STEEPNESS)
            _fit(net, images, how, last.parameters())
    if name == "saturated":
        last = net[-1]
        assert isinstance(last, nn.Linear)
        last.weight.data *= SATURATION
        last.bias.data *= SATURATION
    return net.eval().requires_grad_(False)


def _fit(net: nn.Sequential, images: Images, how: TrainingSettings, weights: Iterable[nn.Parameter]) -> None:
    """Adam on the cross-entropy of adversarial images, with a rate that falls to 0 along a cosine."""
    adversary = Untargeted(Ascent(Linf(how.eps), how.steps, 2.5 * how.eps / how.steps))
    optimiser = torch.optim.Adam(weights, how.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, how.epochs)
    for _ in range(how.epochs):
        for x, y in epoch_batches(images, how.batch_size, pad=0, flip=False):
            q = nn.functional.one_hot(y, CLASSES).to(x)
            optimiser.zero_grad()
            cross_entropy(net(adversary(net, x, q)), q).mean().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        schedule.step()


def _steepen(layer: nn.Linear, factor: float) -> None:
    """Make units clamped to [0, 1] steeper around the middle of their range, 1/2."""
    layer.weight.data *= factor
    layer.bias.data = factor * (layer.bias.data - 0.5) + 0.5
