"""Find the state dicts in a checkpoint, and match their names with those of a network."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

State = dict[str, Any]  # tensors by name; of a layer's get_extra_state, any object

MAX_DEPTH = 3  # levels of nested dicts that are searched
EXTRA_STATE_SUFFIX = "_extra_state"
NORM_COUNTER = "num_batches_tracked"  # batch norms of PyTorch before 0.4.1 lack it
WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}  # added to names of weights
AVERAGING_COUNTERS = {
    "n_averaged",
    "initted",
    "step",
    "num_updates",
    "decay",
}  # in averages of weights; they are no weights


@dataclass(frozen=True)
class Fit:
    """A model in a file that has all weights of a network."""

    name: str  # its place in the file: keys of dicts and the prefix of its tensors, joined by dots
    tensors: State  # by the network's names
    left_out: tuple[str, ...]  # names in the file that belong to no model of this network


def find_state_dicts(content: object) -> dict[str, State]:
    """The state dicts in a checkpoint by their place, such as "model.ema"; "" for the content itself."""
    return dict(_states(content, (), MAX_DEPTH))


def _states(content: object, place: tuple[str, ...], depth: int) -> Iterator[tuple[str, State]]:
    if isinstance(content, nn.Module):
        content = content.state_dict()
    if not isinstance(content, Mapping) or is_optimizer(content):
        return
    if not any(isinstance(value, Mapping | nn.Module) for value in content.values()):
        values = {str(key): _as_tensor(value) for key, value in content.items()}
        tensors = {name: v for name, v in values.items() if isinstance(v, Tensor) or name.endswith(EXTRA_STATE_SUFFIX)}
        if any(isinstance(value, Tensor) for value in tensors.values()):
            yield ".".join(place), tensors
    elif depth:
        for key, value in content.items():
            yield from _states(value, (*place, str(key)), depth - 1)


def _as_tensor(value: object) -> object:
    """Convert a numpy array of numbers to a tensor; return anything else unchanged."""
    is_numbers = isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and value.dtype.isnative
    return torch.tensor(value) if is_numbers else value


def is_optimizer(content: Mapping[Any, Any]) -> bool:
    """Whether it is the state dict of an optimizer of torch, which holds no weights."""
    return {"state", "param_groups"} <= content.keys()


def find_fits(wanted: State, state: State, place: str) -> list[Fit]:
    """The models in one state dict that have all weights of a network.

    Names are matched as they are and behind every possible prefix; if none fits, again without the parts that wrappers
    such as DataParallel and torch.compile add.

    wanted: the network's own state dict.
    """
    for canonical in (False, True):
        ours, theirs = (
            {_strip_wrappers(name) if canonical else name: name for name in names} for names in (wanted, state)
        )
        if len(ours) < len(wanted) or len(theirs) < len(state):
            continue
        needed = _find_required(wanted, state)
        prefixes = [
            prefix
            for prefix in _prefixes(ours, theirs)
            if all(prefix + o in theirs for o, w in ours.items() if w in needed)
        ]
        pairs = {
            prefix: {w: theirs[prefix + o] for o, w in ours.items() if prefix + o in theirs} for prefix in prefixes
        }
        rest = set(state) - {name for used in pairs.values() for name in used.values()} - AVERAGING_COUNTERS
        found = []
        for prefix, used in pairs.items():
            inside = any(short.startswith(prefix) for short, name in theirs.items() if name in rest)
            tensors = {w: state[name] for w, name in used.items()}
            if inside or 2 * len(rest) > len(state) or any(find_misfits(wanted, tensors).values()):
                continue
            name = ".".join(filter(None, (place, prefix.rstrip(".") if len(pairs) > 1 else "")))
            found.append(Fit(name, tensors, tuple(sorted(rest))))
        if found:
            return found
    return []


def find_misfits(wanted: State, state: State) -> dict[str, set[str]]:
    """Why a state dict does not fit a network: the names of tensors by what is wrong with them."""
    both = {name for name in wanted.keys() & state.keys() if isinstance(wanted[name], Tensor)}
    tensors = {name for name in both if isinstance(state[name], Tensor)}
    solid = {name for name in tensors if not is_lazy(wanted[name])}
    return {
        "lacks": _find_required(wanted, state) - state.keys(),
        "has besides": state.keys() - wanted.keys() - AVERAGING_COUNTERS,
        "has in another shape": {name for name in solid if wanted[name].shape != state[name].shape},
        "has as whole or complex numbers": {
            name
            for name in solid
            if wanted[name].is_floating_point() and not (state[name].is_floating_point() or state[name].is_quantized)
        },
        "has without values (on the device meta)": {name for name in tensors if state[name].is_meta},
        "has quantised": {name for name in tensors if state[name].is_quantized and not wanted[name].is_quantized},
    }


def strip_prefix(wanted: State, state: State) -> State:
    """The state dict without the prefix with which most names are the network's; unchanged if none are."""
    short = {_strip_wrappers(name): tensor for name, tensor in state.items()}
    prefixes = {"", *(f"{name.partition('.')[0]}." for name in short)}
    ours = {_strip_wrappers(name): name for name in wanted}
    prefix = max(sorted(prefixes), key=lambda p: sum(p + name in short for name in ours))
    if not any(prefix + name in short for name in ours):
        return state
    return {ours.get(name.removeprefix(prefix), name): tensor for name, tensor in short.items()}


def _find_required(wanted: State, state: State) -> set[str]:
    """Names that a file must have: those of files before PyTorch 0.4.1 may lack the batch norms' counters."""
    old = not any(name.endswith(NORM_COUNTER) for name in state)
    return {name for name in wanted if not (old and name.endswith(NORM_COUNTER))}


def _prefixes(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """The possible prefixes of the file's names before the network's, the empty one first."""
    if not ours:
        return []
    longest = max((name for name in ours if not name.endswith(NORM_COUNTER)), key=len, default=next(iter(ours)))
    found = [name.removesuffix(longest) for name in theirs if name.endswith(longest)]
    return sorted({prefix for prefix in found if not prefix or prefix.endswith(".")}, key=lambda p: (bool(p), p))


def _strip_wrappers(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)
