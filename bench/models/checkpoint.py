"""Weights in files: safetensors for finished models, and a torch file for a training in progress."""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.files import write_atomically, write_bytes
from bench.core.parsing import printable

WEIGHT_FILES = {"last": "weights.safetensors", "best": "best.safetensors"}  # by epoch


def fingerprint(model: nn.Module) -> str:
    """16 hex digits, a hash of the names, shapes and values in the state dict."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        _update_digest(digest, name, value)
    return digest.hexdigest()[:16]


def _update_digest(digest: "hashlib._Hash", name: str, value: object) -> None:
    """Add a value of a state dict to a digest: mostly a tensor; quantised and custom layers have other values too."""
    if isinstance(value, Tensor) and value.is_quantized:
        digest.update(f"{name}{value.qscheme()}".encode())
        per_channel = value.qscheme() in (torch.per_channel_affine, torch.per_channel_affine_float_qparams)
        scale = value.q_per_channel_scales() if per_channel else value.q_scale()
        zero = value.q_per_channel_zero_points() if per_channel else value.q_zero_point()
        _update_digest(digest, name, [value.int_repr(), scale, zero])
    elif isinstance(value, Tensor):
        value = value.to_dense() if value.layout != torch.strided else value
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            _update_digest(digest, f"{name}/{key}", part)
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            _update_digest(digest, f"{name}/{place}", part)
    elif isinstance(value, str | bytes | int | float | None | torch.dtype):
        digest.update(f"{name}{value!r}".encode())
    else:  # other objects: their repr may contain an address, which changes
        digest.update(f"{name}{type(value).__qualname__}".encode())


def save_views(path: Path, views: Mapping[str, nn.Module], job: str) -> None:
    """Write the finished models of a run, by view; the file's metadata names the job they belong to.

    A tensor that equals the one of the same name in an earlier view, as in models with two sets of batch norms, is
    written there alone; `shared` in the metadata names both, in JSON.
    """
    tensors: dict[str, Tensor] = {}
    shared: dict[str, str] = {}
    first_places: dict[str, str] = {}  # by digest of a name and its tensor
    for view, model in views.items():
        for name, tensor in model.state_dict().items():
            digest = hashlib.sha256()
            _update_digest(digest, name, tensor)
            place = f"{view}/{name}"
            first_place = first_places.setdefault(digest.hexdigest(), place)
            if first_place == place:
                tensors[place] = tensor.detach().cpu().contiguous()
            else:
                shared[place] = first_place
    metadata = {"job": job} | ({"shared": json.dumps(shared)} if shared else {})
    write_bytes(path, _sort_metadata(save(tensors, metadata=metadata)))


def _sort_metadata(content: bytes) -> bytes:
    """Sort the metadata in a safetensors file, which the package writes in random order: equal models have equal files.

    Such a file begins with the length of its header (8 bytes) and the header (JSON).
    """
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[start:]


def load_views(path: Path, job: str) -> dict[str, dict[str, Tensor]]:
    """Read the state dicts of a file by view; BadInput if it is damaged or of another job."""
    remedy = f"delete it (or the run folder {path.parent}) and run again"
    try:
        from safetensors import safe_open

        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        tensors = load_file(path)
        shared = json.loads(metadata.get("shared", "{}"))
        if twice := sorted(shared.keys() & tensors.keys()):
            raise ValueError(f"it holds {twice[0]} twice")
        tensors |= {name: tensors[other] for name, other in shared.items() if other in tensors}
    except Exception as error:  # of safetensors, torch, json and the disk, half a dozen types
        raise BadInput(f"{path} cannot be read ({printable(error, 200)}); {remedy}") from error
    if (owner := metadata.get("job")) != job:
        raise BadInput(f"{path} holds the weights of job {printable(owner, 100)}, not of {job}; {remedy}")
    views: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        view, _, name = key.partition("/")
        views.setdefault(view, {})[name] = tensor
    return views


class _ErrorKeepingFile(io.BytesIO):
    """Wraps a file and keeps the OSError of a failed write, which torch.save replaces by a RuntimeError."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, content: Any) -> int:
        try:
            return self.file.write(content)
        except OSError as error:
            self.error = error
            raise


def save_progress(path: Path, progress: Mapping[str, Any]) -> None:
    """Write the state of a training: tensors, numbers, strings, lists and dicts only, so that no class is unpickled."""

    def write(file: IO[bytes]) -> None:
        whole = _ErrorKeepingFile(file)
        try:
            torch.save(dict(progress), whole)
        except RuntimeError as error:  # torch raises it for a full disk
            raise whole.error or error from error

    write_atomically(path, write)


def load_progress(path: Path, job: str, device: torch.device) -> dict[str, Any] | None:
    """Read the state after the last finished epoch; None if there is no file.

    BadInput if it is damaged or of another job.
    """
    if not path.exists():
        return None
    try:
        progress: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # torch raises half a dozen types for a damaged archive
        raise BadInput(f"{path} cannot be read ({type(error).__name__}); delete it and run again") from error
    owner = progress.get("job") if isinstance(progress, dict) else None
    if owner != job:
        raise BadInput(f"{path} belongs to job {owner}, not to {job}; delete it and run again")
    return progress
