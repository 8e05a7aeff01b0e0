"""Attacks: (model, x, y, threat) -> x_adv, an allowed image for every image, fooled or not."""

import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal, Protocol, get_args, get_origin, get_type_hints

from torch import Tensor, nn

from bench.errors import BadInput
from bench.numbers import number
from bench.registry import Registry, suggestion
from bench.threat import Threat

Setting = bool | int | float | str


class Attack(Protocol):
    """Settings are keywords, bound with functools.partial at registration.

    An attack that draws for a whole batch at once declares a keyword `block`: it is then given blocks of that many
    consecutive image ids, each whole, and torch's generator seeded by the block.
    """

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor: ...


ATTACKS: Registry[Attack] = Registry("attack")


class AttackWarning(UserWarning):
    """An attack's own doubt about what it measured: a reason, and the number of images it concerns."""

    def __init__(self, reason: str, images: int) -> None:
        super().__init__(reason, images)
        self.reason, self.images = reason, images


@dataclass(frozen=True)
class AttackSpec:
    """An attack by name, with every setting that determines its result. Made of values; callable as an attack."""

    name: str
    settings: tuple[tuple[str, Setting], ...]

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
        attack: Callable[..., Tensor] = ATTACKS[self.name.removesuffix(".last")]
        return attack(model, x, y, threat, **dict(self.settings))

    @property
    def params(self) -> str:
        """The settings, and the version of the package that attacks if it is not ours, as sorted JSON."""
        package = getattr(ATTACKS[self.name.removesuffix(".last")], "package", None)
        origin = {"package": f"{package} {version(package)}"} if package else {}
        return json.dumps(dict(self.settings) | origin, sort_keys=True)

    @property
    def last(self) -> bool:
        """Whether the last iterate alone is scored, whatever the model says of the clean image."""
        return bool(dict(self.settings).get("last", False))

    @property
    def block(self) -> int | None:
        """How many consecutive image ids the attack wants at a time; None if images are independent."""
        block = dict(self.settings).get("block")
        return int(block) if block is not None else None


def parse_attack(text: str) -> AttackSpec:
    """NAME, NAME.last or NAME[setting=value,...], e.g. PGD-20[step=2/255,restarts=5,start=unclipped]."""
    match = re.fullmatch(r"([^\[\]]+)(?:\[(.*)\])?", text)
    if match is None:
        raise BadInput(f"attack {text!r} is not of the form NAME or NAME[setting=value,...]")
    name, inside = match.groups()
    attack = ATTACKS[name.removesuffix(".last")]
    settings = _settings(attack)
    free = dict(settings)
    for bound in getattr(attack, "keywords", {}):
        free.pop(bound, None)
    if name.endswith(".last"):
        if "last" not in free:
            raise BadInput(f"attack {name!r}: {name.removesuffix('.last')} has no last iterate to score")
        settings["last"] = True
    for part in inside.split(",") if inside else []:
        key, equals, value = part.partition("=")
        if not equals or key not in free or key == "last":
            known = [k for k in free if k != "last"]
            what = f"has no setting {key!r} to change" if equals else f"has {part!r} where setting=value belongs"
            raise BadInput(f"attack {text!r} {what}; {suggestion(key, known) if known else 'it has none'}")
        settings[key] = _value(text, key, value, free[key])
        _check(text, key, settings[key], get_type_hints(getattr(attack, "func", attack))[key])
    return AttackSpec(name, tuple(sorted(settings.items())))


def _settings(attack: Attack) -> dict[str, Setting]:
    parameters: Mapping[str, inspect.Parameter] = inspect.signature(attack).parameters
    return {p.name: p.default for p in parameters.values() if p.kind is p.KEYWORD_ONLY}


def _value(text: str, key: str, value: str, default: Setting) -> Setting:
    try:
        if key == "step":
            return canonical_step(value)
        if isinstance(default, bool):
            return {"true": True, "false": False}[value.lower()]
        return type(default)(value)
    except (KeyError, ValueError) as error:
        raise BadInput(f"attack {text!r}: {key}={value} is not a {type(default).__name__}") from error


def _check(text: str, key: str, value: Setting, hint: object) -> None:
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    if choices and value not in choices:
        raise BadInput(f"attack {text!r}: {key}={value} is none of {', '.join(map(str, choices))}")
    if isinstance(value, int | float) and not isinstance(value, bool) and not value >= 1:
        raise BadInput(f"attack {text!r}: {key}={value} is below 1")


def canonical_step(text: str) -> str:
    """A step length with one spelling: `0.25eps` is a share of eps, `2/255` or `0.0078` pixel units."""
    length = number(text.removesuffix("eps"))
    if not 0 < length < float("inf"):
        raise ValueError("a step is longer than 0")
    return f"{length!r}eps" if text.endswith("eps") else repr(length)


def step_length(step: str, eps: float) -> float:
    """The length in pixel units of a step such as `0.25eps` or `0.0078`."""
    return float(step.removesuffix("eps")) * (eps if step.endswith("eps") else 1.0)


from bench.attacks import autoattack, pgd, targeted  # noqa: E402  fills the registry

__all__ = ["ATTACKS", "Attack", "AttackSpec", "AttackWarning", "autoattack", "parse_attack", "pgd", "targeted"]
