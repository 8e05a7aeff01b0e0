"""The command line. Parses, calls, prints; imports torch only inside the commands that need it."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from bench.errors import BadInput, Failed
from bench.numbers import number
from bench.shards import WHOLE, Shard

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_DATA = Path("~/.cache/bench-data")
STOPPED = 130  # what a shell reports for Ctrl-C


def main() -> None:
    """Exit 0 on success, 1 when a check or a cell failed, 2 on bad input, which is one line on stderr."""
    try:
        code = cli.main(standalone_mode=False)
    except (BadInput, click.ClickException) as error:
        if "--debug" in sys.argv:
            raise
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"bench: {' '.join(message.split())}", err=True)
        sys.exit(2)
    except OSError as error:
        if "--debug" in sys.argv:
            raise
        click.echo(f"bench: {error.strerror or error}: {error.filename or ''}", err=True)
        sys.exit(2)
    except Failed as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("bench: stopped; the same command (without --retrain) goes on from here", err=True)
        sys.exit(STOPPED)
    sys.exit(code if isinstance(code, int) else 0)


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="robust-recipe-bench")
def cli() -> None:
    """Train robust-training recipes alike, judge them alike, and report what can be believed."""


class Names(click.ParamType[tuple[str, ...]]):
    """Comma-separated names; commas inside [...] belong to the name."""

    name = "NAME,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in re.split(r",(?![^\[]*\])", value) if part.strip())
        return names or self.fail("it names nothing", param, ctx)


class Numbers(click.ParamType[tuple[float, ...]]):
    """Comma-separated numbers, which may be fractions such as 8/255."""

    name = "X,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        try:
            return tuple(number(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a number, a fraction such as 8/255, or a list of them", param, ctx)


class Severities(click.ParamType[tuple[int, ...]]):
    """1 to 5: comma-separated numbers and ranges such as 1-3."""

    name = "1-5"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        if not re.fullmatch(r"[1-5](-[1-5])?(,[1-5](-[1-5])?)*", value):
            self.fail(f"{value!r}: severities are 1 to 5, given as numbers or ranges such as 1,3 or 1-5", param, ctx)
        ends = [(int(part[0]), int(part[-1])) for part in value.split(",")]
        return tuple(sorted({severity for low, high in ends for severity in range(low, high + 1)}))


class Share(click.ParamType[Shard]):
    """i/n, the i-th of n shards."""

    name = "i/n"

    def convert(self, value: Any, param: Any, ctx: Any) -> Shard:
        if isinstance(value, Shard):
            return value
        if not re.fullmatch(r"\d+/\d+", value):
            self.fail(f"{value!r} is not of the form i/n, such as 1/3", param, ctx)
        return Shard(*map(int, value.split("/")))


class Seeds(click.ParamType[tuple[int, ...]]):
    """Comma-separated whole numbers >= 0."""

    name = "N,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        if not re.fullmatch(r"\d+(,\d+)*", value):
            self.fail(f"{value!r} is not a list of whole numbers >= 0, such as 0,1,2", param, ctx)
        return tuple(dict.fromkeys(int(part) for part in value.split(",")))


def option(*names: str, **settings: Any) -> Callable[[F], F]:
    return click.option(*names, **settings)


def folders(command: F) -> F:
    """--results, --reports and --debug, which most commands share."""
    command = option("--results", type=click.Path(path_type=Path), default=Path("results"), help="Default: results.")(
        command
    )
    command = option("--reports", type=click.Path(path_type=Path), default=Path("reports"), help="Default: reports.")(
        command
    )
    return option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")(command)


def _load(context: click.Context, parameter: click.Parameter, named: tuple[str, ...]) -> None:
    if named:
        from bench.plugins import load_plugins

        load_plugins(named)


def plugins(command: F) -> F:
    """--plugin, for every command that looks names up: they are there before it begins."""
    return option(
        "--plugin",
        metavar="FILE|MODULE",
        multiple=True,
        expose_value=False,
        callback=_load,
        help="Python that registers recipes, attacks, models or data sets of yours. Repeatable.",
    )(command)


POSITIVE = click.IntRange(min=1)


def shared(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one, in the order of --help."""

    def decorate(command: F) -> F:
        for add in reversed(options):
            command = add(command)
        return command

    return decorate


