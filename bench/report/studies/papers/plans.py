"""The training plans of `--budget paper`, by names of recipes.

They are those of the papers, or of their authors' code where the papers say nothing. Crops and flips are those of the
data set unless a paper has others. The plans of methods that are of none of the five papers (MART, FGSM-RS, FAT, HAT,
AugMix, ...) are those of their authors' code for CIFAR-10, but for Nesterov's momentum. Recipes of no paper here train
as Madry et al. 2018 (arXiv:1706.06083) did, and a recipe with a suffix, such as AVmixup+AWP, as the recipe before it,
so that the two differ in nothing but what the suffix adds. PGD-AT+AWP and TRADES-k+AWP have the plan of AWP's code.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from bench.core.errors import BadInput
from bench.core.parsing import format_count
from bench.core.plan import LONG, Plan
from bench.report.labels import STANDARD_RECIPE

# by paper, the recipe whose plan its standard training has
STANDARD = {"m2at": "M2AT", "avmixup": "AVmixup", "bat": "R-MC-LA", "robmask": "RobMask", "mtlat": "M-TLAT"}


@dataclass(frozen=True)
class PaperPlan:
    """A paper's plan for its recipes."""

    paper: str
    recipes: str  # regular expression of names
    plan: Plan
    on: Mapping[str, Plan] = field(default_factory=dict)  # by data set, if it differs there
    long: Plan | None = None  # gives length and milestones of a second, longer training
    reports: Literal["last", "best"] = "last"  # the epoch that the paper reports; both are evaluated here


BASE = Plan(epochs=200, weight_decay=2e-4)
MADRY = replace(BASE, epochs=205)  # about 80,000 steps on 50,000 images, for data sets that are in none of the papers
AS_MADRY = {
    "cifar10": replace(MADRY, steps=80_000, pad=2),
    "cifar100": replace(MADRY, steps=80_000, pad=2),
    "svhn": replace(MADRY, epochs=140, steps=80_000, lr=0.01),
    "tiny-imagenet": replace(MADRY, epochs=64, steps=50_000),
}
# "200 epochs (80,000 iterations)" are printed, and 200 epochs of full batches are 78,000
AS_M2AT = dict.fromkeys(("cifar10", "cifar100"), replace(BASE, steps=80_000))
# config.py of its authors: 80,000 updates, eight by each of these batches
FREE = replace(MADRY, epochs=26)
FREE_ON = dict.fromkeys(("cifar10", "cifar100"), replace(FREE, steps=10_000, pad=2))
BAT = replace(BASE, epochs=100, milestones=(0.6, 0.9))
ROBMASK = Plan(epochs=100, schedule="cosine")
ON_IMAGENET = {"imagenet": replace(ROBMASK, epochs=105)}  # the cosine and the weight decay are printed for all models
TRADES = replace(BASE, epochs=76, milestones=(74 / 76,))  # from the 75th epoch on
# train_wideresnet.py of its authors, whose weight of the second term is the recipe's, 6; in its version of 99b19ea,
# as the first one, 8f429e4, had 76 epochs and a weight decay of 2e-4
MART = replace(BASE, epochs=90, weight_decay=7e-4, milestones=(74 / 90, 89 / 90))
# AT_AWP/train_cifar10.py and trades_AWP/train_trades_cifar.py of its authors, who begin AWP in the 10th epoch of TRADES
AWP = Plan(200)
FAST = Plan(15, lr=0.2, schedule="one-cycle", warm_up=0.5, warm_up_from=0.0)  # train_fgsm.py of its authors
# train.py of its authors, 15 epochs on SVHN as in the paper; there they raise the radius over the first 5, we do not
N_FGSM = replace(FAST, epochs=30)
N_FGSM_ON = {"svhn": replace(FAST, lr=0.05, warm_up=0.4)}
# sh/exps_diff_eps_cifar10.sh and exps_diff_eps_svhn.sh of its authors, whose weight on SVHN is 2.5 and not 0.2
GRAD_ALIGN = replace(FAST, epochs=30, lr=0.3, warm_up=0.4)
GRAD_ALIGN_ON = {"svhn": replace(GRAD_ALIGN, epochs=15, lr=0.05)}
CUTMIX = Plan(300, 64, lr=0.25, weight_decay=1e-4)
# FAT.py of its authors, but that lr is not halved for the last 11 epochs
FAT = replace(BASE, epochs=120, milestones=(59 / 120, 89 / 120))
# core/utils/parser.py and train.py of its authors, and their README
HAT = Plan(50, lr=0.21, schedule="one-cycle", warm_up=0.25, anneal="cosine")
# train_lbgat_cifar100.py of its authors, but that lr is not a fifth in the first epoch
LBGAT = replace(BASE, epochs=100, milestones=(0.75, 0.9))
# train_dkl_cifar10.py of its authors and sh/train_dkl_cifar10.sh; they average weights as well, which is plan.ema
IKL = Plan(200, lr=0.2, schedule="cosine")
MTLAT = Plan(90, 256, "adam", lr=0.002, weight_decay=1e-4, milestones=(30 / 90, 60 / 90, 80 / 90), pad=0, flip=False)
SCATTER = replace(BASE, batch_size=60, milestones=(0.3, 0.45))  # on SVHN the lr that AVmixup's paper names
ONE_STEP = r"(R-)?(FGSM|LL|MC|RAND|MOSA)(-LS|-LA)?"

