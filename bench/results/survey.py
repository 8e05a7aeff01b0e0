"""Finds the run folders below a results folder."""

import os
from contextlib import suppress
from pathlib import Path

RUN_DEPTH = 4  # folders from a results folder down to a run's, at most


def run_folders(results: Path) -> list[Path]:
    """All folders below `results` that have a job.json, sorted; folders named published are skipped.

    Symbolic links are followed where `bench run` would write through them; `skipped_links` returns the others.
    """
    return _find_folders(results)[0]


def skipped_links(results: Path) -> list[Path]:
    """Symbolic links to folders that `run_folders` does not follow: into or above `results`, or visited."""
    return _find_folders(results)[1]


def _find_folders(results: Path) -> tuple[list[Path], list[Path]]:
    """The run folders and the skipped links below `results`, each sorted."""
    runs, skipped, seen, home = list[Path](), list[Path](), set[Path](), results.resolve()
    waiting = [(results, 0, False)] if results.is_dir() else []
    while waiting:
        folder, depth, linked = waiting.pop()
        with suppress(FileNotFoundError), os.scandir(folder) as entries:  # another process may be removing it
            for entry in sorted(entries, key=lambda entry: entry.name):
                path = folder / entry.name
                if entry.name == "job.json":
                    runs.append(folder)
                if entry.name == "published" or not path.is_dir():
                    continue
                target = path.resolve() if entry.is_symlink() else None
                if target and (target in seen or target.is_relative_to(home) or home.is_relative_to(target)):
                    skipped.append(path)
                elif depth < RUN_DEPTH or not (target or linked):
                    seen |= {target} if target else set()
                    waiting.append((path, depth + 1, linked or target is not None))
    return sorted(runs), sorted(skipped)
