"""The start of every command that computes: plug-ins, repeatable numbers, threads, device and folders."""

from pathlib import Path

import torch

from bench.core.device import parse_device, set_deterministic
from bench.core.errors import BadInput
from bench.core.foreign.plugins import load_plugins
from bench.core.processes import cores


def start(device: str, *folders: Path) -> torch.device:
    """Load the installed plug-ins, make numbers repeatable, use all cores, and return the device with this name.

    Args:
        folders: the folders that the command will write to.

    Raises:
        BadInput: there is no such device, or a folder cannot be made.
    """
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
