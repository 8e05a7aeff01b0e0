"""The models of a transfer matrix: those that an experiment trains, and external ones."""

import sys
from collections.abc import Sequence

from bench.core.errors import BadInput
from bench.data.dataset import Dataset
from bench.data.images import Images
from bench.evaluation.conditions.base import Condition
from bench.evaluation.external.access import Access
from bench.evaluation.external.finished_run import FinishedRun
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


def external_sources(experiment: Experiment, access: Access) -> list[TransferModel] | None:
    """The external models (--source) on which images are crafted too; None without --transfer.

    Raises:
        BadInput: there are fewer than two models, or a source is refused as by `load_sources`.
    """
    if not experiment.request.transfer:
        return None
    if len(experiment.jobs) < 2 and not experiment.request.source:
        raise BadInput(
            "--transfer needs two models; name more --methods or --seeds, or a model from outside (--source)"
        )
    return load_sources(experiment.request.source, experiment.dataset, experiment.test, experiment.conditions, access)


def transfer_runners(
    runners: Sequence[Runner], external: Sequence[list[TransferModel] | None], retrain: bool = False
) -> list[TransferRunner]:
    """One transfer evaluation for each experiment with --transfer. external: of each one; None without --transfer."""
    return [
        TransferRunner(runner.cells, runner.results, trained_models(runner, retrain), sources)
        for runner, sources in zip(runners, external, strict=True)
        if sources is not None
    ]


def trained_models(runner: Runner, retrain: bool) -> dict[ModelRef, TransferModel]:
    """The models of an experiment's jobs, main views only: finished, failed or to come.

    retrain: take every model as still to come.
    """
    found = {}
    for job in runner.experiment.jobs:
        folder = runner.results / job.run
        has_ended = not retrain and is_finished(folder, runner.experiment.epochs)
        reason = failure(folder) if has_ended else ""
        nets = runner.load(job, RunFolder(folder)) if has_ended and not reason else {}
        for epoch in runner.experiment.epochs:
            where, net = model_id(job.run, epoch, "main"), nets.get((epoch, "main"))
            identity = trained_identity(net, runner.experiment.test) if net else f"{where}: {reason or 'to come'}"
            why = f"{where} has no model, its training failed: {reason}" if reason else ""
            found[ModelRef(job, epoch, "main")] = TransferModel(where, identity, net, why)
    return found


def load_sources(
    specs: Sequence[str], data: Dataset, test: Images, conditions: Sequence[Condition], access: Access
) -> list[TransferModel]:
    """Load external models to craft images on, on the device of the test images.

    Prints to stderr which attacks have no last iterate to transfer, and warnings about the models.

    Raises:
        BadInput: a model cannot be loaded, is of other images or classes, or no attack has a last iterate.
    """
    without = final_iterate_attacks(conditions)[1]
    external = [_load_source(spec, data, test, access) for spec in dict.fromkeys(specs)]
    if without:
        print(f"transfer leaves out {', '.join(without)}: no last iterate to hand over", file=sys.stderr)
    return external


def _load_source(spec: str, data: Dataset, test: Images, access: Access) -> TransferModel:
    try:
        source = parse_spec(spec)
        trained_on = source.record.get("dataset") if isinstance(source, FinishedRun) else data.name
        if trained_on != data.name:
            raise BadInput(f"it is for {trained_on}, whose classes and images are not those of {data.name}")
        model = load_external(source, data, test, access, attacked=True, label=f"--source {spec}")
    except BadInput as error:
        raise BadInput(f"--source {spec}: {error}") from error
    for warning in model.warnings:
        print(f"--source {spec}: {warning}", file=sys.stderr)
    run = str(source.record["run"]) if isinstance(source, FinishedRun) else model.subject.run
    return TransferModel(model_id(run, source.epoch, source.view), model.identity, model.net)
