"""The vocabulary that recipe, attack and analysis code is written in; each name is imported when first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bench.version import __version__ as __version__

if TYPE_CHECKING:
    from bench.adversary import Adversary, Targeted, Untargeted
    from bench.attacks import ATTACKS, AttackSpec, parse_attack
    from bench.augment import augmented
    from bench.branches import add_branches, add_masks, branch, plain
    from bench.conditions import Attacked, Clean
    from bench.corruptions import corrupted
    from bench.corruptions.corruption import CORRUPTIONS, Corruption
    from bench.data import dataset
    from bench.data.dataset import DATASETS, Images
    from bench.errors import BadInput
    from bench.evaluate import outcomes
    from bench.inner import Ascent, clean_logits, frozen, recalled
    from bench.labels import Share, random_class, smooth
    from bench.losses import cross_entropy, kl, margin
    from bench.mixing import Per, beta, box, lerp, shuffled
    from bench.models import MODELS
    from bench.options import Options, option
    from bench.outside import load_model
    from bench.recipe import RECIPES, Recipe, scaled
    from bench.rehearsal import Shifted, rehearsed
    from bench.results import load as load_results
    from bench.robustbench import benchmark
    from bench.threat import L2, Linf, Threat
    from bench.transfer import transferred
    from bench.tuning import blended, tuned

_HOME = {
    "bench.adversary": ("Adversary", "Targeted", "Untargeted"),
    "bench.attacks": ("ATTACKS", "AttackSpec", "parse_attack"),
    "bench.augment": ("augmented",),
    "bench.branches": ("add_branches", "add_masks", "branch", "plain"),
    "bench.conditions": ("Attacked", "Clean"),
    "bench.corruptions": ("corrupted",),
    "bench.corruptions.corruption": ("CORRUPTIONS", "Corruption"),
    "bench.data": ("dataset",),
    "bench.data.dataset": ("DATASETS", "Images"),
    "bench.errors": ("BadInput",),
    "bench.evaluate": ("outcomes",),
    "bench.inner": ("Ascent", "clean_logits", "frozen", "recalled"),
    "bench.labels": ("Share", "random_class", "smooth"),
    "bench.losses": ("cross_entropy", "kl", "margin"),
    "bench.mixing": ("Per", "beta", "box", "lerp", "shuffled"),
    "bench.models": ("MODELS",),
    "bench.options": ("Options", "option"),
    "bench.outside": ("load_model",),
    "bench.recipe": ("RECIPES", "Recipe", "scaled"),
    "bench.rehearsal": ("Shifted", "rehearsed"),
    "bench.robustbench": ("benchmark",),
    "bench.threat": ("L2", "Linf", "Threat"),
    "bench.transfer": ("transferred",),
    "bench.tuning": ("blended", "tuned"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "ATTACKS", "CORRUPTIONS", "DATASETS", "L2", "MODELS", "RECIPES",
    "Adversary", "Ascent", "AttackSpec", "Attacked", "BadInput", "Clean", "Corruption", "Images", "Linf", "Options",
    "Per", "Recipe", "Share", "Shifted", "Targeted", "Threat", "Untargeted", "add_branches", "add_masks", "augmented",
    "benchmark", "beta", "blended", "box", "branch", "clean_logits", "corrupted", "cross_entropy", "dataset", "frozen",
    "kl", "lerp", "load_model", "load_results", "margin", "option", "outcomes", "parse_attack", "plain", "random_class",
    "recalled", "rehearsed", "scaled", "shuffled", "smooth", "transferred", "tuned",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "load_results":
        return import_module("bench.results").load
    if name not in _MODULE:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(import_module(_MODULE[name]), name)
