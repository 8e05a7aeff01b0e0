"""Attacks, functions (model, x, y, threat) -> x_adv, and `AttackSpec`, an attack with its settings."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol

from torch import Tensor, nn

from bench.attacks.settings import (
    Setting,
    check_attack,
    defaults,
    step_length,
)
from bench.core.errors import BadInput
from bench.core.parsing import LAST_SUFFIX, split_last
from bench.core.registry import Registry
from bench.core.threats.threat import NORMS, Threat

PASSES_OF_A_STEP = 3.0  # one forward, and one backward that costs about two


class Attack(Protocol):
    """An attack function; `ATTACKS.add(name, function)` registers one.

    It takes the model, images x (B, C, H, W) in [0, 1], true classes y (B,) and the threat model, and returns images
    (B, C, H, W) in the ball and in [0, 1], for images that it has not broken too. Settings are keyword arguments,
    bound with functools.partial at registration.

    An attack that draws random numbers for a whole batch declares a keyword `block`: it is then called with whole
    blocks of that many consecutive image ids, and torch's generator is seeded for each block.
    Attributes of the function declare its other properties:
    package: the name of the package whose code it runs, if that is not ours.
    classes: the smallest number of classes that it needs, if that is above two.
    minimal: the norm, such as `Linf`, in which it looks for the nearest image that the model gets wrong, however far:
             it is called with a ball of infinite radius. True stands for `L2`.
    nested: True if it is one `search` for one aim, of which a run with fewer steps or restarts is a prefix.
    black_box: True if it uses no gradient of the model.
    ascent: True if it ascends the cross-entropy, so that more of its settings `steps` and `restarts` must not do less;
            the audit compares its runs.
    passes: (settings) -> forward passes, a backward counted as two, for an image that is never broken; by default
            3 x steps x restarts x searches x eot.
    """

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor: ...


ATTACKS: Registry[Attack] = Registry("attack", check_attack, folder="bench.attacks")


@dataclass(frozen=True)
class AttackSpec:
    """An attack by name, with every setting that determines its result; `parse_attack` makes one from text.

    It can be called as an attack: (model, x (B, C, H, W) in [0, 1], y (B,), threat) -> images (B, C, H, W).

    Args:
        name: as in `ATTACKS`, followed by `.last` if only the last iterate is scored.
        settings: pairs (name, value) of all settings, sorted by name; without those marked as OMITTED_AT_DEFAULT
            (`bench.attacks.settings`) that have their default.

    Example:
        >>> from bench import parse_attack
        >>> attack = parse_attack("PGD-20[step=2/255]")
        >>> attack.name, attack.effort, attack.last
        ('PGD-20', (20, 1), False)
    """

    name: str
    settings: tuple[tuple[str, Setting], ...]

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        attack: Callable[..., Tensor] = ATTACKS[split_last(self.name)[0]]
        return attack(model, x, y, threat, **dict(self.settings))

    @property
    def params(self) -> str:
        """The settings, and the version of the package whose code it runs, as sorted JSON; column `params`."""
        package = self._attribute("package", None)
        origin: dict[str, Any] = {"package": f"{package} {version(package)}"} if package else {}
        if self.black_box and self.name != "Square":  # stored rows of Square are older than this field
            origin["black_box"] = True
        if self._attribute("ascent", False):  # PGD-k and FGSM are known by their names: their rows are older too
            origin["ascent"] = True
        return json.dumps(dict(self.settings) | origin, sort_keys=True)

    @property
    def last(self) -> bool:
        """Whether only the last iterate is scored, even if the clean image is misclassified."""
        return bool(dict(self.settings).get("last", False))

    @property
    def block(self) -> int | None:
        """Number of consecutive image ids in one call; None if the attack treats images independently."""
        block = dict(self.settings).get("block")
        return int(block) if block is not None else None

    @property
    def black_box(self) -> bool:
        """Whether it uses no gradient of the model."""
        return bool(self._attribute("black_box", False))

    @property
    def passes(self) -> float:
        """Forward passes for an image that the attack never breaks, a backward pass counted as two."""
        settings = dict(self.settings)
        own = self._attribute("passes", None)
        steps = math.prod(int(settings.get(times, 1)) for times in ("steps", "restarts", "searches", "eot"))
        return float(own(settings)) if own else PASSES_OF_A_STEP * steps

    @property
    def minimal(self) -> bool:
        """Whether it looks for the nearest misclassified image without a limit on the distance."""
        return bool(self._attribute("minimal", False))

    @property
    def space(self) -> Threat:
        """The ball without a limit, in the norm in which a minimum-norm attack measures distances."""
        norm = self._attribute("minimal", False)
        return NORMS[norm if isinstance(norm, str) else "L2"](math.inf)

    @property
    def final(self) -> "AttackSpec | None":
        """The same attack scored on its last iterate only; None if it has no setting `last` or ignores the ball."""
        if self.minimal or "last" not in dict(self.settings):
            return None
        settings = dict(self.settings) | {"last": True}
        return AttackSpec(f"{split_last(self.name)[0]}{LAST_SUFFIX}", tuple(sorted(settings.items())))

    @property
    def effort(self) -> tuple[int, int] | None:
        """(steps, restarts) of a nested attack (see `Attack`); None of any other."""
        settings = dict(self.settings)
        return (int(settings["steps"]), int(settings["restarts"])) if self._attribute("nested", False) else None

    def settings_except_effort(self, eps: float) -> tuple[object, ...]:
        """What identifies the attack at a radius, apart from steps and restarts; equal for attacks that nest."""
        settings = {key: value for key, value in self.settings if key not in ("steps", "restarts")}
        if "step" in settings:
            settings["step"] = step_length(str(settings["step"]), eps)
        return self._function, *sorted(settings.items())

    @property
    def unknown_settings(self) -> list[str]:
        """Names of settings that the attack does not have; of a stored row, those that it has no longer."""
        return sorted(dict(self.settings).keys() - defaults(ATTACKS[split_last(self.name)[0]]).keys())

    def check_classes(self, classes: int) -> None:
        """BadInput if the attack needs more classes than these."""
        needed = self._attribute("classes", 2)
        if classes < needed:
            raise BadInput(f"attack {self.name} needs {needed} classes and there are {classes}; leave it out")

    def _attribute(self, name: str, default: Any) -> Any:
        return getattr(ATTACKS[split_last(self.name)[0]], name, getattr(self._function, name, default))

    @property
    def _function(self) -> Any:
        attack = ATTACKS[split_last(self.name)[0]]
        return getattr(attack, "func", attack)
