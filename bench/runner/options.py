"""Where and how requests are carried out: what a command is told besides what to measure."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from bench.data.cache import ImageCache
from bench.results.shards import WHOLE, Shard


@dataclass(frozen=True)
class CellOptions:
    """How cells are measured. None of it changes a number."""

    batch_size: int
    save_adv: bool = False  # store the images that attacks break
    shard: Shard = WHOLE  # of the images, under attack; the first one measures all of what is no attack
    attack_timeout: float | None = None  # seconds that a call of an attack may take


@dataclass(frozen=True)
class RunOptions:
    """Where requests are carried out, and how. Of all this only the device may change the last digits of a number."""

    data_dir: Path
    results: Path
    reports: Path
    device: torch.device
    cells: CellOptions
    workers: int | None = None  # None: one a core on a CPU, one on CUDA
    download: bool = False
    retrain: bool = False
    dry_run: bool = False

    @cached_property
    def images(self) -> ImageCache:
        """Images read for one request, kept for the next."""
        return ImageCache(self.data_dir)
