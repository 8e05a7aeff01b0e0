"""The training loop of every recipe, with seeds, precision and optimiser, which recipes do not deal with."""

import math
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.core.device import use_threads
from bench.core.errors import BadInput, Failed
from bench.core.foreign.guard import Quit, guarded_call
from bench.core.foreign.messages import errors_as_bad_input, model_errors_as_failed
from bench.core.parsing import format_count
from bench.core.rng import fixed_seed
from bench.data.dataset import Dataset
from bench.data.extra import ExtraImages
from bench.data.images import Images
from bench.data.loader import to_float
from bench.models.batch_norm.folding import keep_folded
from bench.models.build import build
from bench.models.checkpoint import load_progress, save_progress
from bench.models.networks import load_helper
from bench.training.averaging import Average, add_averaged
from bench.training.batches import training_batches
from bench.training.contract.model import views_of
from bench.training.epoch_share import in_epoch
from bench.training.history import History
from bench.training.job import Job
from bench.training.monitor import Record, alarms, largest_gradient, validate
from bench.training.shared.batch import rows_of_batch
from bench.training.shared.group import Group
from bench.training.shared.validation import validate_together
from bench.training.step import TrainingStep, loss_errors_as_failed

# columns of train.csv; lr is that of the epoch's last step
CURVE_COLUMNS = ["epoch", "lr", "loss", "gradient", "val_clean", "val_fgsm", "val_pgd", "seconds"]
EMA_CURVE_COLUMNS = ["ema_clean", "ema_fgsm", "ema_pgd"]  # further columns with plan.ema: the same for averaged weights

Views = Mapping[str, nn.Module]


