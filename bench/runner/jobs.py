"""The jobs of a request: what it chooses before any image is read, and a job for each method and seed."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial

import torch

from bench.core.foreign.messages import errors_as_bad_input
from bench.core.plan import Budget, Plan
from bench.core.rng import fixed_seed
from bench.data.dataset import Dataset
from bench.data.extra import ExtraImages
from bench.models import build as models
from bench.runner.budgets import budget_name, budget_of, describe_budget, describe_extra, model_of, plan_of
from bench.runner.holdout import Split
from bench.runner.request import Request
from bench.training.averaging import check_averaging
from bench.training.batches import count_extra
from bench.training.contract.checks import VALUE_CHECKS
from bench.training.contract.model import views_of
from bench.training.customise import customise, radius_factor
from bench.training.job import Job
from bench.training.precision import choose_precision
from bench.training.recipe import RECIPES, Recipe, scaled


@dataclass(frozen=True)
class TrainingChoices:
    """What a request says of its trainings, before any image is read."""

    request: Request  # with its precision
    data: Dataset
    budget_name: str
    budget: Budget
    model: str
    recipes: dict[str, Recipe]  # by method
    plans: dict[str, Plan]  # by method


def choose_trainings(request: Request, data: Dataset, device: torch.device) -> TrainingChoices:
    """The budget, model, recipes and plans of a request. BadInput where one is unknown, or options contradict."""
    cuda = device.type == "cuda"
    name_of_budget = budget_name(request, cuda)
    budget = budget_of(name_of_budget, data)
    request = replace(request, precision=choose_precision(request.precision or "fp32", device))
    model = model_of(request, budget, data, cuda)
    models.find_parts(model, data)
    recipes = recipes_of(request, data)
    plans = {name: plan_of(request, name_of_budget, data, name) for name in recipes}
    return TrainingChoices(request, data, name_of_budget, budget, model, recipes, plans)


def list_jobs(chosen: TrainingChoices, split: Split, extra: ExtraImages | None, share: float) -> tuple[Job, ...]:
    """A job for each method and seed, after those that it trains on.

    extra, share: further images, and their share of each batch.

    BadInput where the model and a recipe do not fit, or batches have no room for a share of the further images.
    """
    request, data = chosen.request, chosen.data
    plans = {name: plan.for_images(len(split.train)) for name, plan in chosen.plans.items()}
    for plan in plans.values() if extra else ():
        count_extra(min(plan.batch_size, len(split.train)), share)
    words = partial(describe_budget, request, chosen.budget_name, images=split.requested, watched=split.words)
    words = partial(words, extra=describe_extra(extra.fingerprint, share) if extra else "")
    job = partial(Job, dataset=data.name, data=split.fingerprint, model=chosen.model)
    job = partial(job, precision=request.precision, threads=request.threads)
    job = partial(job, extra=extra.fingerprint if extra else "", extra_share=share)
    named = [
        job(name=name, recipe=recipe, plan=plans[name], budget=words(plan=plans[name], recipes=True), seed=seed)
        for name, recipe in chosen.recipes.items()
        for seed in request.seeds
    ]
    jobs = with_starts(named, radius_factor(request.train_eps, data), partial(words, recipes=False))
    check_fit(jobs, chosen.model, data)
    return jobs


def recipes_of(request: Request, data: Dataset) -> dict[str, Recipe]:
    """The recipes of --methods by name, their radii scaled to the data set, and `--set recipe.*` applied last."""
    factor = radius_factor(request.train_eps, data)
    return {name: customise(name, request.settings, factor) for name in RECIPES.select(list(request.methods))}


def with_starts(jobs: Sequence[Job], factor: float, words: Callable[..., str]) -> tuple[Job, ...]:
    """Add the jobs whose finished models some jobs train on, each before the jobs that need it.

    The added jobs are evaluated like any other. They have their registered settings, as `--set recipe.*` is for the
    recipes of --methods.

    Args:
        factor: by which the radii of recipes are multiplied.
        words: `describe_budget` for an added job, given its plan.

    Raises:
        BadInput: a recipe is no frozen value, so no run can be named after it, or the recipe it starts from is unknown.
    """
    found: dict[Job, None] = {}
    for job in jobs:
        with errors_as_bad_input(f"method {job.name}", job.recipe):
            for check in VALUE_CHECKS:
                check(job.recipe)
        if name := job.recipe.start() or job.recipe.helper():
            base = replace(job, name=name, recipe=scaled(RECIPES[name], factor), budget=words(plan=job.plan))
            (*before, start) = with_starts([base], factor, words)
            found |= dict.fromkeys([*before, start])
            job = replace(job, plan=job.plan.for_fine_tuning() if job.recipe.start() else job.plan, start=start)
        found[job] = None
    return tuple(found)


def check_fit(jobs: Sequence[Job], model: str, data: Dataset) -> None:
    """BadInput if the model cannot be built, a recipe cannot prepare or finish it, or its weights not be averaged."""
    with fixed_seed("fit"):
        with errors_as_bad_input(f"model {model}"):
            net = models.build(model, data)
        for name, recipe, averaged in dict.fromkeys((job.name, job.recipe, job.plan.ema > 0) for job in jobs):
            with errors_as_bad_input(f"method {name} on model {model}", recipe):
                prepared = recipe.prepare(deepcopy(net))
                views = views_of(recipe, deepcopy(prepared))
            if averaged:
                check_averaging(name, prepared, views)
