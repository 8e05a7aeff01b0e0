"""A model in eval mode whose weights take no gradient, for as long as something is measured on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import is_lazy

from bench.models.bn_folding import folded
from bench.models.modes import set_eval, set_requires_grad

Stats = Literal["running", "batch", "moving"]


@contextmanager
def frozen(model: nn.Module, stats: Stats = "running") -> Iterator[nn.Module]:
    """The model as an adversary meets it: eval mode, weights without gradients. Undone on exit.

    stats: what batch norm normalises by: its running statistics, or the batch's own ("batch" leaves the
           running ones alone, "moving" lets every attack step update them, as Madry et al.'s code did).
    Yields the model, or its folded twin where training keeps one and running statistics allow it.
    """
    modes = {m: m.training for m in model.modules() if hasattr(m, "training")}  # frozen TorchScript has none
    grads = {p: p.requires_grad for p in model.parameters()}
    norms = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    set_requires_grad(set_eval(model), False)
    if stats != "running":
        for norm, momentum in norms.items():
            norm.training, norm.momentum = True, 0.0 if stats == "batch" else momentum
    try:
        yield folded(model) if stats == "running" else model
    finally:
        for m, mode in modes.items():
            m.training = mode
        for p, grad in grads.items():
            if not is_lazy(p):
                p.requires_grad_(grad)
        for norm, momentum in norms.items():
            norm.momentum = momentum
