"""`bench run --study`: carries out a study, or prices each of its items, and writes its page."""

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
    """Carry out a study, or all of them, with the rest of the request as it is, and show what is read off the rows.

    only: `table` or `figure`, and its number. 0, or 1 if a training or a cell failed or one of several studies cannot
    be carried out; the others are.
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
    """The studies with the table or figure alone that is asked for, where they have it. BadInput where none has."""
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
    """Carry out a study, or those of its items that were chosen, and show and write its page. How many cells failed."""
    experiments, failed = run_requests(list(make_requests(name, study, request, options)), options)
    if options.cells.shard.count == 1:
        runs = frozenset(job.run for experiment in experiments for job in experiment.jobs)
        StudyPage(name, registered_radius, experiments[0].n, study).show(options.results, Console(), only=runs)
        print(f"page: {write_pages([StudyPage(name, registered_radius)], options.results, options.reports)[0]}")
    return failed


def print_item_costs(name: str, study: Study, request: Request, options: RunOptions) -> int:
    """Print what each item of a study lacks, and what all of them do together. Always 0: nothing is done that fails.

    BadInput where that can be said of none of them.
    """
    items = [study.of([item]) for item in study.items if item.parts]
    parts = [*items, study] if len(items) > 1 else items
    refusals = [reason for part in parts if (reason := print_cost(name, part, request, options))]
    if len(refusals) == len(parts):
        raise refusals[-1]
    return 0


def print_cost(name: str, study: Study, request: Request, options: RunOptions) -> BadInput | None:
    """Print what a study of one item, or of them all, lacks, or why that cannot be said, which is returned."""
    print(f"{name} {study.items[0].name if len(study.items) == 1 else 'all'}: ", end="", flush=True)
    try:
        run_requests(list(make_requests(name, study, request, options)), options)
    except BadInput as error:
        print(f"cannot be priced: {error}")
        return error
    return None
