"""Epochs of adversarial training against loops written as the public code of papers, with its data pipeline."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from bench.attacks.searches.ascent import Ascent
from bench.commands.speed.race import Contest, Contestant, RaceResult
from bench.commands.speed.subject import Subject
from bench.core.passes import count_passes
from bench.core.rng import fixed_seed
from bench.core.threats.lengths import REFERENCE_EPS
from bench.data.images import Images
from bench.data.loader import epoch_batches, to_float
from bench.models.batch_norm.folding import find_folded, keep_folded
from bench.training.precision import is_bf16_native
from bench.training.recipe import RECIPES, Recipe, scaled

LR, MOMENTUM = 0.05, 0.9  # of SGD
WARM_UP_IMAGES = 8  # images that each loop trains on before the clock starts, so that imports and first calls are over

Loop = Callable[[Ascent, nn.Module, torch.optim.Optimizer, Tensor, Tensor], None]


def race_epochs(subject: Subject) -> Contest:
    """An epoch of PGD-AT on the test images in fp32, against loops written as the code of two papers."""
    return _contest(subject, "training, PGD-AT", "fp32")


def race_epochs_in_bf16(subject: Subject) -> Contest:
    """The same in bf16, against the same loops in fp32. No pairs on devices that only emulate bf16."""
    if not is_bf16_native(subject.test.x.device):
        return Contest({}, ())
    return _contest(subject, "training in bf16, PGD-AT", "bf16")


def _contest(subject: Subject, name: str, precision: str) -> Contest:
    recipe = scaled(RECIPES["PGD-AT"], subject.threat.eps / REFERENCE_EPS)
    ascent: Ascent = recipe.adversary.ascent  # type: ignore[attr-defined]  # PGD-AT has one
    ours = deepcopy(subject.model).to(memory_format=torch.channels_last)
    runners: dict[str, Contestant | None] = {name: partial(_our_epoch, recipe, ours, subject, precision)}
    _our_epoch(recipe, ours, subject, precision, WARM_UP_IMAGES)
    for peer, loop in LOOPS.items():
        theirs = deepcopy(subject.model)
        _their_epoch(loop, ascent, theirs, subject, WARM_UP_IMAGES)
        runners[peer] = partial(_their_epoch, loop, ascent, theirs, subject)
    reduced = torch.bfloat16 if precision == "bf16" else torch.float32
    return Contest(runners, tuple((name, peer) for peer in LOOPS), reduced)


def _our_epoch(recipe: Recipe, model: nn.Module, subject: Subject, precision: str, n: int | None = None) -> RaceResult:
    """An epoch as the trainer does it, without the validation at its end, which the loops do not have either."""
    images, sgd = subject.test.first(n or subject.n), _sgd(model)
    autocast = torch.autocast(images.x.device.type, torch.bfloat16, enabled=precision == "bf16")
    sample = to_float(images.x[:WARM_UP_IMAGES])
    with fixed_seed("epoch"), keep_folded(model, sample), count_passes(*{model, find_folded(model)}) as passes:
        for x, y in epoch_batches(images, subject.batch_size, pad=subject.pad, flip=subject.flip):
            model.train()
            with autocast:
                loss = recipe.loss(model, x, F.one_hot(y, subject.classes).float())
            sgd.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            sgd.step()
    return RaceResult(None, None, passes.forwards, passes.backwards)


def _their_epoch(loop: Loop, ascent: Ascent, model: nn.Module, subject: Subject, n: int | None = None) -> RaceResult:
    sgd = _sgd(model)
    with fixed_seed("epoch"):
        for x, y in _loader(subject, n or subject.n):
            loop(ascent, model, sgd, x.to(subject.test.x.device), y.to(subject.test.x.device))
    return RaceResult()


def trades_style(ascent: Ascent, model: nn.Module, sgd: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    """A training step as in yaodongyu/TRADES: attack in eval mode, gradients with respect to the images only."""
    model.eval()
    x_adv = ascent.first(x).detach()
    for _ in range(ascent.steps):
        x_adv.requires_grad_()
        with torch.enable_grad():
            loss = F.cross_entropy(model(x_adv), y, reduction="sum")
        (grad,) = torch.autograd.grad(loss, x_adv)
        x_adv = ascent.step(x_adv.detach(), grad, x)
    model.train()
    sgd.zero_grad()
    F.cross_entropy(model(x_adv), y).backward()  # type: ignore[no-untyped-call]
    sgd.step()


def fast_adversarial_style(ascent: Ascent, model: nn.Module, sgd: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    """A training step as in train_pgd.py of locuslab/fast_adversarial: train mode, gradients of the weights as well."""
    model.train()
    x_adv = ascent.first(x).detach()
    for _ in range(ascent.steps):
        x_adv.requires_grad_()
        F.cross_entropy(model(x_adv), y).backward()  # type: ignore[no-untyped-call]
        assert x_adv.grad is not None
        x_adv = ascent.step(x_adv.detach(), x_adv.grad, x)
    loss = F.cross_entropy(model(x_adv), y)
    sgd.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    sgd.step()


LOOPS: dict[str, Loop] = {"TRADES-style loop": trades_style, "fast_adversarial-style loop": fast_adversarial_style}


def _sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), LR, momentum=MOMENTUM)


class TorchvisionImages(Dataset[tuple[Tensor, int]]):
    """A data set as torchvision's: images one at a time, by Pillow and transforms."""

    def __init__(self, images: Images, transform: Callable[[Any], Tensor]) -> None:
        x = images.x[:]
        whole = x if x.dtype == torch.uint8 else (255 * x).round().byte()
        self.pixels: np.ndarray[Any, np.dtype[np.uint8]] = whole.cpu().permute(0, 2, 3, 1).numpy()
        self.labels, self.transform = images.y.tolist(), transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        pixels = self.pixels[index]
        return self.transform(Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)), self.labels[index]


def _loader(subject: Subject, n: int) -> Iterator[tuple[Tensor, Tensor]]:
    from torchvision import transforms  # takes seconds

    cropped = [transforms.RandomCrop(subject.test.x.shape[-2:], padding=subject.pad)] if subject.pad else []
    flipped = [transforms.RandomHorizontalFlip()] if subject.flip else []
    pictures = TorchvisionImages(subject.test.first(n), transforms.Compose([*cropped, *flipped, transforms.ToTensor()]))
    return iter(DataLoader(pictures, batch_size=min(subject.batch_size, n), shuffle=True, drop_last=True))
