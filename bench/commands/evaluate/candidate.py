"""The model of `bench eval`: loaded and checked, with what evaluates it and what its folder says of it."""

from dataclasses import dataclass

import torch

from bench.commands.evaluate.options import EvalOptions
from bench.core.errors import BadInput
from bench.data.cache import ImageCache
from bench.data.lookup import dataset
from bench.data.memory import data_memory
from bench.evaluation.external.load import ExternalModel, load_external
from bench.evaluation.external.spec import ModelSource
from bench.evaluation.row import ModelRef
from bench.results.row import model_id
from bench.runner.cells import CellPlan
from bench.runner.grid import plan_evaluation
from bench.runner.request import Request
from bench.runner.transfer.matrix import TransferModel, TransferRunner
from bench.runner.transfer.models import load_sources
from bench.training.precision import choose_precision
from bench.training.run_folder import environment

NO_BUDGET = "not trained here"


@dataclass(frozen=True, eq=False)
class Candidate:
    """An external model and what evaluates it."""

    cells: CellPlan
    model: ExternalModel  # may have warnings, with --anyway


def load_candidate(source: ModelSource, request: Request, options: EvalOptions, device: torch.device) -> Candidate:
    """Load and check the model. BadInput if it cannot be loaded or, without --anyway, if there are warnings."""
    data = dataset(request.dataset, options.data_dir)
    cache = ImageCache(options.data_dir, data_memory(options.data_memory))
    test, n, conditions = plan_evaluation(request, data, device, cache, options.download)
    cells = CellPlan(
        test.to(device),
        n,
        conditions,
        device,
        choose_precision(request.precision or "fp32", device),
        options.cells,
    )
    attacked = any(condition.searches for condition in conditions)
    model = load_external(source, data, cells.test, options.access, attacked)
    if model.warnings and not options.anyway:
        raise BadInput(f"{source}: {'; '.join(model.warnings)}. To evaluate it as it is, give --anyway")
    return Candidate(cells, model)


def transfer_runner_for(
    which: ModelRef,
    candidate: Candidate,
    request: Request,
    options: EvalOptions,
) -> TransferRunner:
    """A transfer evaluation whose one target is the model, and whose sources are itself and those of --source."""
    data, cells, model = dataset(request.dataset, options.data_dir), candidate.cells, candidate.model
    itself = TransferModel(model_id(model.subject.run, which.epoch, which.view), model.identity, model.net)
    external = load_sources(request.source, data, cells.test, cells.conditions, options.access)
    return TransferRunner(cells, options.results, {which: itself}, external)


def describe(
    source: ModelSource, request: Request, candidate: Candidate, device: torch.device, classes: int
) -> dict[str, object]:
    """The content of job.json of an external model."""
    model, run = candidate.model, candidate.model.subject
    return {
        "run": run.run,
        "name": run.name,
        "dataset": run.dataset,
        "model": run.model,
        "spec": str(source),
        "identity": model.identity,
        "source": request.dataset,
        "budget": NO_BUDGET,
        "classes": classes,
        "alarms": model.warnings,
        "choices": list(model.choices),
        "environment": environment(device),
        "status": "external",
    }
