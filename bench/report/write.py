"""Tables and figures from what `bench run` left on disk. Everything here is a function of those files; no torch."""

import sys
from pathlib import Path

from bench.core.parsing import printable
from bench.report.corruptions import page as corruption_files
from bench.report.exhibits import page as exhibit_files
from bench.report.files import replace_folders
from bench.report.leaderboard import page as leaderboard
from bench.report.sweeps import page as sweep_pages
from bench.report.transfer import page as transfer_files
from bench.results.store import run_folders, skipped_links

FOLDERS = {
    "leaderboard": leaderboard.files,
    "transfer": transfer_files.files,
    "sweeps": sweep_pages.files,
    "corruptions": corruption_files.files,
    "exhibits": exhibit_files.files,
}


def write_reports(results: Path, reports: Path, processes: int = 1) -> list[Path]:
    """The leaderboard, and whatever else the rows are enough for: in folders of their own, pages before their files.

    Files of an earlier report go first, once all that takes their place is known. processes: as of `draw_all`.
    Links to folders that are left out are named on stderr.
    """
    for link in skipped_links(results):
        where = printable(f"{link}, a link to {link.resolve()}")
        print(f"left out: {where}, which lies or is found elsewhere already", file=sys.stderr)
    made = {reports / name: files(results) for name, files in FOLDERS.items()}
    return replace_folders(made, processes)


def outstanding(results: Path) -> int:
    """How many cells have some of their shards only, and are in no table."""
    parts = [path for folder in run_folders(results) for path in folder.glob("part-*.json")]
    return len({(path.parent, path.name.rpartition("-")[0]) for path in parts})
