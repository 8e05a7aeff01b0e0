"""Tables and figures from what `bench run` left on disk. Everything here is a function of those files; no torch."""

from collections.abc import Callable
from pathlib import Path

from bench.report import corruption_files, exhibit_files, leaderboard, stored, sweep_pages, transfer_files
from bench.report.corruption_files import print_corruptions
from bench.report.files import replace_files
from bench.report.leaderboard import boards, print_boards
from bench.report.studio import FEW, Studio
from bench.report.transfer_files import print_transfer
from bench.results import run_folders

__all__ = ["boards", "outstanding", "print_boards", "print_corruptions", "print_transfer", "write_reports"]

FOLDERS = {
    "leaderboard": leaderboard.files,
    "sweeps": sweep_pages.files,
    "corruptions": corruption_files.files,
    "transfer": transfer_files.files,
    "exhibits": exhibit_files.files,
}


MANY = 50  # runs: their figures are too many to be drawn one after the other


def write_reports(results: Path, reports: Path, meanwhile: Callable[[], None] = lambda: None) -> list[Path]:
    """The leaderboard, and whatever else the rows are enough for: in folders of their own, pages before their files.

    Files of an earlier report go first. meanwhile: done while figures are drawn.
    """
    leaderboard.grouped(stored.rows(results), results)  # nothing is written where there is nothing
    with Studio(0 if len(run_folders(results)) > MANY else FEW) as studio:
        # the leaderboard takes longest: last, so that the others' figures are drawn meanwhile
        written = {name: replace_files(reports / name, FOLDERS[name](results), studio) for name in reversed(FOLDERS)}
        meanwhile()
    return [path for name in FOLDERS for path in written[name]]


def outstanding(results: Path) -> int:
    """How many cells have some of their shards only, and are in no table."""
    return len({(path.parent, path.name.rpartition("-")[0]) for path in results.rglob("part-*.json")})