judging = shared(
    option("--eps", type=Numbers(), help="Radii to evaluate at, such as 8/255,4/255. Default: the data set's."),
    option("--sweep", type=Numbers(), help="Instead: 3 radii or more of a curve, such as 0,1/255,2/255,4/255,8/255."),
    option("--norm", type=click.Choice(["Linf", "L2"]), help="Of the evaluation. Default: the data set's."),
    option("--corruptions", type=Names(), help="none (default), all, imagenet-c, extra, mtlat, or names such as fog."),
    option("--severities", type=Severities(), help="Of the corruptions. Default: 1-5."),
    option("--limit", type=POSITIVE, help="Judge on the first N test images only."),
    option("--save-adv", is_flag=True, help="Keep the images that attacks break, for `bench verify`."),
    option("--shard", type=Share(), default=WHOLE, help="Judge the i-th of n shares only; see `bench merge`."),
    option("--audit", is_flag=True, help="Also probe each model for signs that its accuracy under attack deceives."),
)
machine = shared(
    option(
        "--data-dir", type=click.Path(path_type=Path), envvar="BENCH_DATA", default=DEFAULT_DATA, help="Where data are."
    ),
    option("--device", default="auto", help="auto, cpu, cuda or cuda:i."),
    option("--batch-size", type=POSITIVE, default=128, help="Images attacked at a time: speed only, never a number."),
)


@cli.command()
@option("--methods", type=Names(), help="all, names, or globs such as 'M2AT*'. Default: five that teach something.")
@option("--dataset", default="digits", help="digits (default; embedded), cifar10, imagenet-100, folder:PATH.")
@option("--model", help="Default: cnn for digits; resnet8 on a CPU, resnet18 on CUDA. NAME.pm1 picks a normaliser.")
@option("--budget", type=click.Choice(["quick", "standard"]), help="Default: quick on a CPU, standard on CUDA.")
@option("--epochs", type=POSITIVE, help="Instead of the budget's.")
@option("--limit-train", type=POSITIVE, help="Train on so many images, balanced over the classes.")
@option("--train-eps", type=Numbers(), help="Radius the recipes train for. Default: the data set's.")
@option("--set", "settings", multiple=True, metavar="FIELD=VALUE", help="plan.lr=0.05, recipe.beta=3, ... Repeatable.")
@option(
    "--attacks", type=Names(), help="none, a suite, or names: FGSM, PGD-k, NAME.last, AutoAttack, PGD-20[restarts=5]."
)
@option("--transfer", is_flag=True, help="Also judge each model on images crafted on each of the others.")
@option("--source", type=Names(), metavar="SPEC,...", help="Of --transfer: models from outside, as of `bench eval`.")
@option("--study", metavar="NAME", help="A paper's grid instead of methods and attacks; `bench list studies`.")
@judging
@option("--seeds", type=Seeds(), default="0", help="Training seeds. Default: 0.")
@machine
@option("--download", is_flag=True, help="Fetch the data set if it is missing. Nothing is ever fetched without this.")
@option("--retrain", is_flag=True, help="Train and judge anew what is there already, failures included.")
@option(
    "--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", help="Of training and search; judged in fp32."
)
@option("--workers", type=POSITIVE, help="Jobs side by side. Default: one a core on a CPU, one on CUDA.")
@option("--dry-run", is_flag=True, help="Say what there is to do and what it would cost.")
@plugins
@folders
def run(
    results: Path,
    reports: Path,
    data_dir: Path,
    device: str,
    batch_size: int,
    workers: int | None,
    download: bool,
    retrain: bool,
    dry_run: bool,
    save_adv: bool,
    shard: Shard,
    study: str | None,
    **request: Any,
) -> int:
    """Train methods, judge them under attack, and show the leaderboard. Only what is missing is computed."""
    from bench.campaign import Manner, run_methods, run_study
    from bench.work import Request

    asked = said(request)
    if study and (request["transfer"] or request["source"]):
        raise BadInput(f"--study {study} asks questions of its own; leave --transfer and --source out")
    if request["source"] and not request["transfer"]:
        raise BadInput("--source names models to craft images on, which is done for --transfer; give that too")
    if "train_eps" in asked:
        if len(asked["train_eps"]) != 1:
            raise BadInput("--train-eps takes one radius; to compare several, run once for each")
        (asked["train_eps"],) = asked["train_eps"]
    where = (data_dir.expanduser(), results, reports, device, batch_size)
    manner = Manner(*where, workers, download, retrain, dry_run, save_adv, shard)
    if study is None:
        return run_methods(Request(**asked), manner)
    if "methods" in asked or "attacks" in asked:
        raise BadInput(f"--study {study} brings its own methods and attacks; leave --methods and --attacks out")
    return run_study(study, Request(**asked), manner)


