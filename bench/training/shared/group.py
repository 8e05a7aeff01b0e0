"""The processes that train one model together: sums over them, and copies from the first one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import Store

from bench.core.errors import ProcessLost

T = TypeVar("T")

# the end of a process is noticed at once, and one that computes for long is no error
COLLECTIVE_TIMEOUT = timedelta(days=30)


class Group:
    """The processes of one training, as one of them sees them.

    All of them call the same methods in the same order, with tensors of the same shapes, and get the same values.
    Every method raises ProcessLost where another process has ended or has left the training.
    """

    def __init__(self, rank: int, size: int, device: torch.device) -> None:
        """rank: of this process, from 0. size: number of processes. device: on which this one trains."""
        self.rank, self.size, self.device = rank, size, device

    def add(self, values: Tensor) -> Tensor:
        """Replace a tensor by its sum over the processes, in place, and return it."""
        with _lost_processes():
            dist.all_reduce(values)
        return values

    def add_all(self, values: Sequence[Tensor | None], like: Sequence[Tensor]) -> list[Tensor | None]:
        """Sums of several tensors over the processes, in one message.

        Args:
            values: of the shapes of `like`. None counts as zeros, and stays None if it is None everywhere.
            like: tensors of one device.
        """
        is_there = like[0].new_tensor([value is not None for value in values])
        filled = [torch.zeros_like(of) if value is None else value for value, of in zip(values, like, strict=True)]
        total = self.add(torch.cat([*(value.detach().flatten() for value in filled), is_there]))
        *sums, counts = torch.split(total, [*(value.numel() for value in filled), len(filled)])
        return [
            part.view(of.shape) if count else None for part, of, count in zip(sums, like, counts.tolist(), strict=True)
        ]

    def copy_weights(self, model: nn.Module) -> None:
        """Give the model the weights and buffers that it has in the first process."""
        for value in model.state_dict().values():
            sent = value.contiguous()
            with _lost_processes():
                dist.broadcast(sent, src=0)
            value.copy_(sent)

    def share(self, value: T) -> T:
        """The value that the first process has given."""
        values = [value]
        with _lost_processes():
            dist.broadcast_object_list(values, src=0, device=self.device)
        return values[0]


def add_gradients(group: Group, model: nn.Module) -> None:
    """Replace the gradients of a model's weights by their sums over the processes."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    for weight, grad in zip(weights, group.add_all([weight.grad for weight in weights], weights), strict=True):
        weight.grad = None if grad is None else torch.empty_like(weight).copy_(grad)


@contextmanager
def join_group(store: Store, rank: int, size: int, device: torch.device) -> Iterator[Group]:
    """Inside the block this process is one of a group, which lasts for one training.

    A process that leaves the block because of an error closes its connections, so that the others do not wait for it.

    Args:
        store: through which the processes find each other; of this training alone.
        rank: of this process, from 0.
        size: number of processes.
        device: on which this process trains.
    """
    # Optimisers import this module, whose functions have the group of that moment as default argument. Imported while
    # there is one, it would keep the connections of a process that leaves open, and the others would wait for it.
    import_module("torch.distributed.nn.functional")
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    with _lost_processes():
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=COLLECTIVE_TIMEOUT)
    try:
        yield Group(rank, size, device)
    finally:
        dist.destroy_process_group()


@contextmanager
def _lost_processes() -> Iterator[None]:
    """Inside the block errors of torch.distributed become ProcessLost."""
    try:
        yield
    except RuntimeError as error:
        raise ProcessLost from error
