"""`bench calibrate`."""

from pathlib import Path
from typing import Any

import click

from bench.cli.group import cli
from bench.cli.options import POSITIVE_NUMBER, data_memory, machine, normalised, option, plugins, results_folder


@cli.command()
@option("--model", "spec", required=True, metavar="SPEC", help="A model trained without attacks, as for `bench eval`.")
@normalised
@option("--dataset", help="Default: the one that a run was trained on, otherwise digits.")
@option("--limit", type=POSITIVE_NUMBER, help="Measure on the first N test images only.")
@machine
@data_memory
@option("--download", is_flag=True, help="Fetch data and weights that are missing. Nothing is fetched without this.")
@option("--unsafe-pickle", is_flag=True, help="Weight files may run their author's code, as pickles do.")
@plugins
@results_folder
def calibrate(
    spec: str, normalise: str | None, data_dir: Path, download: bool, unsafe_pickle: bool, **settings: Any
) -> None:
    """Find ranges of M-TLAT's four corruptions.

    At their ends the model loses 5 and 30 points of accuracy.
    """
    from bench.commands.calibrate import CalibrateOptions
    from bench.commands.calibrate import calibrate as find_ranges
    from bench.evaluation.external.access import Access
    from bench.evaluation.external.normalisation import with_normalisation

    access = Access(data_dir, download, unsafe_pickle)
    click.echo(find_ranges(CalibrateOptions(spec=with_normalisation(spec, normalise), access=access, **settings)))
