"""`bench run`: carry out a request and show its leaderboard."""

from rich.console import Console

from bench.core.foreign.plugins import load_plugins
from bench.core.processes import cores
from bench.report.corruptions.page import print_corruptions
from bench.report.leaderboard.page import print_boards
from bench.report.transfer.page import print_transfer
from bench.report.write import write_reports
from bench.runner.experiment import check_radius_used
from bench.runner.request import Request
from bench.runner.run import LOG, RunOptions, run_requests


def run_methods(request: Request, manner: RunOptions) -> int:
    """Carry out a request and show its leaderboard. 0, or 1 if a training or a cell failed."""
    load_plugins()
    request.check_calibrated()
    check_radius_used(request)
    works, failed = run_requests([request], manner, itemised=True)
    if failed and not any(manner.results.rglob("results.csv")):
        return 1  # every job has come to nothing, and has said why
    if manner.shard.count == 1 and not manner.dry_run:
        written, runs = write_reports(manner.results, manner.reports, cores()), {job.run for job in works[0].jobs}
        print_boards(manner.results, Console(), only=runs)
        if request.transfer:
            print_transfer(manner.results, Console(), only=runs)
        if request.corruptions:
            print_corruptions(manner.results, Console(), only=runs)
        print("\n".join(f"board: {path}" for path in written if path.suffix == ".md"))
        print(f"results: {manner.results / works[0].dataset.name}, log: {manner.results / LOG}")
    return 1 if failed else 0
