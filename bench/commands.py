"""What the commands do, once their arguments are read."""

from pathlib import Path
from typing import Any

from bench.attacks import ATTACKS
from bench.contract import examine
from bench.corruptions.corruption import CORRUPTIONS
from bench.data import READ_FROM_FOLDERS
from bench.data.dataset import DATASETS
from bench.device import prepare
from bench.errors import BadInput
from bench.models import MODELS
from bench.plugins import load_file, load_plugins
from bench.recipe import RECIPES
from bench.registry import Registry
from bench.suites import SUITES


def names(kind: str) -> list[str]:
    """Every name of a kind, families by their pattern, and what may follow a name."""
    load_plugins()
    if kind == "suites":
        return [f"{name}: {suite}" for name, suite in SUITES.items()]
    registries: dict[str, Registry[Any]] = {
        "methods": RECIPES,
        "attacks": ATTACKS,
        "corruptions": CORRUPTIONS,
        "datasets": DATASETS,
        "models": MODELS,
    }
    listed = [*registries[kind].listed(), *registries[kind].suffixes()]
    return [*listed, *READ_FROM_FOLDERS] if kind == "datasets" else listed


def check_plugin(path: Path) -> int:
    """`bench check`. 0, or 1 if a recipe that the file registers breaks its contract."""
    load_plugins()
    prepare()
    ours = set(RECIPES)
    load_file(path)
    theirs = [name for name in RECIPES if name not in ours]
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
