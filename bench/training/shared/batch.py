"""A batch that several processes share: each computes its rows of it, and the recipe need not know.

While a recipe computes the loss of its rows, what depends on other rows is computed as one process would:

* random numbers are drawn for the whole batch, by generators that are in the same state in all processes, and each
  process takes those of its rows (`draws.py` says what counts as a draw for each image);
* `x[mate]`, with `mate = shuffled(x)`, takes images of the whole batch;
* batch norms in training mode use the statistics of the whole batch;
* `torch.autograd.grad` for weights, which AWP needs, is the gradient of the mean over the whole batch;
* `whole_batch(x)` has the rows of all processes, for a loss that is no mean over images.
"""

from collections.abc import Sequence
from contextvars import ContextVar, Token
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from bench.training.shared import draws
from bench.training.shared.batch_norm import shared_batch_norm
from bench.training.shared.group import Group


def share_sizes(images: int, processes: int) -> tuple[int, ...]:
    """How many of so many images each process has; the numbers differ by at most one."""
    least, more = divmod(images, processes)
    return tuple(least + (rank < more) for rank in range(processes))


def own_rows(images: int, rank: int, processes: int) -> slice:
    """The rows of a process in a batch of so many images."""
    ends = (0, *accumulate(share_sizes(images, processes)))
    return slice(ends[rank], ends[rank + 1])


def rows_of_batch(images: int, parts: int, group: Group) -> Tensor:
    """The rows of a process in a batch of so many images: its share of each of the equal parts that it is cut into."""
    length = images // parts
    share = torch.arange(length)[own_rows(length, group.rank, group.size)]
    return (torch.arange(0, images, length)[:, None] + share).flatten()


class SharedBatch(TorchFunctionMode):
    """Inside the block, a recipe computes the loss of this process's rows of a batch."""

    def __init__(self, group: Group, images: int) -> None:
        """images: in the whole batch."""
        super().__init__()
        self.group, self.images = group, images
        self.rows = own_rows(images, group.rank, group.size)
        self.own: int = self.rows.stop - self.rows.start  # number of rows
        self._orders: list[Tensor] = []  # results of `shuffled`
        self._token: Token[SharedBatch | None] | None = None

    @property
    def share(self) -> float:
        """Number of rows as a share of the batch: the weight of this process's mean loss."""
        return self.own / self.images

    def __enter__(self) -> "SharedBatch":
        self._token = _current.set(self)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        assert self._token is not None
        _current.reset(self._token)

    def whole(self, x: Tensor) -> Tensor:
        """Rows of all processes, (B, ...), from those of this one, (b, ...); of k copies in a row, (kB, ...).

        The gradient that reaches the rows is that of the sum of what all processes compute from the result.
        """
        total: Tensor = _Whole.apply(x, self)
        return total

    def own_part(self, x: Tensor) -> Tensor:
        """The inverse of `whole`: the rows of this process."""
        return x.view(-1, self.images, *x.shape[1:])[:, self.rows].flatten(0, 1)

    def shuffled(self, x: Tensor) -> Tensor:
        """The partner in the whole batch of each row of this process, (b,), for `x[mate]`."""
        self._orders.append(torch.randperm(self.images, device=x.device)[self.rows])
        return self._orders[-1]

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute what the module's docstring lists for the whole batch, and all else as always."""
        kwargs = kwargs or {}
        if func is Tensor.__getitem__ and any(args[1] is order for order in self._orders):
            return self.whole(args[0])[args[1]]
        if func is F.batch_norm and draws.argument(args, kwargs, 5, "training", False):
            return shared_batch_norm(self.group, *args, **kwargs)
        if func is torch.autograd.grad and _is_for_weights(draws.argument(args, kwargs, 1, "inputs")):
            return self._gradients(*args, **kwargs)
        return draws.draw(self, func, args, kwargs)

    def _gradients(self, outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> tuple[Tensor | None, ...]:
        """As torch.autograd.grad for weights, of the mean of a loss over the whole batch."""
        scaled = [loss * self.share for loss in ([outputs] if isinstance(outputs, Tensor) else outputs)]
        inputs = [inputs] if isinstance(inputs, Tensor) else [*inputs]
        return tuple(self.group.add_all(torch.autograd.grad(scaled, inputs, *args, **kwargs), inputs))


_current: ContextVar[SharedBatch | None] = ContextVar("shared batch", default=None)


def shared_batch() -> SharedBatch | None:
    """The batch that this process shares with others; None where it has all of it."""
    return _current.get()


def whole_batch(x: Tensor) -> Tensor:
    """The rows of the whole batch, where several processes share it; otherwise x itself.

    For losses that are no mean over the images of a batch: every process computes the loss of the whole batch.

    Args:
        x: (b, ...), a row for each image of this process.

    Returns:
        (B, ...), a row for each image of the batch.

    Example:
        >>> import torch
        >>> from bench import whole_batch
        >>> whole_batch(torch.zeros(2, 3)).shape
        torch.Size([2, 3])
    """
    batch = _current.get()
    return x if batch is None else batch.whole(x)


def own_part(x: Tensor) -> Tensor:
    """The inverse of `whole_batch`: the rows of this process, of those of all processes."""
    batch = _current.get()
    return x if batch is None else batch.own_part(x)


def _is_for_weights(inputs: Any) -> bool:
    return any(isinstance(w, nn.Parameter) for w in ([inputs] if isinstance(inputs, Tensor) else inputs))


class _Whole(torch.autograd.Function):
    """See `SharedBatch.whole`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, batch: SharedBatch) -> Tensor:
        ctx.batch = batch
        copies = x.detach().reshape(-1, batch.own, *x.shape[1:])
        total = copies.new_zeros(len(copies), batch.images, *x.shape[1:], dtype=_sendable(x.dtype))
        total[:, batch.rows] = copies.to(total.dtype)
        return batch.group.add(total).to(x.dtype).flatten(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return ctx.batch.own_part(ctx.batch.group.add(grad.contiguous())), None


def _sendable(dtype: torch.dtype) -> torch.dtype:
    return torch.uint8 if dtype == torch.bool else dtype