PLANS = (  # the first whose pattern a name matches
    PaperPlan("M2AT", r"M2AT(\.[a-z-]+)?|PGD-AT-LS|PGD-AT\.m2at", BASE, AS_M2AT, reports="best"),
    PaperPlan("AVmixup", r"AVmixup|PGD-AT\.avmixup|PGD-AT-LS0\.[89](\.avmixup)?", MADRY, AS_MADRY),
    PaperPlan(
        "AVmixup, inside the code of TRADES",
        r"AVmixup\.trades",
        MADRY,
        {"cifar10": replace(MADRY, steps=80_000)},
    ),
    PaperPlan(
        "BAT",
        rf"{ONE_STEP}|R-MC-LA(9|\.\w+)|PGD-AT\.(7x2|2x8|7x2-LA)",
        BAT,
        {"svhn": replace(BAT, lr=0.01)},
        long=BASE,
    ),
    PaperPlan("Feature Scatter", r"FS(-AVmixup(\.[\w.-]+)?)?", SCATTER, {"svhn": replace(SCATTER, lr=0.01)}),
    PaperPlan("TRADES", r"TRADES-[\d.]+", TRADES),
    PaperPlan("MART", r"MART", MART),
    PaperPlan("AWP", r"(PGD-AT|TRADES-[\d.]+)\+AWP", AWP),
    PaperPlan("FGSM-RS", r"FGSM-RS", FAST),
    PaperPlan("Free-AT", r"Free-AT", FREE, FREE_ON),
    PaperPlan("N-FGSM", r"N-FGSM", N_FGSM, N_FGSM_ON),
    PaperPlan("FAT", r"FAT", FAT),
    PaperPlan("HAT", r"HAT", HAT),
    PaperPlan("IKL", r"IKL-AT", IKL),
    PaperPlan("LBGAT", r"LBGAT-[\d.]+", LBGAT),
    PaperPlan("GradAlign", r"GradAlign", GRAD_ALIGN, GRAD_ALIGN_ON),
    PaperPlan("AugMix", r"AugMix", Plan(100, schedule="cosine")),
    PaperPlan("CutMix", r"CutMix", CUTMIX),
    PaperPlan("Mixup", r"Mixup\.1", replace(BASE, weight_decay=1e-4)),
    PaperPlan("IAT", r"IAT\.pgd", BASE),
    PaperPlan("RobMask, batch norms alone", r"BN-(adv|std)", replace(ROBMASK, epochs=20)),
    PaperPlan("RobMask", r"RobMask(-10)?|AdvProp(\.\w+)?|PGD-AT\.robmask", ROBMASK, ON_IMAGENET),
    PaperPlan("M-TLAT", r"(M-)?TLAT|T?FGSM-AT|LS-adv(\.sum1)?|Mixup|IAT", MTLAT),
    PaperPlan("Madry et al.", r".*", MADRY, AS_MADRY),
)


def plan_of_recipe(recipe: str) -> PaperPlan:
    """The paper's plan of a recipe; AVmixup+AWP, which no paper trains, has that of the recipe before the suffix."""
    *papers, others = PLANS
    names = (recipe, recipe.partition("+")[0])
    return next((plan for name in names for plan in papers if re.fullmatch(plan.recipes, name)), others)


def plan_of_paper(recipe: str, dataset: str, long: bool = False, paper: str = "") -> Plan:
    """The plan of a recipe on a data set. BadInput if a longer plan is asked for and there is none.

    paper: a key of STANDARD, for whose tables it is trained; it matters for Standard, which belongs to no paper and is
    trained by the plan of each paper.
    """
    source = plan_of_recipe(STANDARD[paper] if paper and recipe == STANDARD_RECIPE else recipe)
    plan = source.on.get(dataset, source.plan)
    if not long:
        return plan
    if source.long is None:
        raise BadInput(f"--set {LONG}: {recipe} trains as {source.paper}, where no plan is long; leave one of them out")
    return replace(plan, epochs=source.long.epochs, milestones=source.long.milestones)


def describe_paper_plan(recipe: str) -> list[str]:
    """Describe what `--budget paper` means for a recipe, in lines of text."""
    source = plan_of_recipe(recipe)
    plans = {"": source.plan, **{f"{name}: ": plan for name, plan in source.on.items()}}
    if source.long:
        plans[f"--set {LONG}: "] = plan_of_paper(recipe, "", long=True)
    head = f"--budget paper trains it as {source.paper}, where the {source.reports} epoch is printed:"
    return [head, *(f"  {where}{describe_plan(plan)}" for where, plan in plans.items())]


def describe_plan(plan: Plan) -> str:
    """Describe a plan in a sentence, without what is the default of a data set."""
    length = plan.steps or plan.epochs
    falls = ", ".join(f"{round(m * length, 1):g}" for m in plan.milestones)
    curve = "lines" if plan.anneal == "linear" else "half cosines"
    shapes = {
        "steps": f"a tenth after {falls}",
        "cosine": "along a cosine",
        "cosine-steps": "along a cosine by step",
        "one-cycle": f"one cycle along {curve}, by step",
    }
    cropped = "" if plan.pad is None else f", random crop from {plan.pad} pixels around" if plan.pad else ", no crop"
    flipped = "" if plan.flip is None else ", flips" if plan.flip else ", no flips"
    return (
        f"{plan.length_in_words}, batches of {plan.batch_size}, {plan.optimiser}, lr {plan.lr:g}, "
        f"{shapes[plan.schedule]}{warm_up(plan)}, weight decay {plan.weight_decay:g}{cropped}{flipped}"
    )


def warm_up(plan: Plan) -> str:
    """Text on the warm-up of the learning rate; empty if there is none."""
    if plan.warm_up_steps is not None:
        return f", warming up for {format_count(plan.warm_up_steps, 'step')}"
    return f", warming up for {round(plan.warm_up * (plan.steps or plan.epochs), 1):g}" if plan.warm_up else ""
