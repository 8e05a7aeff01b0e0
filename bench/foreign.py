"""Adversarial images that other tools have saved: `.pt` files of RobustBench, AutoAttack and torchattacks."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bench.data import Dataset, Images
from bench.data.batches import to_float
from bench.errors import BadInput

IMAGES = ("adv_inputs", "adv_complete", "x_adv", "images")  # torchattacks; AutoAttack; what people choose
LABELS = ("labels", "y")
LAYOUTS = f"a tensor (N, C, H, W), (images, labels), or a dict with one of {', '.join(IMAGES)} [and labels]"


@dataclass(frozen=True)
class Foreign:
    """x (N, C, H, W) floating point, said to be of the first N test images; labels (N,) and clean images if given."""

    x: Tensor
    y: Tensor | None
    clean: Tensor | None

    def check(self, test: Images, data: Dataset, path: Path) -> None:
        """BadInput where they cannot be of the first test images."""
        n = len(self.x)
        if tuple(self.x.shape[1:]) != data.shape or not 0 < n <= len(test):
            ours = f"{data.name} has {len(test)} test images of {data.shape}"
            raise BadInput(f"{path} holds {n} images of {tuple(self.x.shape[1:])}, and {ours}; name its --dataset")
        order = f"it has to be of the first {n} test images of {data.name} in their order"
        if self.y is not None and (wrong := int((self.y != test.y[:n]).sum())):
            raise BadInput(f"{path}: {wrong} of {n} labels are not those of the test images; {order}")
        if self.clean is not None:
            far = float((self.clean - to_float(test.x[:n])).abs().max())
            if far > 1 / 255 + 1e-6:  # torchattacks rounds down when it saves as integers
                raise BadInput(f"{path}: its clean images differ from the test images by up to {far:.3f}; {order}")


def read_foreign(path: Path) -> Foreign:
    """BadInput where the file is damaged, has to be unpickled, or holds something else."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise BadInput(f"{path} holds more than tensors, or is damaged; save {LAYOUTS}") from error
    except (OSError, RuntimeError, EOFError, KeyError) as error:
        raise BadInput(f"{path} cannot be read ({type(error).__name__}); the file is damaged") from error
    if isinstance(content, list | tuple) and len(content) in (1, 2):
        content = dict(zip(("images", "labels"), content, strict=False))
    if isinstance(content, Tensor):
        content = {"images": content}
    if not isinstance(content, Mapping) or not (named := [name for name in IMAGES if name in content]):
        held = f"a dict of {', '.join(map(str, content))}" if isinstance(content, Mapping) else type(content).__name__
        raise BadInput(f"{path} holds {held}; save {LAYOUTS}")
    x, y = content[named[0]], next((content[name] for name in LABELS if name in content), None)
    clean = content.get("clean_inputs")
    if not isinstance(x, Tensor) or x.ndim != 4 or not (x.is_floating_point() or x.dtype == torch.uint8):
        shape = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise BadInput(f"{path} holds {shape} as images; save {LAYOUTS}, in [0, 1] or uint8")
    if y is not None and (not isinstance(y, Tensor) or y.shape != x.shape[:1]):
        raise BadInput(f"{path} holds {len(x)} images and not one label for each; save {LAYOUTS}")
    if clean is not None and (not isinstance(clean, Tensor) or clean.shape != x.shape):
        raise BadInput(f"{path} holds clean images that do not go with its {len(x)} adversarial ones; leave them out")
    return Foreign(to_float(x).float(), y, to_float(clean).float() if clean is not None else None)
