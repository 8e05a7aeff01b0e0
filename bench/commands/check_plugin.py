"""`bench check`: the contract's checks on the recipes of a plug-in."""

from pathlib import Path

from bench.commands.start import start
from bench.core.errors import BadInput
from bench.core.foreign.plugins import load_file
from bench.training.contract.checks import examine
from bench.training.recipe import RECIPES


def check_plugin(path: Path) -> int:
    """Run the contract's checks on the recipes that a file registers. Returns 0, or 1 if one fails a check.

    Raises:
        BadInput: the file cannot be loaded, or registers no recipe.
    """
    start("cpu")
    known = set(RECIPES)
    load_file(path)
    theirs = [name for name in RECIPES if name not in known]
    if not theirs:
        raise BadInput(f"{path} registers no method, and `bench check` tests methods alone")
    broken = set()
    for name in theirs:
        print(name)
        for title, wrong in examine(RECIPES[name]):
            print(f"  FAILED  {title}: {' '.join(wrong.split())}" if wrong else f"  ok      {title}")
            if wrong:
                broken.add(name)
    print(f"{len(theirs) - len(broken)} of {len(theirs)} methods keep the contract")
    return 1 if broken else 0
