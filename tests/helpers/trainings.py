"""Small trainings on digits."""

from dataclasses import replace
from pathlib import Path

import torch

import methods  # noqa: F401  registers the recipes
from bench.core.plan import Plan
from bench.data.images import Images
from bench.data.lookup import dataset
from bench.training.job import Job
from bench.training.recipe import RECIPES, scaled
from bench.training.trainer import Trainer

CPU = torch.device("cpu")
DIGITS = dataset("digits", Path())
IMAGES = DIGITS.load("train", Path(), 200)
TRAIN, HOLDOUT = IMAGES.first(180), Images(IMAGES.x[180:], IMAGES.y[180:])
PLAN = Plan(epochs=3, batch_size=32, lr=0.05)


def job(name: str = "PGD-AT", **changes: object) -> Job:
    """A job of three epochs at radius 0.2. changes: fields of the job."""
    recipe = scaled(RECIPES[name], 0.2 / (8 / 255))
    plain = Job(name, recipe, "digits", IMAGES.fingerprint(), "cnn", PLAN, "test")
    return replace(plain, **changes)


def training(asked: Job) -> Trainer:
    """The trainer of a job, on 180 training and 20 hold-out images."""
    return Trainer(asked, DIGITS, TRAIN, HOLDOUT, CPU)
