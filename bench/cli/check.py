"""Commands that check: plug-ins, regressions, stored images, shards, speed."""

from pathlib import Path
from typing import Any

import click

from bench.cli.effect import refuse_given
from bench.cli.group import cli
from bench.cli.options import POSITIVE, folders, machine, option, plugins
from bench.cli.types import Names, Numbers, Place
from bench.errors import BadInput


@cli.command()
@click.argument("file", type=Place())
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def check(file: Path) -> int:
    """Test the methods that a plug-in FILE.py registers as ours are tested: exit 1 if one breaks its contract."""
    from bench.commands import check_plugin

    return check_plugin(file)


@cli.command()
@click.argument("baseline", type=Place())
@click.argument("current", type=Place())
@option("--level", type=click.IntRange(1, 2), help="First fill CURRENT: 1 judges BASELINE's weights anew, 2 retrains.")
@option("--markdown", type=Place(dir_okay=False, writable=True), help="Write a summary there.")
@option("--junit", type=Place(dir_okay=False, writable=True), help="Write JUnit XML there.")
@machine
@plugins
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def compare(data_dir: Path, **settings: Any) -> int:
    """Regression gate: exit 1 if a cell of BASELINE is worse, failed or missing in CURRENT, beyond chance.

    Without --level two results folders are compared as they are.
    """
    from bench.compare import compare as gate

    return gate(data_dir=data_dir, **settings)


@cli.command()
@click.argument("path", type=Place())
@option("--model", "spec", metavar="SPEC", help="As of `bench eval`; needed for other tools' sets. Default: the run's.")
@option("--dataset", help="Default: the run's, or the one that --model was trained on, otherwise digits.")
@option("--eps", type=Numbers(), help="Radius that another tool's set claims. Default: the data set's.")
@option("--norm", type=click.Choice(["Linf", "L2"]), help="Of another tool's set. Default: the data set's.")
@machine
@option("--unsafe-pickle", is_flag=True, help="Weight files may run their author's code, as pickles do.")
@plugins
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def verify(
    path: Path, data_dir: Path, unsafe_pickle: bool, eps: tuple[float, ...] | None, device: str, **settings: Any
) -> int:
    """Check stored adversarial images by one forward pass: ball, range, whose they are, that all fool, none lacks.

    PATH is a results or run folder, a file that --save-adv has left there, or a set of another tool (RobustBench,
    AutoAttack, torchattacks, Foolbox, a .npy), of which the ball and the accuracy are checked. Exit 1 if any file is
    not in order.
    """
    from bench.outside.access import Access
    from bench.verify import verify as check

    if eps and len(eps) > 1:
        raise BadInput("--eps takes one radius here: the one that the images are said to be within")
    access = Access(data_dir, unsafe_pickle=unsafe_pickle)
    return check(path, device, access=access, eps=eps[0] if eps else None, **settings)


@cli.command()
@click.argument("folders", nargs=-1, required=True, type=Place(), metavar="DIR...")
@option("--into", required=True, type=Place(), help="May be one of them, or new.")
@plugins
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def merge(folders: tuple[Path, ...], into: Path) -> int:
    """Join results folders: of shards, hosts, labs. Folders that contradict each other are refused."""
    from bench.merge import merge as join

    return join(folders, into)


@cli.command()
@option("--dataset", default="digits", help="Whose test images. Default: digits.")
@option("--model", help="As of `bench run`.")
@option("--methods", type=Names(), default="Standard,PGD-AT", help="Whose models. Default: Standard,PGD-AT.")
@option(
    "--of", type=Names(), default=(), metavar="SPEC,...", help="Models instead, as `bench eval --model` takes them."
)
@option("--parts", type=Names(), default="all", help="Such as PGD-20,CW-L2. Default: all.")
@option("--limit", type=POSITIVE, default=128, help="Attack the first N test images. Default: 128.")
@option("--repeats", type=POSITIVE, default=3, help="Ratios are medians over so many. Default: 3.")
@machine
@plugins
@folders
@click.pass_context
def speed(context: click.Context, /, data_dir: Path, **settings: Any) -> int:
    """Seconds of attacks and of training beside other packages, as ratios within one interleaved run.

    What --methods name is trained first, at the quick budget, unless the results folder has it.
    """
    from bench.speed.command import Terms, measure_speed
    from bench.speed.parts import PARTS, Modelless

    if settings["of"]:
        refuse_given(
            context, ("methods", "model"), "is of models that are trained here, and --of names others; drop one"
        )
    if all(isinstance(PARTS[part], Modelless) for part in PARTS.select(list(settings["parts"]))):
        unused = ("dataset", "model", "methods", "of", "limit", "batch_size")
        refuse_given(context, unused, f"is of models, and --parts {','.join(settings['parts'])} needs none; drop one")
    return measure_speed(Terms(data_dir=data_dir, **settings))


@cli.command()
@option("--model", "spec", required=True, metavar="SPEC", help="A standard model, as of `bench eval`.")
@option("--dataset", help="Default: the one that a run was trained on, otherwise digits.")
@option("--limit", type=POSITIVE, help="Measure on the first N test images only.")
@machine
@option("--download", is_flag=True, help="Fetch data and weights that are missing. Nothing is fetched without this.")
@option("--unsafe-pickle", is_flag=True, help="Weight files may run their author's code, as pickles do.")
@plugins
@folders
def calibrate(data_dir: Path, download: bool, unsafe_pickle: bool, reports: Path, **settings: Any) -> None:
    """Ranges of M-TLAT's four corruptions whose ends cost the model 5 and 30 points of accuracy."""
    from bench.calibrate import Terms
    from bench.calibrate import calibrate as find_ranges
    from bench.outside.access import Access

    click.echo(find_ranges(Terms(access=Access(data_dir, download, unsafe_pickle), **settings)))
