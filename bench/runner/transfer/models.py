"""The models of a transfer matrix: those that a work trains, and those from outside."""

import sys
from collections.abc import Sequence

from bench.core.errors import BadInput
from bench.data.dataset import Dataset, Images
from bench.evaluation.conditions.base import Condition
from bench.evaluation.external.access import Access
from bench.evaluation.external.finished_run import Run
from bench.evaluation.external.load import load_external
from bench.evaluation.external.spec import parse_spec
from bench.evaluation.identity import trained_identity
from bench.evaluation.row import ModelRef
from bench.evaluation.transfer import final_iterate_attacks
from bench.results.row import model_id
from bench.results.run_folder import RunFolder
from bench.runner.experiment import Experiment
from bench.runner.job_runner import Runner
from bench.runner.transfer.matrix import TransferModel, TransferRunner
from bench.training.run_folder import failure, is_finished


def external_sources(work: Experiment, access: Access) -> list[TransferModel] | None:
    """The models from outside that images are crafted on too; None where no transfer was asked for.

    BadInput where it makes no sense of this work.
    """
    if not work.request.transfer:
        return None
    if len(work.jobs) < 2 and not work.request.source:
        raise BadInput(
            "--transfer needs two models; name more --methods or --seeds, or a model from outside (--source)"
        )
    return load_sources(work.request.source, work.dataset, work.test, work.conditions, access)


def transfer_runners(
    runners: Sequence[Runner], guests: Sequence[list[TransferModel] | None], retrain: bool = False
) -> list[TransferRunner]:
    """The matrices that were asked for, with the models that there are."""
    pairs = zip(runners, guests, strict=True)
    return [
        TransferRunner(runner.exam, runner.results, entrants(runner, retrain), load_sources)
        for runner, load_sources in pairs
        if load_sources is not None
    ]


def entrants(runner: Runner, retrain: bool) -> dict[ModelRef, TransferModel]:
    """The jobs' models as they are: finished, failed or to come."""
    found = {}
    for job in runner.work.jobs:
        folder = runner.results / job.run
        settled = not retrain and is_finished(folder, runner.work.epochs)
        reason = failure(folder) if settled else ""
        nets = runner.load(job, RunFolder(folder)) if settled and not reason else {}
        for epoch in runner.work.epochs:
            where, net = model_id(job.run, epoch, "main"), nets.get((epoch, "main"))
            identity = trained_identity(net, runner.work.test) if net else f"{where}: {reason or 'to come'}"
            why = f"{where} has no model, its training failed: {reason}" if reason else ""
            found[ModelRef(job, epoch, "main")] = TransferModel(where, identity, net, why)
    return found


def load_sources(
    specs: Sequence[str], data: Dataset, test: Images, conditions: Sequence[Condition], access: Access
) -> list[TransferModel]:
    """Models from outside to craft images on, on the device of the test images.

    BadInput where one is not there or not for these images, or where no condition hands images over. On stderr: the
    attacks that do not, and what is doubtful about a model.
    """
    without = final_iterate_attacks(conditions)[1]
    guests = [_guest(spec, data, test, access) for spec in dict.fromkeys(specs)]
    if without:
        print(f"transfer leaves out {', '.join(without)}: no last iterate to hand over", file=sys.stderr)
    return guests


def _guest(spec: str, data: Dataset, test: Images, access: Access) -> TransferModel:
    try:
        source = parse_spec(spec)
        trained_on = source.record.get("dataset") if isinstance(source, Run) else data.name
        if trained_on != data.name:
            raise BadInput(f"it is for {trained_on}, whose classes and images are not those of {data.name}")
        model = load_external(source, data, test, access, attacked=True, label=f"--source {spec}")
    except BadInput as error:
        raise BadInput(f"--source {spec}: {error}") from error
    for warning in model.warnings:
        print(f"--source {spec}: {warning}", file=sys.stderr)
    run = str(source.record["run"]) if isinstance(source, Run) else model.subject.run
    return TransferModel(model_id(run, source.epoch, source.view), model.identity, model.net)
