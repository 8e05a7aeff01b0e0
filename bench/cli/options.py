"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from bench.cli.types import Count, Memory, Names, Numbers, Place, Severities, ShardNumber
from bench.core.files import DATA_DIR
from bench.core.threats.threat import NORMS
from bench.results.shards import WHOLE_SET

F = TypeVar("F", bound=Callable[..., Any])


WHERE_DATA = f"Where data are. Default: the variable BENCH_DATA, or {DATA_DIR}."


def option(*names: str, **settings: Any) -> Callable[[F], F]:
    """`click.option`, typed to keep the type of the command."""
    return click.option(*names, **settings)


def folders(command: F) -> F:
    """Add --results, --reports and --debug to a command."""
    command = option("--reports", type=Place(), default=Path("reports"), help="Default: reports.")(command)
    return results_folder(command)


def results_folder(command: F) -> F:
    """Add --results and --debug to a command that writes no report."""
    command = option("--results", type=Place(), default=Path("results"), help="Default: results.")(command)
    return option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")(command)


def _load(context: click.Context, parameter: click.Parameter, named: tuple[str, ...]) -> None:
    if named:
        from bench.core.foreign.plugins import load_plugins

        load_plugins(named)


def plugins(command: F) -> F:
    """Add --plugin to a command; plug-ins are loaded while options are parsed, before the command runs."""
    return option(
        "--plugin",
        metavar="FILE|MODULE",
        multiple=True,
        expose_value=False,
        callback=_load,
        help="Python code that registers your recipes, attacks, models or data sets. Repeatable.",
    )(command)


POSITIVE_NUMBER = Count()
normalised = option(
    "--normalise",
    metavar="MEAN,STD|NAME",
    help="Normalisation that FILE.py's model expects: numbers, a data set, meanstd (of --dataset), or pm1.",
)


def combine(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Combine several options into one decorator, in the order of --help."""

    def decorate(command: F) -> F:
        for add in reversed(options):
            command = add(command)
        return command

    return decorate


evaluation_options = combine(
    option("--eps", type=Numbers(), help="Radii to evaluate at, such as 8/255,4/255. Default: the data set's."),
    option("--sweep", type=Numbers(), help="Instead of --eps, 3 or more radii of a curve: 0,1/255,2/255,4/255,8/255."),
    option("--norm", type=click.Choice([*NORMS]), help="Norm of the attacks. Default: the data set's."),
    option("--corruptions", type=Names(), help="none (default), all, imagenet-c, extra, mtlat, c-bar, 3dcc, or names."),
    option(
        "--calibration",
        type=Place(dir_okay=False),
        metavar="FILE",
        help="Output of `bench calibrate`: ranges of rotation, translation, occlusion and color_shift.",
    ),
    option("--severities", type=Severities(), help="Of the corruptions. Default: 1-5."),
    option("--attack-corrupted", is_flag=True, help="Also attack the corrupted images, by every attack."),
    option(
        "--conditions", type=Names(), help="none (default), or kinds that plug-ins add; see `bench list conditions`."
    ),
    option("--limit", type=POSITIVE_NUMBER, help="Evaluate on the first N test images only."),
    option("--save-adv", is_flag=True, help="Keep the images that attacks break, for `bench verify`."),
    option(
        "--shard",
        type=ShardNumber(),
        default=WHOLE_SET,
        help="Evaluate only the I-th of N parts of the images; see `bench merge`.",
    ),
    option(
        "--attack-timeout",
        type=click.IntRange(1, 10**8),
        metavar="SECONDS",
        help="An attack that takes longer for 1,024 images (AutoAttack, and images of 224 pixels: 128) is stored as "
        "failed. Default: no limit.",
    ),
    option("--audit", is_flag=True, help="Also probe each model for signs of gradient masking."),
)


data_folder = option("--data-dir", type=Place(), envvar="BENCH_DATA", default=DATA_DIR, help=WHERE_DATA)
data_memory = option(
    "--data-memory",
    type=Memory(),
    metavar="SIZE",
    help="What images may take of memory, such as 64M or 4G; a larger set is read from its files. Default: half.",
)
machine = combine(
    data_folder,
    option("--device", default="auto", help="auto, cpu, cuda or cuda:i."),
    option(
        "--batch-size",
        type=POSITIVE_NUMBER,
        default=128,
        help="Images attacked at a time. Changes speed only, no result.",
    ),
)


engine_options = combine(
    option(
        "--engine",
        type=click.Choice(["local", "ray"]),
        default="local",
        help="ray: a cluster. Default: this machine.",
    ),
    option(
        "--ray-address",
        metavar="HOST:PORT",
        help="Of --engine ray: a running cluster. Default: one that is started here.",
    ),
)


def given_options(request: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, by name; `none` becomes an empty tuple where several names are allowed."""
    given = {name: value for name, value in request.items() if value is not None}
    return given | {
        name: () for name in ("attacks", "corruptions", "conditions", "exhibits") if given.get(name) == ("none",)
    }
