"""Plan the trainings and the conditions that a request asks for."""

from dataclasses import dataclass
from pathlib import Path

import torch

from bench.core.errors import BadInput
from bench.data.cache import ImageCache
from bench.data.dataset import Dataset
from bench.data.extra import ExtraImages
from bench.data.images import Images
from bench.data.lookup import dataset
from bench.evaluation.conditions.base import Condition
from bench.evaluation.exhibits.exhibit import EXHIBITS
from bench.runner.grid import plan_evaluation
from bench.runner.holdout import epochs_to_evaluate, split_of
from bench.runner.jobs import choose_trainings, list_jobs
from bench.runner.request import EXTRA_SHARE, Request
from bench.training.job import Job
from bench.training.recipe import RECIPES, list_starts, scaled


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
    chosen = choose_trainings(request, data, device)
    request, budget = chosen.request, chosen.budget
    exhibits = tuple(EXHIBITS.select([*request.exhibits])) if request.exhibits else ()

    test, n, conditions = plan_evaluation(request, data, device, cache, fetch)
    split = split_of(request, chosen.budget_name, budget, data, test, cache)
    extra, share = read_extra_of(request, data, cache)
    return Experiment(
        request=request,
        dataset=data,
        images=split.requested,
        train=split.train,
        holdout=split.watched,
        test=test.to(device),
        n=n,
        jobs=list_jobs(chosen, split, extra, share),
        epochs=epochs_to_evaluate(request, budget, split, list(chosen.recipes)),
        conditions=conditions,
        exhibits=exhibits,
        extra=extra,
    )


def read_extra_of(request: Request, data: Dataset, cache: ImageCache) -> tuple[ExtraImages | None, float]:
    """The images of --extra and their share of each batch; None and 0 without them. BadInput if they are refused."""
    if request.extra is None:
        return None, 0.0
    return cache.load_extra(data, request.extra), request.extra_share or EXTRA_SHARE


def check_radius_used(request: Request) -> None:
    """BadInput if --train-eps is given, and neither a recipe nor a recipe that it starts from trains at a radius."""
    if request.train_eps is None:
        return
    names = RECIPES.select(list(request.methods))
    recipes = [RECIPES[each] for name in names for each in (name, *list_starts(RECIPES[name]))]
    if all(scaled(recipe, 2) == recipe for recipe in recipes):
        raise BadInput(f"--train-eps is a radius to train at, and {', '.join(names)} trains at none; leave it out")
