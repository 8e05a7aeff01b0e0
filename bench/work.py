"""From what a user asks for to the trainings and cells it stands for."""

import math
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import get_args

import torch

from bench import models
from bench.attacks import AttackSpec
from bench.audit import SIGNS
from bench.conditions import Attacked, Clean, Condition, Diagnosed, Group, Probed, Statistic, over, under
from bench.contract import VALUE
from bench.contract.model import views_of
from bench.corruptions import SEVERITIES
from bench.damage import damages
from bench.data import Dataset, Images, dataset
from bench.diagnostics import DIAGNOSTICS
from bench.errors import BadInput
from bench.job import Job
from bench.overrides import override
from bench.plan import Budget, Plan
from bench.plugins import blamed
from bench.recipe import RECIPES, Recipe, scaled
from bench.seeding import seeded
from bench.shards import Shard
from bench.suites import attacks_of
from bench.threat import L2, REFERENCE_EPS, Linf, Threat

NORMS: dict[str, type[Linf] | type[L2]] = {"Linf": Linf, "L2": L2}
HOLDOUT_SHARE, HOLDOUT_MOST = 10, 1000  # one training image in ten picks the best epoch, a thousand at most
FEWEST = 20  # training images: below that there is no hold-out to speak of


@dataclass(frozen=True)
class Request:
    """The options of `bench run` that determine numbers."""

    methods: tuple[str, ...] = ("Standard", "PGD-AT", "TRADES-6", "AVmixup", "M2AT")
    dataset: str = "digits"
    model: str | None = None
    budget: str | None = None
    epochs: int | None = None
    limit_train: int | None = None
    train_eps: float | None = None
    settings: tuple[str, ...] = ()
    attacks: tuple[str, ...] = ("FGSM", "PGD-20", "CW-20", "AutoAttack")
    diagnostics: tuple[str, ...] = ()
    corruptions: tuple[str, ...] = ()  # names, or sets of them
    severities: tuple[int, ...] = SEVERITIES
    audit: bool = False
    eps: tuple[float, ...] = ()
    sweep: tuple[float, ...] = ()
    norm: str | None = None
    seeds: tuple[int, ...] = (0,)
    limit: int | None = None
    precision: str = "fp32"
    transfer: bool = False  # judge each model on images crafted on each of the others too,
    source: tuple[str, ...] = ()  # and on those of these models from outside, by SPEC

    def check_cut(self, shard: Shard) -> None:
        """BadInput where a shard is to do what is not cut into any."""
        whole = {"--transfer": self.transfer, "--source": self.source, "--sweep": self.sweep}
        if shard.count > 1 and any(whole.values()):
            named = next(option for option, asked in whole.items() if asked)
            raise BadInput(f"--shard {shard} cuts attacks alone; run {named} without it")


@dataclass(frozen=True)
class Work:
    """Trainings, and what each finished model is judged under."""

    request: Request
    dataset: Dataset
    train: Images
    holdout: Images
    test: Images  # in test order, all of it, so that attacks see whole blocks
    n: int  # test images to judge
    jobs: tuple[Job, ...]
    epochs: tuple[str, ...]  # last | best
    conditions: tuple[Condition, ...]


