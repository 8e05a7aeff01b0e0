"""`bench verify`."""

from pathlib import Path
from typing import Any

import click

from bench.cli.group import cli
from bench.cli.options import machine, normalised, option, plugins
from bench.cli.types import Numbers, Place
from bench.core.errors import BadInput
from bench.core.threats.threat import NORMS


@cli.command()
@click.argument("path", type=Place())
@option(
    "--model", "spec", metavar="SPEC", help="As for `bench eval`; needed for sets of other tools. Default: the run's."
)
@normalised
@option("--dataset", help="Default: the run's, or the one that --model was trained on, otherwise digits.")
@option("--eps", type=Numbers(), help="Radius that another tool's set claims. Default: the data set's.")
@option("--norm", type=click.Choice([*NORMS]), help="Norm of another tool's set. Default: the data set's.")
@machine
@option("--unsafe-pickle", is_flag=True, help="Weight files may run their author's code, as pickles do.")
@plugins
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def verify(
    path: Path,
    spec: str | None,
    normalise: str | None,
    data_dir: Path,
    unsafe_pickle: bool,
    eps: tuple[float, ...] | None,
    device: str,
    **settings: Any,
) -> int:
    """Check stored adversarial images by a forward pass.

    They must be complete, be of this model and data, lie in the ball and in [0, 1], and be misclassified.

    PATH is a results or run folder, a file that --save-adv has left there, or a set of another tool (RobustBench,
    AutoAttack, torchattacks, Foolbox, a .npy), of which the ball and the accuracy are checked. Exit 1 if any file is
    not in order.
    """
    from bench.commands.verify.verify import verify as check
    from bench.evaluation.external.access import Access
    from bench.evaluation.external.normalisation import with_normalisation

    if normalise and not spec:
        raise BadInput(f"--normalise {normalise} is of a --model; give that too")
    if eps and len(eps) > 1:
        raise BadInput("--eps takes one radius here: the one that the images are said to be within")
    access = Access(data_dir, unsafe_pickle=unsafe_pickle)
    model = with_normalisation(spec, normalise) if spec else None
    return check(path, device, spec=model, access=access, eps=eps[0] if eps else None, **settings)
