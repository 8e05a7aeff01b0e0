"""The vocabulary that recipe, attack and analysis code is written in; each name is imported when first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bench.core.version import __version__ as __version__

if TYPE_CHECKING:
    from bench.attacks.searches.ascent import Ascent, clean_logits, recalled
    from bench.attacks.spec import ATTACKS, AttackSpec, parse_attack
    from bench.commands.robustbench import benchmark
    from bench.core.errors import BadInput
    from bench.core.labels import Share, random_class, smooth
    from bench.core.losses import cross_entropy, kl, margin
    from bench.core.options import Options, option
    from bench.core.threats.l1 import L1
    from bench.core.threats.l2 import L2
    from bench.core.threats.linf import Linf
    from bench.core.threats.threat import Threat
    from bench.corruptions.apply import corrupted
    from bench.corruptions.corruption import CORRUPTIONS, Corruption
    from bench.data.dataset import DATASETS
    from bench.data.images import Images
    from bench.data.lookup import dataset
    from bench.evaluation.conditions.attack import Attacked
    from bench.evaluation.conditions.base import CONDITIONS, Condition
    from bench.evaluation.conditions.clean import Clean
    from bench.evaluation.evaluator import outcomes
    from bench.evaluation.external.load import load_model
    from bench.evaluation.outcome import is_correct
    from bench.evaluation.transfer import transferred
    from bench.models.bn_tuning import blended, tuned
    from bench.models.build import MODELS
    from bench.models.freeze import frozen
    from bench.models.networks import add_network
    from bench.models.split_batchnorm import add_branches, add_masks, branch, plain
    from bench.results.load import load as load_results
    from bench.training.adversary import Adversary, Targeted, Untargeted
    from bench.training.augmix_ops import augmented
    from bench.training.epoch_share import epoch_share
    from bench.training.mixing import Per, beta, box, lerp, shuffled
    from bench.training.recipe import RECIPES, Recipe, scaled
    from bench.training.shared.batch import whole_batch
    from bench.training.two_pass import Shifted, rehearsed

_HOME = {
    "bench.attacks.searches.ascent": (
        "Ascent",
        "clean_logits",
        "recalled",
    ),
    "bench.attacks.spec": (
        "ATTACKS",
        "AttackSpec",
        "parse_attack",
    ),
    "bench.commands.robustbench": ("benchmark",),
    "bench.core.errors": ("BadInput",),
    "bench.core.labels": (
        "Share",
        "random_class",
        "smooth",
    ),
    "bench.core.losses": (
        "cross_entropy",
        "kl",
        "margin",
    ),
    "bench.core.options": (
        "Options",
        "option",
    ),
    "bench.core.threats.l1": ("L1",),
    "bench.core.threats.l2": ("L2",),
    "bench.core.threats.linf": ("Linf",),
    "bench.core.threats.threat": ("Threat",),
    "bench.corruptions.apply": ("corrupted",),
    "bench.corruptions.corruption": (
        "CORRUPTIONS",
        "Corruption",
    ),
    "bench.data.dataset": ("DATASETS",),
    "bench.data.images": ("Images",),
    "bench.data.lookup": ("dataset",),
    "bench.evaluation.conditions.attack": ("Attacked",),
    "bench.evaluation.conditions.base": (
        "CONDITIONS",
        "Condition",
    ),
    "bench.evaluation.conditions.clean": ("Clean",),
    "bench.evaluation.evaluator": ("outcomes",),
    "bench.evaluation.external.load": ("load_model",),
    "bench.evaluation.outcome": ("is_correct",),
    "bench.evaluation.transfer": ("transferred",),
    "bench.models.bn_tuning": (
        "blended",
        "tuned",
    ),
    "bench.models.build": ("MODELS",),
    "bench.models.freeze": ("frozen",),
    "bench.models.networks": ("add_network",),
    "bench.models.split_batchnorm": (
        "add_branches",
        "add_masks",
        "branch",
        "plain",
    ),
    "bench.training.adversary": (
        "Adversary",
        "Targeted",
        "Untargeted",
    ),
    "bench.training.augmix_ops": ("augmented",),
    "bench.training.epoch_share": ("epoch_share",),
    "bench.training.mixing": (
        "Per",
        "beta",
        "box",
        "lerp",
        "shuffled",
    ),
    "bench.training.recipe": (
        "RECIPES",
        "Recipe",
        "scaled",
    ),
    "bench.training.shared.batch": ("whole_batch",),
    "bench.training.two_pass": (
        "Shifted",
        "rehearsed",
    ),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "ATTACKS", "CONDITIONS", "CORRUPTIONS", "DATASETS", "L1", "L2", "MODELS", "RECIPES", "Adversary", "Ascent",
    "AttackSpec", "Attacked", "BadInput", "Clean", "Condition", "Corruption", "Images", "Linf", "Options",
    "Per", "Recipe", "Share", "Shifted", "Targeted", "Threat", "Untargeted", "add_branches", "add_masks", "add_network",
    "augmented", "benchmark", "beta", "blended", "box", "branch", "clean_logits", "corrupted", "cross_entropy",
    "dataset", "epoch_share", "frozen", "is_correct", "kl", "lerp", "load_model", "load_results", "margin", "option",
    "outcomes", "parse_attack", "plain", "random_class", "recalled", "rehearsed", "scaled", "shuffled", "smooth",
    "transferred", "tuned", "whole_batch",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "load_results":
        return import_module("bench.results.load").load
    if name not in _MODULE:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(import_module(_MODULE[name]), name)
