"""`bench run --study`: runs a study and writes its page, or prints the cost of each of its items."""

import logging

from rich.console import Console

from bench.commands.site_sources import site_sources
from bench.commands.study_requests import make_requests
from bench.core.errors import BadInput
from bench.data.lookup import registered_radius
from bench.report.studies.page import StudyPage
from bench.report.studies.study import STUDIES, Study
from bench.report.write import write_pages, write_site_alone
from bench.runner.options import RunOptions
from bench.runner.request import Request
from bench.runner.run import run_requests

log = logging.getLogger("bench")


def run_study(name: str, request: Request, options: RunOptions, only: tuple[str, str] | None = None) -> int:
    """Run a study, or all of them, and print its page.

    request: options of the user; the study replaces methods, attacks and the like. only: `table` or `figure`, with its
    number. Returns 0, or 1 if a training or cell failed, or one of several studies cannot be run.

    BadInput where an option does not belong to the study.
    """
    names = [*STUDIES] if name == "all" else [name]
    if any(STUDIES[each].paper for each in names) and (request.eps or request.norm):
        raise BadInput(f"--study {name} attacks as printed, at each number's own radius; leave --eps and --norm out")
    own_place = request.dataset != Request.dataset or request.model
    if any(STUDIES[each].paper for each in names) and request.budget == "paper" and own_place:
        raise BadInput(
            f"--study {name} at --budget paper is of the papers' data sets and networks; leave --dataset and "
            "--model out, or give another --budget"
        )
    failed, carry_out = 0, print_item_costs if options.dry_run else run_one_study
    for each, study in choose_studies(names, only).items():
        try:
            failed += carry_out(each, study, request, options)
        except BadInput as error:
            if len(names) == 1:
                raise
            log.warning("%s is left out: %s", each, error)
            failed += 1
    if options.cells.shard.count == 1 and not options.dry_run and options.results.is_dir():
        print(f"site: {write_site_alone(options.results, options.reports, site_sources(options.data_dir))}")
    return 1 if failed else 0


def choose_studies(names: list[str], only: tuple[str, str] | None) -> dict[str, Study]:
    """The studies by name, with only the table or figure that is asked for; BadInput if none has it."""
    found, refused = dict[str, Study](), dict[str, BadInput]()
    for name in names:
        try:
            found[name] = STUDIES[name].select(*only) if only else STUDIES[name]
        except BadInput as error:
            refused[name] = error
    if not found:
        raise next(iter(refused.values()))
    for name, reason in refused.items():
        log.warning("%s is left out: %s", name, reason)
    return found


def run_one_study(name: str, study: Study, request: Request, options: RunOptions) -> int:
    """Run a study, print and write its page; returns the number of failed cells."""
    experiments, failed = run_requests(list(make_requests(name, study, request, options)), options)
    if options.cells.shard.count == 1:
        runs = frozenset(job.run for experiment in experiments for job in experiment.jobs)
        StudyPage(name, registered_radius, experiments[0].n, study).show(options.results, Console(), only=runs)
        print(f"page: {write_pages([StudyPage(name, registered_radius)], options.results, options.reports)[0]}")
    return failed


def print_item_costs(name: str, study: Study, request: Request, options: RunOptions) -> int:
    """Print what each item of a study still needs, and all of them together. Returns 0.

    BadInput if the cost is known of none of them.
    """
    items = [study.of([item]) for item in study.items if item.parts]
    parts = [*items, study] if len(items) > 1 else items
    refusals = [reason for part in parts if (reason := print_cost(name, part, request, options))]
    if len(refusals) == len(parts):
        raise refusals[-1]
    return 0


def print_cost(name: str, study: Study, request: Request, options: RunOptions) -> BadInput | None:
    """Print what a study, or one item of it, still needs; if that is not known, print and return the reason."""
    print(f"{name} {study.items[0].name if len(study.items) == 1 else 'all'}: ", end="", flush=True)
    try:
        run_requests(list(make_requests(name, study, request, options)), options)
    except BadInput as error:
        print(f"cannot be priced: {error}")
        return error
    return None
