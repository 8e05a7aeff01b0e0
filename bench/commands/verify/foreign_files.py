"""Reads adversarial images saved by other tools: RobustBench, AutoAttack, torchattacks, and results of Foolbox."""

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.core.errors import BadInput
from bench.core.parsing import format_count, printable
from bench.data.dataset import Dataset
from bench.data.images import Images
from bench.data.loader import to_float
from bench.evaluation.external.file_type import check_saved_by_torch

SUFFIXES = (".pt", ".pth", ".npy", ".npz")
IMAGE_NAMES = ("adv_inputs", "adv_complete", "x_adv", "images")  # in files of torchattacks, of AutoAttack, and others
LABEL_NAMES = ("labels", "y")
LAYOUTS = f"a tensor (N, C, H, W), (images, labels), or a dict with one of {', '.join(IMAGE_NAMES)} [and labels]"


@dataclass(frozen=True)
class Foreign:
    """Adversarial images x (N, C, H, W) float of the first N test images; labels (N,) and clean images if given."""

    x: Tensor
    y: Tensor | None
    clean: Tensor | None

    def check(self, test: Images, data: Dataset, path: Path) -> None:
        """BadInput if they cannot be of the first N test images."""
        n = len(self.x)
        if tuple(self.x.shape[1:]) != data.shape or not 0 < n <= len(test):
            ours = f"{data.name} has {len(test)} test images of {data.shape}"
            raise BadInput(
                f"{path} holds {format_count(n, 'image')} of {tuple(self.x.shape[1:])}, and {ours}; name its --dataset"
            )
        order = f"it has to be of the first {n} test images of {data.name} in their order"
        if self.y is not None and (wrong := int((self.y != test.y[:n]).sum())):
            raise BadInput(f"{path}: {wrong} of {n} labels are not those of the test images; {order}")
        if self.clean is not None:
            far = float((self.clean - to_float(test.x[:n])).abs().max())
            if far > 1 / 255 + 1e-6:  # torchattacks rounds down when it saves as integers
                raise BadInput(f"{path}: its clean images differ from the test images by up to {far:.3f}; {order}")


def is_foreign(path: Path) -> bool:
    """Whether a file is of another tool, by its suffix and, for .npz, by the absence of our metadata."""
    if path.suffix == ".npz" and zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                return "about.npy" not in archive.namelist()
        except zipfile.BadZipFile:
            return False
    return path.suffix in SUFFIXES and path.suffix != ".npz"


def _is_stack(x: Tensor) -> bool:
    """Whether a tensor can be images (N, C, H, W), floating point or uint8."""
    return x.layout == torch.strided and x.ndim == 4 and (x.is_floating_point() or x.dtype == torch.uint8)


def read_foreign(path: Path) -> Foreign:
    """Read a file of another tool; BadInput if it is damaged, needs unpickling, or has no images."""
    content = _arrays(path) if path.suffix in (".npy", ".npz") else _tensors(path)
    if isinstance(content, list | tuple):
        content = _of_one_radius(content, path)
    if isinstance(content, Tensor):
        content = {"images": content}
    if not isinstance(content, Mapping) or not (named := [name for name in IMAGE_NAMES if name in content]):
        held = f"a dict of {', '.join(map(str, content))}" if isinstance(content, Mapping) else type(content).__name__
        raise BadInput(f"{path} holds {held}; save {LAYOUTS}")
    x, y = content[named[0]], next((content[name] for name in LABEL_NAMES if name in content), None)
    clean = content.get("clean_inputs")
    if not isinstance(x, Tensor) or not _is_stack(x):
        shape = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise BadInput(f"{path} holds {shape} as images; save {LAYOUTS}, in [0, 1] or uint8")
    if y is not None and (not isinstance(y, Tensor) or y.layout != torch.strided or y.shape != x.shape[:1]):
        raise BadInput(f"{path} holds {format_count(len(x), 'image')} and not one label for each; save {LAYOUTS}")
    if clean is not None and (not isinstance(clean, Tensor) or not _is_stack(clean) or clean.shape != x.shape):
        raise BadInput(f"{path} holds clean images that do not go with its {len(x)} adversarial ones; leave them out")
    return Foreign(to_float(x).float(), y, to_float(clean).float() if clean is not None else None)


def _tensors(path: Path) -> object:
    """Read a file written by torch.save, without running pickles."""
    check_saved_by_torch(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise BadInput(f"{path} holds more than tensors, or is damaged; save {LAYOUTS}") from error
    except Exception as error:  # torch raises a dozen types for a damaged archive
        raise BadInput(f"{path} cannot be read ({type(error).__name__}); the file is damaged") from error


def _arrays(path: Path) -> object:
    """Read a file written by numpy.save or numpy.savez."""
    try:
        with path.open("rb") as file:  # np.load itself leaves a damaged file open
            content = np.load(file)
            if isinstance(content, np.ndarray):
                return torch.from_numpy(content)
            return {name: torch.from_numpy(content[name]) for name in content.files}
    except Exception as error:  # of numpy, zipfile and zlib, half a dozen types
        reason = printable(error, 100) or type(error).__name__
        raise BadInput(f"{path} cannot be read as arrays of numpy ({reason}); save {LAYOUTS}") from error


def _of_one_radius(content: list[object] | tuple[object, ...], path: Path) -> object:
    """Name the parts of a tuple: (images, labels), or Foolbox's (raw, clipped, is_adv) for one radius."""
    sets = [part for part in content if isinstance(part, Tensor) and part.ndim == 4]
    if len(content) == 3 and len(sets) == 2 and isinstance(content[2], Tensor) and content[2].dtype == torch.bool:
        return {"images": content[1]}
    if len(sets) > 1 or any(isinstance(part, list) for part in content):
        count = len(sets) or max(len(part) for part in content if isinstance(part, list))
        raise BadInput(f"{path} holds {count} sets of images, as Foolbox returns of several radii; save one of them")
    return dict(zip(("images", "labels"), content, strict=False)) if len(content) in (1, 2) else content
