"""The nearest image in Linf that a network gets wrong, as a mixed-integer program.

Tjeng, Xiao, Tedrake, "Evaluating Robustness of Neural Networks with Mixed Integer Programming", ICLR 2019,
arXiv:1711.07356: one binary variable for each ReLU that can be on either side of 0, with bounds of its input as the
big constants.
"""

from dataclasses import dataclass

import numpy as np

from bench.evaluation.exam.exact.layers import Array, Interval, Layer, logits, pre_activations
from bench.evaluation.exam.exact.program import Program, Row

SLACK = 1e-6  # tolerance of HiGHS, by which its bounds may be too high
# Shares by which a perturbation that ends on the border between two classes is lengthened.
OVERSHOOT = (0.0, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)


@dataclass(frozen=True)
class Nearest:
    """What is known of the distance from an image to the nearest one with another class.

    lower: no image is nearer than this. upper: `image` is as near as this, and it is of the class `target`; inf and
    None if none was found. nodes: of the branch and bound. is_proved: whether it went to its end.
    """

    lower: float
    upper: float
    image: Array | None
    target: int
    nodes: int
    is_proved: bool


@dataclass(frozen=True)
class _EncodedNet:
    """A network in a program: the variables of eps and of the pixels, and the logits as rows and constants."""

    program: Program
    eps: int
    pixels: list[int]
    logits: list[tuple[Row, float]]
    bounds: Interval  # of the activations in front of the last layer


def nearest_error(layers: list[Layer], x: Array, y: int, far: float, nodes: int, seconds: float = 600.0) -> Nearest:
    """The least Linf distance from x at which some class has a logit as large as that of y.

    Args:
        layers: the network.
        x: a flattened image in [0, 1], (D,), which the network classifies as y.
        y: its class.
        far: a distance at which an error is known, or 1; the smaller, the faster.
        nodes: limit of the nodes of the branch and bound.
        seconds: limit of its time.
    """
    encoded = _encode(layers, x, far)
    program = encoded.program
    _some_class_wins(encoded, layers[-1], y, None)
    solution = program.minimise(encoded.eps, nodes, seconds)
    lower = far if solution.is_infeasible else max(0.0, solution.bound * (1 - SLACK) - SLACK)
    if solution.values is None:
        return Nearest(lower, np.inf, None, -1, solution.nodes, solution.is_finished)
    image = _beyond_the_border(layers, x, y, solution.values[encoded.pixels].clip(0, 1))
    if image is None:
        return Nearest(lower, np.inf, None, -1, solution.nodes, False)
    distance = float(np.abs(image.astype(np.float64) - x).max())
    target = int(logits(layers, image).argmax())
    return Nearest(lower, distance, image, target, solution.nodes, solution.is_finished)


def least_margin(layers: list[Layer], x: Array, y: int, eps: float, nodes: int, seconds: float = 600.0) -> float:
    """A lower bound, over all images of the ball, of the logit of y minus the largest other one."""
    encoded = _encode(layers, x, eps)
    margin = encoded.program.variable(-1e9, 1e9)
    _some_class_wins(encoded, layers[-1], y, margin)
    return encoded.program.minimise(margin, nodes, seconds).bound


def _encode(layers: list[Layer], x: Array, far: float) -> _EncodedNet:
    """The network on all images within `far` of x, in a program whose variable eps bounds their distance."""
    program = Program()
    eps = program.variable(0.0, far)
    box = Interval((x - far).clip(0, 1), (x + far).clip(0, 1))
    pixels = [program.variable(low, high) for low, high in zip(box.low, box.high, strict=True)]
    for pixel, value in zip(pixels, x, strict=True):
        program.row({pixel: 1.0, eps: -1.0}, -np.inf, float(value))
        program.row({pixel: 1.0, eps: 1.0}, float(value), np.inf)
    before = pixels
    for layer, bounds in zip(layers[:-1], pre_activations(layers[:-1], box), strict=True):
        before = [
            _activation(program, _affine(before, layer.weight[i]), float(layer.bias[i]), low, high, layer.activation)
            for i, (low, high) in enumerate(zip(bounds.low.tolist(), bounds.high.tolist(), strict=True))
        ]
        box = bounds.after_activation(layer.activation)
    last = layers[-1]
    outputs = [(_affine(before, last.weight[k]), float(last.bias[k])) for k in range(len(last.bias))]
    return _EncodedNet(program, eps, pixels, outputs, box)


def _affine(variables: list[int], weights: Array) -> Row:
    return {v: float(w) for v, w in zip(variables, weights, strict=True) if w}


def _activation(program: Program, h: Row, bias: float, low: float, high: float, activation: str) -> int:
    """Add a = activation(h + bias), where low <= h + bias <= high; returns the variable a."""
    if activation == "relu":
        return _relu(program, h, bias, low, high)
    first = _relu(program, h, bias, low, high)  # clamped to [0, 1]: relu(h) - relu(h - 1)
    second = _relu(program, h, bias - 1, low - 1, high - 1)
    a = program.variable(0.0, 1.0)
    program.row({a: 1.0, first: -1.0, second: 1.0}, 0.0, 0.0)
    return a


def _relu(program: Program, h: Row, bias: float, low: float, high: float) -> int:
    """Add a = max(h + bias, 0); returns the variable a."""
    if high <= 0:
        return program.variable(0.0, 0.0)
    a = program.variable(max(low, 0.0), high)
    difference = {a: 1.0} | {v: -w for v, w in h.items()}
    if low >= 0:
        program.row(difference, bias, bias)  # a = h + bias
        return a
    is_on = program.switch()
    program.row(difference, bias, np.inf)  # a >= h + bias
    program.row({a: 1.0, is_on: -high}, -np.inf, 0.0)  # a <= high if on, else 0
    program.row(difference | {is_on: -low}, -np.inf, bias - low)  # a <= h + bias if on
    return a


def _some_class_wins(encoded: _EncodedNet, last: Layer, y: int, margin: int | None) -> None:
    """Add that for one chosen class k, logit_y - logit_k is at most 0, or at most the variable `margin`."""
    others = [k for k in range(len(last.bias)) if k != y]
    leads = encoded.bounds.through(last.weight[y] - last.weight[others], last.bias[y] - last.bias[others])
    least = 0.0 if margin is None else float(leads.low.min())
    if margin is not None:
        encoded.program.low[margin] = least
    chosen = dict[int, float]()
    for k, most in zip(others, leads.high.tolist(), strict=True):
        is_chosen = encoded.program.switch()
        chosen[is_chosen] = 1.0
        slack = max(most - least, 0.0)  # what the row allows while the class is not chosen
        (row, bias), (other, other_bias) = encoded.logits[y], encoded.logits[k]
        lead = {v: row.get(v, 0.0) - other.get(v, 0.0) for v in sorted(row.keys() | other.keys())}
        goal = {} if margin is None else {margin: -1.0}
        encoded.program.row(lead | {is_chosen: slack} | goal, -np.inf, slack - (bias - other_bias))
    encoded.program.row(chosen, 1.0, 1.0)


def _beyond_the_border(layers: list[Layer], x: Array, y: int, image: Array) -> Array | None:
    """The image as float32 numbers, moved away from x until float64 gives it another class; None if that fails."""
    for share in OVERSHOOT:
        moved = (x + (1 + share) * (image - x)).clip(0, 1).astype(np.float32).astype(np.float64)
        if logits(layers, moved).argmax() != y:
            return np.asarray(moved)
    return None
