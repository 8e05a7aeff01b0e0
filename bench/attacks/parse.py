"""An attack read from text, as options and lists of attacks name it."""

import re

from bench.attacks.settings import defaults, parse_setting, without_later
from bench.attacks.spec import ATTACKS, AttackSpec
from bench.core.errors import BadInput
from bench.core.parsing import split_last
from bench.core.registration.suggestion import suggestion


def parse_attack(text: str) -> AttackSpec:
    """Read an attack from text: NAME, NAME.last or NAME[setting=value,...].

    Args:
        text: such as `PGD-20[step=2/255,restarts=5]`. A step is a share of eps (`0.25eps`) or a length in pixel units
            of [0, 1] (`2/255`); `.last` scores the last iterate only.

    Returns:
        The attack with all of its settings, those that the text leaves out at their defaults.

    Raises:
        BadInput: the name or a setting is unknown, or a value is not of its kind or outside its range.

    Example:
        >>> from bench import parse_attack
        >>> dict(parse_attack("PGD-20.last[restarts=5]").settings)["restarts"]
        5
    """
    match = re.fullmatch(r"([^\[\]]+)(?:\[(.*)\])?", text)
    if match is None:
        raise BadInput(f"attack {text!r} is not of the form NAME or NAME[setting=value,...]")
    name, inside = match.groups()
    base, is_last = split_last(name)
    attack = ATTACKS[base]
    settings = defaults(attack)
    free = dict(settings)
    for bound in getattr(attack, "keywords", {}):
        free.pop(bound, None)
    if is_last:
        if "last" not in free:
            raise BadInput(f"attack {name!r}: {base} has no last iterate to score")
        settings["last"] = True
    if inside is not None and not inside.strip():
        raise BadInput(
            f"attack {text!r} has nothing between its brackets; write setting=value there, or leave them out"
        )
    given = set()
    for part in inside.split(",") if inside else []:
        key, equals, value = part.partition("=")
        if not equals or key not in free or key == "last":
            known = [k for k in free if k != "last"]
            what = f"has no setting {key!r} to change" if equals else f"has {part!r} where setting=value belongs"
            raise BadInput(f"attack {text!r} {what}; {suggestion(key, known) if known else 'it has none'}")
        if key in given:
            raise BadInput(f"attack {text!r} says {key} twice; say it once")
        given.add(key)
        settings[key] = parse_setting(attack, f"attack {text!r}", key, value, free[key])
    return AttackSpec(name, tuple(sorted(without_later(attack, settings).items())))
