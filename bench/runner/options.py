"""Options of a run that do not say what is measured: folders, device, batch size, shard and workers."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from bench.core.processes import cores
from bench.data.cache import ImageCache
from bench.data.memory import data_memory
from bench.results.shards import WHOLE_SET, Shard
from bench.runner.torchrun.team import Team


def default_workers(device: torch.device) -> int:
    """How many jobs this machine does at the same time: one on a GPU, else one a core."""
    return 1 if device.type == "cuda" else cores()


@dataclass(frozen=True)
class CellOptions:
    """How cells are measured. No option changes a number."""

    batch_size: int
    save_adv: bool = False  # store the adversarial images
    shard: Shard = WHOLE_SET  # of the images of an attack; the first shard measures all conditions that are no attack
    attack_timeout: float | None = None  # seconds that a call of an attack may take


@dataclass(frozen=True)
class RunOptions:
    """Where and how requests are carried out. Only the device may change a number, and only in its last digits."""

    data_dir: Path
    results: Path
    reports: Path
    device: torch.device
    cells: CellOptions
    workers: int | None = None  # None: one a core on a CPU, one on CUDA
    download: bool = False
    retrain: bool = False
    dry_run: bool = False
    engine: str = "local"  # or ray
    ray_address: str | None = None  # HOST:PORT of a running cluster; None: one that is started here
    data_memory: int | None = None  # bytes that images may take; None: half of the machine's memory
    team: Team | None = None  # the processes of torchrun, which share each training

    @property
    def worker_count(self) -> int:
        """How many jobs may be done at the same time: --workers, else one a core; one on a GPU of this machine."""
        # Ray gives each unit a GPU of its own
        return self.workers or (default_workers(self.device) if self.engine == "local" else cores())

    @cached_property
    def images(self) -> ImageCache:
        """Images that are read once for all requests of a command."""
        processes = self.worker_count + 1 if self.worker_count > 1 else 1  # each worker has images, and so has this one
        return ImageCache(self.data_dir, data_memory(self.data_memory, processes))
