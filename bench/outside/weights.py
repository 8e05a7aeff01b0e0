"""Weights of somebody's model: safetensors, or what torch.save wrote, opened as tensors alone."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.errors import BadInput

NESTS = ("state_dict", "model_state_dict", "model", "net")  # where training scripts put the weights in a checkpoint
PARALLEL = "module."  # what DataParallel puts before every name

State = dict[str, Tensor]


def read_state(path: Path, unsafe_pickle: bool = False) -> State:
    """Tensors by name. BadInput where the file is damaged, holds anything else, or would have to be unpickled."""
    if not path.is_file():
        raise BadInput(f"weights {path} are not there; name a .safetensors file, or what torch.save wrote")
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _load(path, unsafe_pickle)
    except (SafetensorError, OSError, RuntimeError, EOFError, KeyError) as error:
        raise BadInput(f"weights {path} cannot be read ({type(error).__name__}); the file is damaged") from error
    if isinstance(content, nn.Module):
        content = content.state_dict()
    for nest in NESTS:
        if isinstance(content, Mapping) and isinstance(content.get(nest), Mapping):
            content = content[nest]
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        held = f" of {', '.join(map(str, list(content)[:5]))}" if isinstance(content, Mapping) else ""
        what = f"a {type(content).__name__}{held}"
        raise BadInput(f"weights {path} hold {what}, and no state dict; save model.state_dict()")
    if all(name.startswith(PARALLEL) for name in content):
        return {name.removeprefix(PARALLEL): tensor for name, tensor in content.items()}
    return dict(content)


def _load(path: Path, unsafe_pickle: bool) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=not unsafe_pickle)
    except pickle.UnpicklingError as error:
        raise BadInput(
            f"weights {path} hold more than tensors, and unpickling runs its author's code; save model.state_dict(), "
            "or give --unsafe-pickle if you trust the file"
        ) from error


def fill(net: nn.Module, state: State, path: Path) -> None:
    """Put weights into a model, all of them. BadInput says what is left over on either side."""
    wanted = net.state_dict()
    shared = wanted.keys() & state.keys()
    found = {
        "lacks": wanted.keys() - state.keys(),
        "has besides": state.keys() - wanted.keys(),
        "has in another shape": {name for name in shared if wanted[name].shape != state[name].shape},
    }
    wrong = [f"{what} {len(names)} tensors such as {min(names)}" for what, names in found.items() if names]
    if wrong:
        raise BadInput(f"weights {path} do not fit the model: the file {', '.join(wrong)}")
    net.load_state_dict(state)
