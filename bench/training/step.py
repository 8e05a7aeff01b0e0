"""A training step: the gradient of a recipe's loss on a batch, and what follows from it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from bench.core.errors import Failed, ProcessLost
from bench.core.foreign.guard import is_out_of_memory
from bench.core.foreign.messages import format_error, home_of
from bench.core.passes import Passes, count_passes
from bench.models.bn_folding import folded
from bench.training.averaging import Average
from bench.training.job import Job
from bench.training.optimiser import build_optimiser, set_learning_rate
from bench.training.shared.batch import SharedBatch
from bench.training.shared.group import Group, add_gradients


class TrainingStep:
    """The steps of a training: they change the model, its optimiser and the average of its weights."""

    def __init__(
        self, job: Job, model: nn.Module, average: Average | None, batch_size: int, group: Group | None
    ) -> None:
        """batch_size: images of a step in all processes. group: those that share it; None: this process alone."""
        self.job, self.model, self.average, self.batch_size, self.group = job, model, average, batch_size, group
        self.optimiser = build_optimiser(job, model)
        self.cost: dict[str, float] = {}  # passes of a step, per image; counted in the first one

    def take(self, x: Tensor, q: Tensor, lr: float) -> Tensor:
        """Do one step of the optimiser; returns the loss (), of which the processes of a group have a share each.

        Args:
            x: images (B, C, H, W) in [0, 1]; in a group, the rows of this process.
            q: their labels (B, classes), as distributions.
            lr: the learning rate.

        Raises:
            Failed: the recipe's loss raised.
            ProcessLost: another process of the group has ended.
        """
        set_learning_rate(self.optimiser, lr)
        with loss_errors_as_failed(self.job):
            loss = self.compute_gradient(x, q)
        self.optimiser.step()
        if self.average is not None:
            self.average.update(self.model)
        return loss

    def compute_gradient(self, x: Tensor, q: Tensor) -> Tensor:
        """Loss of a batch, (), the mean over its `accumulate` parts; leaves its gradient in the weights."""
        parts = self.job.plan.accumulate
        losses = []
        for part, (images, labels) in enumerate(zip(x.chunk(parts), q.chunk(parts), strict=True)):
            loss, passes = self._loss(images, labels)
            if part == 0:
                self.optimiser.zero_grad()
            (loss / parts).backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
            if passes is not None:
                self.cost = {"forwards": passes.forwards / len(images), "backwards": passes.backwards / len(images)}
        if self.group is not None:
            add_gradients(self.group, self.model)
        return torch.stack(losses).mean()

    def _loss(self, x: Tensor, q: Tensor) -> tuple[Tensor, Passes | None]:
        """Loss (), whose gradient is still to be computed; with its passes in the first part of the first step.

        All parts cost the same, so one is counted.
        """
        self.model.train()
        share, is_reduced = 1.0, self.job.precision == "bf16"
        with ExitStack() as stack:
            stack.enter_context(torch.autocast(x.device.type, torch.bfloat16, enabled=is_reduced))
            passes = None if self.cost else stack.enter_context(count_passes(*{self.model, folded(self.model)}))
            if self.group is not None:
                share = stack.enter_context(SharedBatch(self.group, self.batch_size // self.job.plan.accumulate)).share
            return self.job.recipe.loss(self.model, x, q) * share, passes


@contextmanager
def loss_errors_as_failed(job: Job, kind: type[Exception] = Exception) -> Iterator[None]:
    """Inside the block the recipe's loss is computed; its errors of this kind become Failed. Lack of memory passes."""
    try:
        yield
    except (Failed, ProcessLost):
        raise
    except kind as error:  # anybody's code may raise anything
        if is_out_of_memory(error):
            raise
        reason = format_error(error, home_of(job.recipe))
        raise Failed(f"the loss raised {reason}; mend it and run again with --retrain") from error
