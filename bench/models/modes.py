"""Eval mode and gradients of any kind of model, as TorchScript and exported programs have ways of their own."""

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy


def set_eval(model: nn.Module) -> nn.Module:
    """The model in eval mode. An exported program stays in the one that it was exported in."""
    has_modes(model)
    return model


def has_modes(model: nn.Module) -> bool:
    """Whether eval() means anything to the model, which is set to it."""
    try:
        model.eval()
    except NotImplementedError:
        return False
    return True


class _Script(nn.Module):
    """A TorchScript model inside one that takes hooks."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(x)
        return logits


def hookable(model: nn.Module) -> nn.Module:
    """The model, or (of TorchScript, which takes no hooks) one around it that computes the same."""
    return _Script(model) if isinstance(model, torch.jit.ScriptModule) else model


def set_requires_grad(model: nn.Module, wanted: bool) -> nn.Module:
    """The model with all its weights asking for gradients, or none of them; lazy layers without a shape left out."""
    for p in model.parameters():
        if not is_lazy(p) and (p.is_floating_point() or not wanted):
            p.requires_grad_(wanted)
    return model
