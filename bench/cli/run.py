"""`bench run`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from bench.cli.effect import check_effect, check_engine, check_settings, is_asked, option_name
from bench.cli.group import cli
from bench.cli.options import (
    POSITIVE_NUMBER,
    data_memory,
    engine_options,
    evaluation_options,
    folders,
    given_options,
    machine,
    option,
    plugins,
)
from bench.cli.types import Names, Number, Numbers, Place, Seeds
from bench.core.errors import BadInput
from bench.results.shards import Shard

STUDY_OPTIONS = (  # options that a study sets itself
    "methods", "attacks", "corruptions", "conditions", "severities", "attack_corrupted", "transfer", "source", "sweep",
    "extra", "extra_share",
)  # fmt: skip


@cli.command()
@option("--methods", type=Names(), help="all, names, or globs such as 'M2AT*'. Default: five of them.")
@option(
    "--dataset", default="digits", help="digits (default; embedded), cifar10, ... (`bench list datasets`), folder:PATH."
)
@option("--model", help="Default: cnn for digits; resnet8 on a CPU, resnet18 on CUDA. NAME.pm1 picks a normaliser.")
@option(
    "--budget",
    type=click.Choice(["quick", "laptop", "standard", "paper"]),
    help="Default: quick on a CPU, standard on CUDA. laptop: all images, small net, hours. paper: papers' schedules.",
)
@option("--epochs", type=POSITIVE_NUMBER, help="Number of epochs. Default: the budget's.")
@option("--limit-train", type=POSITIVE_NUMBER, help="Train on N images, balanced over the classes.")
@option("--train-eps", type=Numbers(), help="Radius the recipes train for. Default: the data set's.")
@option(
    "--extra",
    type=Place(),
    metavar="FILE.npz",
    help="Extra or generated training images: `image` uint8 (N, H, W, C) and `label`, as published.",
)
@option(
    "--extra-share", type=Number(), help="Of each batch that are --extra images, above 0 and below 1. Default: 0.7."
)
@option(
    "--set",
    "settings",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change a setting: plan.lr=0.05, recipe.beta=3, ... Repeatable.",
)
@option(
    "--attacks", type=Names(), help="none, a suite, or names: FGSM, PGD-k, NAME.last, AutoAttack, PGD-20[restarts=5]."
)
@option("--transfer", is_flag=True, help="Also evaluate each model on images crafted on each of the others.")
@option(
    "--source",
    type=Names(),
    metavar="SPEC,...",
    help="With --transfer: source models as `bench eval --model` takes them.",
)
@option(
    "--exhibits", type=Names(), help="Data for figures: none (default), all, or gradient, batchnorm, features, loss."
)
@option("--study", metavar="NAME|all", help="A paper's grid instead of methods and attacks; `bench list studies`.")
@option("--table", metavar="N", help="With --study: only this table.")
@option("--figure", metavar="N", help="With --study: only this figure.")
@evaluation_options
@option("--seeds", type=Seeds(), default="0", help="Training seeds. Default: 0.")
@machine
@data_memory
@option("--download", is_flag=True, help="Fetch the data set if it is missing. Nothing is ever fetched without this.")
@option("--retrain", is_flag=True, help="Train and evaluate again what is there already, failures included.")
@option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    help="Of training and attacks; fp32 decides outcomes. auto: bf16 where it is faster. Default: fp32.",
)
@option("--workers", type=POSITIVE_NUMBER, help="Jobs at the same time. Default: one for each CPU core; one on CUDA.")
@option(
    "--threads",
    type=POSITIVE_NUMBER,
    help="CPU threads of each training. Default: 1; another number becomes part of the run's name.",
)
@engine_options
@option("--dry-run", is_flag=True, help="Print what would be trained and evaluated and its cost, and do nothing.")
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
    engine: str,
    ray_address: str | None,
    data_memory: int | None,
    dry_run: bool,
    save_adv: bool,
    shard: Shard,
    attack_timeout: int | None,
    study: str | None,
    table: str | None,
    figure: str | None,
    **request: Any,
) -> int:
    """Train and attack methods, and print the leaderboard. Only what is missing is computed."""
    from bench.commands.run import run_methods
    from bench.commands.run_study import run_study
    from bench.commands.start import start
    from bench.runner.options import CellOptions, RunOptions
    from bench.runner.request import Request
    from bench.runner.torchrun.together import run_together

    given = given_options(request)
    _check_study(study, table, figure, given)
    if not study:
        limit = attack_timeout is not None and attack_timeout
        check_effect(given | {"save_adv": save_adv, "shard": shard.count > 1, "attack_timeout": limit})
    check_settings(request["settings"], request["epochs"])
    check_engine(engine, ray_address, shard)
    if request["source"] and not request["transfer"]:
        raise BadInput("--source names models to craft images on, which is done for --transfer; give that too")
    if "train_eps" in given:
        if len(given["train_eps"]) != 1:
            raise BadInput("--train-eps takes one radius; to compare several, run once for each")
        (given["train_eps"],) = given["train_eps"]
    options = RunOptions(
        data_dir=data_dir,
        results=results,
        reports=reports,
        device=start(device, results, reports, is_shareable=True),
        cells=CellOptions(batch_size, save_adv, shard, attack_timeout),
        workers=workers,
        download=download,
        retrain=retrain,
        dry_run=dry_run,
        engine=engine,
        ray_address=ray_address,
        data_memory=data_memory,
    )
    if study is None:
        return run_together(options, lambda options: run_methods(Request(**given), options))
    only = ("table", table) if table else ("figure", figure) if figure else None
    return run_together(options, lambda options: run_study(study, Request(**given), options, only))


def _check_study(study: str | None, table: str | None, figure: str | None, given: Mapping[str, Any]) -> None:
    """BadInput where --study is given with options that it sets itself, or its own options without it."""
    if study and (own := [name for name in STUDY_OPTIONS if is_asked(given, name)]):
        raise BadInput(f"--study {study} brings a grid of its own; leave {', '.join(map(option_name, own))} out")
    if not study and (table or figure):
        raise BadInput("--table and --figure are of a --study; `bench list studies` names them")
    if table and figure:
        raise BadInput(f"--table {table} and --figure {figure}: give one of them")
