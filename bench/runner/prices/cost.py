"""The cost of a training before it is done, in forward passes counted on one small batch."""

import torch

from bench.core.device import use_threads
from bench.core.foreign.messages import errors_as_bad_input
from bench.core.passes import BACKWARD, count_passes
from bench.core.rng import fixed_seed
from bench.data.dataset import Dataset
from bench.data.images import Images
from bench.data.loader import to_float
from bench.models.build import build
from bench.runner.experiment import Experiment
from bench.training.contract.images import check_batch_is_unchanged
from bench.training.contract.loss import check_loss
from bench.training.job import Job
from bench.training.recipe import Recipe

VALIDATION_PASSES = 14.0  # forward passes for each held-out image: clean, FGSM, and PGD-10 if it is correct so far
COUNTED_IMAGES = 8  # in the batch on which passes are counted; passes per image do not depend on the batch size
LEARNING_PASSES = 1 + BACKWARD  # forward passes per image that a training step spends on gradients of the weights


def training_cost(experiment: Experiment, job: Job) -> float:
    """Forward passes (a backward pass counts as two) of a whole training, validation after each epoch included.

    Raises:
        BadInput: the recipe cannot compute a finite loss of a small batch.
    """
    with errors_as_bad_input(f"method {job.name} on {job.dataset}", job.recipe):
        forwards, backwards = step_passes(job.recipe, experiment.dataset, experiment.train.first(COUNTED_IMAGES))
    validated = len(experiment.holdout) * job.plan.epochs * (2 if job.plan.ema else 1)
    return training_images(experiment, job) * (forwards + BACKWARD * backwards) + validated * VALIDATION_PASSES


def training_images(experiment: Experiment, job: Job) -> int:
    """Number of images in all batches of a training: an image counts once for each batch that it is in."""
    return job.plan.length(len(experiment.train)) * min(job.plan.batch_size, len(experiment.train))


def step_passes(recipe: Recipe, dataset: Dataset, batch: Images) -> tuple[float, float]:
    """Count the forward and backward passes per image of one training step. Broken if the loss is not finite."""
    x, q = to_float(batch.x[:]), torch.eye(dataset.num_classes)[batch.y]
    before = x.clone(), q.clone()
    with use_threads(1), fixed_seed("price"):  # for so few images, several threads are slower than one
        model = recipe.prepare(build("cnn", dataset))  # the number of passes is the same for any model
        with count_passes(model) as passes:
            for loss in recipe.losses(model, x, q, {}):
                check_loss(loss).backward()  # type: ignore[no-untyped-call]
    check_batch_is_unchanged((x, q), before)
    return passes.forwards / len(batch), passes.backwards / len(batch)