def said(request: dict[str, Any]) -> dict[str, Any]:
    """The options that were given; `--attacks none` is none, and so is `--corruptions none`."""
    given = {name: value for name, value in request.items() if value is not None}
    return given | {name: () for name in ("attacks", "corruptions") if given.get(name) == ("none",)}


@cli.command("eval")
@option(
    "--model", "spec", required=True, metavar="SPEC", help="FOLDER of a run, FILE.py:FUNCTION, timm:NAME; see above."
)
@option("--dataset", help="Default: the one that a run was trained on, otherwise digits.")
@option("--attacks", type=Names(), help="none, or names as of `bench run`. Default: FGSM,PGD-20,CW-20,AutoAttack.")
@option("--source", type=Names(), metavar="SPEC,...", help="Judge it on images crafted on these models too.")
@judging
@machine
@option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", help="Of the search; judged in fp32.")
@option("--download", is_flag=True, help="Fetch data and weights that are missing. Nothing is fetched without this.")
@option("--unsafe-pickle", is_flag=True, help="Weight files may run their author's code, as pickles do.")
@option("--anyway", is_flag=True, help="Judge a model that seems to break the contract; its board will say so.")
@option("--model-info", type=click.Path(path_type=Path, dir_okay=False), help="Write RobustBench's JSON there.")
@plugins
@folders
def evaluate(spec: str, **settings: Any) -> int:
    """Judge a model that was not trained here, under attack, and show its board.

    \b
    SPEC is one of
      FOLDER[@last|@best][@VIEW]    a finished run of this bench
      FILE.py:FUNCTION[@WEIGHTS]    a function (or class) of yours that returns a torch.nn.Module;
                                    WEIGHTS: safetensors, or a state dict by torch.save
      torchvision:NAME  timm:NAME  robustbench:[THREAT/]NAME

    The model takes images in [0, 1] and gives logits, one a class. Whether it does is checked first.
    """
    from dataclasses import fields

    from bench.external import Terms, judge_visitor
    from bench.outside import parse_spec
    from bench.work import Request

    terms, source = Terms(**{field.name: settings.pop(field.name) for field in fields(Terms)}), parse_spec(spec)
    known = {"dataset": source.dataset} if source.dataset else {}
    return judge_visitor(source, Request(**known | said(settings)), terms)


@cli.command()
@option("--study", default="leaderboard", metavar="NAME", help="leaderboard (default), a study, or all.")
@folders
def report(study: str, results: Path, reports: Path) -> None:
    """Write tables and figures of everything in the results folder."""
    from rich.console import Console

    from bench.report import outstanding, print_boards, write_reports
    from bench.studies.pages import page, started, write_page

    if study in ("leaderboard", "all"):
        paths = write_reports(results, reports)
        print_boards(results, Console())
        click.echo("\n".join(str(path) for path in paths))
        if lacking := outstanding(results):
            click.echo(f"{results}: cells that lack shards: {lacking}; see bench merge")
    for name in started(results) if study == "all" else [study] if study != "leaderboard" else []:
        click.echo(page(name, results))
        click.echo(write_page(name, results, reports))


KINDS = ["methods", "attacks", "corruptions", "datasets", "models", "suites", "studies"]


@cli.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@plugins
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def list_names(kind: str) -> None:
    """Names that the other commands understand."""
    from bench.commands import names

    click.echo("\n".join(names(kind)))


