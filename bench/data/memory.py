"""How much memory images may take, and how much there is."""

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.core.errors import BadInput

LIMIT_OF_CONTAINER = Path("/sys/fs/cgroup/memory.max")  # on Linux: its memory limit in bytes, or "max"
KEPT_SHARE = 3 / 4  # of the limit may be taken by images that are kept, the rest by images that are decoded ahead
WORKING_BYTES = 2**27
UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


@dataclass
class DataMemory:
    """The memory that images may take, and what is taken of it in this process.

    Args:
        limit: bytes, for all processes of a command; by default half of what the machine has.
        option: the option that gave the limit, for messages; empty for the default.
        processes: how many there are; each has an equal share.
        kept: bytes of the images that this process keeps.
    """

    limit: float = field(default_factory=lambda: available_memory() / 2)
    option: str = ""
    processes: int = 1
    kept: float = 0

    def has_room(self, count: int, shape: tuple[int, ...]) -> bool:
        """Whether so many more 8-bit images of this shape can be kept."""
        return self.kept + count * math.prod(shape) <= self.limit / self.processes * KEPT_SHARE

    def keep(self, count: int, shape: tuple[int, ...]) -> None:
        """Count 8-bit images that are kept from now on."""
        self.kept += count * math.prod(shape)

    def images_ahead(self, shape: tuple[int, ...], what: str) -> int:
        """How many 8-bit images of this shape may be decoded before they are used; BadInput if none fits."""
        size, share = math.prod(shape), self.limit / self.processes * (1 - KEPT_SHARE)
        if size > share:
            least = format_bytes(1.1 * size * self.processes / (1 - KEPT_SHARE))
            raise BadInput(f"{self._describe()} is too little to decode one {what}; give {least} or more")
        return int(share // size)

    def check(self, count: int, shape: tuple[int, ...], what: str, is_train: bool) -> None:
        """BadInput if 8-bit images that have to be kept do not fit into a limit that was given, or into the machine."""
        way_out = "give --limit-train fewer" if is_train else "a larger one is needed"
        if self.option and not self.has_room(count, shape):
            raise BadInput(
                f"{count} {what} take {format_bytes(count * math.prod(shape))}, which {self._describe()} cannot keep; "
                f"only images with a file each are read in parts: give more, or {way_out}"
            )
        check_memory(count, shape, what, way_out)

    def _describe(self) -> str:
        shared = f", shared by {self.processes} processes," if self.processes > 1 else ""
        return f"{self.option or f'half of the memory, {format_bytes(self.limit)}'}{shared}"


def data_memory(limit: int | None, processes: int = 1) -> DataMemory:
    """The memory that --data-memory gives to some processes; None: the default."""
    if limit is None:
        return DataMemory(processes=processes)
    return DataMemory(limit, f"--data-memory {format_bytes(limit)}", processes)


def images_at_a_time(shape: Sequence[int], multiple: int) -> int:
    """How many images (C, H, W) are worked on at a time: at most WORKING_BYTES in fp32, a multiple of a number."""
    return max(1, int(WORKING_BYTES / (4 * math.prod(shape)) / multiple)) * multiple


def check_memory(count: int, shape: tuple[int, ...], what: str, way_out: str) -> None:
    """BadInput if a number of 8-bit images (C, H, W) does not fit into the memory of the machine."""
    needed = count * math.prod(shape) / 2**30
    if needed > available_memory() / 2**30:
        raise BadInput(
            f"{count} {what} take {needed:.0f} GiB and this machine has {available_memory() / 2**30:.0f} GiB; {way_out}"
        )


def available_memory() -> float:
    """Memory of the machine or of its container in bytes; inf on Windows, where it is not known."""
    if sys.platform == "win32":
        return math.inf
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    allowed = LIMIT_OF_CONTAINER.read_text().strip() if LIMIT_OF_CONTAINER.is_file() else "max"
    return float(min(installed, int(allowed)) if allowed.isdecimal() else installed)


def format_bytes(count: float) -> str:
    """A number of bytes in the largest unit that it has one of, such as 64 MiB."""
    power = min(int(math.log(max(count, 1), 1024)), len(UNITS) - 1)
    value = count / 1024**power
    return f"{value:.0f} {UNITS[power]}" if value >= 10 else f"{value:.2g} {UNITS[power]}"
