"""Choose images of a network whose nearest errors are known, in groups, and move those of a group to equal distances.

An image x with the nearest error x* at the distance r is moved to x + t (x* - x), whose distance is exactly (1 - t) r.
Nothing nearer can exist, as it would be nearer to x than x* is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from bench.evaluation.exam.exact.layers import Array, Layer, layers_of, logits
from bench.evaluation.exam.exact.nearest import Nearest, least_margin
from bench.evaluation.exam.exact.train import SATURATION
from bench.evaluation.exam.nets import SIDE
from bench.evaluation.exam.questions import RATIOS

GROUP_SIZE, GROUPS = 8, 3  # of each network
FARTHEST_MOVE = 0.2  # of an image towards its nearest error, as a share of the distance
PROVED_RATIOS = [ratio for ratio in RATIOS if ratio < 1]
BRACKET = 0.001  # largest relative difference of upper and lower bound with which an image is used
NODE_LIMIT, SECONDS = 20_000, 60.0  # of the branch and bound of one image


@dataclass(frozen=True)
class SolvedImage:
    """An image, its class, and its nearest error."""

    x: Array
    y: int
    nearest: Nearest

    @property
    def error(self) -> Array:
        """The nearest error, flat; of a candidate that has one."""
        assert self.nearest.image is not None
        return self.nearest.image

    @property
    def is_exact(self) -> bool:
        return self.nearest.is_proved and self.nearest.upper - self.nearest.lower < BRACKET * self.nearest.upper


def exact_layers(name: str, net: nn.Sequential) -> list[Layer]:
    """The layers of a network; without the factor on the logits of `saturated`, which changes no class."""
    layers = layers_of(net, (1, SIDE, SIDE))
    if name == "saturated":
        last = layers.pop()
        layers.append(Layer(last.weight / SATURATION, last.bias / SATURATION, "none"))
    return layers


def choose_groups(
    name: str, net: nn.Sequential, candidates: list[SolvedImage]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Groups of images with equal distances as arrays of the file of questions, and what is told of them."""
    layers = exact_layers(name, net)
    exact = sorted((c for c in candidates if c.is_exact), key=lambda c: c.nearest.upper)
    if name == "other-class":
        exact = [c for c in exact if c.nearest.target != _runner_up(layers, c.x)]
    groups = _windows([c.nearest.lower for c in exact])
    rows: dict[str, list[Any]] = {key: [] for key in ("images", "labels", "radii", "lower", "upper", "errors")}
    margins = []
    for window in groups:
        radius = min(c.nearest.lower for c in exact[window])
        for candidate in exact[window]:
            moved, lower, upper = move(candidate, radius)
            if name == "other-class" and _runner_up(layers, moved) == candidate.nearest.target:
                continue
            margin = least_margin(layers, moved, candidate.y, max(PROVED_RATIOS) * radius, NODE_LIMIT, SECONDS)
            margins.append(margin)
            if margin <= 0:
                continue
            squares = [np.reshape(image, (SIDE, SIDE)) for image in (moved, candidate.error)]
            values = (squares[0], candidate.y, radius, lower, upper, squares[1])
            for key, value in zip(rows, values, strict=True):
                rows[key].append(value)
    types = {"images": np.float32, "errors": np.float32, "labels": np.uint8}
    told = {
        "images_solved": len(candidates),
        "not_proved_within_the_limits": sum(not c.nearest.is_proved for c in candidates),
        "bracket_too_wide": sum(c.nearest.is_proved and not c.is_exact for c in candidates),
        "images_used": len(rows["labels"]),
        "nearest_class_is_not_the_runner_up": sum(c.nearest.target != _runner_up(layers, c.x) for c in candidates),
        "most_nodes": max(c.nearest.nodes for c in candidates),
        "not_proved_a_second_time": sum(margin <= 0 for margin in margins),
        "least_margin_at_0.98": min(margin for margin in margins if margin > 0),
    }
    return {key: np.array(value, types.get(key, np.float64)) for key, value in rows.items()}, told


def _windows(radii: list[float]) -> list[slice]:
    """The first GROUPS windows of GROUP_SIZE neighbours among the sorted radii that differ by little."""
    found, start = list[slice](), 0
    while len(found) < GROUPS and start + GROUP_SIZE <= len(radii):
        if radii[start] >= (1 - FARTHEST_MOVE) * radii[start + GROUP_SIZE - 1]:
            found.append(slice(start, start + GROUP_SIZE))
            start += GROUP_SIZE
        else:
            start += 1
    return found


def _runner_up(layers: list[Layer], x: Array) -> int:
    """The class with the second largest logit."""
    return int(logits(layers, x).argsort()[-2])


def move(candidate: SolvedImage, radius: float) -> tuple[Array, float, float]:
    """The image moved towards its nearest error until that is `radius` away, and bounds of that distance."""
    x, error = candidate.x, candidate.error
    share = 1 - radius / candidate.nearest.upper
    moved = (x + share * (error - x)).astype(np.float32).astype(np.float64)
    lower = candidate.nearest.lower - float(np.abs(moved - x).max())
    return moved, lower, float(np.abs(moved - error).max())