@cli.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME | corruption NAME")
@option("--dataset", default="digits", help="Whose images a corruption is shown on. Default: digits.")
@option(
    "--data-dir", type=click.Path(path_type=Path), envvar="BENCH_DATA", default=DEFAULT_DATA, help="Where data are."
)
@plugins
@folders
def show(names: tuple[str, ...], dataset: str, data_dir: Path, results: Path, reports: Path) -> None:
    """A recipe's page: paper, settings, source, counted cost, numbers printed and measured.

    \b
    corruption NAME    a contact sheet: test images down, severity across
    corruption all     a page of every corruption, on a test image and at 224 pixels
    """
    if len(names) == 2 and names[0] == "corruption":
        from bench.show.sheet import show_corruption

        written = show_corruption(names[1], dataset, data_dir.expanduser(), reports)
        click.echo("\n".join(map(str, written)))
    elif len(names) == 1:
        from rich.console import Console

        from bench.show import show as show_page

        show_page(names[0], results, Console(highlight=False))
    else:
        raise BadInput(f"show takes one name, or `corruption` and one, not {' '.join(names)!r}")


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def check(file: Path) -> int:
    """Test the methods that a plug-in FILE.py registers as ours are tested: exit 1 if one breaks its contract."""
    from bench.commands import check_plugin

    return check_plugin(file)


@cli.command()
@click.argument("baseline", type=click.Path(path_type=Path))
@click.argument("current", type=click.Path(path_type=Path))
@option("--level", type=click.IntRange(1, 2), help="First fill CURRENT: 1 judges BASELINE's weights anew, 2 retrains.")
@option("--markdown", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="Write a summary there.")
@option("--junit", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="Write JUnit XML there.")
@machine
@plugins
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def compare(data_dir: Path, **settings: Any) -> int:
    """Regression gate: exit 1 if a cell of BASELINE is worse, failed or missing in CURRENT, beyond chance.

    Without --level two results folders are compared as they are.
    """
    from bench.compare import compare as gate

    return gate(data_dir=data_dir.expanduser(), **settings)


@cli.command()
@click.argument("path", type=click.Path(path_type=Path))
@option("--model", "spec", metavar="SPEC", help="As of `bench eval`; needed for .pt sets. Default: the run's.")
@option("--dataset", help="Default: the run's, or the one that --model was trained on, otherwise digits.")
@option("--eps", type=Numbers(), help="Radius that a .pt set claims. Default: the data set's.")
@option("--norm", type=click.Choice(["Linf", "L2"]), help="Of a .pt set. Default: the data set's.")
@machine
@option("--unsafe-pickle", is_flag=True, help="Weight files may run their author's code, as pickles do.")
@plugins
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def verify(
    path: Path, data_dir: Path, unsafe_pickle: bool, eps: tuple[float, ...] | None, device: str, **settings: Any
) -> int:
    """Check stored adversarial images by one forward pass: ball, range, whose they are, that all fool, none lacks.

    PATH is a results or run folder, a file that --save-adv has left there, or a .pt set of RobustBench, AutoAttack or
    torchattacks, of which the ball and the accuracy are checked. Exit 1 if any file is not in order.
    """
    from bench.outside import Access
    from bench.verify import verify as check

    if eps and len(eps) > 1:
        raise BadInput("--eps takes one radius here: the one that the images are said to be within")
    access = Access(data_dir.expanduser(), unsafe_pickle=unsafe_pickle)
    return check(path, device, access=access, eps=eps[0] if eps else None, **settings)


@cli.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR...")
@option("--into", required=True, type=click.Path(path_type=Path), help="May be one of them, or new.")
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
def speed(data_dir: Path, **settings: Any) -> int:
    """Seconds of attacks and of training beside other packages, as ratios within one interleaved run.

    What --methods name is trained first, at the quick budget, unless the results folder has it.
    """
    from bench.speed import Terms, measure_speed

    return measure_speed(Terms(data_dir=data_dir.expanduser(), **settings))


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
    from bench.outside import Access

    click.echo(find_ranges(Terms(access=Access(data_dir.expanduser(), download, unsafe_pickle), **settings)))
