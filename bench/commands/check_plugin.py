"""`bench check`: the contract's checks on the recipes of a plug-in, and the exam on its attacks."""

from pathlib import Path

from bench.attacks.parse import parse_attack
from bench.attacks.spec import ATTACKS
from bench.commands.exam import ask_all, is_examined, show
from bench.commands.start import start
from bench.core.errors import BadInput
from bench.core.foreign.plugins import load_file
from bench.core.parsing import format_count
from bench.evaluation.exam.questions import digest_of_exam, load_groups
from bench.evaluation.exam.scores import score
from bench.training.contract.checks import examine
from bench.training.recipe import RECIPES


def check_plugin(path: Path) -> int:
    """Check the recipes and the attacks that a file registers. Returns 0, or 1 if one fails a check.

    Raises:
        BadInput: the file cannot be loaded, or registers neither a recipe nor an attack.
    """
    start("cpu")
    recipes, attacks = set(RECIPES), set(ATTACKS.all_names())
    load_file(path)
    methods = [name for name in RECIPES if name not in recipes]
    new = [name for name in ATTACKS.all_names() if name not in attacks]
    if not methods and not new:
        raise BadInput(f"{path} registers no method and no attack, and `bench check` tests nothing else")
    has_failed = _check_methods(methods) if methods else False
    return int(_check_attacks(new) or has_failed) if new else int(has_failed)


def _check_methods(names: list[str]) -> bool:
    """Run the contract's checks, print their results, and return whether one failed."""
    broken = set()
    for name in names:
        print(name)
        for title, wrong in examine(RECIPES[name]):
            print(f"  FAILED  {title}: {' '.join(wrong.split())}" if wrong else f"  ok      {title}")
            if wrong:
                broken.add(name)
    print(f"{len(names) - len(broken)} of {len(names)} methods keep the contract")
    return bool(broken)


def _check_attacks(names: list[str]) -> bool:
    """Examine attacks by a third of the questions, print their scores, and return whether one is invalid or failed."""
    specs = [parse_attack(f"{name.removesuffix('k')}20" if name not in ATTACKS else name) for name in names]
    asked = [spec for spec in specs if is_examined(spec)]
    for spec in specs:
        if spec not in asked:
            print(f"{spec.name} measures distances in another norm than Linf, for which the exam has no answers")
    if not asked:
        return False
    results = [score(answers, digest_of_exam()) for answers in ask_all(asked, load_groups(quick=True), (0,))]
    show(results)
    print(f"{format_count(len(asked), 'attack')} examined by a third of the questions; `bench exam` asks all")
    return not all(result.is_valid for result in results)
