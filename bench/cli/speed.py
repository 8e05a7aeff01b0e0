"""`bench speed`."""

from pathlib import Path
from typing import Any

import click

from bench.cli.effect import refuse_given
from bench.cli.group import cli
from bench.cli.options import POSITIVE_NUMBER, folders, machine, option, plugins
from bench.cli.types import Names


@cli.command()
@option("--dataset", default="digits", help="Data set. Default: digits.")
@option("--model", help="As for `bench run`.")
@option(
    "--methods",
    type=Names(),
    default="Standard,PGD-AT",
    help="Methods whose models are attacked. Default: Standard,PGD-AT.",
)
@option(
    "--of",
    type=Names(),
    default=(),
    metavar="SPEC,...",
    help="Instead of --methods, models as `bench eval --model` takes them.",
)
@option("--parts", type=Names(), default="all", help="What to time, such as PGD-20,CW-L2. Default: all.")
@option("--limit", type=POSITIVE_NUMBER, default=128, help="Attack the first N test images. Default: 128.")
@option("--repeats", type=POSITIVE_NUMBER, default=3, help="Number of repeats; ratios are their medians. Default: 3.")
@machine
@plugins
@folders
@click.pass_context
def speed(context: click.Context, /, data_dir: Path, **settings: Any) -> int:
    """Time attacks and training beside other packages.

    All take turns in one run, and are compared by the ratios of their times.

    What --methods name is trained first, at the quick budget, unless the results folder has it.
    """
    from bench.commands.speed.parts import PARTS, PartWithoutModel
    from bench.commands.speed.speed import SpeedOptions, measure_speed

    if settings["of"]:
        refuse_given(
            context, ("methods", "model"), "is of models that are trained here, and --of names others; drop one"
        )
    if all(isinstance(PARTS[part], PartWithoutModel) for part in PARTS.select(list(settings["parts"]))):
        unused = ("dataset", "model", "methods", "of", "limit", "batch_size")
        refuse_given(context, unused, f"is of models, and --parts {','.join(settings['parts'])} needs none; drop one")
    return measure_speed(SpeedOptions(data_dir=data_dir, **settings))
