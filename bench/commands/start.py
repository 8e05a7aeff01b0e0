"""The start of every command that computes: plug-ins, repeatable numbers, threads, device and folders."""

from pathlib import Path

import torch

from bench.core.device import parse_device, set_deterministic
from bench.core.errors import BadInput
from bench.core.foreign.plugins import load_plugins
from bench.core.processes import cores
from bench.training.shared.torchrun import torchrun


def start(device: str, *folders: Path, is_shareable: bool = False) -> torch.device:
    """Load the installed plug-ins, make numbers repeatable, use all cores, and return the device with this name.

    Args:
        folders: the folders that the command will write to.
        is_shareable: whether several processes of torchrun can share the work.

    Raises:
        BadInput: there is no such device, a folder cannot be made, or torchrun has started processes to no use.
    """
    if not is_shareable and (place := torchrun()) is not None:
        raise BadInput(
            f"torchrun has started {place.size} processes, which share the trainings of bench run and nothing else; "
            "run this command without it"
        )
    load_plugins()
    set_deterministic()
    torch.set_num_threads(cores())
    found = parse_device(device)
    check_folders(*folders)
    return found


def check_folders(*folders: Path) -> None:
    """BadInput if a folder, or one above it, is a file."""
    for folder in folders:
        if blocking := [path for path in (folder, *folder.parents) if path.exists() and not path.is_dir()]:
            raise BadInput(f"{blocking[0]} is a file, where a folder is to be; name another --results or --reports")
