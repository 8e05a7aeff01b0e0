"""Inputs given by formulas, so that numbers once recorded from other people's code need no stored inputs.

Everything is in double precision; i counts the entries of a tensor from 1, in row-major order.
"""

import torch
from torch import Tensor, nn

B, K, SHAPE = 6, 10, (3, 8, 8)
CLASSES = torch.tensor([3, 0, 9, 3, 7, 1])
ORDER = torch.tensor([2, 0, 1, 5, 3, 4])  # for each image, the one it is mixed with
COEFFICIENTS = torch.tensor([0.05, 0.2, 0.4, 0.6, 0.8, 0.95], dtype=torch.float64)  # one an image
POINT = (4, 6)  # row and column


def wave(shape: tuple[int, ...], frequency: float) -> Tensor:
    """sin(frequency i), from -1 to 1."""
    i = torch.arange(1, torch.Size(shape).numel() + 1, dtype=torch.float64)
    return (frequency * i).sin().view(shape)


def images(frequency: float = 1.7) -> Tensor:
    """(6, 3, 8, 8) in [0, 1], some pixels at the ends."""
    return (0.5 + 0.6 * wave((B, *SHAPE), frequency)).clamp(0, 1)


def normal() -> Tensor:
    """Stands for normal noise: 1.5 sin(0.61 i)."""
    return 1.5 * wave((B, *SHAPE), 0.61)


def uniform() -> Tensor:
    """Stands for uniform noise in [0, 1]: (1 + sin(2.3 i)) / 2."""
    return 0.5 + 0.5 * wave((B, *SHAPE), 2.3)


def network() -> nn.Sequential:
    """A convolution, a batch norm and a linear layer; their weight tensor n (from 1) is 0.4 sin(0.7 n i).

    The scales of the batch norm have 1 added; its running mean is 0.2 sin(0.9 i), its running variance
    1 + 0.5 sin(1.1 i).
    """
    model = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, K)).double()
    with torch.no_grad():
        for n, weights in enumerate(model.parameters(), start=1):
            weights.copy_(0.4 * wave(tuple(weights.shape), 0.7 * n))
        model[1].weight += 1
        model[1].running_mean.copy_(0.2 * wave((4,), 0.9))
        model[1].running_var.copy_(1 + 0.5 * wave((4,), 1.1))
    return model.train()


def summary(tensor: Tensor) -> list[float]:
    """Five numbers to compare a tensor by: its first four entries, then the sum of entry i times sin(0.3 i)."""
    tensor = tensor.detach()
    return [*tensor.flatten()[:4].tolist(), float((tensor * wave(tuple(tensor.shape), 0.3)).sum())]


def record(model: nn.Module, loss: Tensor, shown: Tensor, statistics: bool = True) -> dict[str, object]:
    """The numbers of a training step after backward: loss, images, gradients and batch-norm statistics.

    shown: the images that the model was trained on.
    """
    numbers: dict[str, object] = {"loss": loss.item(), "images": summary(shown)}
    numbers["gradients"] = [summary(p.grad) for p in model.parameters()]
    if statistics:
        norm = next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d))
        numbers["statistics"] = [summary(norm.running_mean), summary(norm.running_var)]
    return numbers
