"""From what a user asks for to the trainings and cells it stands for."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from bench import models
from bench.asked import Request, conditions_of, deviations, split_setting, test_images
from bench.conditions import Condition
from bench.contract import VALUE
from bench.contract.model import views_of
from bench.damage import damages
from bench.data import Dataset, Images, dataset
from bench.errors import BadInput
from bench.exhibits import EXHIBITS
from bench.job import Job
from bench.overrides import override
from bench.plan import Budget, Plan
from bench.plugins import blamed
from bench.recipe import RECIPES, Recipe, scaled
from bench.seeding import seeded
from bench.threat import REFERENCE_EPS

HOLDOUT_SHARE, HOLDOUT_MOST = 10, 1000  # one training image in ten picks the best epoch, a thousand at most

FEWEST = 20  # training images: below that there is no hold-out to speak of


@dataclass(frozen=True)
class Work:
    """Trainings, and what each finished model is judged under."""

    request: Request
    dataset: Dataset
    train: Images
    holdout: Images
    test: Images  # in test order, all of it, so that attacks see whole blocks
    n: int  # test images to judge
    jobs: tuple[Job, ...]
    epochs: tuple[str, ...]  # last | best
    conditions: tuple[Condition, ...]
    exhibits: tuple[str, ...]  # of each finished model


def plan_work(request: Request, data_dir: Path, device: torch.device, fetch: bool = False) -> Work:
    """BadInput, before anything is trained or written, if any part of the request makes no sense.

    fetch: download the data set if it can be had so.
    """
    data = dataset(request.dataset, data_dir)
    model = request.model or (data.model_cuda if device.type == "cuda" else data.model)
    models.parts(model, data)
    recipes = recipes_of(request, data)
    conditions = conditions_of(request, data)
    exhibits = tuple(EXHIBITS.select([*request.exhibits])) if request.exhibits else ()
    budget_name = request.budget or ("standard" if device.type == "cuda" else "quick")
    budget = {"quick": data.quick, "standard": data.standard}[budget_name]
    plan = plan_of(request, budget.plan)
    if fetch and data.fetch:
        data.fetch(data_dir)

    images, (test, n) = training_images(request, data, budget, data_dir), test_images(request, data, budget, data_dir)
    held = min(HOLDOUT_MOST, len(images) // HOLDOUT_SHARE)
    length = f"{budget_name}, {plan.epochs} epochs, {len(images)} training images"
    budgets = [", ".join([length, *deviations(request, recipes=on)]) for on in (True, False)]
    job = partial(Job, dataset=data.name, data=images.fingerprint(), model=model, precision=request.precision)
    described = partial(job, plan=plan, budget=budgets[0])
    asked = [
        described(name=name, recipe=recipe, seed=seed) for name, recipe in recipes.items() for seed in request.seeds
    ]
    jobs = with_starts(asked, radius_factor(request, data), budgets[1])
    check_fit(jobs, model, data)
    return Work(
        request=request,
        dataset=data,
        train=images.first(len(images) - held),
        holdout=Images(images.x[len(images) - held :], images.y[len(images) - held :]),
        test=test.to(device),
        n=n,
        jobs=jobs,
        epochs=("last",) if budget_name == "quick" else ("last", "best"),
        conditions=(*conditions, *damages(request.corruptions, request.severities, data, test, data_dir)),
        exhibits=exhibits,
    )


def recipes_of(request: Request, data: Dataset) -> dict[str, Recipe]:
    """The recipes asked for, at this data set's radii, with the user's `recipe.*` settings on top."""
    factor = radius_factor(request, data)
    return {name: customised(name, request.settings, factor) for name in RECIPES.select(list(request.methods))}


def radius_factor(request: Request, data: Dataset) -> float:
    """What the registered recipes' radii are multiplied by."""
    if request.train_eps is not None and not 0 < request.train_eps <= 1:
        raise BadInput(f"--train-eps {request.train_eps:g} is not a radius: above 0, at most 1")
    return (request.train_eps or data.threat.eps) / REFERENCE_EPS


def with_starts(jobs: Sequence[Job], factor: float, budget: str) -> tuple[Job, ...]:
    """The jobs, and those whose finished models some of them train on, which are judged like any other.

    budget: of those, which no `recipe.*` setting is for. BadInput where a recipe is no value that runs can be named by,
    or starts nowhere.
    """
    found: dict[Job, None] = {}
    for job in jobs:
        with blamed(f"method {job.name}", job.recipe):
            for check in VALUE:
                check(job.recipe)
        if name := job.recipe.start():
            base = replace(job, name=name, recipe=scaled(RECIPES[name], factor), budget=budget)
            (*before, start) = with_starts([base], factor, budget)
            found |= dict.fromkeys([*before, start])
            job = replace(job, plan=job.plan.fine_tuning(), start=start)
        found[job] = None
    return tuple(found)


def check_fit(jobs: Sequence[Job], model: str, data: Dataset) -> None:
    """BadInput where a recipe cannot prepare this model, or make it a finished one."""
    with seeded("fit"):
        net = models.build(model, data)
        for name, recipe in dict.fromkeys((job.name, job.recipe) for job in jobs):
            with blamed(f"method {name} on model {model}", recipe):
                views_of(recipe, recipe.prepare(deepcopy(net)))


def plan_of(request: Request, plan: Plan) -> Plan:
    """The budget's plan with the user's length and `plan.*` settings."""
    if request.epochs is not None:
        plan = replace(plan, epochs=request.epochs)
    for setting in request.settings:
        path, text = split_setting(setting)
        if path.startswith("plan."):
            plan = override(plan, path.removeprefix("plan."), text, setting)
    return plan


def training_images(request: Request, data: Dataset, budget: Budget, data_dir: Path) -> Images:
    """As many as were asked for, or the budget's number where there are so many."""
    there = data.size("train", data_dir)
    limit = request.limit_train or min(budget.train or there, there)
    if limit < FEWEST:
        raise BadInput(f"{limit} training images are too few: {FEWEST} or more are needed")
    return data.load("train", data_dir, limit)


def customised(name: str, settings: Sequence[str], factor: float) -> Recipe:
    """A registered recipe at this data set's radii, with the user's `recipe.*` settings on top."""
    recipe = scaled(RECIPES[name], factor)
    for setting in settings:
        path, text = split_setting(setting)
        if path.startswith("recipe."):
            recipe = override(recipe, path.removeprefix("recipe."), text, f"{setting} for {name}")
    return recipe
