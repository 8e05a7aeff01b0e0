"""Resolve `--budget`: number of images, network, and each recipe's plan; and the text that tables show for it."""

from collections.abc import Sequence
from dataclasses import replace

from bench.core.errors import BadInput
from bench.core.overrides import override, split_setting
from bench.core.plan import LONG, Budget, Plan
from bench.data.dataset import Dataset
from bench.report.labels import EXTRA_DATA
from bench.report.studies.papers.plans import plan_of_paper
from bench.runner.request import Request, deviations

PAPER, LAPTOP = "paper", "laptop"
LAST_EPOCH = ("last",)
LAPTOP_BUDGET = Budget(  # all training images, and the first thousand test images
    Plan(epochs=10, batch_size=128, lr=0.2, weight_decay=5e-4, schedule="one-cycle"),
    test=1000,
    model="resnet8-s48",
    evaluated_epochs=LAST_EPOCH,
)
SMALL_IMAGE = 16  # pixels a side; smaller images are too small for resnet8-s48


def budget_name(request: Request, cuda: bool) -> str:
    """The name of the budget: the one of --budget, else `standard` on a GPU and `quick` on a CPU."""
    return request.budget or ("standard" if cuda else "quick")


def budget_of(name: str, data: Dataset) -> Budget:
    """The budget with this name on a data set.

    `paper` takes all images and evaluates both epochs. Its plans are those of the papers, from `plan_of`, and not the
    one that is in this value.
    """
    if name == LAPTOP:
        return laptop_budget(data)
    return {
        "quick": replace(data.quick, evaluated_epochs=LAST_EPOCH),
        "standard": data.standard,
        PAPER: Budget(data.standard.plan),
    }[name]


def laptop_budget(data: Dataset) -> Budget:
    """The budget that two CPU cores train in an hour or two for each recipe: all images, ten epochs for every recipe.

    The learning rate goes through one cycle. If the data set's quick budget scales the default learning rate by a
    factor, the cycle's peak is scaled by the same factor; the optimiser is that budget's too. Data sets whose network
    is resnet8 get resnet8-s48, which a CPU computes faster; others keep their own. Very small images, such as the
    digits, train as long as at the standard budget.
    """
    if min(data.shape[1:]) < SMALL_IMAGE:
        return replace(
            LAPTOP_BUDGET, plan=replace(data.standard.plan, schedule=LAPTOP_BUDGET.plan.schedule), model=None
        )
    lr = LAPTOP_BUDGET.plan.lr / (Plan.lr / data.quick.plan.lr)
    return replace(
        LAPTOP_BUDGET,
        plan=replace(LAPTOP_BUDGET.plan, lr=lr, optimiser=data.quick.plan.optimiser),
        model=LAPTOP_BUDGET.model if data.model == "resnet8" else None,
    )


def model_of(request: Request, budget: Budget, data: Dataset, cuda: bool) -> str:
    """The name of the network: the one of --model, else the budget's, else the data set's own for a CPU or a GPU."""
    return request.model or budget.model or (data.model_cuda if cuda else data.model)


def plan_of(request: Request, budget: str, data: Dataset, recipe: str) -> Plan:
    """The budget's plan for a recipe, changed by --epochs and by `--set plan.*`.

    Raises:
        BadInput: two options contradict each other, or a setting is of a field that this plan does not use.
    """
    long = LONG in request.settings
    if long and budget != PAPER:
        raise BadInput(f"--set {LONG} is for the plans of papers; give --budget {PAPER} too")
    plan = plan_of_paper(recipe, data.name, long, request.paper) if budget == PAPER else budget_of(budget, data).plan
    settings = {setting: split_setting(setting) for setting in request.settings}
    in_steps = [setting for setting, (path, text) in settings.items() if path == "plan.steps" and text != "none"]
    in_epochs = [setting for setting, (path, _) in settings.items() if path == "plan.epochs"]
    in_epochs = [f"--set {setting}" for setting in in_epochs] or [f"--epochs {request.epochs}"] * bool(request.epochs)
    if in_steps and in_epochs:
        raise BadInput(f"{in_epochs[0]} and --set {in_steps[0]} both give the length of a training; give one of them")
    if in_epochs:
        plan = replace(plan, epochs=request.epochs or plan.epochs, steps=None)
    for setting, (path, text) in settings.items():
        if path.startswith("plan."):
            plan = override(plan, path.removeprefix("plan."), text, setting)
    check_used(plan, request.settings, recipe)
    return plan


def check_used(plan: Plan, settings: Sequence[str], recipe: str) -> None:
    """BadInput if a setting is of a field that the plan does not use. plan: with all settings applied."""
    fields = [split_setting(setting)[0] for setting in settings]
    if "plan.momentum" in fields and plan.optimiser == "adam":
        raise BadInput(f"--set plan.momentum: {recipe} trains with Adam, which has none of that kind; leave it out")
    if "plan.milestones" in fields and plan.schedule != "steps":
        raise BadInput(
            f"--set plan.milestones: {recipe} trains by schedule={plan.schedule}, which has none; leave them out"
        )


def describe_budget(
    request: Request, budget: str, plan: Plan, images: int, watched: str, recipes: bool, extra: str = ""
) -> str:
    """The text by which tables group trainings, as `quick, 12 epochs, 5000 training images, plan.lr=0.05`.

    It is part of a job, and so of the name of a run folder: the same request must give the same text.

    Args:
        images: number of training images that the user or the budget names.
        watched: `Split.words`, which says where the best epoch is picked.
        recipes: whether the `recipe.*` settings apply to this training.
        extra: `describe_extra`; empty without extra images.
    """
    sizes = f"{budget}, {plan.length_in_words}, {images} training images{watched}"
    return ", ".join([sizes, *filter(None, [extra]), *deviations(request, recipes)])


def describe_extra(fingerprint: str, share: float) -> str:
    """Extra images in the text of the budget, such as `70 % extra data 0123abcd`."""
    return f"{100 * share:.4g} % {EXTRA_DATA} {fingerprint[:8]}"
