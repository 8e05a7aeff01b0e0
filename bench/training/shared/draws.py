"""Random numbers for a batch that several processes share.

The generators of all processes are in the same state. A draw whose first dimension is the number of rows of this
process, or a multiple of it (copies of a batch in a row, as `torch.cat` makes them), is one for each image: it is made
for the whole batch, and each process takes that of its rows. Any other draw is the same in all processes, and so are
draws in the shape of a weight. `torch.randperm` is an order of the rows of the process.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Arguments = tuple[tuple[Any, ...], dict[str, Any]]

BY_SIZE = {torch.rand, torch.randn, torch.randint}
LIKE = {torch.rand_like, torch.randn_like, torch.randint_like}
IN_PLACE = {
    Tensor.uniform_, Tensor.normal_, Tensor.random_, Tensor.bernoulli_, Tensor.exponential_, Tensor.cauchy_,
    Tensor.geometric_, Tensor.log_normal_,
}  # fmt: skip
OF_VALUES = {  # what is drawn depends on the values of a tensor
    torch.bernoulli, torch.poisson, torch.binomial, torch.multinomial, torch.normal, torch._standard_gamma,
    torch._sample_dirichlet, Tensor.bernoulli, Tensor.multinomial, F.gumbel_softmax,
}  # fmt: skip
DROPOUT = {
    F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout, torch.dropout,
}  # fmt: skip


class Rows(Protocol):
    """This process's rows of a batch; see `SharedBatch`."""

    images: int
    own: int

    def whole(self, x: Tensor) -> Tensor: ...
    def own_part(self, x: Tensor) -> Tensor: ...


def draw(rows: Rows, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function of torch; a draw for each image is made for the whole batch, and that of the rows is returned."""
    change = next((change for functions, change in CHANGES if func in functions), None)
    whole = change(rows, args, kwargs) if change is not None else None
    if whole is None:
        return func(*args, **kwargs)
    drawn = rows.own_part(func(*whole[0], **whole[1]))
    return args[0].copy_(drawn) if func in IN_PLACE else drawn


def argument(args: tuple[Any, ...], kwargs: Mapping[str, Any], place: int, name: str, default: Any = None) -> Any:
    """The argument of a call at a place, or with this name."""
    return args[place] if len(args) > place else kwargs.get(name, default)


def _by_size(rows: Rows, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments | None:
    """The arguments with the size of the whole batch; None if it is no size of a batch."""
    if "size" in kwargs:
        size = _whole_size(rows, kwargs["size"])
        return None if size is None else (args, kwargs | {"size": size})
    before, dims = (args[:-1], args[-1]) if args and isinstance(args[-1], tuple | list) else ((), args)
    size = _whole_size(rows, dims)
    return None if size is None else ((*before, size), kwargs)


def _whole_size(rows: Rows, size: Any) -> tuple[int, ...] | None:
    if not size or not size[0] or size[0] % rows.own:
        return None
    return (size[0] // rows.own * rows.images, *size[1:])


def _like(rows: Rows, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments | None:
    """The arguments with an empty tensor in the shape of the whole batch as the first."""
    if not _is_of_batch(rows, args[0]):
        return None
    x, size = args[0], _whole_size(rows, args[0].shape)
    assert size is not None
    if x.stride(0) == math.prod(x.shape[1:]):  # channels last or not, the order in memory is kept, as draws follow it
        empty = torch.empty_strided(size, x.stride(), dtype=x.dtype, device=x.device)
    else:
        empty = torch.empty(size, dtype=x.dtype, device=x.device)
    return (empty, *args[1:]), kwargs


def _of_values(rows: Rows, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments | None:
    """The arguments with the tensors of all processes; None if no argument is of a batch."""
    if not any(_is_of_batch(rows, value) for value in (*args, *kwargs.values())):
        return None
    whole = [rows.whole(value) if _is_of_batch(rows, value) else value for value in args]
    named = {name: rows.whole(value) if _is_of_batch(rows, value) else value for name, value in kwargs.items()}
    return tuple(whole), named


def _dropout(rows: Rows, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments | None:
    return _of_values(rows, args, kwargs) if argument(args, kwargs, 2, "training", True) else None


def _is_of_batch(rows: Rows, value: object) -> bool:
    is_weight = isinstance(value, nn.Parameter)
    return isinstance(value, Tensor) and not is_weight and _whole_size(rows, value.shape) is not None


CHANGES = ((BY_SIZE, _by_size), (LIKE, _like), (IN_PLACE, _like), (OF_VALUES, _of_values), (DROPOUT, _dropout))
