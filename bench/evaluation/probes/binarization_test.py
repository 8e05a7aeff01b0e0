"""The binarization test: an attack that misses an adversarial example known to exist is too weak for the model.

Zimmermann, Brendel, Tramer, Carlini, "Increasing Confidence in Adversarial Robustness Evaluations", NeurIPS 2022,
arXiv:2206.13991. For each image the model's last linear layer is replaced by a linear readout of two classes: a random
corner of the ball (the planted adversarial example) is of one class, the image and random points inside the ball of the
other. The two logits are scaled to the distance of the model's own top two on the image, so that a loss that saturates
on the model saturates here too (the paper's adaptive rescaling).
"""

import math
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.parsing import format_count
from bench.core.rng import fixed_seed
from bench.core.threats.threat import Threat
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.outcome import Outcome
from bench.evaluation.sample import Sample
from bench.evaluation.target import Target

INNER_POINTS = 200  # random points inside; fewer than usual networks have features, so that the classes stay separable
INNER_RADIUS = 0.95  # their largest distance, as a share of the radius; the planted point is on the border (paper)
L2_PENALTY = 1e-5  # weight of the L2 penalty on the readout, next to none


class NoFeatures(Exception):
    """A model's last linear layer does not read one vector an image, so the test cannot be made."""


class BinaryReadout(nn.Module):
    """A linear classifier of two classes on the inputs of one layer of a model: (B, C, H, W) -> (B, 2)."""

    def __init__(self, model: nn.Module, layer: nn.Linear, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.model, self.layer = model, layer
        self.weight, self.bias = weight, bias

    def forward(self, x: Tensor) -> Tensor:
        score = layer_input(self.model, self.layer, x) @ self.weight + self.bias
        return torch.stack([-score / 2, score / 2], 1)


def last_linear(model: nn.Module, x: Tensor) -> nn.Linear | None:
    """The linear layer that the model calls last; None where there is none, or it reads no vectors."""
    used: list[tuple[nn.Linear, int]] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(layer, nn.Linear)
        used.append((layer, inputs[0].ndim if inputs else 0))

    handles = [m.register_forward_pre_hook(note) for m in model.modules() if isinstance(m, nn.Linear)]
    try:
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return used[-1][0] if used and used[-1][1] == 2 else None


def layer_input(model: nn.Module, layer: nn.Linear, x: Tensor) -> Tensor:
    """The layer's input (B, F) when the model classifies x. NoFeatures unless that is one vector an image."""
    return _record_layer(model, layer, x)[0]


def layer_output(model: nn.Module, layer: nn.Linear, x: Tensor) -> Tensor:
    """The layer's output (B, O) when the model classifies x. NoFeatures as for `layer_input`."""
    return _record_layer(model, layer, x)[1]


def _record_layer(model: nn.Module, layer: nn.Linear, x: Tensor) -> tuple[Tensor, Tensor]:
    seen: list[tuple[Tensor, Tensor]] = []
    handle = layer.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    try:
        model(x)
    finally:
        handle.remove()
    if not seen or seen[-1][0].ndim != 2 or len(seen[-1][0]) != len(x):
        got = tuple(seen[-1][0].shape) if seen else "nothing"
        raise NoFeatures(f"its last linear layer is given {got} for {format_count(len(x), 'image')}")
    return seen[-1]


def fit_readout(target: Target, layer: nn.Linear, x: Tensor, threat: Threat) -> BinaryReadout | None:
    """Fit the readout for one image (1, C, H, W); None where the planted point's features are not separable.

    NoFeatures where the layer does not read one vector an image.
    """
    many = x.expand(INNER_POINTS, *x.shape[1:])
    inner = threat.project(many + INNER_RADIUS * threat.noise(many), many)
    planted_example = threat.project(x + threat.eps * threat.steepest(threat.noise(x)), x)
    with torch.no_grad():
        parts = torch.split(torch.cat([x, inner, planted_example]), target.batch_size)
        found = torch.cat([layer_input(target.model, layer, part) for part in parts]).double()
        first, second = target.model(x).topk(2).values[0].double()
    weight = fit_direction(found)
    scores = found @ weight
    high, low = scores[-1], scores[:-1].max()
    if not high > low:
        return None
    middle = (high + low) / 2
    scale = (first - second) / (middle - scores[0])
    return BinaryReadout(target.model, layer, (scale * weight).to(x), (-scale * middle).to(x))


def fit_direction(points: Tensor) -> Tensor:
    """The weights (F,) of a logistic regression between the last of the points (N, F) and all others."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    fit = LogisticRegression(C=1 / L2_PENALTY, class_weight="balanced", max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # any separating direction will do
        fit.fit(points.cpu().numpy(), [0] * (len(points) - 1) + [1])
    return torch.as_tensor(fit.coef_[0]).to(points)


def misses_planted(target: Target, attacked: Attacked, ids: Sequence[int], x: Tensor, outcome: Outcome) -> float:
    """Test an attack on one image (1, C, H, W): 1 if it misses the planted example, 0 if it finds it.

    NaN where no example can be planted. An attack that needs a gradient misses where the features have none.
    NoFeatures as for `layer_input`.

    ids: of the image; draws depend on it and the seed alone. outcome: the passes and seconds are added to it.
    """
    layer = last_linear(target.model, x)
    with fixed_seed("planted", ids[0], target.seed):
        binary = fit_readout(target, layer, x, attacked.threat) if layer else None
    if binary is None:
        return math.nan
    tested = Target(binary, binary, target.batch_size, target.seed)
    trial = Outcome(outcome.right)  # an attack's doubts are about the two classes, not about the model
    try:
        far = tested.distances(attacked, Sample(ids, x, torch.zeros(1, dtype=torch.long, device=x.device)), trial)
    except BadInput:
        if has_gradient(binary, x):
            raise
        return 1.0
    outcome.forwards += trial.forwards
    outcome.backwards += trial.backwards
    outcome.seconds += trial.seconds
    return float(far.isinf())


def has_gradient(model: nn.Module, x: Tensor) -> bool:
    """Whether autograd has a gradient of the model's logits with respect to its input images x, (B, C, H, W)."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        logits: Tensor = model(x)
        return logits.requires_grad and torch.autograd.grad(logits.sum(), x, allow_unused=True)[0] is not None
