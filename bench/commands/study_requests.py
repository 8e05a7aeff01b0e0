"""Makes the requests of a study: one for each part whose data set is there."""

import logging
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bench.core.errors import BadInput
from bench.core.plan import LONG
from bench.core.threats.lengths import REFERENCE_EPS
from bench.corruptions.corruption import refusal
from bench.data.dataset import Dataset
from bench.data.lookup import dataset
from bench.report.studies.scales import (
    OTHER_RADIUS_DATASETS,
    PAPER_BUDGET,
    REFERENCE_RADIUS,
    resolve_step,
    scale_radius,
)
from bench.report.studies.setup import StudyRun
from bench.report.studies.study import STUDIES, Study
from bench.runner.budgets import budget_name, budget_of, model_of
from bench.runner.options import RunOptions
from bench.runner.request import Request
from bench.runner.run import run_requests

log = logging.getLogger("bench")

# architecture that replaces the paper's other network, by the architecture of the study; cnn for all others
CRAFTING_MODELS = {"cnn": "resnet8"}


def make_requests(name: str, study: Study, request: Request, options: RunOptions) -> Iterator[Request]:
    """Make a request for each part. A model that images are crafted on is trained before its request is made."""
    for part in possible_parts(name, study, request, options):
        yield make_request(part, request, options)


def possible_parts(name: str, study: Study, request: Request, options: RunOptions) -> Iterator[StudyRun]:
    """The parts of the chosen items that can be run here; a warning names those that cannot, and why.

    BadInput if none can.
    """
    home = STUDIES[name].home
    parts = dict.fromkeys(part for item in study.items for part in item.at(request.budget or "", request.dataset, home))
    if not parts:
        places = ", ".join(dict.fromkeys(part.where.dataset for part in study.parts if part.where))
        raise BadInput(
            f"{', '.join(item.name for item in study.items)} of {name}: of {places}, which {request.dataset} does not "
            "stand in for; name another --dataset, or give --budget paper"
        )
    obstacles = {where.dataset: find_obstacle(where.dataset, options) for where in {p.where for p in parts if p.where}}
    reasons = {data: reason for data, reason in obstacles.items() if reason}
    there = [part for part in parts if not (part.where and part.where.dataset in reasons)]
    if not there:
        raise BadInput(next(iter(reasons.values())))
    for data, reason in reasons.items():
        log.warning("%s: what is of %s is left out: %s", name, data, reason)
    for part in there:
        yield from drop_impossible_corruptions(
            name, part, dataset(part.where.dataset if part.where else request.dataset, options.data_dir)
        )


def find_obstacle(name: str, options: RunOptions) -> str:
    """Why the training images of a data set cannot be read; empty if they can, or will be downloaded."""
    try:
        data = dataset(name, options.data_dir)
        if not (options.download and data.fetch):
            options.images.size(data, "train")
    except BadInput as error:
        return str(error)
    return ""


def drop_impossible_corruptions(name: str, part: StudyRun, data: Dataset) -> Iterator[StudyRun]:
    """The part without corruptions that are not defined for a data set's images; nothing if none is left."""
    reasons = {corruption: refusal(corruption, data.shape) for corruption in part.corruptions}
    for reason in filter(None, reasons.values()):
        log.warning("%s on %s: %s", name, data.name, reason.replace("; leave it out", ", so it is left out"))
    possible = tuple(corruption for corruption, reason in reasons.items() if not reason)
    if possible or not part.corruptions:
        yield replace(part, corruptions=possible)


def make_request(part: StudyRun, request: Request, options: RunOptions) -> Request:
    """Make the request of a part; at the scale of the paper it has its own data set and architecture."""
    where, changes = part.where, dict[str, Any]()
    radius = REFERENCE_EPS if where else dataset(request.dataset, options.data_dir).threat.eps
    if where:
        if where.dataset in OTHER_RADIUS_DATASETS:
            changes["train_eps"] = request.train_eps or REFERENCE_EPS
        changes |= {"dataset": where.dataset, "model": where.model, "paper": where.paper}
        changes |= {"epochs": where.epochs or request.epochs, "limit_train": where.images or request.limit_train}
        changes |= {"settings": (*request.settings, "plan=long")} if where.plan else {}
    changes |= {
        "methods": part.methods,
        "attacks": tuple(resolve_step(attack, None if part.sweep else part.eps, radius) for attack in part.attacks),
        "diagnostics": part.diagnostics,
        "corruptions": part.corruptions,
        "exhibits": (*request.exhibits, *part.exhibits),
        "transfer": part.transfer,
        "seeds": add_seeds(request.seeds, part.seeds),
    }
    if part.sweep:
        changes["sweep"] = tuple(scale_radius(eps, radius) for eps in part.sweep)
    elif part.attacks:
        changes["eps"] = scale_radii(part, request, radius)
    if part.longer:
        changes |= double_length(request, options)
    request = replace(request, **changes)
    return replace(request, source=crafting_model(part, request, options)) if part.crafter else request


def scale_radii(part: StudyRun, request: Request, radius: float) -> tuple[float, ...]:
    """The part's radius, scaled to the data set; if the user gives radii, scaled to each of them."""
    if not request.eps:
        return (scale_radius(part.eps, radius),)
    largest = 1.0 if request.norm in (None, "Linf") else math.inf
    return tuple(min(eps * (part.eps / REFERENCE_RADIUS), largest) for eps in request.eps)


def double_length(request: Request, options: RunOptions) -> dict[str, Any]:
    """Changes of a request that make trainings twice as long, or as long as the paper's longer plan."""
    if request.budget == PAPER_BUDGET and request.epochs is None:
        return {"settings": (*request.settings, LONG)}
    data = dataset(request.dataset, options.data_dir)
    cuda = options.device.type == "cuda"
    return {"epochs": 2 * (request.epochs or budget_of(budget_name(request, cuda), data).plan.epochs)}


def add_seeds(seeds: tuple[int, ...], least: int) -> tuple[int, ...]:
    """The seeds, completed by the lowest others to at least `least`."""
    others = [seed for seed in range(least + len(seeds)) if seed not in seeds]
    return (*seeds, *others[: max(0, least - len(seeds))])


def crafting_model(part: StudyRun, request: Request, options: RunOptions) -> tuple[str, ...]:
    """Train the Standard model that images are crafted on, unless it is there; its folders, or none in a dry run."""
    data = dataset(request.dataset, options.data_dir)
    cuda = options.device.type == "cuda"
    own = model_of(request, budget_of(budget_name(request, cuda), data), data, cuda)
    model = part.crafter if part.where else CRAFTING_MODELS.get(own, "cnn")
    standard = replace(request, methods=("Standard",), model=model, attacks=(), transfer=False, eps=())
    if options.dry_run:
        print(f"to craft images on, {model}: ", end="", flush=True)
    (experiment,), _ = run_requests([standard], options)
    folders = [options.results / job.run for job in experiment.jobs]
    return () if options.dry_run else tuple(map(str, folders))
