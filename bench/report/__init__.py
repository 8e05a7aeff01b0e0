"""Tables and figures from what `bench run` left on disk. Everything here is a function of those files; no torch."""

from bench.report.leaderboard import boards, print_boards, write_leaderboard
from bench.report.sweep_pages import write_sweeps

__all__ = ["boards", "print_boards", "write_leaderboard", "write_sweeps"]
