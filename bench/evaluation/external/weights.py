"""Read files of weights (safetensors or torch.save) without running code in them, and load them into a model."""

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
from bench.core.parsing import format_count
from bench.evaluation.external.file_type import JOIN_FILES, SAVE_STATE_DICT, file_format, how_to_join_distributed
from bench.evaluation.external.state_dicts import (
    Fit,
    State,
    find_fits,
    find_misfits,
    find_state_dicts,
    is_optimizer,
    strip_prefix,
)

PREFERRED_NAMES = ("", "state_dict", "model_state_dict", "model", "net")  # the first that a file has is taken
NUMPY_NUMBER: Any = np.float64(0).__reduce__()[0]  # numpy's function that restores a number from bytes
NUMPY_ARRAY: Any = np.zeros(0).__reduce__()[0]  # numpy's function that creates an empty array
HARMLESS_TYPES: list[Any] = [  # types in many checkpoints besides tensors; restoring one runs no code of the file
    Namespace,
    PosixPath,
    (PosixPath, "pathlib.PosixPath"),  # its name in Python before 3.13
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "u1", "u4", "u8", "b1")),
    NUMPY_NUMBER,
    (NUMPY_NUMBER, "numpy.core.multiarray.scalar"),  # its name in numpy 1
    np.ndarray,
    NUMPY_ARRAY,
    (NUMPY_ARRAY, "numpy.core.multiarray._reconstruct"),
    (lambda factory=None: {}, "collections.defaultdict"),  # torch restores plain dicts only
    *(
        (kind, f"{module}.{kind.__name__}")
        for kind in (dict, list, int, float)
        for module in ("builtins", "__builtin__")
    ),
    *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta),
]


def read_weights(path: Path, unsafe_pickle: bool = False) -> object:
    """Read a file of weights. BadInput where it is no checkpoint, damaged, or needs unpickling that is not allowed."""
    if not path.is_file():
        if (path / ".metadata").is_file():
            joined = how_to_join_distributed(path)
            raise BadInput(f"weights {path} are a folder of torch.distributed.checkpoint; {joined}")
        state = "are a folder" if path.is_dir() else "are not there"
        raise BadInput(f"weights {path} {state}; name a .safetensors file, or what torch.save wrote")
    try:
        if file_format(path) == "safetensors":
            return load_file(path)
        with path.open("rb") as file, torch.serialization.safe_globals(HARMLESS_TYPES), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of sparse tensors and old formats
            with guarded_call():
                return torch.load(file, map_location="cpu", weights_only=not unsafe_pickle)
    except BadInput:
        raise
    except SafetensorError as error:
        raise BadInput(f"weights {path} are damaged ({error}); copy or download them again") from error
    except Exception as error:  # unpickling may raise anything
        raise BadInput(f"weights {path} {why_unreadable(error, unsafe_pickle)}") from error


def why_unreadable(error: Exception, unsafe_pickle: bool) -> str:
    """Why a file of torch.save cannot be opened, and what to do: the end of a message."""
    if isinstance(error, ModuleNotFoundError):
        gone = f"were saved as objects of the module {error.name!r}, which is not there"
        return f"{gone}; put its file beside FILE.py, or {SAVE_STATE_DICT} where it is"
    if isinstance(error, AttributeError):
        return f"were saved as objects whose class is gone ({format_error(error)}); {SAVE_STATE_DICT} where it is"
    fits = re.search(r"(?:nsupported (?:global: GLOBAL|class|type) |but got <class ')([^\s']+)", str(error))
    if blocked := re.search(r"unsupported GLOBAL (\S+) whose module \S+ is blocked", str(error)):
        return f"ask for {blocked[1]}, which no weights need and which can do harm; get them from somewhere else"
    if fits and "Uninitialized" in fits[1]:
        return f"are of lazy layers that had seen no image yet; run the model once, then {SAVE_STATE_DICT}"
    if isinstance(error, pickle.UnpicklingError) and fits and not unsafe_pickle:
        return (
            f"hold more than tensors ({fits[1].strip('`')}), and unpickling runs its author's code; {SAVE_STATE_DICT}, "
            "or give --unsafe-pickle if you trust the file"
        )
    if isinstance(error, pickle.UnpicklingError | RuntimeError | EOFError | OSError | LookupError | ValueError):
        return f"are damaged or cut short ({type(error).__name__}); copy or download them again"
    return f"cannot be unpickled, {format_error(error)}; {SAVE_STATE_DICT} where they were made"


