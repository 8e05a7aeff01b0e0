"""The settings that PGD, CW-k and the targeted attacks share: one list of keywords for all of them."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor, nn

from bench.attacks.searches.ascent import Ascent, Start
from bench.attacks.searches.search import search
from bench.attacks.settings import Eot, step_length
from bench.core.errors import BadInput
from bench.core.threats.threat import Threat

AttackFunction = TypeVar("AttackFunction", bound=Callable[..., Tensor])


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """How an attack searches the ball by projected ascent, apart from what it ascends on.

    Args:
        steps: gradient steps.
        step: length of a step, as a share of eps (`0.25eps`) or in pixel units of [0, 1] (`2/255`).
        restarts: searches of an image, for each class that it is driven to; each draws a start of its own. From 1.
        start: `random`, uniformly in the ball and cut to [0, 1]; `unclipped`, without the cut; or `clean`.
        last: return the last iterate, whether it is broken or not, instead of the first one that is.
        eot: passes of which each gradient is the mean, for models that draw random numbers (Athalye et al. 2018,
            arXiv:1707.07397).

    Raises:
        BadInput: restarts is below 1.
    """

    steps: int
    step: str = "0.25eps"
    restarts: int = 1
    start: Start = "random"
    last: bool = False
    eot: Eot = 1

    def __post_init__(self) -> None:
        if self.restarts < 1:
            raise BadInput(f"restarts={self.restarts} is below 1")

    def search(
        self,
        model: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        x: Tensor,
        y: Tensor,
        threat: Threat,
        aims: Tensor | None = None,
    ) -> Tensor:
        """`search` in the ball of `threat` with these settings; arguments, result and errors as there."""
        ascent = Ascent(threat, self.steps, step_length(self.step, threat.eps), self.start)
        return search(model, ascent, loss, x, y, restarts=self.restarts, last=self.last, aims=aims, eot=self.eot)


def takes_search_settings(attack: AttackFunction) -> AttackFunction:
    """Decorator of an attack function that gives its `**settings` to `SearchSettings`.

    The signature, from which the settings of an attack are read, then has the fields of `SearchSettings` in place of
    `**settings`. A keyword of the function itself comes before a field of its name, as one with another default.
    """
    signature = inspect.signature(attack, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    shared = [p for p in inspect.signature(SearchSettings).parameters.values() if p.name not in signature.parameters]
    attack.__signature__ = signature.replace(parameters=[*own, *shared])  # type: ignore[attr-defined]
    return attack