class Trainer:
    """A training in progress: the model, its optimiser and the best epoch so far.

    It uses the job's number of CPU threads, whatever the process uses, as the order of sums, and so the last digits of
    the weights, depends on it.
    """

    def __init__(
        self,
        job: Job,
        dataset: Dataset,
        images: Images,
        holdout: Images,
        device: torch.device,
        start: Mapping[str, Tensor] | None = None,
        group: Group | None = None,
        extra: ExtraImages | None = None,
    ) -> None:
        """images: to train on; holdout: to validate on; start: state dict of the model to start from, or of the helper.

        group: the processes that share each batch, all of which train with the same arguments; None: this one alone.
        extra: images of which each batch takes `job.extra_share`.
        """
        self.job, self.dataset, self.device = job, dataset, device
        self.images, self.holdout, self.extra = images.to(device), holdout.to(device), extra
        self.plan, self.group = job.plan.for_images(len(images)), group
        self.batch_size = min(self.plan.batch_size, len(images))
        with use_threads(job.threads), fixed_seed(job.run, "init"):
            with errors_as_bad_input(f"model {job.model}"):
                model = build(job.model, dataset)
            if start is not None and job.recipe.start():
                model.load_state_dict(start)
            with errors_as_bad_input(f"method {job.name} on model {job.model}", job.recipe):
                model = job.recipe.prepare(model)
                if start is not None and not job.recipe.start():
                    load_helper(model, start)
        self.model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if group is not None:
            group.copy_weights(self.model)
        self.average = Average(self.model, job.plan.ema) if job.plan.ema else None
        self.step = TrainingStep(job, self.model, self.average, self.batch_size, group)
        self.history = History()

    def run(self, saved: Path | None, tick: Callable[[Record], None] = lambda record: None) -> tuple[Views, Views]:
        """Train to the end; returns the finished models of the last and of the best epoch, by view.

        saved: file with the state after the last finished epoch, from which a killed training continues. Each epoch
        has a seed of its own, so the weights are equal to the bit on the same machine. None in all processes of a
        group but the first, which reads and writes it. tick: called after each epoch.

        Raises:
            Failed: the training diverged, or the recipe's loss raised.
            ProcessLost: another process of the group has ended.
            BadInput: the recipe's `finish` raised, or the saved state is damaged or of other settings.
        """
        with use_threads(self.job.threads):
            self._restore(saved)
            self._train(saved, tick)
            with errors_as_bad_input(f"method {self.job.name}, once trained,", self.job.recipe):
                last = self._views()
                self.model.load_state_dict(self.history.best["model"])
                if self.average is not None:
                    self.average.model.load_state_dict(self.history.best_average["model"])
                return last, self._views()

    def _views(self) -> Views:
        """The finished models, by view, of the present weights and of their average."""
        views = views_of(self.job.recipe, deepcopy(self.model))
        if self.average is None:
            return views
        return add_averaged(views, views_of(self.job.recipe, deepcopy(self.average.model)))

    @property
    def alarms(self) -> list[str]:
        """Warnings about the epochs so far; see `monitor.alarms`."""
        found = alarms(self.history.curve, len(self.holdout), self.dataset.num_classes)
        steps, reach = self.plan.length(len(self.images)), 1 / (1 - self.plan.ema)
        if self.average is not None and reach > steps:
            found.append(
                f"the average is mostly of early weights: plan.ema={self.plan.ema:g} reaches over {reach:.0f} steps, "
                f"and the training has {steps}"
            )
        return found

    def _train(self, saved: Path | None, tick: Callable[[Record], None]) -> None:
        """Train the remaining epochs."""
        sample = to_float(self.holdout.x[:64])
        with keep_folded(self.model, sample):
            for epoch in range(len(self.history.curve), self.plan.epochs):
                record = self._run_epoch(epoch)
                self.history.add(record, self.model, self.average)
                if saved is not None:
                    save_progress(saved, self._progress())
                tick(record)

    def _run_epoch(self, epoch: int) -> Record:
        job, start = self.job, time.perf_counter()
        first = epoch * self.plan.epoch_length(len(self.images))  # step
        total, steepest, seen = torch.zeros((), device=self.device), torch.zeros((), device=self.device), 0
        self.step.begin_epoch()
        with (
            loss_errors_as_failed(job, Quit),
            guarded_call(),
            fixed_seed(job.run, "epoch", epoch),
            in_epoch(epoch + 1, self.plan.epochs),
        ):
            rows = None if self.group is None else rows_of_batch(self.batch_size, self.plan.accumulate, self.group)
            batches = training_batches(self.images, self.extra, self.dataset, job, rows)
            for step, (x, q) in enumerate(islice(batches, self.plan.length(len(self.images)) - first), first):
                lr = self.plan.lr_at_step(step, len(self.images))
                total, seen = total + self.step.take(x, q, lr) * self.batch_size, seen + self.batch_size
                steepest = largest_gradient(steepest, self.model)
        if self.group is not None:
            self.group.add(total)
        record = {"epoch": epoch + 1, "lr": lr, "loss": total.item() / seen, "gradient": steepest.item()}
        where = f"in epoch {epoch + 1} of {self.plan.epochs} at lr {lr:g}"
        if not all(map(math.isfinite, record.values())):
            raise Failed(f"training diverged: loss {record['loss']:.4g}, gradient {record['gradient']:.4g} {where}")
        record |= self._validate(self.model)
        if math.isnan(record["val_clean"]) or not all(p.isfinite().all() for p in self.model.parameters()):
            raise Failed(f"training diverged: loss {record['loss']:.4g}, weights or logits no longer finite {where}")
        if self.average is not None:
            found = self._validate(self.average.model)
            record |= {name.replace("val_", "ema_"): share for name, share in found.items()}
        return record | {"seconds": time.perf_counter() - start}

    def _validate(self, model: nn.Module) -> Record:
        """Accuracies on the hold-out."""
        images, settings = self.holdout, (self.dataset.threat, self.job.plan.batch_size, self.job.precision)

        def validate_rows(rows: slice) -> Record:
            with model_errors_as_failed():
                return validate(model, images.part(rows.start, rows.stop), *settings, first=rows.start)

        if self.group is None:
            return validate_rows(slice(0, len(images)))
        return validate_together(self.group, len(images), validate_rows)

    def _progress(self) -> dict[str, Any]:
        model, optimiser = self.model.state_dict(), self.step.optimiser.state_dict()
        best, curve = self.history.best, self.history.curve
        kept = {"best": best, "curve": curve, "cost": self.step.cost, "threads": self.job.threads}
        if self.average is not None:
            kept |= {"average": self.average.state_dict(), "best_average": self.history.best_average}
        return {"job": self.job.run, "model": model, "optimiser": optimiser} | kept

    def _restore(self, saved: Path | None) -> None:
        """Load a file of `save_progress`, if there is one; BadInput if another number of threads computed it."""
        device = self.device if self.group is None else torch.device("cpu")  # where other processes can read it
        state = None if saved is None else load_progress(saved, self.job.run, device)
        if self.group is not None:
            state = self.group.share(state)
        if state is not None:
            if state["threads"] != self.job.threads:  # written before the number of threads was part of the job
                raise BadInput(
                    f"{saved} was computed with {format_count(state['threads'], 'thread')}, "
                    f"and {self.job.run} stands for a training "
                    f"with {self.job.threads}; delete it and run again"
                )
            self.model.load_state_dict(state["model"])
            self.step.optimiser.load_state_dict(state["optimiser"])
            self.step.cost = state["cost"]
            self.history = History(state["curve"], state["best"], state.get("best_average", {}))
            if self.average is not None:
                self.average.load_state_dict(state["average"])
