"""A training step: gradients of a recipe's losses on a batch, and what follows from them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from bench.core.errors import Failed, ProcessLost
from bench.core.foreign.guard import is_out_of_memory
from bench.core.foreign.messages import format_error, home_of
from bench.core.passes import count_passes
from bench.models.batch_norm.folding import find_folded
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
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Forget what the recipe has carried from batch to batch, as a training may be continued at this point."""
        self.carried: list[dict[str, Tensor]] = [{} for _ in range(self.job.plan.accumulate)]  # for each part

    def take(self, x: Tensor, q: Tensor, lr: float) -> Tensor:
        """Update the weights on a batch, once or as often as the recipe says.

        Args:
            x: images (B, C, H, W) in [0, 1]; in a group, the rows of this process.
            q: their labels (B, classes), as distributions.
            lr: the learning rate.

        Returns:
            The mean loss of the updates, (), of which the processes of a group have a share each.

        Raises:
            Failed: the recipe's loss raised, or there was none.
            ProcessLost: another process of the group has ended.
        """
        set_learning_rate(self.optimiser, lr)
        losses, gradients = [], self.compute_gradients(x, q)
        while True:
            with loss_errors_as_failed(self.job):
                loss = next(gradients, None)
            if loss is None:
                break
            self.optimiser.step()
            if self.average is not None:
                self.average.update(self.model)
            losses.append(loss)
        if not losses:
            raise Failed("`losses` of the recipe yields none for a batch; it yields one for each update of the weights")
        return torch.stack(losses).mean()

    def compute_gradients(self, x: Tensor, q: Tensor) -> Iterator[Tensor]:
        """Yield the loss of each update on a batch, whose gradient is in the weights then.

        A loss is (), the mean over the `accumulate` parts of the batch.
        """
        cut = self.job.plan.accumulate
        batches = zip(x.chunk(cut), q.chunk(cut), self.carried, strict=True)
        parts = [self.job.recipe.losses(self.model, *batch) for batch in batches]
        with ExitStack() as stack:
            passes = None if self.cost else stack.enter_context(count_passes(*{self.model, find_folded(self.model)}))
            while (loss := self._compute_next_gradient(parts)) is not None:
                yield loss
        if passes is not None:
            self.cost = {"forwards": passes.forwards / len(x), "backwards": passes.backwards / len(x)}

    def _compute_next_gradient(self, parts: Sequence[Iterator[Tensor]]) -> Tensor | None:
        """Leave the gradient of the next loss in the weights and return that loss, (); None if there is no other."""
        losses: list[Tensor] = []
        for part in parts:
            with self._loss_context() as share:
                loss = next(part, None)
            if loss is None:
                continue  # the others are to end too, as they may leave something for the next batch
            if not losses:
                self.optimiser.zero_grad()
            (loss * share / len(parts)).backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach() * share)
        if 0 < len(losses) < len(parts):
            raise Failed("`losses` yields fewer losses for one part of a batch than for another")
        if losses and self.group is not None:
            add_gradients(self.group, self.model)
        return torch.stack(losses).mean() if losses else None

    @contextmanager
    def _loss_context(self) -> Iterator[float]:
        """What a recipe computes a loss in; yields the share of its images in the batch of all processes."""
        self.model.train()
        device = next(self.model.parameters()).device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.job.precision == "bf16"):
            if self.group is None:
                yield 1.0
            else:
                with SharedBatch(self.group, self.batch_size // self.job.plan.accumulate) as batch:
                    yield batch.share


@contextmanager
def loss_errors_as_failed(job: Job, kind: type[Exception] = Exception) -> Iterator[None]:
    """Inside the block the recipe's loss is computed; its errors of this kind become Failed. Lack of memory passes."""
    try:
        yield
    except (Failed, ProcessLost):
        raise
    except kind as error:  # a plug-in's code may raise anything
        if is_out_of_memory(error):
            raise
        reason = format_error(error, home_of(job.recipe))
        raise Failed(f"the loss raised {reason}; mend it and run again with --retrain") from error
