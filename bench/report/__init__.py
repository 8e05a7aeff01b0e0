"""Tables and figures from what `bench run` left on disk. Everything here is a function of those files; no torch."""

from pathlib import Path

from bench.report.corruption_files import print_corruptions, write_corruptions
from bench.report.exhibit_files import write_exhibits
from bench.report.leaderboard import boards, print_boards, write_leaderboard
from bench.report.sweep_pages import write_sweeps
from bench.report.transfer_files import print_transfer, write_transfer

__all__ = [
    "boards",
    "outstanding",
    "print_boards",
    "print_corruptions",
    "print_transfer",
    "write_leaderboard",
    "write_reports",
]


def write_reports(results: Path, reports: Path) -> list[Path]:
    """The leaderboard, and whatever else the rows are enough for: in folders of their own, pages before their files."""
    writers = (write_leaderboard, write_transfer, write_sweeps, write_corruptions, write_exhibits)
    written = [write(results, reports) for write in writers]
    return [path for paths in written for path in paths]


def outstanding(results: Path) -> int:
    """How many cells have some of their shards only, and are in no table."""
    return len({(path.parent, path.name.rpartition("-")[0]) for path in results.rglob("part-*.json")})
