"""`bench eval`: evaluate an external model as those that are trained here."""

from contextlib import ExitStack
from dataclasses import replace

from rich.console import Console

from bench.commands.evaluate.board_entry import board_entry, find_doubts, official_attack, with_official_attack
from bench.commands.evaluate.candidate import Candidate, describe, load_candidate, transfer_runner_for
from bench.commands.evaluate.model_info import model_info, read_model_info, unknown_facts
from bench.commands.evaluate.options import EvalOptions
from bench.commands.evaluate.within import RepeatedMeasurement, check_time, evaluate_within
from bench.commands.site_sources import site_sources
from bench.commands.start import start
from bench.core.errors import BadInput
from bench.core.files import write_json
from bench.core.processes import cores
from bench.core.progress import Progress, ProgressCallback
from bench.data.lookup import dataset
from bench.evaluation.conditions.base import Condition
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.external.spec import ModelSource
from bench.evaluation.row import ModelRef
from bench.report.model_report.page import report_paths
from bench.report.write import PAGES, describe_files, first_pages, write_reports
from bench.results.row import Row
from bench.results.run_folder import RunFolder
from bench.results.store import read_rows
from bench.runner.cells import CellPlan
from bench.runner.engines.ray_cluster import connect
from bench.runner.engines.ray_engine import run_on_ray
from bench.runner.external_runner import ExternalRunner
from bench.runner.pool import log_to_file
from bench.runner.report_facts import CommandText, write_report_facts
from bench.runner.request import Request
from bench.runner.run import LOG_FILE, print_missing_shards
from bench.runner.transfer.matrix import TransferRunner
from bench.training.run_folder import lock_folder


def eval_model(source: ModelSource, request: Request, options: EvalOptions) -> int:
    """Measure the rows that the model's folder lacks and show its leaderboard. Returns 0, or 1 if a cell failed.

    Raises:
        BadInput: the model cannot be loaded, breaks the contract, or the request is refused; nothing is written then.
    """
    request.check_shard(options.cells.shard)
    request = with_official_attack(request, options.model_info, source) if options.model_info else request
    for option, is_given in {"--model-info": options.model_info, "--report": options.report}.items():
        if is_given and options.cells.shard.count > 1:
            raise BadInput(f"{option} needs all images; merge the shards, then give it without --shard")
    device = start(options.device, options.results, options.reports)
    request.check_calibration()
    candidate = load_candidate(source, request, options, device)
    cells, model, run = candidate.cells, candidate.model, candidate.model.subject.run
    known = read_model_info(options.model_info) if options.model_info else {}

    folder, which = options.results / run, ModelRef(model.subject, source.epoch, source.view)
    classes = dataset(request.dataset, options.data_dir).classes
    matrix = transfer_runner_for(which, candidate, request, options) if request.source else None
    facts = describe(source, request, candidate, device, len(classes))
    if options.within is None:
        failed = _evaluate(candidate, which, facts, options, matrix)
    else:
        check_time(cells, model.net, options.within)
        failed = evaluate_within(_make_repeated_measurement(candidate, which, facts, options), options.within)
    if options.report:
        with lock_folder(folder) as run_folder:
            command = CommandText(options.report, str(options.results))
            write_report_facts(cells, run_folder, which, model.net, classes, command)

    if options.cells.shard.count > 1:
        print_missing_shards(options.results, [run], options.cells.shard)
        return 1 if failed else 0
    _write_and_show_reports(run, options)
    if options.model_info and not failed:
        rows = {row.key: row for row in read_rows(folder)}
        clean, attacked = (rows[cells.key(model.identity, c)] for c in (Clean(), official_attack(cells.conditions)))
        measured = board_entry(source, model.net, clean, attacked, find_doubts(options.results, attacked))
        entry = model_info(measured, {**known, **options.info})
        write_json(options.model_info, entry)
        print(f"model_info: {options.model_info}{unknown_facts(entry)}")
    return 1 if failed else 0


def _evaluate(
    candidate: Candidate,
    which: ModelRef,
    facts: dict[str, object],
    options: EvalOptions,
    matrix: TransferRunner | None = None,
) -> int:
    """Measure what the model's folder lacks, and the transfer matrix if there is one; returns how many cells failed."""
    cells, folder, failed = candidate.cells, options.results / candidate.model.subject.run, 0
    missing = cells.missing_conditions(RunFolder(folder), which, candidate.model.identity)
    cost = sum(c.cost(len(cells.ids(c))) for c in missing.values())
    with Progress(cost + (matrix.cost() if matrix else 0)) as progress:
        if missing or not (folder / "job.json").exists():
            failed = evaluate_on_engine(candidate, which, facts, options, progress)
        with log_to_file(options.results / LOG_FILE):
            failed += matrix.fill(progress) if matrix else 0
    return failed


def _write_and_show_reports(run: str, options: EvalOptions) -> None:
    written = write_reports(options.results, options.reports, sources=site_sources(options.data_dir))
    for page in PAGES:
        page.show(options.results, Console(), only=frozenset({run}))
    print("\n".join(f"page: {path}" for path in first_pages(written)))
    for path in report_paths(options.results, run):
        print(f"report: {options.reports / path}")
    print(describe_files(written, options.reports))
    print(f"results: {options.results / run}")


def evaluate_on_engine(
    candidate: Candidate,
    which: ModelRef,
    facts: dict[str, object],
    options: EvalOptions,
    tell: ProgressCallback,
) -> int:
    """Measure what the model's folder lacks, in this process or on a Ray cluster; returns how many cells failed.

    facts: the content of job.json, which is written once the cluster is connected to.
    """
    cells, model, log = candidate.cells, candidate.model, options.results / LOG_FILE
    runner = ExternalRunner(cells, options.results, which.epoch, which.view, model.net, model.identity)
    with ExitStack() as stack:
        ray = None
        if options.engine == "ray":
            ray = stack.enter_context(connect(options.ray_address, cores(), cells.device, 1))
        folder = options.results / model.subject.run
        with lock_folder(folder, shard=cells.options.shard):
            write_json(folder / "job.json", facts)
        if ray is not None:
            return run_on_ray(ray, runner, [model.subject], tell, log)
        stack.enter_context(log_to_file(log))
        return runner.evaluate(model.subject, tell)


def _make_repeated_measurement(
    candidate: Candidate, which: ModelRef, facts: dict[str, object], options: EvalOptions
) -> RepeatedMeasurement:
    """How `evaluate_within` measures the model, and reads what is stored of it."""
    cells, identity, folder = candidate.cells, candidate.model.identity, options.results / candidate.model.subject.run

    def measure(plan: CellPlan) -> int:
        return _evaluate(replace(candidate, cells=plan), which, facts, options)

    def find_row(condition: Condition) -> Row:
        return next(row for row in read_rows(folder) if row.key == cells.key(identity, condition))

    return RepeatedMeasurement(cells, measure, find_row)
