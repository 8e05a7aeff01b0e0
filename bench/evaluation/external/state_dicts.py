"""State dicts as training scripts save them: where they lie in a checkpoint, and which of them fit a network."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

State = dict[str, Any]  # tensors by name; what a layer's get_extra_state returns may be anything

DEEPEST = 3  # levels of dicts that are looked through
EXTRA = "_extra_state"
STEPS_OF_NORM = "num_batches_tracked"  # which batch norms of PyTorch before 0.4.1 do not have
WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}  # that change no logit
COUNTERS = {"n_averaged", "initted", "step", "num_updates", "decay"}  # of averages of weights


@dataclass(frozen=True)
class Fit:
    """One of the models in a file, complete for a network."""

    name: str  # where it lies in the file: keys of dicts and what its tensors' names begin with, joined by dots
    tensors: State  # by the network's names
    left_out: tuple[str, ...]  # names in the file that belong to no model of this network


def find_state_dicts(content: object) -> dict[str, State]:
    """The state dicts in a checkpoint by where they lie, such as "model.ema"; "" for the content itself."""
    return dict(_states(content, (), DEEPEST))


def _states(content: object, place: tuple[str, ...], depth: int) -> Iterator[tuple[str, State]]:
    if isinstance(content, nn.Module):
        content = content.state_dict()
    if not isinstance(content, Mapping) or is_optimizer(content):
        return
    if not any(isinstance(value, Mapping | nn.Module) for value in content.values()):
        values = {str(key): _as_tensor(value) for key, value in content.items()}
        tensors = {name: v for name, v in values.items() if isinstance(v, Tensor) or name.endswith(EXTRA)}
        if any(isinstance(value, Tensor) for value in tensors.values()):
            yield ".".join(place), tensors
    elif depth:
        for key, value in content.items():
            yield from _states(value, (*place, str(key)), depth - 1)


def _as_tensor(value: object) -> object:
    """A tensor in the place of an array of numbers; anything else as it is."""
    is_numbers = isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and value.dtype.isnative
    return torch.tensor(value) if is_numbers else value


def is_optimizer(content: Mapping[Any, Any]) -> bool:
    """Whether it is what an optimizer of torch saves: momenta and the like, which no model can be made of."""
    return {"state", "param_groups"} <= content.keys()


def fits(wanted: State, state: State, place: str) -> list[Fit]:
    """The models in one state dict that are complete for a network.

    Its names are tried as they are and behind whatever they all may begin with; then without the words that wrappers
    such as DataParallel and torch.compile put between them.

    wanted: the network's own state dict.
    """
    for canonical in (False, True):
        ours, theirs = ({_short(name) if canonical else name: name for name in names} for names in (wanted, state))
        if len(ours) < len(wanted) or len(theirs) < len(state):
            continue
        needed = _needed_names(wanted, state)
        prefixes = [
            prefix
            for prefix in _prefixes(ours, theirs)
            if all(prefix + o in theirs for o, w in ours.items() if w in needed)
        ]
        pairs = {
            prefix: {w: theirs[prefix + o] for o, w in ours.items() if prefix + o in theirs} for prefix in prefixes
        }
        rest = set(state) - {name for used in pairs.values() for name in used.values()} - COUNTERS
        found = []
        for prefix, used in pairs.items():
            inside = any(short.startswith(prefix) for short, name in theirs.items() if name in rest)
            tensors = {w: state[name] for w, name in used.items()}
            if inside or 2 * len(rest) > len(state) or any(misfits(wanted, tensors).values()):
                continue
            name = ".".join(filter(None, (place, prefix.rstrip(".") if len(pairs) > 1 else "")))
            found.append(Fit(name, tensors, tuple(sorted(rest))))
        if found:
            return found
    return []


def misfits(wanted: State, state: State) -> dict[str, set[str]]:
    """What keeps a state dict from being the network's: the names of tensors, by what is wrong with them."""
    both = {name for name in wanted.keys() & state.keys() if isinstance(wanted[name], Tensor)}
    tensors = {name for name in both if isinstance(state[name], Tensor)}
    solid = {name for name in tensors if not is_lazy(wanted[name])}
    return {
        "lacks": _needed_names(wanted, state) - state.keys(),
        "has besides": state.keys() - wanted.keys() - COUNTERS,
        "has in another shape": {name for name in solid if wanted[name].shape != state[name].shape},
        "has as whole or complex numbers": {
            name
            for name in solid
            if wanted[name].is_floating_point() and not (state[name].is_floating_point() or state[name].is_quantized)
        },
        "has without values (on the device meta)": {name for name in tensors if state[name].is_meta},
        "has quantised": {name for name in tensors if state[name].is_quantized and not wanted[name].is_quantized},
    }


def nearest(wanted: State, state: State) -> State:
    """The state dict without what all its names begin with, if more of them are the network's then."""
    short = {_short(name): tensor for name, tensor in state.items()}
    prefixes = {"", *(f"{name.partition('.')[0]}." for name in short)}
    ours = {_short(name): name for name in wanted}
    prefix = max(sorted(prefixes), key=lambda p: sum(p + name in short for name in ours))
    if not any(prefix + name in short for name in ours):
        return state
    return {ours.get(name.removeprefix(prefix), name): tensor for name, tensor in short.items()}


def _needed_names(wanted: State, state: State) -> set[str]:
    old = not any(name.endswith(STEPS_OF_NORM) for name in state)
    return {name for name in wanted if not (old and name.endswith(STEPS_OF_NORM))}


def _prefixes(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """What their names may begin with before a name of ours; first nothing at all."""
    if not ours:
        return []
    longest = max((name for name in ours if not name.endswith(STEPS_OF_NORM)), key=len, default=next(iter(ours)))
    found = [name.removesuffix(longest) for name in theirs if name.endswith(longest)]
    return sorted({prefix for prefix in found if not prefix or prefix.endswith(".")}, key=lambda p: (bool(p), p))


def _short(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)
