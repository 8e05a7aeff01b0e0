"""What loading a model may do to this machine."""

import os
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

from bench.core.errors import BadInput
from bench.core.foreign.guard import guarded_call
from bench.core.foreign.messages import format_error
from bench.evaluation.external.weights import why_unreadable

DATA_DIR = Path("~/.cache/bench-data")
ONLY_WEIGHTS = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # to torch.load, whatever its caller asks for
NO_HUB = "HF_HUB_OFFLINE"  # to huggingface_hub when it is imported; refused connections it would try again for minutes
NOT_CACHED = ("LocalEntryNotFoundError", "OfflineModeIsEnabled")  # what huggingface_hub raises for a file it lacks


@dataclass(frozen=True)
class Access:
    """Where files of model zoos are, and whether more may be fetched or unpickled."""

    data_dir: Path
    download: bool = False
    unsafe_pickle: bool = False


@contextmanager
def restricted(spec: str, access: Access) -> Iterator[None]:
    """Inside the block somebody's package loads a model: no network and no pickle unless they are allowed.

    Whatever it raises is one line.
    """
    asked: list[str] = []

    def refuse(*where: object, **settings: object) -> None:
        asked.append(str(where[0] if where else settings.get("host")))
        raise ConnectionRefusedError("nothing is fetched without --download")

    hub = sys.modules.get("huggingface_hub.constants")  # which has read its variable when it was imported
    offline = getattr(hub, "HF_HUB_OFFLINE", False)
    if hub:
        vars(hub)["HF_HUB_OFFLINE"] = not access.download or bool(os.environ.get(NO_HUB))
    set_here = {ONLY_WEIGHTS: not access.unsafe_pickle, NO_HUB: not access.download}
    kept, lookup = {name: os.environ.get(name) for name in set_here}, socket.getaddrinfo
    os.environ.update({name: "1" for name, wanted in set_here.items() if wanted})
    if not access.download:
        socket.getaddrinfo = refuse  # type: ignore[assignment]  # every connection to a name begins there
    try:
        with guarded_call(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a package that imports what is going out of use is not the user's
            yield
    except BadInput:
        raise
    except Exception as error:  # anybody's code may raise anything
        if asked or (not access.download and type(error).__name__ in NOT_CACHED):
            where = f" (at {asked[0]})" if asked else ""
            raise BadInput(f"{spec} has files that are not on this machine{where}; give --download") from error
        if isinstance(error, UnpicklingError):
            raise BadInput(f"{spec}: its weights {why_unreadable(error, access.unsafe_pickle)}") from error
        remedy = "" if access.download else "; --download fetches files that are missing"
        raise BadInput(f"{spec} cannot be loaded, {format_error(error)}{remedy}") from error
    finally:
        socket.getaddrinfo = lookup
        if hub:
            vars(hub)["HF_HUB_OFFLINE"] = offline
        for name, value in kept.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
