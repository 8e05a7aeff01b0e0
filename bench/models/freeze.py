"""Sets a model to eval mode without gradients of its weights, while it is attacked or measured."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import is_lazy

from bench.models.batch_norm.folding import find_folded
from bench.models.modes import set_eval, set_requires_grad

Stats = Literal["running", "batch", "moving"]


@contextmanager
def frozen(model: nn.Module, stats: Stats = "running") -> Iterator[nn.Module]:
    """Inside the block, the model is in eval mode and its weights take no gradient, as an adversary needs it.

    Args:
        model: images (B, C, H, W) to logits (B, K). Its modes and gradients are as before after the block.
        stats: what batch norms normalise by: `running`, their running statistics; `batch`, the batch's own, and the
            running ones are left alone; `moving`, the batch's own, and every pass updates the running ones, as in the
            code of Madry et al.

    Yields:
        The model, or its copy with batch norms folded where training keeps one and running statistics allow it.

    Example:
        >>> from torch import nn
        >>> from bench import frozen
        >>> model = nn.Linear(2, 2)
        >>> with frozen(model) as attacked:
        ...     attacked.training, attacked.weight.requires_grad
        (False, False)
        >>> model.training, model.weight.requires_grad
        (True, True)
    """
    modes = {m: m.training for m in model.modules() if hasattr(m, "training")}  # frozen TorchScript has none
    grads = {p: p.requires_grad for p in model.parameters()}
    norms = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    set_requires_grad(set_eval(model), False)
    if stats != "running":
        for norm, momentum in norms.items():
            norm.training, norm.momentum = True, 0.0 if stats == "batch" else momentum
    try:
        yield find_folded(model) if stats == "running" else model
    finally:
        for m, mode in modes.items():
            m.training = mode
        for p, grad in grads.items():
            if not is_lazy(p):
                p.requires_grad_(grad)
        for norm, momentum in norms.items():
            norm.momentum = momentum
