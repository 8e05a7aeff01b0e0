"""What torchrun tells a process that it has started. Imports no torch."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Torchrun:
    """This process as one of those that torchrun has started."""

    rank: int  # from 0, over all hosts
    size: int  # number of processes on all hosts
    local_rank: int  # from 0, on this host
    local_size: int  # number of processes on this host


def torchrun() -> Torchrun | None:
    """This process's place among those of torchrun; None if it was not started by torchrun, or as its only process."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    found = Torchrun(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")))
    return found if found.size > 1 else None
