"""Adversaries: functions (model, x, q) -> x_adv that find the images a recipe trains on."""

from dataclasses import dataclass
from typing import Literal, Protocol

from torch import Tensor, nn

from bench.attacks.searches.ascent import Ascent
from bench.core.errors import Failed
from bench.core.labels import least_likely, most_confusing, nearest, random_class
from bench.core.losses import cross_entropy
from bench.models.freeze import Stats, frozen


class Adversary(Protocol):
    """How a recipe finds the images that it trains on; `Untargeted` and `Targeted` are two.

    Called with the model, images x (B, C, H, W) in [0, 1] and labels q (B, K), it returns images (B, C, H, W).
    """

    def __call__(self, model: nn.Module, x: Tensor, q: Tensor) -> Tensor:
        """Return images (B, C, H, W) in [0, 1], close to x, for which q is an unlikely label to the model."""


@dataclass(frozen=True)
class Untargeted:
    """An adversary that moves away from the label: ascent on its cross-entropy. FGSM is one step of length eps from x.

    Args:
        ascent: the ball, the steps and the start.
        stats: what batch norms normalise by during the search, as in `frozen`.

    Example:
        >>> import torch
        >>> from bench import Ascent, Linf, Untargeted
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
        >>> fgsm = Untargeted(Ascent(Linf(0.1), steps=1, step_size=0.1, start="clean"))
        >>> x, q = torch.full((2, 1, 2, 2), 0.5), torch.eye(3)[:2]
        >>> round((fgsm(model, x, q) - x).abs().max().item(), 6)
        0.1
    """

    ascent: Ascent
    stats: Stats = "running"

    def __call__(self, model: nn.Module, x: Tensor, q: Tensor) -> Tensor:
        with frozen(model, self.stats) as attacked:
            return self.ascent.maximise(lambda z: cross_entropy(attacked(z), q), x)


@dataclass(frozen=True)
class Targeted:
    """An adversary that moves towards one wrong class, chosen on the clean image.

    It descends on the cross-entropy with that class. Source: Wang, Zhang 2019, arXiv:1811.10716.

    Args:
        aim: the most confusing class (MC), the least likely (LL), a random one (RAND), or the one that a single step
            reaches most easily (MOSA), by the weights of the last linear layer.
        ascent: the ball, the steps and the start.

    Raises:
        Failed: on a call with MOSA, if the model does not end in a linear layer with one output for each class.

    Example:
        >>> import torch
        >>> from bench import Ascent, Linf, Targeted
        >>> x, q = torch.tensor([[[[0.5, 0.3, 0.2]]]]), torch.tensor([[1.0, 0.0, 0.0]])
        >>> adversary = Targeted("LL", Ascent(Linf(0.1), steps=1, step_size=0.1, start="clean"))
        >>> adversary(torch.nn.Flatten(), x, q)  # each pixel is a logit; the third is the lowest
        tensor([[[[0.4000, 0.2000, 0.3000]]]])
    """

    aim: Literal["MC", "LL", "RAND", "MOSA"]
    ascent: Ascent

    def __call__(self, model: nn.Module, x: Tensor, q: Tensor) -> Tensor:
        with frozen(model) as attacked:
            goal: Tensor | None = None
            if self.aim == "RAND":
                goal = random_class(q, other=True)
            elif self.ascent.start != "clean":
                goal = self._choose_class(model, attacked(x).detach(), q)

            def objective(z: Tensor) -> Tensor:
                nonlocal goal
                logits = attacked(z)
                if goal is None:  # the first iterate is the clean image
                    goal = self._choose_class(model, logits.detach(), q)
                return -cross_entropy(logits, goal)

            return self.ascent.maximise(objective, x)

    def _choose_class(self, model: nn.Module, logits: Tensor, q: Tensor) -> Tensor:
        if self.aim == "MOSA":
            return nearest(logits, q, _weight_of_last_layer(model, q.shape[1]))
        return most_confusing(logits, q) if self.aim == "MC" else least_likely(logits, q)


def _weight_of_last_layer(model: nn.Module, classes: int) -> Tensor:
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    if not linear or linear[-1].out_features != classes:
        raise Failed(f"MOSA needs a model that ends in nn.Linear with {classes} outputs; it reads the class weights")
    return linear[-1].weight.detach()
