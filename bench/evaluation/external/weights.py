"""Weights of somebody's model: safetensors, or what torch.save wrote, opened as tensors alone."""

import datetime
import pickle
import re
import warnings
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.foreign.guard import guarded_call
from bench.core.foreign.messages import errors_as_bad_input, format_error
from bench.evaluation.external.file_type import JOIN, SAVE, file_format, how_to_join_distributed
from bench.evaluation.external.state_dicts import Fit, State, find_state_dicts, fits, is_optimizer, misfits, nearest

FIRST = ("", "state_dict", "model_state_dict", "model", "net")  # judged where a file holds several models
NUMPY_NUMBER: Any = np.float64(0).__reduce__()[0]  # makes a number of numpy's from its bytes
NUMPY_ARRAY: Any = np.zeros(0).__reduce__()[0]  # makes an empty array, which is filled from bytes
HARMLESS: list[Any] = [  # beside tensors in many checkpoints; making one runs no code of its author
    Namespace,
    PosixPath,
    (PosixPath, "pathlib.PosixPath"),  # as Python before 3.13 calls it
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "u1", "u4", "u8", "b1")),
    NUMPY_NUMBER,
    (NUMPY_NUMBER, "numpy.core.multiarray.scalar"),  # as numpy 1 calls it
    np.ndarray,
    NUMPY_ARRAY,
    (NUMPY_ARRAY, "numpy.core.multiarray._reconstruct"),
    (lambda factory=None: {}, "collections.defaultdict"),  # torch fills plain dicts alone
    *(
        (kind, f"{module}.{kind.__name__}")
        for kind in (dict, list, int, float)
        for module in ("builtins", "__builtin__")
    ),
    *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta),
]


