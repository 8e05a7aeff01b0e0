"""What work would cost, before it is done, in counted passes."""

import torch

from bench.core.device import use_threads
from bench.core.foreign.messages import errors_as_bad_input
from bench.core.passes import BACKWARD, count_passes
from bench.core.rng import seeded
from bench.data.dataset import Dataset, Images
from bench.data.loader import to_float
from bench.models.build import build
from bench.runner.experiment import Experiment
from bench.training.contract.images import the_same_batch
from bench.training.contract.loss import one_finite_number
from bench.training.job import Job
from bench.training.recipe import Recipe

VALIDATION = 14.0  # passes forward for an image held out: clean, FGSM, and PGD-10 where it is right
COUNTED = 8  # images of the batch that passes are counted on; their number per image is that of any batch
LEARNING = 1 + BACKWARD  # passes forward of a training step that reach the weights, for each image


def training_cost(work: Experiment, job: Job) -> float:
    """Forward passes (a backward counted as two) of a whole training, from one small batch.

    BadInput where the recipe cannot compute a loss of it: this is the first time that it is asked to.
    """
    with errors_as_bad_input(f"method {job.name} on {job.dataset}", job.recipe):
        forwards, backwards = step_passes(job.recipe, work.dataset, work.train.first(COUNTED))
    validated = len(work.holdout) * job.plan.epochs * (2 if job.plan.ema else 1)
    return training_images(work, job) * (forwards + BACKWARD * backwards) + validated * VALIDATION


def training_images(work: Experiment, job: Job) -> int:
    """Images that a training learns from, each as often as it is shown."""
    return job.plan.length(len(work.train)) * min(job.plan.batch_size, len(work.train))


def step_passes(recipe: Recipe, dataset: Dataset, batch: Images) -> tuple[float, float]:
    """Forward and backward passes per image of a training step, counted on one batch. Broken if that has no loss."""
    x, q = to_float(batch.x), torch.eye(dataset.num_classes)[batch.y]
    before = x.clone(), q.clone()
    with use_threads(1), seeded("price"):  # threads that wait for each other take longer than so few images
        model = recipe.prepare(build("cnn", dataset))  # the number of passes is the same for any model
        with count_passes(model) as passes:
            one_finite_number(recipe.loss(model, x, q)).backward()  # type: ignore[no-untyped-call]
    the_same_batch((x, q), before)
    return passes.forwards / len(batch), passes.backwards / len(batch)
