"""Tables and figures from what `bench run` left on disk. Everything here is a function of those files; no torch."""

from bench.report.corruption_files import print_corruptions, write_corruptions
from bench.report.leaderboard import boards, print_boards, write_leaderboard
from bench.report.transfer_files import print_transfer, write_transfer

__all__ = [
    "boards",
    "print_boards",
    "print_corruptions",
    "print_transfer",
    "write_corruptions",
    "write_leaderboard",
    "write_transfer",
]