def fill(net: nn.Module, content: object, path: Path, choice: str | None = None) -> list[str]:
    """Load all weights of a model, and return notes on what was chosen among several models or left out.

    Args:
        net: the model to fill, in place.
        content: as `read_weights` returns it.
        path: of the file, for messages.
        choice: which model of the file, by its name there or a word of that.

    Raises:
        BadInput: tensors are missing or left over, or the choice names none or several; it lists which.
    """
    with errors_as_bad_input("the model's state_dict()"):  # foreign layers may override state_dict
        wanted = net.state_dict()
    states = find_state_dicts(content)
    if not states:
        raise BadInput(f"weights {path} hold {_describe(content)}, and no state dict; {SAVE_STATE_DICT}")
    if isinstance(content, Mapping) and "adv_inputs" in content:
        raise BadInput(f"weights {path} hold adversarial images of torchattacks; `bench verify` checks those")
    fits = sorted((fit for name, state in states.items() for fit in find_fits(wanted, state, name)), key=_rank)
    fit = _choose(fits, states, wanted, path, choice)
    with errors_as_bad_input(f"weights {path} fit the model, whose load_state_dict()"):  # and load_state_dict
        net.load_state_dict(wanted | {name: _dense(value) for name, value in fit.tensors.items()})
    notes = []
    if len(fits) > 1 and choice is None:
        names = ", ".join(_name(one) for one in fits)
        notes.append(
            f"weights {path} hold {len(fits)} models ({names}); {_name(fit)} is evaluated, {path}@NAME chooses"
        )
    if fit.left_out:
        notes.append(
            f"weights {path} have besides {format_count(len(fit.left_out), 'tensor')} "
            f"such as {fit.left_out[0]}, not used"
        )
    return notes


def _choose(fits: list[Fit], states: Mapping[str, State], wanted: State, path: Path, choice: str | None) -> Fit:
    """Choose one model of a file. BadInput where none fits, or `choice` names none or several."""
    if choice is None and fits:
        return fits[0]
    named = [fit for fit in fits if choice in (fit.name, fit.name.rpartition(".")[2])]
    named = named or [fit for fit in fits if choice in re.split(r"[._]", fit.name)]
    if len(named) == 1:
        return named[0]
    place = min(states, key=_place_rank) if choice is None else choice
    if place in states:
        wrong = find_misfits(wanted, strip_prefix(wanted, states[place]))
        notes = [
            f"{what} {format_count(len(names), 'tensor')} such as {min(names)}"
            for what, names in wrong.items()
            if names
        ]
        whose = f"@{place}" if choice else ""
        remedy = "name the FILE.py:FUNCTION that builds the model they are of"
        if re.search(r"-\d+-of-\d+\.", path.name):
            remedy = f"it is a part of a checkpoint in several files: {JOIN_FILES}"
        raise BadInput(f"weights {path}{whose} do not fit the model: the file {', '.join(notes)}; {remedy}")
    names = ", ".join(_name(fit) for fit in fits) or "none"
    many = "several models" if named else "no model"
    raise BadInput(f"weights {path} hold {many} named {choice!r}; those that fit: {names}")


def _name(fit: Fit) -> str:
    return fit.name or "the tensors without a prefix"


def _rank(fit: Fit) -> tuple[int, int]:
    """Sort key: its place, then the last word of that, so that state_dict.model precedes state_dict.ema_model."""
    return _place_rank(fit.name), _place_rank(fit.name.rpartition(".")[2])


def _place_rank(name: str) -> int:
    return PREFERRED_NAMES.index(name) if name in PREFERRED_NAMES else len(PREFERRED_NAMES)


def _dense(value: object) -> object:
    return value.to_dense() if isinstance(value, Tensor) and value.layout != torch.strided else value


def _describe(content: object) -> str:
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    if is_optimizer(content):
        return "the state of an optimizer"
    keys = ", ".join(map(str, list(content)[:5])) or "nothing"
    return f"a {type(content).__name__} of {keys}"
