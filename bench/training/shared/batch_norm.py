"""Batch norm in training mode over a batch that several processes share, on a CPU as on a GPU.

torch.nn.SyncBatchNorm computes the same on a GPU alone.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

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
    normal: Tensor = _Normalise.apply(wide, mean, (var + eps).rsqrt(), count, group)
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
    """(x - mean) * inverse, where the gradient also goes through mean and inverse, statistics of all processes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mean: Tensor, inverse: Tensor, count: Tensor, group: Group) -> Tensor:
        shape = _channel_shape(x)
        normal = (x - mean.view(shape)) * inverse.view(shape)
        ctx.save_for_backward(normal, inverse, count)
        ctx.group = group
        return normal

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        normal, inverse, count = ctx.saved_tensors
        dims, shape = _all_but_channels(grad), _channel_shape(grad)
        sums = ctx.group.add(torch.stack([grad.sum(dims), (grad * normal).sum(dims)])) / count
        return (grad - sums[0].view(shape) - normal * sums[1].view(shape)) * inverse.view(shape), None, None, None, None
