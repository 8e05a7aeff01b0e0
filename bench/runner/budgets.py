"""What a budget stands for: how many images, which plan for a recipe, and the words that tables have for it."""

from collections.abc import Sequence
from dataclasses import replace

from bench.core.errors import BadInput
from bench.core.overrides import override, split_setting
from bench.core.plan import LONG, Budget, Plan
from bench.data.dataset import Dataset
from bench.report.studies.papers.plans import plan_of_paper
from bench.runner.request import Request, deviations

PAPER, LAPTOP = "paper", "laptop"
LAST = ("last",)
CYCLE = Budget(  # of --budget laptop: all training images, and the first thousand test images
    Plan(epochs=10, batch_size=128, lr=0.2, weight_decay=5e-4, schedule="one-cycle"),
    test=1000,
    model="resnet8-s48",
    precision="auto",
    judged=LAST,
)
SMALL_IMAGE = 16  # pixels a side, below which images are too small for that net


def budget_name(request: Request, cuda: bool) -> str:
    """The budget asked for, or what is usual on a processor or a GPU."""
    return request.budget or ("standard" if cuda else "quick")


def budget_of(name: str, data: Dataset) -> Budget:
    """By name; that of papers is for all images, and its plans are those of the recipes."""
    if name == LAPTOP:
        return laptop(data)
    return {"quick": replace(data.quick, judged=LAST), "standard": data.standard, PAPER: Budget(data.standard.plan)}[
        name
    ]


def laptop(data: Dataset) -> Budget:
    """What a processor of two cores trains in an hour or two a recipe: all images, and as many epochs for each recipe.

    The learning rate goes through one cycle, and its peak is to that of other data sets as it is at the quick budget.
    The net is one that processors compute fast, where the data set's own is as small; other sets keep theirs. Very
    small images, such as the digits, train as long as at the standard budget.
    """
    if min(data.shape[1:]) < SMALL_IMAGE:
        return replace(CYCLE, plan=replace(data.standard.plan, schedule=CYCLE.plan.schedule), model=None)
    lr = CYCLE.plan.lr / (Plan.lr / data.quick.plan.lr)
    return replace(CYCLE, plan=replace(CYCLE.plan, lr=lr), model=CYCLE.model if data.model == "resnet8" else None)


def model_of(request: Request, budget: Budget, data: Dataset, cuda: bool) -> str:
    """The network asked for, or the budget's, or the data set's own for a processor or a GPU."""
    return request.model or budget.model or (data.model_cuda if cuda else data.model)


def plan_of(request: Request, budget: str, data: Dataset, recipe: str) -> Plan:
    """The budget's plan for a recipe with the user's length and `plan.*` settings."""
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
    """BadInput where a setting is of a field that the plan, as the other settings leave it, does not look at."""
    fields = [split_setting(setting)[0] for setting in settings]
    if "plan.momentum" in fields and plan.optimiser == "adam":
        raise BadInput(f"--set plan.momentum: {recipe} trains with Adam, which has none of that kind; leave it out")
    if "plan.milestones" in fields and plan.schedule != "steps":
        raise BadInput(
            f"--set plan.milestones: {recipe} trains by schedule={plan.schedule}, which has none; leave them out"
        )


def in_words(request: Request, budget: str, plan: Plan, images: int, watched: str, recipes: bool) -> str:
    """What tables group trainings by.

    watched: the words of `holdout.Split`. recipes: whether the settings of recipes are for this one.
    """
    sizes = f"{budget}, {plan.length_in_words}, {images} training images{watched}"
    return ", ".join([sizes, *deviations(request, recipes)])
