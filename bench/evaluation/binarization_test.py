"""The active test: an adversarial example is planted, and an attack that does not find it is too weak for the model.

Zimmermann, Brendel, Tramer, Carlini, "Increasing Confidence in Adversarial Robustness Evaluations", NeurIPS 2022,
arXiv:2206.13991. The model's last linear layer is replaced by a readout with two classes, trained for one image: a
random corner of the ball is of the one, the image and random points inside are of the other. Its logits are as far
apart on the image as the model's own, so that a loss which saturates still does (the paper's adaptive rescaling).
"""

import math
import warnings

import torch
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.rng import seeded
from bench.core.threat import Threat
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.outcome import Outcome
from bench.evaluation.target import Target

INNER = 200  # random points inside: fewer than usual nets have features, or the two classes may not come apart
SHARE = 0.95  # of the radius that they keep within, clear of the planted point (the paper's)
PENALTY = 1e-5  # on the weights, next to none


class Unreadable(Exception):
    """A model does not hand its last linear layer one vector for each image, so that a sign has no answer."""


class Readout(nn.Module):
    """Two logits (B, 2) from what the model gives to one of its layers."""

    def __init__(self, model: nn.Module, layer: nn.Linear, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.model, self.layer = model, layer
        self.weight, self.bias = weight, bias

    def forward(self, x: Tensor) -> Tensor:
        score = features(self.model, self.layer, x) @ self.weight + self.bias
        return torch.stack([-score / 2, score / 2], 1)


def last_linear(model: nn.Module, x: Tensor) -> nn.Linear | None:
    """The linear layer that is used last; None without one that reads vectors."""
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


def features(model: nn.Module, layer: nn.Linear, x: Tensor) -> Tensor:
    """What the layer is given when the model sees x, (B, F). Unreadable unless that is one vector for each image."""
    return _passing(model, layer, x)[0]


def layer_output(model: nn.Module, layer: nn.Linear, x: Tensor) -> Tensor:
    """What the layer makes of it, (B, O). Unreadable as above."""
    return _passing(model, layer, x)[1]


def _passing(model: nn.Module, layer: nn.Linear, x: Tensor) -> tuple[Tensor, Tensor]:
    seen: list[tuple[Tensor, Tensor]] = []
    handle = layer.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    try:
        model(x)
    finally:
        handle.remove()
    if not seen or seen[-1][0].ndim != 2 or len(seen[-1][0]) != len(x):
        got = tuple(seen[-1][0].shape) if seen else "nothing"
        raise Unreadable(f"its last linear layer is given {got} for {len(x)} images")
    return seen[-1]


def readout(target: Target, layer: nn.Linear, x: Tensor, threat: Threat) -> Readout | None:
    """For one image (1, C, H, W). None where the planted point cannot be told from the others by its features.

    Unreadable where the features are not one vector for each image.
    """
    many = x.expand(INNER, *x.shape[1:])
    inner = threat.project(many + SHARE * threat.noise(many), many)
    planted = threat.project(x + threat.eps * threat.steepest(threat.noise(x)), x)
    with torch.no_grad():
        parts = torch.split(torch.cat([x, inner, planted]), target.batch_size)
        found = torch.cat([features(target.model, layer, part) for part in parts]).double()
        first, second = target.model(x).topk(2).values[0].double()
    weight = separating(found)
    scores = found @ weight
    high, low = scores[-1], scores[:-1].max()
    if not high > low:
        return None
    middle = (high + low) / 2
    scale = (first - second) / (middle - scores[0])
    return Readout(target.model, layer, (scale * weight).to(x), (-scale * middle).to(x))


def separating(points: Tensor) -> Tensor:
    """The direction (F,) in which logistic regression sees the last of the points (N, F) apart from the others."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    fit = LogisticRegression(C=1 / PENALTY, class_weight="balanced", max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it need not be the best, only apart
        fit.fit(points.cpu().numpy(), [0] * (len(points) - 1) + [1])
    return torch.as_tensor(fit.coef_[0]).to(points)


def attack_misses(target: Target, attacked: Attacked, ids: range, x: Tensor, outcome: Outcome) -> float:
    """1 where the attack leaves what was planted for an image (1, C, H, W), 0 where it finds it, NaN if nothing can be.

    An attack that needs a gradient leaves it where the features hand none back. Unreadable as `features`.
    ids: of the image; draws depend on it alone. outcome: takes the costs.
    """
    layer = last_linear(target.model, x)
    with seeded("planted", ids.start, target.seed):
        binary = readout(target, layer, x, attacked.threat) if layer else None
    if binary is None:
        return math.nan
    tested = Target(binary, binary, target.batch_size, target.seed)
    trial = Outcome(outcome.right)  # an attack's doubts are about the two classes, not about the model
    try:
        far = tested.distances(attacked, ids, x, torch.zeros(1, dtype=torch.long, device=x.device), trial)
    except BadInput:
        if gives_gradient(binary, x):
            raise
        return 1.0
    outcome.forwards += trial.forwards
    outcome.backwards += trial.backwards
    outcome.seconds += trial.seconds
    return float(far.isinf())


def gives_gradient(model: nn.Module, x: Tensor) -> bool:
    """Whether what the model makes of images depends on them in a way that can be differentiated."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        logits: Tensor = model(x)
        return logits.requires_grad and torch.autograd.grad(logits.sum(), x, allow_unused=True)[0] is not None
