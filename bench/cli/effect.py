"""Refuses options that have no effect beside the other options, instead of ignoring them."""

from collections.abc import Mapping, Sequence
from typing import Any

import click
from click.core import ParameterSource

from bench.core.errors import BadInput
from bench.results.shards import Shard

ATTACK_OPTIONS = {  # options that only matter for attacks, and what they name
    "eps": "radii to attack at",
    "sweep": "radii to attack at",
    "norm": "the norm to attack in",
    "audit": "questions about attacks",
    "save_adv": "images that attacks break",
    "shard": "a share of the images to attack",
    "attack_timeout": "the seconds that attacks may take",
}
CORRUPTION_OPTIONS = {"severities": "severities of corruptions", "calibration": "ranges of corruptions"}


def option_name(option: str) -> str:
    """The spelling of an option on the command line: --attack-corrupted for attack_corrupted."""
    return f"--{option.replace('_', '-')}"


def is_asked(given: Mapping[str, Any], option: str) -> bool:
    """Whether an option was given; False for a flag that was not."""
    return given.get(option, False) is not False


def check_effect(given: Mapping[str, Any]) -> None:
    """BadInput if an option only matters for attacks or corruptions, and none are asked for.

    given: result of `given_options`, in which `none` is the empty tuple.
    """
    if given.get("attacks") == () and (idle := [name for name in ATTACK_OPTIONS if is_asked(given, name)]):
        raise BadInput(
            f"{option_name(idle[0])} names {ATTACK_OPTIONS[idle[0]]}, "
            "and --attacks none asks for none; drop one of the two"
        )
    if not given.get("corruptions") and (idle := [name for name in CORRUPTION_OPTIONS if is_asked(given, name)]):
        raise BadInput(
            f"{option_name(idle[0])} names {CORRUPTION_OPTIONS[idle[0]]}, "
            "and none is asked for; name some by --corruptions"
        )


def check_engine(engine: str, ray_address: str | None, shard: Shard) -> None:
    """BadInput if an address is given without the cluster, or a share of the work with it."""
    if ray_address is not None and engine != "ray":
        raise BadInput(f"--ray-address {ray_address} is of --engine ray; give that too")
    if engine == "ray" and shard.count > 1:
        raise BadInput(f"--shard {shard} is one machine's share of the images, and --engine ray shares them out itself")


def check_budget(settings: Mapping[str, Any], passes: int | None) -> None:
    """BadInput if --within or --passes stands beside the other, or beside an option that it leaves nothing to do."""
    named = "--passes" if settings["within"] is None else "--within"
    if settings["within"] is not None and passes is not None:
        raise BadInput(f"--within and --passes {passes} both say how long to attack; give one of them")
    if settings["attacks"] is not None:
        raise BadInput(f"{named} is the budget of one attack, and --attacks names others; give one of the two")
    if settings["within"] is None:
        return
    idle = {"--shard": settings["shard"].count > 1, "--engine ray": settings["engine"] == "ray"}
    idle |= {f"--{name.replace('_', '-')}": settings[name] is not None for name in ("sweep", "source", "model_info")}
    if option := next((option for option, is_given in idle.items() if is_given), None):
        raise BadInput(f"--within attacks for a time on this machine; it cannot be given with {option}; leave that out")


def check_settings(settings: Sequence[str], epochs: int | None) -> None:
    """BadInput if two settings, or a setting and --epochs, set the same field, as one would be dropped."""
    fields = [setting.partition("=")[0] for setting in settings]
    if twice := [field for field in fields if fields.count(field) > 1]:
        raise BadInput(f"--set {twice[0]} is given {fields.count(twice[0])} times; give it once")
    if epochs is not None and "plan.epochs" in fields:
        raise BadInput(f"--epochs {epochs} and --set plan.epochs both name the length; give one of them")


def refuse_given(context: click.Context, options: Sequence[str], reason: str) -> None:
    """BadInput with a reason if one of these options is given on the command line; it names the first."""
    for option in options:
        if context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            name = next(p.opts[0] for p in context.command.params if p.name == option)
            raise BadInput(f"{name} {reason}")