def read_weights(path: Path, unsafe_pickle: bool = False) -> object:
    """What a file of weights holds. BadInput where it is no checkpoint, damaged, or would have to be unpickled."""
    if not path.is_file():
        if (path / ".metadata").is_file():
            joined = how_to_join_distributed(path)
            raise BadInput(f"weights {path} are a folder of torch.distributed.checkpoint; {joined}")
        state = "are a folder" if path.is_dir() else "are not there"
        raise BadInput(f"weights {path} {state}; name a .safetensors file, or what torch.save wrote")
    try:
        if file_format(path) == "safetensors":
            return load_file(path)
        with path.open("rb") as file, torch.serialization.safe_globals(HARMLESS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what torch checks in sparse tensors, or would rather read otherwise
            with guarded_call():
                return torch.load(file, map_location="cpu", weights_only=not unsafe_pickle)
    except BadInput:
        raise
    except SafetensorError as error:
        raise BadInput(f"weights {path} are damaged ({error}); copy or download them again") from error
    except Exception as error:  # unpickling runs anybody's code, and torch raises half a dozen types of its own
        raise BadInput(f"weights {path} {why_unreadable(error, unsafe_pickle)}") from error


def why_unreadable(error: Exception, unsafe_pickle: bool) -> str:
    """Why a file that torch.save has begun cannot be opened, and what to do."""
    if isinstance(error, ModuleNotFoundError):
        gone = f"were saved as objects of the module {error.name!r}, which is not there"
        return f"{gone}; put its file beside FILE.py, or {SAVE} where it is"
    if isinstance(error, AttributeError):
        return f"were saved as objects whose class is gone ({format_error(error)}); {SAVE} where it is"
    found = re.search(r"(?:nsupported (?:global: GLOBAL|class|type) |but got <class ')([^\s']+)", str(error))
    if blocked := re.search(r"unsupported GLOBAL (\S+) whose module \S+ is blocked", str(error)):
        return f"ask for {blocked[1]}, which no weights need and which can do harm; get them from somewhere else"
    if found and "Uninitialized" in found[1]:
        return f"are of lazy layers that had seen no image yet; run the model once, then {SAVE}"
    if isinstance(error, pickle.UnpicklingError) and found and not unsafe_pickle:
        return (
            f"hold more than tensors ({found[1].strip('`')}), and unpickling runs its author's code; {SAVE}, or give "
            "--unsafe-pickle if you trust the file"
        )
    if isinstance(error, pickle.UnpicklingError | RuntimeError | EOFError | OSError | LookupError | ValueError):
        return f"are damaged or cut short ({type(error).__name__}); copy or download them again"
    return f"cannot be unpickled, {format_error(error)}; {SAVE} where they were made"


def fill(net: nn.Module, content: object, path: Path, choice: str | None = None) -> list[str]:
    """Put weights into a model, all of them, and say what was chosen among several or left out.

    content: as `read_weights` returns it.
    choice:  which of the models in the file, by its name there or a word of that.
    BadInput says what is left over on either side, or which models there are to choose from.
    """
    with errors_as_bad_input("the model's state_dict()"):  # somebody's layers may say what their state is
        wanted = net.state_dict()
    states = find_state_dicts(content)
    if not states:
        raise BadInput(f"weights {path} hold {_describe(content)}, and no state dict; {SAVE}")
    if isinstance(content, Mapping) and "adv_inputs" in content:
        raise BadInput(f"weights {path} hold adversarial images of torchattacks; `bench verify` checks those")
    found = sorted((fit for name, state in states.items() for fit in fits(wanted, state, name)), key=_rank)
    fit = _choose(found, states, wanted, path, choice)
    with errors_as_bad_input(
        f"weights {path} fit the model, whose load_state_dict()"
    ):  # layers may have a way of their own to load
        net.load_state_dict(wanted | {name: _dense(value) for name, value in fit.tensors.items()})
    said = []
    if len(found) > 1 and choice is None:
        names = ", ".join(_name(one) for one in found)
        said.append(f"weights {path} hold {len(found)} models ({names}); {_name(fit)} is judged, {path}@NAME chooses")
    if fit.left_out:
        said.append(f"weights {path} have besides {len(fit.left_out)} tensors such as {fit.left_out[0]}, not used")
    return said


def _choose(found: list[Fit], states: Mapping[str, State], wanted: State, path: Path, choice: str | None) -> Fit:
    """The model of a file that is meant. BadInput where none fits, or the choice names none or several."""
    if choice is None and found:
        return found[0]
    named = [fit for fit in found if choice in (fit.name, fit.name.rpartition(".")[2])]
    named = named or [fit for fit in found if choice in re.split(r"[._]", fit.name)]
    if len(named) == 1:
        return named[0]
    place = min(states, key=_place_rank) if choice is None else choice
    if place in states:
        wrong = misfits(wanted, nearest(wanted, states[place]))
        said = [f"{what} {len(names)} tensors such as {min(names)}" for what, names in wrong.items() if names]
        whose = f"@{place}" if choice else ""
        remedy = "name the FILE.py:FUNCTION that builds the model they are of"
        if re.search(r"-\d+-of-\d+\.", path.name):
            remedy = f"it is a part of a checkpoint in several files: {JOIN}"
        raise BadInput(f"weights {path}{whose} do not fit the model: the file {', '.join(said)}; {remedy}")
    there = ", ".join(_name(fit) for fit in found) or "none"
    many = "several models" if named else "no model"
    raise BadInput(f"weights {path} hold {many} named {choice!r}; those that fit: {there}")


def _name(fit: Fit) -> str:
    return fit.name or "the tensors without a prefix"


def _rank(fit: Fit) -> tuple[int, int]:
    """First where it lies, then the last word of that: state_dict.model comes before state_dict.ema_model."""
    return _place_rank(fit.name), _place_rank(fit.name.rpartition(".")[2])


def _place_rank(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)


def _dense(value: object) -> object:
    return value.to_dense() if isinstance(value, Tensor) and value.layout != torch.strided else value


def _describe(content: object) -> str:
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    if is_optimizer(content):
        return "the state of an optimizer"
    keys = ", ".join(map(str, list(content)[:5])) or "nothing"
    return f"a {type(content).__name__} of {keys}"
