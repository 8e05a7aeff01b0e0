"""Eval mode, gradients and hooks for any kind of model, TorchScript and exported programs included."""

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy


def set_eval(model: nn.Module) -> nn.Module:
    """Set eval mode and return the model; an exported program, which has no modes, stays as it is."""
    has_modes(model)
    return model


def has_modes(model: nn.Module) -> bool:
    """Whether the model has a train and an eval mode; it is left in eval mode."""
    try:
        model.eval()
    except NotImplementedError:
        return False
    return True


class _Script(nn.Module):
    """A module around a TorchScript model, to which hooks can be added."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(x)
        return logits


def with_hooks(model: nn.Module) -> nn.Module:
    """The model, or a module around it if it is TorchScript, which accepts no hooks."""
    return _Script(model) if isinstance(model, torch.jit.ScriptModule) else model


def set_requires_grad(model: nn.Module, wanted: bool) -> nn.Module:
    """Set requires_grad of all weights, except uninitialised lazy ones, and return the model."""
    for p in model.parameters():
        if not is_lazy(p) and (p.is_floating_point() or not wanted):
            p.requires_grad_(wanted)
    return model
