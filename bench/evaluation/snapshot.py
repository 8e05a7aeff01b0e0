"""Check that attacks leave the weights of a model alone, and put back what its own forward passes change."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from bench.core.errors import Failed
from bench.core.foreign.messages import model_errors_as_failed

Parts = dict[str, object]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Copies of a model's tensors (weights and buffers) by name, and which tensors its layers held."""

    model: nn.Module
    layers: list[tuple[Parts, Parts]]  # the dicts of each layer, and their contents then
    tensors: list[tuple[str, Tensor, Tensor]]  # name, the tensor itself, a copy of it

    @classmethod
    def of(cls, model: nn.Module) -> "Snapshot":
        held: list[Any] = [part for m in model.modules() for part in (m._parameters, m._buffers, m._modules)]
        layers = [(part, dict(part)) for part in held if isinstance(part, dict)]  # TorchScript has immutable types
        named = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        tensors = [(name, t, t.detach().clone()) for name, t in named.items() if not is_lazy(t)]
        return cls(model, layers, tensors)

    def restore(self) -> list[str]:
        """Put back what has changed, and return its names."""
        wrong = []
        for part, held in self.layers:
            if part.keys() != held.keys() or any(part[name] is not held[name] for name in held):
                wrong += sorted(name for name in part.keys() | held.keys() if part.get(name) is not held.get(name))
                part.clear()
                part.update(held)
        for name, tensor, copy in self.tensors:
            if not _is_same(tensor, copy):
                tensor.data = copy.clone()
                wrong.append(name)
        return wrong


def _is_same(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype or one.device != other.device:
        return False
    if one.layout != torch.strided:
        one, other = one.to_dense(), other.to_dense()
    one = one.detach()
    if torch.equal(one, other):
        return True
    return one.is_floating_point() and bool((one.isnan() == other.isnan()).all() and (one == other)[~one.isnan()].all())


@contextmanager
def restore_weights(model: nn.Module) -> Iterator[None]:
    """After the block the model is as before, also where its own forward counts calls or gathers statistics."""
    before = Snapshot.of(model)
    try:
        yield
    finally:
        before.restore()


@contextmanager
def forbid_weight_changes(attack: str, model: nn.Module, copy: nn.Module, x: Tensor) -> Iterator[None]:
    """Let an attack work on a model and its copy inside the block; afterwards both have the weights of before.

    What the model's own forward changes, such as a counter or running statistics, is put back silently. To tell such
    changes from those of the attack, the model is called once more.

    Args:
        attack: its name, for messages.
        x: some images, (B, C, H, W).

    Raises:
        Failed: the attack wrote to the weights, or the model cannot compute any more.
    """
    snapshots = [Snapshot.of(net) for net in dict.fromkeys([model, copy])]
    wrong: dict[str, Snapshot] = {}
    failure = None
    try:
        yield
    except Failed as error:  # maybe because the attack wrote to the model: checked below
        failure = error
    finally:
        wrong |= {name: snapshot for snapshot in snapshots for name in snapshot.restore()}
    try:
        own = _find_changed([*dict.fromkeys(wrong.values())], x) if wrong else set()
    except Failed as error:  # the model cannot compute any more, often the cause of the attack's failure
        raise failure or error from error
    if written := [name for name in wrong if name not in own]:
        remedy = "attack the images and leave the model alone"
        raise Failed(f"attack {attack} wrote to the model's {written[0]}; {remedy}") from failure
    if failure is not None:
        raise failure


def _find_changed(snapshots: list[Snapshot], x: Tensor) -> set[str]:
    """Names of the tensors that a forward pass on x changes; the models are restored."""
    names: set[str] = set()
    for snapshot in snapshots:
        try:
            with model_errors_as_failed(), torch.no_grad():
                snapshot.model(x)
        finally:
            names |= {*snapshot.restore()}
    return names
