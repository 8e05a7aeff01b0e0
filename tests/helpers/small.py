"""A small model and batch in double precision, and what a recipe trains the model on.

Tests compare the latter with methods written out after the papers.
"""

import sys
from copy import deepcopy
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench import Recipe
from bench.core.rng import fixed_seed
from bench.models.build import MODELS

EPS, STEP, B, K = 8 / 255, 2 / 255, 5, 10
CLASSES = torch.tensor([3, 0, 9, 3, 7])
Q = torch.eye(K, dtype=torch.float64)[CLASSES]

LARGE = ("wrn-28-10", "wrn-34-10", "madry-wrn", "vgg16-bn-224")
EACH_MODEL = [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in MODELS]


def net() -> nn.Module:
    with fixed_seed("net"):
        model = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(8, K)
        )
        model[1].running_mean.normal_(0, 0.2)
        model[1].running_var.uniform_(0.3, 1.5)
        return model.double().train()


def images() -> Tensor:
    with fixed_seed("images"):
        return torch.rand(B, 3, 8, 8, dtype=torch.float64).mul(1.2).sub(0.1).clamp(0, 1)  # some pixels are 0 or 1


@dataclass
class TrainingPass:
    """One forward pass that a recipe trains on: its images and labels, the loss of the batch, and the model."""

    images: Tensor
    labels: Tensor
    loss: Tensor
    model: nn.Module


def training_passes(
    recipe: Recipe, x: Tensor, q: Tensor = Q, seed: int = 0, model: nn.Module | None = None
) -> list[TrainingPass]:
    """Compute a recipe's loss, and return its training forward passes (not those of its attack), in order.

    x: images (B, C, H, W). q: label distributions (B, K). seed: of the random numbers, which the attack draws first.
    model: `net()` if None. Every pass has the same loss, that of the whole batch.
    """
    learner = getattr(recipe, "objective", recipe)  # the recipe whose loss a fine-tuning recipe uses
    home, labels, images, model = sys.modules[type(learner).__module__], [], [], model or net()

    def record_images(module: nn.Module, inputs: tuple[Tensor]) -> None:
        if all(m.training for m in model.modules()) and not inputs[0].requires_grad:
            images.append(inputs[0].detach())

    def record_labels(logits: Tensor, target: Tensor) -> Tensor:
        if model.training:
            labels.append(target.detach())
        return true(logits, target)

    true = home.cross_entropy
    handle = model.register_forward_pre_hook(record_images)
    with pytest.MonkeyPatch.context() as patch, fixed_seed("shown", seed):
        patch.setattr(home, "cross_entropy", record_labels)
        loss = recipe.loss(model, x, q)
    handle.remove()
    return [TrainingPass(image, label, loss, model) for image, label in zip(images, labels, strict=True)]


def training_pass(
    recipe: Recipe, x: Tensor, q: Tensor = Q, seed: int = 0, model: nn.Module | None = None
) -> TrainingPass:
    """As `training_passes`, for a recipe with exactly one training forward pass."""
    (only,) = training_passes(recipe, x, q, seed, model)
    return only


def set_beta_draws(patch: pytest.MonkeyPatch, module: str, *values: float | Tensor) -> list[tuple[float, str]]:
    """Make methods.<module> draw these numbers from its Beta distribution, in order.

    Returns a list that collects the (alpha, per) of each call.
    """
    calls, waiting = [], list(values)

    def next_value(alpha: float, like: Tensor, per: str) -> Tensor:
        calls.append((alpha, per))
        return torch.as_tensor(waiting.pop(0), dtype=like.dtype).expand(len(like))

    patch.setattr(f"methods.{module}.beta", next_value)
    return calls


def equal(a: TrainingPass, b: TrainingPass) -> bool:
    return torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) and torch.equal(a.loss, b.loss)


def close(a: Tensor, b: Tensor, slack: float = 1e-12) -> bool:
    return bool((a - b).abs().max() <= slack)


def smoothed_label(y: int, w: float, classes: int = K) -> Tensor:
    """Smoothed label (classes,): w for class y, the rest divided equally among the others; written as a loop."""
    return torch.tensor([w if k == y else (1 - w) / (classes - 1) for k in range(classes)], dtype=torch.float64)


def soft_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return -sum((labels[i] * F.log_softmax(logits[i], 0)).sum() for i in range(len(logits))) / len(logits)


def madry_pgd(model: nn.Module, x: Tensor, y: Tensor, steps: int, step: float, stats: str = "running") -> Tensor:
    """PGD of MadryLab/cifar10_challenge on [0, 1] images, as written there.

    stats: the batch-norm statistics that the attack sees: running ones, those of the batch (of a copy), or those of the
    batch on the model itself, whose running statistics then move.
    """
    attacked = {"running": lambda: deepcopy(model).eval(), "batch": lambda: deepcopy(model), "moving": lambda: model}
    target = attacked[stats]()
    x_adv = x + torch.empty_like(x).uniform_(-EPS, EPS)
    x_adv = torch.clip(x_adv, 0, 1)
    for _ in range(steps):
        x_adv = x_adv.detach().requires_grad_()
        loss = F.cross_entropy(target(x_adv), y, reduction="sum")
        grad = torch.autograd.grad(loss, [x_adv])[0]
        x_adv = x_adv.detach() + step * torch.sign(grad)
        x_adv = torch.min(torch.max(x_adv, x - EPS), x + EPS)
        x_adv = torch.clip(x_adv, 0, 1)
    return x_adv
