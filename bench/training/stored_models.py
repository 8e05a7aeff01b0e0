"""The stored models of a run: built from its recipe, loaded from the run folder, and checked against job.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from bench.core.errors import BadInput
from bench.core.files import write_json
from bench.data.dataset import Dataset
from bench.models.build import build
from bench.models.checkpoint import WEIGHT_FILES, fingerprint, load_views
from bench.results.store import read_job
from bench.training.averaging import add_averaged
from bench.training.job import Job
from bench.training.recipe import Recipe
from bench.training.trainer import Views

REMEDY = "put a copy of the file in its place, or delete it and run again: it is trained anew"


def build_views(recipe: Recipe, model: str, dataset: Dataset, averaged: bool) -> Views:
    """The finished models of a recipe by view, untrained, to load weights into. averaged: with views of plan.ema."""
    views = recipe.finish(recipe.prepare(build(model, dataset)))
    return add_averaged(views, recipe.finish(recipe.prepare(build(model, dataset)))) if averaged else views


def load_models(recipe: Recipe, model: str, dataset: Dataset, path: Path, run: str, averaged: bool = False) -> Views:
    """Load the models of a run, by view, from one of its files of weights.

    averaged: whether the run has `plan.ema`.

    Raises:
        BadInput: the weights do not fit the models, or have another fingerprint than job.json records.
    """
    states, views = load_views(path, run), build_views(recipe, model, dataset, averaged)
    for view, net in views.items():
        try:
            net.load_state_dict(states[view])
        except (KeyError, RuntimeError) as error:
            raise BadInput(
                f"{path} does not fit {run}: it lacks a tensor or a view, or its model is built otherwise; {REMEDY}"
            ) from error
    check_weights(path, views)
    return views


def load_start(start: Job, dataset: Dataset, path: Path) -> nn.Module:
    """Load the main model of a job that other jobs continue from. Raises BadInput as `load_models` does."""
    return load_models(start.recipe, start.model, dataset, path, start.run, start.plan.ema > 0)["main"]


def check_start(folder: Path, job: Job, start: nn.Module) -> None:
    """BadInput if a job was trained from other weights of its start. Older job.json files, which record none, pass."""
    trained_on, now = read_job(folder).get("start_weights"), fingerprint(start)
    if job.start is not None and trained_on not in (None, now):
        raise BadInput(
            f"{folder} was trained on other weights of {job.start.name} than {job.start.run} holds now; "
            f"train {job.name} anew with --retrain"
        )


def fingerprints(models: Mapping[str, Views]) -> dict[str, dict[str, str]]:
    """Fingerprints of trained models by epoch and view, as job.json stores them."""
    return {epoch: {view: fingerprint(net) for view, net in views.items()} for epoch, views in models.items()}


def check_weights(path: Path, views: Views) -> None:
    """BadInput if loaded models have other fingerprints than job.json beside the file; older ones record none."""
    (epoch,) = (epoch for epoch, name in WEIGHT_FILES.items() if name == path.name)
    stored = stored_fingerprints(path.parent).get(epoch)
    now = {} if stored is None else fingerprints({epoch: views})[epoch]
    for view, digits in now.items():
        if stored is not None and stored.get(view) != digits:
            raise BadInput(
                f"{path} was changed after it was trained: the fingerprint of its view {view} is {digits}, and "
                f"{stored.get(view)} in job.json; {REMEDY}"
            )


def stored_fingerprints(folder: Path) -> dict[str, dict[str, str]]:
    """Fingerprints in job.json by epoch and view; empty for runs that were trained before they were stored."""
    weights: Any = read_job(folder).get("weights", {})  # `read_job` has checked its type
    return {**weights}


def remember_weights(folder: Path, models: Mapping[str, Views]) -> None:
    """Add the fingerprints of trained models, by epoch and view, to a job.json that lacks them."""
    known = stored_fingerprints(folder)
    weights = known | fingerprints(models)
    if weights != known:
        write_json(folder / "job.json", read_job(folder) | {"weights": weights})