def plan_work(request: Request, data_dir: Path, device: torch.device, fetch: bool = False) -> Work:
    """BadInput, before anything is trained or written, if any part of the request makes no sense.

    fetch: download the data set if it can be had so.
    """
    data = dataset(request.dataset, data_dir)
    model = request.model or (data.model_cuda if device.type == "cuda" else data.model)
    models.parts(model, data)
    recipes = recipes_of(request, data)
    conditions = conditions_of(request, data)
    budget_name = request.budget or ("standard" if device.type == "cuda" else "quick")
    budget = {"quick": data.quick, "standard": data.standard}[budget_name]
    plan = plan_of(request, budget.plan)
    if fetch and data.fetch:
        data.fetch(data_dir)

    images, (test, n) = training_images(request, data, budget, data_dir), test_images(request, data, budget, data_dir)
    held = min(HOLDOUT_MOST, len(images) // HOLDOUT_SHARE)
    length = f"{budget_name}, {plan.epochs} epochs, {len(images)} training images"
    budgets = [", ".join([length, *deviations(request, recipes=on)]) for on in (True, False)]
    job = partial(Job, dataset=data.name, data=images.fingerprint(), model=model, precision=request.precision)
    described = partial(job, plan=plan, budget=budgets[0])
    asked = [
        described(name=name, recipe=recipe, seed=seed) for name, recipe in recipes.items() for seed in request.seeds
    ]
    jobs = with_starts(asked, radius_factor(request, data), budgets[1])
    check_fit(jobs, model, data)
    return Work(
        request=request,
        dataset=data,
        train=images.first(len(images) - held),
        holdout=Images(images.x[len(images) - held :], images.y[len(images) - held :]),
        test=test.to(device),
        n=n,
        jobs=jobs,
        epochs=("last",) if budget_name == "quick" else ("last", "best"),
        conditions=(*conditions, *damages(request.corruptions, request.severities, data, test, data_dir)),
    )


def recipes_of(request: Request, data: Dataset) -> dict[str, Recipe]:
    """The recipes asked for, at this data set's radii, with the user's `recipe.*` settings on top."""
    factor = radius_factor(request, data)
    return {name: customised(name, request.settings, factor) for name in RECIPES.select(list(request.methods))}


def radius_factor(request: Request, data: Dataset) -> float:
    """What the registered recipes' radii are multiplied by."""
    if request.train_eps is not None and not 0 < request.train_eps <= 1:
        raise BadInput(f"--train-eps {request.train_eps:g} is not a radius: above 0, at most 1")
    return (request.train_eps or data.threat.eps) / REFERENCE_EPS


def with_starts(jobs: Sequence[Job], factor: float, budget: str) -> tuple[Job, ...]:
    """The jobs, and those whose finished models some of them train on, which are judged like any other.

    budget: of those, which no `recipe.*` setting is for. BadInput where a recipe is no value that runs can be named by,
    or starts nowhere.
    """
    found: dict[Job, None] = {}
    for job in jobs:
        with blamed(f"method {job.name}", job.recipe):
            for check in VALUE:
                check(job.recipe)
        if name := job.recipe.start():
            base = replace(job, name=name, recipe=scaled(RECIPES[name], factor), budget=budget)
            (*before, start) = with_starts([base], factor, budget)
            found |= dict.fromkeys([*before, start])
            job = replace(job, plan=job.plan.fine_tuning(), start=start)
        found[job] = None
    return tuple(found)


def check_fit(jobs: Sequence[Job], model: str, data: Dataset) -> None:
    """BadInput where a recipe cannot prepare this model, or make it a finished one."""
    with seeded("fit"):
        net = models.build(model, data)
        for name, recipe in dict.fromkeys((job.name, job.recipe) for job in jobs):
            with blamed(f"method {name} on model {model}", recipe):
                views_of(recipe, recipe.prepare(deepcopy(net)))


def conditions_of(request: Request, data: Dataset) -> tuple[Condition, ...]:
    """Clean, every attack at every radius, every statistic of the diagnostics, and what an audit asks."""
    attacks = attacks_of(request.attacks)
    for attack in attacks:
        attack.check_classes(data.num_classes)
    threats = threats_of(request, data)
    if request.sweep:
        attacked = [condition for a in attacks for condition in over(a, threats)]
    else:
        attacked = [condition for threat in threats for a in attacks for condition in under(a, threat)]
    groups = product(
        DIAGNOSTICS.select([*request.diagnostics]) if request.diagnostics else [], get_args(Statistic), get_args(Group)
    )
    probed = audited(attacked) if request.audit else ()
    return tuple(dict.fromkeys([Clean(), *attacked, *(Diagnosed(*which) for which in groups), *probed]))


def audited(conditions: Sequence[Condition]) -> Iterator[Probed]:
    """What `--audit` adds: every sign at every radius; examples are planted for each attack of several steps."""
    attacked = [c for c in conditions if isinstance(c, Attacked) and not c.attack.minimal]
    for threat in dict.fromkeys(condition.threat for condition in attacked):
        yield from (Probed(sign, threat) for sign in SIGNS if sign != "planted")
    yield from (
        Probed("planted", c.threat, c.attack) for c in attacked if not c.attack.last and several_steps(c.attack)
    )


def several_steps(attack: AttackSpec) -> bool:
    """Along a gradient: one is weak, and nobody takes it for more; Square is there to check on the others."""
    return attack.name != "Square" and (attack.block is not None or int(dict(attack.settings).get("steps", 1)) > 1)


def plan_of(request: Request, plan: Plan) -> Plan:
    """The budget's plan with the user's length and `plan.*` settings."""
    if request.epochs is not None:
        plan = replace(plan, epochs=request.epochs)
    for setting in request.settings:
        path, text = split_setting(setting)
        if path.startswith("plan."):
            plan = override(plan, path.removeprefix("plan."), text, setting)
    return plan


def training_images(request: Request, data: Dataset, budget: Budget, data_dir: Path) -> Images:
    """As many as were asked for, or the budget's number where there are so many."""
    there = data.size("train", data_dir)
    limit = request.limit_train or min(budget.train or there, there)
    if limit < FEWEST:
        raise BadInput(f"{limit} training images are too few: {FEWEST} or more are needed")
    return data.load("train", data_dir, limit)


def test_images(request: Request, data: Dataset, budget: Budget, data_dir: Path) -> tuple[Images, int]:
    """All test images, and how many of them to judge: as many as were asked for, or the budget's number."""
    test = data.load("test", data_dir)
    n = request.limit or min(budget.test or len(test), len(test))
    if n > len(test):
        raise BadInput(f"--limit {n} is more than the {len(test)} test images of {data.name}")
    return test, n


def threats_of(request: Request, data: Dataset) -> list[Threat]:
    """The balls to attack in: the data set's own, one for each --eps, or those of --sweep, from the smallest."""
    norm, option = request.norm or type(data.threat).__name__, "--sweep" if request.sweep else "--eps"
    radii = radii_of_sweep(request) or [*request.eps]
    if request.norm is not None and NORMS[norm] is not type(data.threat) and not radii:
        raise BadInput(f"--norm {norm} needs --eps, as {data.name} has a default for {type(data.threat).__name__} only")
    for eps in radii:
        limit = 1.0 if norm == "Linf" else math.sqrt(math.prod(data.shape))
        if not 0 < eps <= limit:
            raise BadInput(f"{option} {eps:g} is not a {norm} radius on {data.name}: above 0, at most {limit:g}")
    return [NORMS[norm](eps) for eps in radii] or [data.threat]


def radii_of_sweep(request: Request) -> list[float]:
    """Those to attack at; 0, the clean image, is judged anyway."""
    radii = sorted(set(request.sweep))
    if radii and request.eps:
        raise BadInput("--eps and --sweep both name radii to evaluate at; give one of them")
    if radii and (request.transfer or request.source):
        named = "--transfer" if request.transfer else "--source"
        raise BadInput(
            f"{named} hands over images of one radius: give it a run with --eps, beside the one with --sweep"
        )
    if radii and request.audit:
        raise BadInput("--audit asks at radii of their own: give it a run with --eps, beside the one with --sweep")
    if 0 < len(radii) < 3:
        raise BadInput(f"--sweep names {len(radii)} different radii, and a curve needs 3; --eps takes any number")
    return [eps for eps in radii if eps]


def customised(name: str, settings: Sequence[str], factor: float) -> Recipe:
    """A registered recipe at this data set's radii, with the user's `recipe.*` settings on top."""
    recipe = scaled(RECIPES[name], factor)
    for setting in settings:
        path, text = split_setting(setting)
        if path.startswith("recipe."):
            recipe = override(recipe, path.removeprefix("recipe."), text, f"{setting} for {name}")
    return recipe


def split_setting(setting: str) -> tuple[str, str]:
    path, equals, text = setting.partition("=")
    if not equals or not path.startswith(("plan.", "recipe.")):
        raise BadInput(f"--set {setting}: the form is plan.FIELD=VALUE or recipe.FIELD=VALUE")
    return path, text


def deviations(request: Request, recipes: bool) -> list[str]:
    """What a table must say about a training beside its budget, its length and its images.

    recipes: whether the settings of recipes are for this training.
    """
    radii = [f"train-eps={request.train_eps:g}"] if request.train_eps else []
    searched = [request.precision] if request.precision != "fp32" else []
    return [*radii, *searched, *(s for s in request.settings if recipes or not s.startswith("recipe."))]
