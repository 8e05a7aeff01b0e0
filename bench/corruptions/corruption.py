"""Corruptions: functions of images with parameters by image size and severity; and their registry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.core.errors import BadInput
from bench.core.parsing import format_count
from bench.core.registration.checks import instance_check
from bench.core.registry import Registry
from bench.data.published_corruptions import SEVERITIES

TABLE_SIZES = {32: 48, 64: 144, 224: 1024}  # image sizes of the published tables, and the side up to which each is used
MIN_SIDE = 8  # pixels of the shorter side, by default


@dataclass(frozen=True, eq=False)
class Corruption:
    """A corruption of 8-bit images: a function and its parameters by severity.

    `CORRUPTIONS.add(name, Corruption(...))` registers one; `corrupted` applies it by name.

    Args:
        apply: function of images (B, C, H, W) in [0, 1] and the parameters of one severity; returns the same shape,
            which is clamped to [0, 1] afterwards. Random numbers come from `bench.core.rng.uniform`, `normal` and
            `poisson`, which draw for each image separately.
        tables: parameters of severities 1 to 5, by the image size that they were made for (32, 64, 224).
        colour: whether it is undefined for grey images.
        ice: whether `apply` takes a keyword `ice`, images of frost.
        dtype: of the images that `apply` takes; float64 if rounding errors could change a level. With uint8 images and
            results are in 0..255.
        smallest: shorter side in pixels below which it is undefined.
        why: the reason for that, for a message.

    Example:
        >>> import torch
        >>> from bench import Corruption
        >>> table = [(0.1,), (0.2,), (0.3,), (0.4,), (0.5,)]
        >>> darker = Corruption(lambda x, by: x - by, {32: table, 64: table, 224: table})
        >>> darker(torch.full((1, 1, 8, 8), 255, dtype=torch.uint8), 0.2).unique()
        tensor([204], dtype=torch.uint8)
    """

    apply: Callable[..., Tensor]
    tables: Mapping[int, Sequence[tuple[Any, ...]]]
    colour: bool = False
    ice: bool = False
    dtype: torch.dtype = torch.float32
    smallest: int = MIN_SIDE
    why: str = "its kernels would not fit"

    def __call__(self, x: Tensor, *parameters: Any, rounded: bool = False, **given: Any) -> Tensor:
        """Corrupt 8-bit images (B, C, H, W). rounded: round to the nearest of 256 levels instead of down."""
        if self.dtype == torch.uint8:
            return self.apply(x, *parameters, **given)
        result = self.apply(x.to(self.dtype) / 255, *parameters, **given).clamp(0, 1).mul_(255)
        return (result.round_() if rounded else result.floor_()).byte()


def check_corruption(name: str, item: object) -> str:
    """What is wrong with a corruption; empty if nothing is. The check of `CORRUPTIONS`."""
    if flaw := instance_check(Corruption, "wanted: a Corruption")(name, item):
        return flaw
    tables = item.tables if isinstance(item, Corruption) else {}
    if set(tables) != set(TABLE_SIZES) or any(len(table) != len(SEVERITIES) for table in tables.values()):
        sizes = ", ".join(map(str, TABLE_SIZES))
        return f"has other tables than those for images of {sizes} pixels with the parameters of 5 severities each"
    return ""


CORRUPTIONS: Registry[Corruption] = Registry("corruption", check_corruption, folder="bench.corruptions")


def single(*values: float) -> tuple[tuple[float], ...]:
    """Parameters by severity of a corruption with a single parameter."""
    return tuple((value,) for value in values)


def same(values: Sequence[tuple[Any, ...]]) -> dict[int, Sequence[tuple[Any, ...]]]:
    """Tables of a corruption with the same parameters for every image size."""
    return dict.fromkeys(TABLE_SIZES, values)


def table_size(side: int) -> int:
    """The image size whose table is used for images with a longer side of so many pixels."""
    return next((size for size, up_to in TABLE_SIZES.items() if side <= up_to), max(TABLE_SIZES))


def refusal(name: str, shape: tuple[int, int, int]) -> str | None:
    """Why a corruption cannot be applied to images (C, H, W), or None if it can."""
    corruption, (channels, height, width) = CORRUPTIONS[name], shape
    if channels not in (1, 3):
        return f"corruption {name} works on grey or RGB images, not on {format_count(channels, 'channel')}"
    if corruption.colour and channels == 1:
        return f"corruption {name} changes colours and the images are grey; leave it out"
    if min(height, width) < corruption.smallest or max(height, width) > max(TABLE_SIZES.values()):
        return (
            f"corruption {name} takes images of {corruption.smallest} to {max(TABLE_SIZES.values())} pixels a side, "
            f"not {width}x{height}: {corruption.why}; leave it out"
        )
    return None


def parameters(name: str, severity: int, shape: tuple[int, int, int]) -> tuple[Any, ...]:
    """Parameters of a corruption at a severity for images (C, H, W); BadInput if it is not defined for them."""
    if severity not in SEVERITIES:
        raise BadInput(f"severity {severity} of corruption {name}: severities are 1 to 5")
    if reason := refusal(name, shape):
        raise BadInput(reason)
    chosen: tuple[Any, ...] = CORRUPTIONS[name].tables[table_size(max(shape[1:]))][severity - 1]
    return chosen
