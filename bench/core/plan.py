"""Optimiser, schedule and length of a training, as frozen values whose repr is hashed into the name of a run."""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from bench.core.errors import BadInput
from bench.core.options import Options, option
from bench.core.parsing import format_count
from bench.core.schedules import Anneal, cosine, multi_step, one_cycle

Optimiser = Literal["sgd", "adam"]
Schedule = Literal["steps", "cosine", "cosine-steps", "one-cycle"]

BY_STEP = ("cosine-steps", "one-cycle")  # schedules in which lr changes at every step; in the others by epoch
ONE_CYCLE_RISE = 0.3  # default share of the run in which a one-cycle's lr rises; torch's pct_start
LARGEST_FLOAT = 3e38  # about the largest float32


@dataclass(frozen=True)
class Plan(Options):
    """Optimiser, schedule and length of one training.

    A step is what is done with one batch: an update of the weights, in few recipes (Free-AT) several. An epoch has as
    many steps as there are full batches in the training images. The schedules: `steps` falls tenfold at each milestone,
    `cosine` goes down half a cosine, both by epoch; `cosine-steps` goes down half a cosine by step, `one-cycle` up to
    lr and down to nothing. Where `steps` gives the length, milestones and the warm-up to them are by step too.

    With `accumulate` = K a batch is cut into K parts whose gradients are averaged, so it needs the memory of one part.
    A recipe sees each part as a batch of its own: batch norms use the statistics of a part, images are mixed within a
    part, and random numbers or weight perturbations (AWP) that a recipe makes once a batch are made once a part. The
    result equals that of the whole batch only for recipes in which the images of a batch do not interact.

    Raises:
        BadInput: a value is out of its range. `for_images` checks values against each other.
    """

    epochs: int
    batch_size: int = 128
    optimiser: Optimiser = "sgd"
    lr: float = 0.1
    momentum: float = 0.9  # of SGD; Adam keeps its own defaults
    weight_decay: float = 5e-4
    schedule: Schedule = "steps"
    milestones: tuple[float, ...] = (0.5, 0.75)  # of "steps": fractions of the run after which lr falls tenfold
    warm_up: float = option(0.0)  # share of the run in which lr rises to its full height; 0 in a one-cycle: 0.3
    pad: int | None = option(None)  # pixels around an image before the random crop; none: the data set's own
    flip: bool | None = option(None)  # random left-right flips; none: the data set's own
    steps: int | None = option(None)  # length of the training; the last epoch is cut there. none: that of the epochs
    warm_up_steps: int | None = option(None)  # in the place of warm_up, where lr changes by step
    warm_up_from: float = option(1 / 25)  # share of lr at which a rise by step begins
    anneal: Anneal = option("linear")  # of "one-cycle": along lines, or along half cosines
    accumulate: int = option(1)  # parts that a batch is cut into, of which the gradients are averaged
    ema: float = option(0.0)  # share of a moving average of the weights that stays at a step; 0: there is none

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2:
            raise BadInput(f"epochs={self.epochs}, batch_size={self.batch_size}: at least 1 and 2")
        if not (0 < self.lr < LARGEST_FLOAT and 0 <= self.momentum < 1 and 0 <= self.weight_decay < LARGEST_FLOAT):
            raise BadInput(
                f"lr={self.lr:g}, momentum={self.momentum:g}, weight_decay={self.weight_decay:g}: lr is above 0, "
                f"momentum in [0, 1), weight_decay at least 0, and what weights are multiplied by is below "
                f"{LARGEST_FLOAT:g}"
            )
        for name, kinds in {"optimiser": Optimiser, "schedule": Schedule, "anneal": Anneal}.items():
            if getattr(self, name) not in get_args(kinds):
                raise BadInput(f"{name}={getattr(self, name)}: one of {', '.join(get_args(kinds))}")
        if not 0 <= self.warm_up < 1:
            raise BadInput(f"warm_up={self.warm_up:g}: a share of the run, from 0 and below 1")
        if not 0 <= self.warm_up_from <= 1:
            raise BadInput(f"warm_up_from={self.warm_up_from:g}: a share of lr, from 0 to 1")
        if self.accumulate < 1:
            raise BadInput(f"accumulate={self.accumulate}: at least 1, which is the batch as a whole")
        if not 0 <= self.ema < 1:
            raise BadInput(f"ema={self.ema:g}: the share of an average that stays at a step, from 0 and below 1")
        if not all(0 < m < 1 for m in self.milestones):
            raise BadInput(f"milestones={self.milestones}: shares of the run, above 0 and below 1")
        for name in ("steps", "warm_up_steps"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise BadInput(f"{name}={getattr(self, name)}: at least 1")

    @property
    def is_by_step(self) -> bool:
        """Whether lr may change within an epoch, and not only between epochs."""
        return self.schedule in BY_STEP or (self.schedule == "steps" and self.steps is not None)

    @property
    def length_in_words(self) -> str:
        """The length as text: `80000 steps` where steps are given, else `205 epochs`."""
        return f"{self.epochs} epochs" if self.steps is None else f"{self.steps} steps"

    def for_fine_tuning(self) -> "Plan":
        """The plan for a model that is already trained: same length, lr / 10 decayed to 0 by a cosine, no warm-up."""
        defaults = {"warm_up": 0.0, "warm_up_steps": None, "warm_up_from": 1 / 25, "anneal": "linear"}
        schedule = "cosine-steps" if self.is_by_step else "cosine"
        return replace(self, lr=self.lr / 10, schedule=schedule, **defaults)  # type: ignore[arg-type]

    def for_images(self, images: int) -> "Plan":
        """The plan for a number of training images: where `steps` is given, `epochs` is set to what they take.

        Raises:
            BadInput: two values contradict each other, or a batch cannot be cut into `accumulate` equal parts.
        """
        if (self.warm_up_steps is not None or self.warm_up_from != 1 / 25) and not self.is_by_step:
            raise BadInput(
                f"plan.warm_up_steps and plan.warm_up_from are of schedules by step ({', '.join(BY_STEP)}, or steps "
                f"with plan.steps), and schedule={self.schedule} goes by epoch; set plan.warm_up"
            )
        if self.warm_up_steps is not None and self.warm_up:
            raise BadInput(
                f"plan.warm_up={self.warm_up:g} and plan.warm_up_steps={self.warm_up_steps} both say how long lr "
                "rises; set one of them"
            )
        if self.anneal != "linear" and self.schedule != "one-cycle":
            raise BadInput(f"plan.anneal={self.anneal} is of schedule=one-cycle, and this is {self.schedule}")
        if self.is_by_step and (rise := self.warm_up_length(images)) >= (steps := self.length(images)):
            raise BadInput(
                f"plan.warm_up_steps={rise:g}: the training has {format_count(steps, 'step')}, "
                "and lr is to come down again; set fewer"
            )
        size = min(self.batch_size, images)
        if size % self.accumulate or size // self.accumulate < min(2, size):
            raise BadInput(
                f"plan.accumulate={self.accumulate}: a batch of {size} images is not cut into so many equal parts of "
                f"two images or more; set one of {', '.join(str(k) for k in range(1, size // 2 + 1) if size % k == 0)}"
            )
        return self if self.steps is None else replace(self, epochs=math.ceil(self.steps / self.epoch_length(images)))

    def epoch_length(self, images: int) -> int:
        """Steps of an epoch: the number of full batches, or 1 where there are fewer images than a batch has."""
        return images // min(self.batch_size, images)

    def length(self, images: int) -> int:
        """Steps of the whole training on a number of images."""
        return self.epochs * self.epoch_length(images) if self.steps is None else self.steps

    def warm_up_length(self, images: int) -> float:
        """Steps of the warm-up of a schedule by step; need not be whole."""
        if self.warm_up_steps is not None:
            return self.warm_up_steps
        share = ONE_CYCLE_RISE if self.schedule == "one-cycle" and not self.warm_up else self.warm_up
        return share * self.length(images)

    def lr_at_step(self, step: int, images: int) -> float:
        """Learning rate of a step, counted from 0, of a training on a number of images."""
        if not self.is_by_step:
            return self.lr_at(step // self.epoch_length(images))
        shape = step, self.length(images), self.warm_up_length(images), self.warm_up_from
        if self.schedule == "one-cycle":
            return self.lr * one_cycle(*shape, self.anneal)
        if self.schedule == "cosine-steps":
            return self.lr * cosine(*shape)
        return self.lr * multi_step(*shape, self.milestones)

    def lr_at(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0, of a schedule by epoch."""
        if epoch + 1 < self.warm_up * self.epochs:
            return self.lr * (epoch + 1) / (self.warm_up * self.epochs)
        if self.schedule == "cosine":
            return self.lr * (1 + math.cos(math.pi * epoch / self.epochs)) / 2
        return float(self.lr * 0.1 ** sum(epoch >= m * self.epochs for m in self.milestones))


@dataclass(frozen=True)
class Budget:
    """What `--budget NAME` stands for: a plan, a number of images and an architecture."""

    plan: Plan
    train: int | None = None  # training images; None: all
    test: int | None = None  # test images; None: all
    model: str | None = None  # None: the data set's default for the device
    evaluated_epochs: tuple[str, ...] = ("last", "best")  # epochs whose models are evaluated


LONG = "plan=long"  # as in --set plan=long
