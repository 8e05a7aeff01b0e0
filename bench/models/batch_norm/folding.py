"""Faster copies of models for attacks: batch norms folded into the convolutions before them, channels last.

In eval mode a batch norm is an affine map per channel, so conv -> norm equals one conv. Folding is tried on any model
that torch.fx can trace, and used only if the logits agree. Models with switches (split batch norms) are not folded, as
a traced graph keeps the branch that was chosen when it was traced.
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
from bench.models.batch_norm.switches import Switch
from bench.models.modes import set_eval, set_requires_grad

TOLERANCE = 1e-4  # largest allowed difference of logits, as a share of the largest logit

log = logging.getLogger("bench")


class FoldedModel:
    """A traced copy of a model in eval mode whose batch norms are folded into the convolutions before them.

    It shares all other layers with the model; `refresh` recomputes the folded weights after a training step.
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
                folded_conv = deepcopy(conv).eval().requires_grad_(False)
                folded_conv.bias = nn.Parameter(conv.weight.new_zeros(conv.out_channels), requires_grad=False)
                self.pairs.append((conv, norm, folded_conv))
                parts[str(source.target)] = folded_conv
                node.replace_all_uses_with(source)
                graph.erase_node(node)
        self.graph = fx.GraphModule(parts, graph).eval()

    @torch.no_grad()
    def refresh(self) -> nn.Module:
        """Recompute the folded weights from the model's present weights and statistics; returns the graph."""
        for conv, norm, folded_conv in self.pairs:
            assert norm.running_mean is not None
            assert norm.running_var is not None
            weight, bias = fuse_conv_bn_weights(
                conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )
            folded_conv.weight.copy_(weight)
            assert folded_conv.bias is not None
            folded_conv.bias.copy_(bias)
        return self.graph


_folded_models: WeakKeyDictionary[nn.Module, FoldedModel] = WeakKeyDictionary()


def find_folded(model: nn.Module) -> nn.Module:
    """The folded model, refreshed, inside a `keep_folded` block of a model; otherwise the model itself."""
    return _folded_models[model].refresh() if model in _folded_models else model


def computing_modules(model: nn.Module) -> tuple[nn.Module, ...]:
    """The modules that may compute the model's logits: itself, and inside a `keep_folded` block the folded graph."""
    return (model, _folded_models[model].graph) if model in _folded_models else (model,)


@contextmanager
def keep_folded(model: nn.Module, x: Tensor) -> Iterator[None]:
    """Inside the block, adversaries that use running statistics attack a folded copy of the model in training.

    x: images (B, C, H, W) on which both must give the same logits, or no copy is used.
    """
    modes = {m: m.training for m in model.modules()}
    folded_model = _fold_if_equal(set_eval(model), x)
    for m, mode in modes.items():
        m.training = mode
    if folded_model is not None:
        _folded_models[model] = folded_model
    try:
        yield
    finally:
        _folded_models.pop(model, None)


def fast_copy(model: nn.Module, x: Tensor) -> nn.Module:
    """A faster copy of the model that gives the same logits on the images x (B, C, H, W).

    In eval mode, without gradients of weights, channels last and with batch norms folded. The original model if it
    cannot be copied, has switches, or every copy gives other logits.
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
    folded_model = _fold_if_equal(copy, x)
    if folded_model is not None and _gives_same_logits(folded_model.graph, model, x):
        return folded_model.graph
    if _gives_same_logits(copy, model, x):
        return copy
    log.info("attacking the original model: the logits of its copy differ")
    return model


def _has_switches(model: nn.Module) -> bool:
    return any(isinstance(m, Switch) for m in model.modules())


def _fold_if_equal(model: nn.Module, x: Tensor) -> FoldedModel | None:
    if _has_switches(model):
        return None
    try:
        with guarded_call():
            folded_model = FoldedModel(model)
    except Exception as error:  # tracing runs the model's own code
        log.info("not folding batch norms: the model cannot be traced (%s)", error)
        return None
    return folded_model if folded_model.pairs and _gives_same_logits(folded_model.refresh(), model, x) else None


@torch.no_grad()
def _gives_same_logits(candidate: nn.Module, model: nn.Module, x: Tensor) -> bool:
    """Whether both give the same logits on x. False if one raises or gives NaN, so that the original is used then."""
    try:
        with guarded_call():
            want, got = model(x), candidate(x)
    except Exception as error:  # the model's code, or a copy of it, which may need what was not copied
        log.info("the model or a copy of it cannot compute (%s)", error)
        return False
    alike = isinstance(got, Tensor) and isinstance(want, Tensor) and got.shape == want.shape
    return alike and bool((got - want).abs().max() <= TOLERANCE * want.abs().max())
