"""From what a user asks for to the trainings and cells it stands for."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from bench.core.errors import BadInput
from bench.core.foreign.messages import errors_as_bad_input
from bench.core.rng import seeded
from bench.data.cache import ImageCache
from bench.data.dataset import Dataset, Images
from bench.data.lookup import dataset
from bench.evaluation.conditions.base import Condition
from bench.evaluation.exhibits.exhibit import EXHIBITS
from bench.models import build as models
from bench.runner.budgets import budget_name, budget_of, in_words, model_of, plan_of
from bench.runner.grid import plan_evaluation
from bench.runner.holdout import judged_epochs, split_of
from bench.runner.request import Request
from bench.training.averaging import check_averaging
from bench.training.contract.checks import VALUE
from bench.training.contract.model import views_of
from bench.training.customise import customise, radius_factor
from bench.training.job import Job
from bench.training.precision import choose_precision
from bench.training.recipe import RECIPES, Recipe, list_starts, scaled


@dataclass(frozen=True)
class Experiment:
    """Trainings, and what each finished model is judged under."""

    request: Request
    dataset: Dataset
    images: int  # training images asked for
    train: Images  # of those, what is learnt from
    holdout: Images  # what trainings are watched on, as of `holdout.split_of`
    test: Images  # in test order, all of it, so that attacks see whole blocks
    n: int  # test images to judge
    jobs: tuple[Job, ...]
    epochs: tuple[str, ...]  # last | best
    conditions: tuple[Condition, ...]
    exhibits: tuple[str, ...]  # of each finished model

    @property
    def precision(self) -> str:
        """fp32 or bf16, of trainings and of the search."""
        return self.jobs[0].precision


def plan_experiment(
    request: Request, data_dir: Path, device: torch.device, fetch: bool = False, shelf: ImageCache | None = None
) -> Experiment:
    """BadInput, before anything is trained or written, if any part of the request makes no sense.

    fetch: download the data set if it can be had so. shelf: images that another request has read already.
    """
    shelf = shelf or ImageCache(data_dir)
    data = dataset(request.dataset, data_dir)
    cuda = device.type == "cuda"
    name_of_budget = budget_name(request, cuda)
    budget = budget_of(name_of_budget, data)
    precision = choose_precision(request.precision or budget.precision, device)
    request = replace(request, precision=precision)
    model = model_of(request, budget, data, cuda)
    models.find_parts(model, data)
    recipes = recipes_of(request, data)
    exhibits = tuple(EXHIBITS.select([*request.exhibits])) if request.exhibits else ()
    plans = {name: plan_of(request, name_of_budget, data, name) for name in recipes}

    test, n, conditions = plan_evaluation(request, data, device, shelf, fetch)
    split = split_of(request, name_of_budget, budget, data, test, shelf)
    plans = {name: plan.for_images(len(split.train)) for name, plan in plans.items()}
    words = partial(in_words, request, name_of_budget, images=split.asked, watched=split.words)
    job = partial(Job, dataset=data.name, data=split.fingerprint, model=model)
    job = partial(job, precision=precision, threads=request.threads)
    asked = [
        job(name=name, recipe=recipe, plan=plans[name], budget=words(plan=plans[name], recipes=True), seed=seed)
        for name, recipe in recipes.items()
        for seed in request.seeds
    ]
    jobs = with_starts(asked, radius_factor(request.train_eps, data), partial(words, recipes=False))
    check_fit(jobs, model, data)
    return Experiment(
        request=request,
        dataset=data,
        images=split.asked,
        train=split.train,
        holdout=split.watched,
        test=test.to(device),
        n=n,
        jobs=jobs,
        epochs=judged_epochs(request, budget, split, list(recipes)),
        conditions=conditions,
        exhibits=exhibits,
    )


def recipes_of(request: Request, data: Dataset) -> dict[str, Recipe]:
    """The recipes asked for, at this data set's radii, with the user's `recipe.*` settings on top."""
    factor = radius_factor(request.train_eps, data)
    return {name: customise(name, request.settings, factor) for name in RECIPES.select(list(request.methods))}


def check_radius_used(request: Request) -> None:
    """BadInput where --train-eps is given and no recipe, nor what it goes on from, has a radius to train at."""
    if request.train_eps is None:
        return
    names = RECIPES.select(list(request.methods))
    recipes = [RECIPES[each] for name in names for each in (name, *list_starts(RECIPES[name]))]
    if all(scaled(recipe, 2) == recipe for recipe in recipes):
        raise BadInput(f"--train-eps is a radius to train at, and {', '.join(names)} trains at none; leave it out")


def with_starts(jobs: Sequence[Job], factor: float, words: Callable[..., str]) -> tuple[Job, ...]:
    """The jobs, and those whose finished models some of them train on, which are judged like any other.

    words: of the budget of those, by their plan, as no `recipe.*` setting is for them. BadInput where a recipe is no
    value that runs can be named by, or starts nowhere.
    """
    found: dict[Job, None] = {}
    for job in jobs:
        with errors_as_bad_input(f"method {job.name}", job.recipe):
            for check in VALUE:
                check(job.recipe)
        if name := job.recipe.start():
            base = replace(job, name=name, recipe=scaled(RECIPES[name], factor), budget=words(plan=job.plan))
            (*before, start) = with_starts([base], factor, words)
            found |= dict.fromkeys([*before, start])
            job = replace(job, plan=job.plan.fine_tuning(), start=start)
        found[job] = None
    return tuple(found)


def check_fit(jobs: Sequence[Job], model: str, data: Dataset) -> None:
    """BadInput where a recipe cannot prepare this model, or make it a finished one."""
    with seeded("fit"):
        with errors_as_bad_input(f"model {model}"):
            net = models.build(model, data)
        for name, recipe, averaged in dict.fromkeys((job.name, job.recipe, job.plan.ema > 0) for job in jobs):
            with errors_as_bad_input(f"method {name} on model {model}", recipe):
                prepared = recipe.prepare(deepcopy(net))
                views = views_of(recipe, deepcopy(prepared))
            if averaged:
                check_averaging(name, prepared, views)
