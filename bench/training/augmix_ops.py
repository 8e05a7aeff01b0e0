"""The nine operations of AugMix on batches in [0, 1], each image with a level of its own.

Those of Hendrycks et al.'s augmentations.py, which leave out what the corruption benchmarks test. Levels lie in
[0.1, severity] with 10 the strongest. Colours are computed in whole numbers of 0 .. 255, as Pillow does.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.training.shared.batch import own_part, whole_batch


def augmented(x: Tensor, severity: float) -> Tensor:
    """Apply to each image one operation of AugMix, drawn uniformly, at a level drawn from [0.1, severity].

    Draws are from torch's global generator. Source: Hendrycks et al. 2020, arXiv:1912.02781, and its augmentations.py.

    Args:
        x: images (B, C, H, W) in [0, 1].
        severity: the highest level, up to 10.

    Returns:
        Images (B, C, H, W) in [0, 1].

    Example:
        >>> import torch
        >>> from bench import augmented
        >>> augmented(torch.rand(4, 3, 8, 8), severity=3).shape
        torch.Size([4, 3, 8, 8])
    """
    level = 0.1 + (severity - 0.1) * torch.rand_like(x[:, 0, 0, 0])
    which = torch.randint(len(OPERATIONS), (len(x),), device=x.device)
    whole, out = whole_batch(which), x.clone()
    for i, operation in enumerate(OPERATIONS):
        way = _draw_directions(whole == i) if operation in TWO_WAYS else torch.ones_like(whole)
        chosen = which == i
        if chosen.any():
            out[chosen] = operation(x[chosen], (level * own_part(way))[chosen]).clamp(0, 1)
    return out


def autocontrast(x: Tensor, level: Tensor) -> Tensor:
    """Each channel stretched to the whole range."""
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    return torch.where(high > low, (x - low) / (high - low).clamp_min(1e-12), x)


def equalize(x: Tensor, level: Tensor) -> Tensor:
    """Each channel with an even histogram."""
    v = (255 * x).round().long().flatten(2)
    histogram = torch.zeros(*v.shape[:2], 256, dtype=torch.long, device=x.device)
    histogram.scatter_add_(2, v, torch.ones_like(v))
    brightest = histogram.gather(2, v.amax(2, keepdim=True))
    step = (v.shape[2] - brightest) // 255
    below = histogram.cumsum(2) - histogram
    table = ((step // 2 + below) // step.clamp_min(1)).clamp_max(255)
    return torch.where(step > 0, table.gather(2, v), v).view_as(x).to(x) / 255


def posterize(x: Tensor, level: Tensor) -> Tensor:
    """Fewer bits a channel: 4 at the weakest, 0 at the strongest."""
    size = 2.0 ** (4 + (level * 4 / 10).int())
    return _to_levels(x).div(_per_image(size), rounding_mode="floor") * _per_image(size) / 255


def solarize(x: Tensor, level: Tensor) -> Tensor:
    """Bright pixels inverted."""
    return torch.where(_to_levels(x) < 256 - _per_image((level * 256 / 10).int()), x, 1 - x)


def rotate(x: Tensor, level: Tensor) -> Tensor:
    """By up to 30 degrees, the other way where the level is below 0."""
    angle = (level * 30 / 10).int().to(x).deg2rad()
    sin, cos, zero, aspect = angle.sin(), angle.cos(), torch.zeros_like(angle), x.shape[2] / x.shape[3]
    return _affine(x, torch.stack([cos, -sin * aspect, zero, sin / aspect, cos, zero], 1))


def shear_x(x: Tensor, level: Tensor) -> Tensor:
    """Rows shifted in proportion to their height, the top one not at all; the other way where the level is below 0."""
    slope = level * 0.3 / 10 * x.shape[2] / x.shape[3]
    one, zero = torch.ones_like(slope), torch.zeros_like(slope)
    return _affine(x, torch.stack([one, slope, slope, zero, one, zero], 1))


def shear_y(x: Tensor, level: Tensor) -> Tensor:
    """As `shear_x`, along the columns."""
    return shear_x(x.mT, level).mT


def translate_x(x: Tensor, level: Tensor) -> Tensor:
    """By up to a third of the width, in whole pixels, the other way where the level is below 0."""
    shift = 2 * (level * x.shape[3] / 3 / 10).int().to(x) / x.shape[3]
    one, zero = torch.ones_like(shift), torch.zeros_like(shift)
    return _affine(x, torch.stack([one, zero, shift, zero, one, zero], 1))


def translate_y(x: Tensor, level: Tensor) -> Tensor:
    """As `translate_x`, along the height."""
    return translate_x(x.mT, level).mT


OPERATIONS = (
    autocontrast, equalize, posterize, rotate, solarize, shear_x, shear_y, translate_x, translate_y
)  # fmt: skip
TWO_WAYS = (rotate, shear_x, shear_y, translate_x, translate_y)


def _affine(x: Tensor, rows: Tensor) -> Tensor:
    """Each output pixel from where the matrix (B, 6) sends it, in coordinates of -1 .. 1; black outside."""
    grid = F.affine_grid(rows.view(-1, 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def _draw_directions(chosen: Tensor) -> Tensor:
    """1 or -1 for each image (B,) that is chosen, and 1 for the others."""
    way = torch.ones_like(chosen, dtype=torch.long)
    draws = torch.rand(1, int(chosen.sum()), device=chosen.device)[0]  # in one row, as these are not all images
    way[chosen] = torch.where(draws < 0.5, 1, -1)
    return way


def _to_levels(x: Tensor) -> Tensor:
    return (255 * x).round()


def _per_image(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)
