"""`bench run`: carry out a request and show its leaderboard."""

from rich.console import Console

from bench.commands.site_sources import site_sources
from bench.core.processes import cores
from bench.report.write import PAGES, describe_files, first_pages, write_reports
from bench.runner.experiment import check_radius_used
from bench.runner.options import RunOptions
from bench.runner.request import Request
from bench.runner.run import LOG_FILE, run_requests


def run_methods(request: Request, options: RunOptions) -> int:
    """Carry out a request, write all reports and show its leaderboard. Returns 0, or 1 if a training or cell failed.

    Raises:
        BadInput: the request or a combination of options is refused; nothing has been trained or written then.
    """
    request.check_calibration()
    check_radius_used(request)
    experiments, failed = run_requests([request], options, is_itemised=True)
    if failed and not any(options.results.rglob("results.csv")):
        return 1  # every job failed, and its reason was printed
    if options.cells.shard.count == 1 and not options.dry_run:
        written = write_reports(options.results, options.reports, cores(), site_sources(options.data_dir))
        runs = frozenset(job.run for job in experiments[0].jobs)
        for page in PAGES:
            page.show(options.results, Console(), only=runs)
        print("\n".join(f"page: {path}" for path in first_pages(written)))
        print(describe_files(written, options.reports))
        print(f"results: {options.results / experiments[0].dataset.name}, log: {options.results / LOG_FILE}")
    return 1 if failed else 0
