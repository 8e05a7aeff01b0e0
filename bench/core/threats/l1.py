"""The L1 ball, with the exact projection into its intersection with the range of pixels."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.core.threats.lengths import Pixels

if TYPE_CHECKING:
    from torch import Tensor

TOP_SHARE = 0.01  # of the pixels, that a step in L1 moves: those with the largest gradients


@dataclass(frozen=True)
class L1:
    """The L1 ball: the changes of an image, summed over all pixels and channels, are at most `eps`.

    The image stays in [0, 1].

    Args:
        eps: radius in pixel units of [0, 1], such as 12; inf is the whole image range.

    Example:
        >>> import torch
        >>> from bench import L1
        >>> x, x_adv = torch.full((1, 1, 1, 2), 0.5), torch.tensor([[[[0.9, 0.7]]]])
        >>> L1(0.4).distance(x_adv, x), L1(0.4).project(x_adv, x)
        (tensor([0.6000]), tensor([[[[0.8000, 0.6000]]]]))
    """

    eps: Pixels

    def noise(self, x: "Tensor") -> "Tensor":
        """Draw a perturbation (B, C, H, W) uniformly from the ball; x + noise is not yet clipped to [0, 1].

        Directions are Laplacian noise over its norm, and radii eps U^(1/n). Source: Barthe et al. 2005, A probabilistic
        approach to the geometry of the l_p^n-ball.
        """
        import torch

        from bench.core.rng import uniform

        side = 2 * uniform(x) - 1
        size = -(1 - side.abs()).clamp_min(torch.finfo(torch.float32).eps / 2).log()
        direction = side.sign() * size / size.flatten(1).sum(1).view(-1, 1, 1, 1)
        return self.eps * uniform(x[:, :1, :1, :1]) ** (1 / x[0].numel()) * direction

    def steepest(self, grad: "Tensor") -> "Tensor":
        """Ascent direction of length 1 in L1: the signs of the largest gradients, 1 % of the pixels and at least one.

        The very steepest moves one pixel. Source: Tramer, Boneh 2019, arXiv:1904.13000, sparse L1 descent (SLIDE).
        """
        size = grad.abs().flatten(1)
        least = size.topk(math.ceil(TOP_SHARE * size.shape[1])).values[:, -1:]
        step = grad.sign() * (size >= least).view_as(grad)
        return step / step.abs().flatten(1).sum(1).clamp_min(1).view(-1, 1, 1, 1)

    def move(self, x_adv: "Tensor", grad: "Tensor", length: "float | Tensor") -> "Tensor":
        """Images (B, C, H, W) a step of this length, or of these (B,), away along `steepest`; not yet projected.

        Where a pixel has less room in [0, 1] than its share, the next largest gradients take the rest. Source: Croce,
        Hein 2021, arXiv:2103.01208, sec. 3, whose step fills one pixel after another.
        """
        import torch

        room = torch.where(grad > 0, 1 - x_adv, x_adv).clamp_min(0).masked_fill(grad == 0, 0).flatten(1)
        length = length if isinstance(length, int | float) else length[:, None]
        shares = torch.minimum(room, torch.as_tensor(length / math.ceil(TOP_SHARE * room.shape[1]), dtype=room.dtype))
        order = grad.abs().flatten(1).argsort(dim=1, descending=True, stable=True)
        shares = shares.gather(1, order)
        left = (length - shares.cumsum(1) + shares).clamp_min(0)  # for a pixel, after those before it
        step = torch.zeros_like(room).scatter(1, order, shares.minimum(left))
        return x_adv + grad.sign() * step.view_as(grad)

    def project(self, x_adv: "Tensor", x: "Tensor", radii: "Tensor | None" = None) -> "Tensor":
        """The closest images to x_adv that lie in the ball around x and in [0, 1], (B, C, H, W).

        They have the changes sign(d_i) min(max(|d_i| - t, 0), r_i), where d = x_adv - x, r_i is the room of a pixel
        before it leaves [0, 1], and t >= 0 is the least at which the changes sum up to the radius. Source: Croce, Hein
        2021, Mind the box, arXiv:2103.01208, sec. 2.

        radii: (B,), the radius of each image, instead of eps.
        """
        import torch

        change = x_adv - x
        size, room = change.abs().flatten(1), torch.where(change > 0, 1 - x, x).flatten(1)
        eps = x.new_full((len(x),), self.eps) if radii is None else radii
        size = (size - _threshold(size, room, eps)[:, None]).clamp_min(0).minimum(room)
        size = size * (eps / size.sum(1).clamp_min(1e-12)).clamp_max(1)[:, None]  # rounding may leave the ball
        return (x + change.sign() * size.view_as(x)).clamp(0, 1)

    def distance(self, x_adv: "Tensor", x: "Tensor") -> "Tensor":
        """Norm of each image's perturbation x_adv - x, (B,)."""
        return (x_adv - x).flatten(1).abs().sum(1)

    def dual(self, grad: "Tensor") -> "Tensor":
        """Linf norm of each image's gradient, (B,): how much the loss rises at most with a distance of 1."""
        return grad.flatten(1).abs().amax(1)

    @staticmethod
    def largest(pixels: int) -> float:
        """The largest distance of two images with this many values."""
        return float(pixels)


def _threshold(size: "Tensor", room: "Tensor", eps: "Tensor") -> "Tensor":
    """The least t >= 0, (B,), with sum_i min(max(size_i - t, 0), room_i) <= eps, for sizes and rooms (B, N).

    The sum is linear in t between the points where a pixel leaves its room, size_i - room_i, and where it is back at
    the image, size_i: sorted, their sums follow from the number of pixels between the two.
    """
    import torch

    pixels = size.shape[1]
    points, order = torch.cat([(size - room).clamp_min(0), size], 1).sort(1)
    moving = torch.where(order < pixels, 1, -1).cumsum(1)  # pixels whose change falls behind each point
    total = size.minimum(room).sum(1, keepdim=True)
    falls = (moving[:, :-1] * points.diff(dim=1)).cumsum(1)
    sums = torch.cat([total, total - falls], 1)
    last = ((sums >= eps[:, None]).sum(1, keepdim=True) - 1).clamp_min(0)  # the last point before the threshold
    beyond = (sums.gather(1, last)[:, 0] - eps) / moving.gather(1, last)[:, 0].clamp_min(1)
    return torch.where(total[:, 0] > eps, points.gather(1, last)[:, 0] + beyond, 0)
