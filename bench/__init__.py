"""The vocabulary that recipe, attack and analysis code is written in; each name is imported when first used.

Type checkers follow the imports below; at run time they are read as text, for where each name comes from.
"""

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core.version import __version__ as __version__

if TYPE_CHECKING:
    from bench.attacks.parse import parse_attack as parse_attack
    from bench.attacks.searches.ascent import Ascent as Ascent
    from bench.attacks.searches.ascent import clean_logits as clean_logits
    from bench.attacks.searches.ascent import recalled as recalled
    from bench.attacks.spec import ATTACKS as ATTACKS
    from bench.attacks.spec import AttackSpec as AttackSpec
    from bench.commands.robustbench import benchmark as benchmark
    from bench.core.errors import BadInput as BadInput
    from bench.core.labels import Share as Share
    from bench.core.labels import random_class as random_class
    from bench.core.labels import smooth as smooth
    from bench.core.losses import cross_entropy as cross_entropy
    from bench.core.losses import kl as kl
    from bench.core.losses import margin as margin
    from bench.core.options import Options as Options
    from bench.core.options import option as option
    from bench.core.threats.l1 import L1 as L1
    from bench.core.threats.l2 import L2 as L2
    from bench.core.threats.linf import Linf as Linf
    from bench.core.threats.threat import Threat as Threat
    from bench.corruptions.apply import corrupted as corrupted
    from bench.corruptions.corruption import CORRUPTIONS as CORRUPTIONS
    from bench.corruptions.corruption import Corruption as Corruption
    from bench.data.dataset import DATASETS as DATASETS
    from bench.data.images import Images as Images
    from bench.data.lookup import dataset as dataset
    from bench.evaluation.conditions.attack import Attacked as Attacked
    from bench.evaluation.conditions.base import CONDITIONS as CONDITIONS
    from bench.evaluation.conditions.base import Condition as Condition
    from bench.evaluation.conditions.clean import Clean as Clean
    from bench.evaluation.evaluator import outcomes as outcomes
    from bench.evaluation.external.load import load_model as load_model
    from bench.evaluation.outcome import is_correct as is_correct
    from bench.evaluation.transfer import transferred as transferred
    from bench.models.batch_norm.branches import add_branches as add_branches
    from bench.models.batch_norm.branches import add_masks as add_masks
    from bench.models.batch_norm.branches import branch as branch
    from bench.models.batch_norm.branches import plain as plain
    from bench.models.batch_norm.tuning import blended as blended
    from bench.models.batch_norm.tuning import tuned as tuned
    from bench.models.build import MODELS as MODELS
    from bench.models.freeze import frozen as frozen
    from bench.models.networks import add_network as add_network
    from bench.results.load import load_results as load_results
    from bench.training.adversary import Adversary as Adversary
    from bench.training.adversary import Targeted as Targeted
    from bench.training.adversary import Untargeted as Untargeted
    from bench.training.augmix_ops import augmented as augmented
    from bench.training.epoch_share import epoch_share as epoch_share
    from bench.training.mixing import Per as Per
    from bench.training.mixing import beta as beta
    from bench.training.mixing import box as box
    from bench.training.mixing import lerp as lerp
    from bench.training.mixing import shuffled as shuffled
    from bench.training.recipe import RECIPES as RECIPES
    from bench.training.recipe import Recipe as Recipe
    from bench.training.recipe import scaled as scaled
    from bench.training.shared.batch import whole_batch as whole_batch
    from bench.training.two_pass import Shifted as Shifted
    from bench.training.two_pass import rehearsed as rehearsed

_HOME = {  # public name: its file
    alias.name: str(line.module)
    for line in ast.walk(ast.parse(Path(__file__).read_text(encoding="utf-8")))
    if isinstance(line, ast.ImportFrom) and str(line.module).startswith("bench.")
    for alias in line.names
}
__all__ = sorted(_HOME.keys() - {"__version__"})


if not TYPE_CHECKING:  # so that type checkers know which names there are

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module 'bench' has no attribute {name!r}")
        return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
