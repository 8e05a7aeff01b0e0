"""A small model and batch to try a recipe on, and a record of the images that the recipe shows the model."""

import torch
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.rng import fixed_seed
from bench.training.recipe import Recipe

PROBE_SHAPE = (3, 8, 8)


class Broken(BadInput):
    """A recipe breaks the contract. The message says what was seen, and how to correct it."""


def tiny(classes: int = 10) -> nn.Module:
    """A convolution, a batch norm and a linear layer, always with the same weights."""
    with fixed_seed("tiny"):
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, classes),
        )


def batch(shape: tuple[int, int, int] = PROBE_SHAPE, count: int = 8, classes: int = 10) -> tuple[Tensor, Tensor]:
    """Images (count, *shape), of which some pixels are exactly 0 or 1, and hard labels (count, classes)."""
    with fixed_seed("batch"):
        x = torch.rand(count, *shape).mul(1.2).sub(0.1).clamp(0, 1)
        return x, torch.eye(classes)[torch.randint(classes, (count,))]


class Probe:
    """A recipe's model in training, a batch, and a record of the model's inputs.

    seen:     batches that the model was called with in train mode
    attacked: whether it was called with images that require a gradient
    """

    def __init__(self, recipe: Recipe, classes: int = 10, count: int = 8) -> None:
        self.recipe = recipe
        self.model = recipe.prepare(tiny(classes)).train()
        self.x, self.q = batch(count=count, classes=classes)
        self.seen: list[Tensor] = []
        self.attacked = False
        self.model.register_forward_pre_hook(self._note)

    def loss(self, draw: int = 0) -> Tensor:
        """One batch's loss; the same random numbers for the same draw."""
        with fixed_seed("loss", draw):
            return self.recipe.loss(self.model, self.x, self.q)

    def _note(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.attacked |= inputs[0].requires_grad
        if model.training:
            self.seen.append(inputs[0].detach().clone())
