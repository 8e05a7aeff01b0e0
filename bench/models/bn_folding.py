"""Models made cheaper to attack: batch norms folded into the convolutions before them, channels last.

In eval mode a batch norm is an affine map per channel, so conv -> norm equals one conv. Attacks spend all their
time in such passes. Folding is tried on any model that torch.fx can trace, and used only if the logits agree.
A model with switches is left as it is: its twin would compute what was chosen when it was made.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from operator import attrgetter
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from bench.core.foreign.guard import guarded_call
from bench.models.modes import set_eval, set_requires_grad
from bench.models.split_batchnorm import Switch

TOLERANCE = 1e-4  # of the largest logit: how far a twin's logits may be from the model's

log = logging.getLogger("bench")


class FoldedModel:
    """An eval-mode graph of `model` without the batch norms that follow a convolution.

    It shares every other layer with the model, so after a training step only `refresh` is due.
    """

    def __init__(self, model: nn.Module) -> None:
        assert not _has_switches(model), "a graph keeps the choice it was traced with"
        graph = fx.symbolic_trace(model).graph
        layers: dict[str, nn.Module] = dict(model.named_modules())
        parts: dict[str, object] = {
            str(node.target): attrgetter(str(node.target))(model)
            for node in graph.nodes
            if node.op in ("call_module", "get_attr")
        }
        self.pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d, nn.Conv2d]] = []
        for node in list(graph.nodes):
            source = node.args[0] if node.args else None
            if node.op != "call_module" or not isinstance(source, fx.Node) or source.op != "call_module":
                continue
            conv, norm = layers[str(source.target)], layers[str(node.target)]
            if not (isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)):
                continue
            if norm.track_running_stats and len(source.users) == 1:
                twin = deepcopy(conv).eval().requires_grad_(False)
                twin.bias = nn.Parameter(conv.weight.new_zeros(conv.out_channels), requires_grad=False)
                self.pairs.append((conv, norm, twin))
                parts[str(source.target)] = twin
                node.replace_all_uses_with(source)
                graph.erase_node(node)
        self.graph = fx.GraphModule(parts, graph).eval()

    @torch.no_grad()
    def refresh(self) -> nn.Module:
        """The twin of the model's present weights and statistics."""
        for conv, norm, twin in self.pairs:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            weight, bias = fuse_conv_bn_weights(
                conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )
            twin.weight.copy_(weight)
            assert twin.bias is not None
            twin.bias.copy_(bias)
        return self.graph


_twins: WeakKeyDictionary[nn.Module, FoldedModel] = WeakKeyDictionary()


def folded(model: nn.Module) -> nn.Module:
    """The up-to-date twin of a model inside its `folding` block, otherwise the model itself."""
    return _twins[model].refresh() if model in _twins else model


def forms(model: nn.Module) -> tuple[nn.Module, ...]:
    """What computes the model's logits inside its `folding` block: itself, and the graph of its twin if it has one."""
    return (model, _twins[model].graph) if model in _twins else (model,)


@contextmanager
def folding(model: nn.Module, x: Tensor) -> Iterator[None]:
    """Inside the block, adversaries that may use running statistics attack a folded twin of the model in training.

    x: some images (B, C, H, W), on which twin and model must agree for the twin to be used.
    """
    modes = {m: m.training for m in model.modules()}
    twin = _twin(set_eval(model), x)
    for m, mode in modes.items():
        m.training = mode
    if twin is not None:
        _twins[model] = twin
    try:
        yield
    finally:
        _twins.pop(model, None)


def fast_copy(model: nn.Module, x: Tensor) -> nn.Module:
    """A copy of the model that is cheaper to attack and gives the same logits on the images x (B, C, H, W).

    Eval mode, weights without gradients, channels last, batch norms folded; the original where the logits of every
    cheaper form differ, or where the model cannot be copied or has switches.
    """
    set_eval(model)
    if _has_switches(model):
        return model
    try:
        with guarded_call():
            copy = set_requires_grad(deepcopy(model), False).to(memory_format=torch.channels_last)
    except Exception as error:  # copying runs the model's own code, which may raise anything
        log.info("attacking the original model: it cannot be copied (%s)", error)
        return model
    twin = _twin(copy, x)
    if twin is not None and _agree(twin.graph, model, x):
        return twin.graph
    if _agree(copy, model, x):
        return copy
    log.info("attacking the original model: the logits of its copy differ")
    return model


def _has_switches(model: nn.Module) -> bool:
    return any(isinstance(m, Switch) for m in model.modules())


def _twin(model: nn.Module, x: Tensor) -> FoldedModel | None:
    if _has_switches(model):
        return None
    try:
        with guarded_call():
            twin = FoldedModel(model)
    except Exception as error:  # tracing runs the model's own code, which may raise anything
        log.info("not folding batch norms: the model cannot be traced (%s)", error)
        return None
    return twin if twin.pairs and _agree(twin.refresh(), model, x) else None


@torch.no_grad()
def _agree(candidate: nn.Module, model: nn.Module, x: Tensor) -> bool:
    """Also false where either raises or returns NaN, so that the original is the one to be blamed."""
    try:
        with guarded_call():
            want, got = model(x), candidate(x)
    except Exception as error:  # the model's code, or a copy of it, which may need what was not copied
        log.info("the model or a copy of it cannot compute (%s)", error)
        return False
    alike = isinstance(got, Tensor) and isinstance(want, Tensor) and got.shape == want.shape
    return alike and bool((got - want).abs().max() <= TOLERANCE * want.abs().max())
