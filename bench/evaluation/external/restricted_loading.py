"""Runs code that loads a model: without network and unpickling, unless the user allows them."""

import os
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pickle import UnpicklingError

from bench.core.errors import BadInput
from bench.core.foreign.guard import guarded_call
from bench.core.foreign.messages import format_error
from bench.evaluation.external.access import Access
from bench.evaluation.external.weights import why_unreadable

ONLY_WEIGHTS = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # makes torch.load ignore weights_only=False of its caller
NO_HUB = "HF_HUB_OFFLINE"  # read by huggingface_hub on import; it retries refused connections for minutes
NOT_CACHED = ("LocalEntryNotFoundError", "OfflineModeIsEnabled")  # huggingface_hub's errors for a missing file


@contextmanager
def restrict_loading(spec: str, access: Access) -> Iterator[None]:
    """Inside the block, foreign code loads a model, without network or unpickling unless `access` allows it.

    BadInput, in one line, for whatever it raises.
    """
    hosts: list[str] = []

    def refuse(*where: object, **settings: object) -> None:
        hosts.append(str(where[0] if where else settings.get("host")))
        raise ConnectionRefusedError("nothing is fetched without --download")

    hub = sys.modules.get("huggingface_hub.constants")  # imported already, so that its variable is read no more
    offline = getattr(hub, "HF_HUB_OFFLINE", False)
    if hub:
        vars(hub)["HF_HUB_OFFLINE"] = not access.download or bool(os.environ.get(NO_HUB))
    set_here = {ONLY_WEIGHTS: not access.unsafe_pickle, NO_HUB: not access.download}
    before, lookup = {name: os.environ.get(name) for name in set_here}, socket.getaddrinfo
    os.environ.update({name: "1" for name, wanted in set_here.items() if wanted})
    if not access.download:
        socket.getaddrinfo = refuse  # type: ignore[assignment]  # called before every connection to a host name
    try:
        with guarded_call(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside a package are not the user's concern
            yield
    except BadInput:
        raise
    except Exception as error:  # foreign code may raise anything
        if hosts or (not access.download and type(error).__name__ in NOT_CACHED):
            where = f" (at {hosts[0]})" if hosts else ""
            raise BadInput(f"{spec} has files that are not on this machine{where}; give --download") from error
        if isinstance(error, UnpicklingError):
            raise BadInput(f"{spec}: its weights {why_unreadable(error, access.unsafe_pickle)}") from error
        remedy = "" if access.download else "; --download fetches files that are missing"
        raise BadInput(f"{spec} cannot be loaded, {format_error(error)}{remedy}") from error
    finally:
        socket.getaddrinfo = lookup
        if hub:
            vars(hub)["HF_HUB_OFFLINE"] = offline
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
