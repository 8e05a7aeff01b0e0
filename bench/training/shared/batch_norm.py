"""Batch norm in training mode over a batch that several processes share, on a CPU as on a GPU.

torch.nn.SyncBatchNorm computes the same on a GPU alone.
"""

from typing import Any

import torch
from torch import Tensor

from bench.training.shared.group import Group


def shared_batch_norm(
    group: Group,
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """As torch's `batch_norm` in training mode for x (B, C, ...), with the statistics of the images of all processes.

    Running statistics, (C,), are updated in place.
    """
    wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    mean, var, count = _moments(group, wide.detach())
    if running_mean is not None and running_var is not None:
        running_mean.lerp_(mean.to(running_mean), momentum)
        running_var.lerp_((var * count / (count - 1)).to(running_var), momentum)
    normal: Tensor = _Normalise.apply(wide, mean, (var + eps).rsqrt(), count, eps, group)
    shape = _channel_shape(x)
    if weight is not None:
        normal = normal * weight.view(shape)
    if bias is not None:
        normal = normal + bias.view(shape)
    return normal.to(x.dtype)


def _moments(group: Group, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and biased variance of each channel, (C,), over the processes, and the number of values, ()."""
    channels = x.shape[1]
    var, mean = torch.var_mean(x, _all_but_channels(x), correction=0)
    table = x.new_zeros(group.size, 2 * channels + 1)  # a row for each process
    table[group.rank] = torch.cat([mean, var, mean.new_tensor([x.numel() / channels])])
    means, variances, counts = torch.split(group.add(table), [channels, channels, 1], 1)
    count = counts.sum()
    whole_mean = (counts * means).sum(0) / count
    return whole_mean, (counts * (variances + (means - whole_mean).square())).sum(0) / count, count


def _all_but_channels(x: Tensor) -> list[int]:
    return [dim for dim in range(x.ndim) if dim != 1]


def _channel_shape(x: Tensor) -> list[int]:
    return [1, -1, *[1] * (x.ndim - 2)]


class _Normalise(torch.autograd.Function):
    """(x - mean) * inverse, where the gradient also goes through mean and inverse, statistics of all processes.

    The gradient may be differentiated in turn, as recipes do that penalise gradients at images.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, mean: Tensor, inverse: Tensor, count: Tensor, eps: float, group: Group) -> Tensor:
        ctx.save_for_backward(x, mean, inverse, count)
        ctx.eps, ctx.group = eps, group
        shape = _channel_shape(x)
        normal: Tensor = (x - mean.view(shape)) * inverse.view(shape)
        return normal

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, mean, inverse, count = ctx.saved_tensors
        dims, shape = _all_but_channels(x), _channel_shape(x)

        def average(values: Tensor) -> Tensor:
            share: Tensor = _Sum.apply(values, ctx.group) / count
            return share

        if torch.is_grad_enabled():  # this gradient will be differentiated, so the statistics are functions of x
            mean = average(x.sum(dims))
            inverse = (average((x - mean.view(shape)).square().sum(dims)) + ctx.eps).rsqrt()
        normal = (x - mean.view(shape)) * inverse.view(shape)
        means = average(torch.stack([grad.sum(dims), (grad * normal).sum(dims)]))
        of_x = (grad - means[0].view(shape) - normal * means[1].view(shape)) * inverse.view(shape)
        return of_x, None, None, None, None, None


class _Sum(torch.autograd.Function):
    """The sum of a tensor over the processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Group) -> Tensor:
        ctx.group = group
        return group.add(x.clone())

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        total: Tensor = _Sum.apply(grad.contiguous(), ctx.group)
        return total, None
