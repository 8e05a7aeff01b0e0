"""Plan the trainings and the conditions that a request asks for."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from bench.core.errors import BadInput
from bench.core.foreign.messages import errors_as_bad_input
from bench.core.rng import fixed_seed
from bench.data.cache import ImageCache
from bench.data.dataset import Dataset
from bench.data.extra import ExtraImages
from bench.data.images import Images
from bench.data.lookup import dataset
from bench.evaluation.conditions.base import Condition
from bench.evaluation.exhibits.exhibit import EXHIBITS
from bench.models import build as models
from bench.runner.budgets import budget_name, budget_of, describe_budget, describe_extra, model_of, plan_of
from bench.runner.grid import plan_evaluation
from bench.runner.holdout import epochs_to_evaluate, split_of
from bench.runner.request import EXTRA_SHARE, Request
from bench.training.averaging import check_averaging
from bench.training.contract.checks import VALUE_CHECKS
from bench.training.contract.model import views_of
from bench.training.customise import customise, radius_factor
from bench.training.extra_batches import count_extra
from bench.training.job import Job
from bench.training.precision import choose_precision
from bench.training.recipe import RECIPES, Recipe, list_starts, scaled


@dataclass(frozen=True)
class Experiment:
    """Trainings, and the conditions and exhibits that each finished model is evaluated with."""

    request: Request
    dataset: Dataset
    images: int  # number of training images that the user or the budget names
    train: Images  # the images that trainings learn from
    holdout: Images  # the images on which the best epoch is picked; see `holdout.Split`
    test: Images  # the whole test set in its order, as some attacks draw for a block of images at once
    n: int  # the first n test images count
    jobs: tuple[Job, ...]  # a job comes after the job whose model it trains on
    epochs: tuple[str, ...]  # last | best: the models of each training that are evaluated
    conditions: tuple[Condition, ...]
    exhibits: tuple[str, ...]  # names in EXHIBITS
    extra: ExtraImages | None = None  # images of which each batch of every training takes a share

    @property
    def precision(self) -> str:
        """fp32 or bf16: the precision of trainings and of the search for adversarial images."""
        return self.jobs[0].precision


def plan_experiment(
    request: Request, data_dir: Path, device: torch.device, fetch: bool = False, cache: ImageCache | None = None
) -> Experiment:
    """Plan a request; nothing is trained or written.

    Args:
        fetch: download the data set if it is missing and can be downloaded.
        cache: images that an earlier request has read.

    Raises:
        BadInput: a name is unknown, a value is out of range, or options contradict each other.
    """
    request.check_extra()
    cache = cache or ImageCache(data_dir)
    data = dataset(request.dataset, data_dir)
    data.check_trainable()
    cuda = device.type == "cuda"
    name_of_budget = budget_name(request, cuda)
    budget = budget_of(name_of_budget, data)
    precision = choose_precision(request.precision or "fp32", device)
    request = replace(request, precision=precision)
    model = model_of(request, budget, data, cuda)
    models.find_parts(model, data)
    recipes = recipes_of(request, data)
    exhibits = tuple(EXHIBITS.select([*request.exhibits])) if request.exhibits else ()
    plans = {name: plan_of(request, name_of_budget, data, name) for name in recipes}

    test, n, conditions = plan_evaluation(request, data, device, cache, fetch)
    split = split_of(request, name_of_budget, budget, data, test, cache)
    plans = {name: plan.for_images(len(split.train)) for name, plan in plans.items()}
    extra, share = read_extra_of(request, data, cache)
    for plan in plans.values() if extra else ():
        count_extra(min(plan.batch_size, len(split.train)), share)
    words = partial(describe_budget, request, name_of_budget, images=split.requested, watched=split.words)
    words = partial(words, extra=describe_extra(extra.fingerprint, share) if extra else "")
    job = partial(Job, dataset=data.name, data=split.fingerprint, model=model)
    job = partial(job, precision=precision, threads=request.threads)
    job = partial(job, extra=extra.fingerprint if extra else "", extra_share=share)
    named = [
        job(name=name, recipe=recipe, plan=plans[name], budget=words(plan=plans[name], recipes=True), seed=seed)
        for name, recipe in recipes.items()
        for seed in request.seeds
    ]
    jobs = with_starts(named, radius_factor(request.train_eps, data), partial(words, recipes=False))
    check_fit(jobs, model, data)
    return Experiment(
        request=request,
        dataset=data,
        images=split.requested,
        train=split.train,
        holdout=split.watched,
        test=test.to(device),
        n=n,
        jobs=jobs,
        epochs=epochs_to_evaluate(request, budget, split, list(recipes)),
        conditions=conditions,
        exhibits=exhibits,
        extra=extra,
    )


def read_extra_of(request: Request, data: Dataset, cache: ImageCache) -> tuple[ExtraImages | None, float]:
    """The images of --extra and their share of each batch; None and 0 without them. BadInput if they are refused."""
    if request.extra is None:
        return None, 0.0
    return cache.load_extra(data, request.extra), request.extra_share or EXTRA_SHARE


def recipes_of(request: Request, data: Dataset) -> dict[str, Recipe]:
    """The recipes of --methods by name, their radii scaled to the data set, and `--set recipe.*` applied last."""
    factor = radius_factor(request.train_eps, data)
    return {name: customise(name, request.settings, factor) for name in RECIPES.select(list(request.methods))}


def check_radius_used(request: Request) -> None:
    """BadInput if --train-eps is given, and neither a recipe nor a recipe that it starts from trains at a radius."""
    if request.train_eps is None:
        return
    names = RECIPES.select(list(request.methods))
    recipes = [RECIPES[each] for name in names for each in (name, *list_starts(RECIPES[name]))]
    if all(scaled(recipe, 2) == recipe for recipe in recipes):
        raise BadInput(f"--train-eps is a radius to train at, and {', '.join(names)} trains at none; leave it out")


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
