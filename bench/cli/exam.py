"""`bench exam`."""

from pathlib import Path
from typing import Any

import click

from bench.cli.effect import refuse_given
from bench.cli.group import cli
from bench.cli.options import option, plugins
from bench.cli.types import Names, Place, Seeds
from bench.core.errors import BadInput
from bench.core.threats.threat import NORMS


@cli.command()
@click.argument("attacks", metavar="[ATTACK]...", nargs=-1, type=Names())
@option("--quick", is_flag=True, help="Ask a third of the questions.")
@option("--seeds", type=Seeds(), default="0", help="Of the attacks' draws, such as 0,1,2. Default: 0.")
@option("--norm", type=click.Choice([*NORMS]), default="Linf", help="Only Linf has answers.")
@option("--onnx", type=Place(dir_okay=False), metavar="FILE", help="Ask about this network instead; with --vnnlib.")
@option(
    "--vnnlib",
    type=Place(dir_okay=False),
    metavar="FILE",
    multiple=True,
    help="A question about the network of --onnx: a Linf ball around an image, in VNN-LIB. Repeatable.",
)
@option(
    "--answer",
    type=click.Choice(["sat", "unsat", "unknown"]),
    help="What a verifier says of --vnnlib: sat, there is an error, or unsat. Default: unknown.",
)
@option("--out", type=Place(dir_okay=False), metavar="FILE.csv", help="Write what became of every question.")
@option("--scores", type=Place(dir_okay=False), metavar="FILE.csv", help="Write the table as CSV.")
@option("--markdown", type=Place(dir_okay=False), metavar="FILE", help="Write the table as Markdown.")
@plugins
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
@click.pass_context
def exam(
    context: click.Context,
    /,
    attacks: tuple[tuple[str, ...], ...],
    onnx: Path | None,
    vnnlib: tuple[Path, ...],
    answer: str | None,
    **settings: Any,
) -> int:
    """Examine attacks: do they find the errors that exist, and none that do not?

    The questions are images of small networks with radii around the exact distance of the nearest error. ATTACK is a
    name as of --attacks, or a suite; default: every attack for Linf. Exit 1 if one breaks what is proved, or fails.
    """
    if bool(vnnlib) != bool(onnx):
        raise BadInput("--onnx names a network and --vnnlib the questions about it; give both")
    if onnx:
        refuse_given(context, ["quick"], "is of the exam's own questions; drop it, or --onnx and --vnnlib")
    else:
        refuse_given(context, ["answer"], "is of --onnx and --vnnlib; the exam's own questions have answers")
    from bench.commands.exam import ExamOptions, take_exam

    names = [name for part in attacks for name in part]
    return take_exam(names, ExamOptions(onnx=onnx, vnnlib=vnnlib, answer=answer or "unknown", **settings))
