"""`bench eval`."""

import shlex
import sys
from typing import Any

import click

from bench.cli.effect import check_budget, check_effect, check_engine, refuse_given
from bench.cli.group import cli
from bench.cli.options import (
    data_memory,
    engine_options,
    evaluation_options,
    folders,
    given_options,
    machine,
    normalised,
    option,
    plugins,
)
from bench.cli.types import Count, Duration, Names, Place
from bench.core.errors import BadInput


@cli.command("eval")
@option(
    "--model", "spec", required=True, metavar="SPEC", help="FOLDER of a run, FILE.py:FUNCTION, timm:NAME; see above."
)
@normalised
@option("--dataset", help="Default: the one that a run was trained on, otherwise digits.")
@option("--attacks", type=Names(), help="none, or names as for `bench run`. Default: FGSM,PGD-20,CW-20,AutoAttack.")
@option("--within", type=Duration(), help="Attack it for about 90s, 10m or 1h; bounds from the first seconds on.")
@option("--passes", type=Count(), help="Attack it with at most so many passes an image, the likeliest first.")
@option("--source", type=Names(), metavar="SPEC,...", help="Evaluate it also on images crafted on these models.")
@evaluation_options
@machine
@data_memory
@option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="fp32",
    help="Of attacks; fp32 decides outcomes.",
)
@option("--download", is_flag=True, help="Fetch data and weights that are missing. Nothing is fetched without this.")
@option("--unsafe-pickle", is_flag=True, help="Weight files may run their author's code, as pickles do.")
@option("--anyway", is_flag=True, help="Evaluate a model that fails the first checks; its board will say so.")
@option("--model-info", type=Place(dir_okay=False), help="Write RobustBench's JSON to this file; runs AutoAttack too.")
@option(
    "--info",
    multiple=True,
    metavar="FIELD=VALUE",
    help="With --model-info: link, name, authors, venue, ... Repeatable.",
)
@engine_options
@option("--report", is_flag=True, help="Also write a page about this model for colleagues, as HTML and as PDF.")
@plugins
@folders
def evaluate(
    spec: str, normalise: str | None, info: tuple[str, ...], report: bool, passes: int | None, **settings: Any
) -> int:
    """Attack a model that you name, and print its board.

    \b
    SPEC is one of
      FOLDER[@last|@best][@VIEW]    a finished run of this bench
      FILE.py:FUNCTION[@WEIGHTS]    a function (or class) of yours that returns a torch.nn.Module;
                                    WEIGHTS: safetensors, or a state dict by torch.save
      torchvision:NAME  timm:NAME  robustbench:[THREAT/]NAME

    The model takes images in [0, 1] and gives logits, one a class. Whether it does is checked first.
    """
    from dataclasses import fields

    from bench.commands.evaluate.eval_model import eval_model
    from bench.commands.evaluate.model_info import parse_facts
    from bench.commands.evaluate.options import EvalOptions
    from bench.commands.evaluate.within import FIRST_PASSES, name_with_limit
    from bench.evaluation.external.normalisation import with_normalisation
    from bench.evaluation.external.spec import parse_spec
    from bench.runner.options import CellOptions
    from bench.runner.request import Request

    if info and not settings["model_info"]:
        raise BadInput(f"--info {info[0]} is of --model-info FILE; give that too")
    facts = parse_facts(info)
    if settings["within"] is not None or passes is not None:
        check_budget(settings, passes)
        settings["attacks"] = (name_with_limit(passes or FIRST_PASSES),)
    given = given_options(settings)
    check_engine(settings["engine"], settings["ray_address"], settings["shard"])
    check_effect(given | {"shard": settings["shard"].count > 1})
    if given.get("attacks") == ():
        reason = "is of the search of attacks, and --attacks none asks for none; leave it out"
        refuse_given(click.get_current_context(), ["precision"], reason)
    cells = CellOptions(**{field.name: settings.pop(field.name) for field in fields(CellOptions)})
    own = [field.name for field in fields(EvalOptions) if field.name not in ("cells", "info", "report")]
    command = shlex.join(["bench", *sys.argv[1:]]) if report else ""
    options = EvalOptions(**{name: settings.pop(name) for name in own}, cells=cells, info=facts, report=command)
    source = parse_spec(with_normalisation(spec, normalise))
    known = {"dataset": source.dataset} if source.dataset else {}
    return eval_model(source, Request(**known | given_options(settings)), options)
