"""The contract, and further properties, for every registered recipe; a new one needs no line here."""

import ast
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

import methods  # noqa: F401
from bench import DATASETS, RECIPES, Ascent, Linf, Recipe, branch, frozen
from bench.core.passes import count_passes
from bench.core.rng import fixed_seed
from bench.core.threats.lengths import REFERENCE_EPS
from bench.models.batch_norm.folding import find_folded, keep_folded
from bench.models.batch_norm.switches import Switch
from bench.models.build import build
from bench.training.contract.checks import CHECKS, title_of
from bench.training.contract.model import state
from bench.training.contract.probe import batch, tiny
from bench.training.recipe import scaled
from methods.augmix import AugMix
from methods.awp import Awp
from methods.cutmix import CutMix
from methods.grad_align import GradAlign
from methods.mixup import Iat, Mixup

SETTINGS = [("digits", "cnn"), ("cifar10", "resnet8")]
METHODS = sorted((Path(__file__).parents[2] / "methods").glob("*.py"))


@pytest.fixture(params=RECIPES)
def name(request) -> str:
    return request.param


@pytest.fixture
def recipe(name) -> Recipe:
    return RECIPES[name]


class Recorder(nn.Module):
    """Remembers the images that a recipe shows the model to learn from."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.seen: list[Tensor] = []
        self.choices: list[object] = []  # where its switches stood then

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen.append(x.detach().clone())
            self.choices.append(next((s.choice for s in switches(self.model)), None))
        return self.model(x)


def switches(model: nn.Module) -> list[Switch]:
    return [m for m in model.modules() if isinstance(m, Switch)]


def started(recipe: Recipe) -> tuple[Recorder, Tensor, Tensor]:
    """A recipe's model in training, images and labels."""
    return Recorder(recipe.prepare(tiny())).train(), *batch()


def loss_of(recipe: Recipe, model: nn.Module, x: Tensor, q: Tensor) -> Tensor:
    with fixed_seed("loss"):
        return recipe.loss(model, x, q)


def ascents(value: object) -> Iterator[Ascent]:
    """Every inner maximisation inside a recipe."""
    if isinstance(value, Ascent):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from ascents(getattr(value, field.name))


def stats(recipe: Recipe) -> str:
    """What batch norm normalises by while this recipe attacks."""
    recipe = getattr(recipe, "base", recipe)
    if isinstance(recipe, GradAlign):
        return "batch"  # its step follows the gradient of a pass that it learns from
    return getattr(getattr(recipe, "adversary", None), "stats", "running")


def statistics(model: nn.Module) -> list[Tensor]:
    return [t.clone() for m in model.modules() if isinstance(m, _BatchNorm) for t in (m.running_mean, m.running_var)]


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(torch.equal(left, right) for left, right in zip(a, b, strict=True))


# values


def test_no_two_recipes_are_the_same(recipe):
    assert [other for other in RECIPES.values() if other == recipe] == [recipe]


@pytest.mark.parametrize("path", METHODS, ids=lambda path: path.stem)
def test_a_method_is_short_enough_to_be_read_beside_its_paper(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 80
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.body[0].lineno < 20, node.name


@pytest.mark.parametrize("path", METHODS, ids=lambda path: path.stem)
def test_a_method_opens_with_where_it_is_from(path):
    assert path.read_text(encoding="utf-8").startswith('"""')


# the contract, as plug-ins meet it in `bench check`


@pytest.mark.parametrize("check", CHECKS, ids=title_of)
def test_the_contract(check, recipe):
    check(recipe)


# one loss


@pytest.mark.parametrize("kind", ["running", "batch", "moving"])
def test_frozen_is_undone_even_after_an_exception(kind):
    model = nn.Sequential(tiny(), nn.BatchNorm1d(10, momentum=None), nn.BatchNorm1d(10, momentum=0.3)).train()
    model[1].eval()
    model[0][0].weight.requires_grad_(False)
    before = state(model)
    with frozen(model, kind) as attacked:
        assert not any(p.requires_grad for p in attacked.parameters())
        norms = [m for m in attacked.modules() if isinstance(m, _BatchNorm)]
        assert all(m.training == (kind != "running") for m in norms)
        assert not any(m.training for m in attacked.modules() if m not in norms)
    assert state(model) == before
    with pytest.raises(RuntimeError), frozen(model, kind):
        model(torch.zeros(1))
    assert state(model) == before


MIXED = (Mixup, CutMix, AugMix, Iat)  # and Tlat with alpha: what they show lies between two images


def test_it_shows_images_that_are_in_the_ball(recipe):
    model, x, q = started(recipe)
    loss_of(recipe, model, x, q)
    assert all(len(seen) % len(x) == 0 for seen in model.seen)
    if isinstance(recipe, MIXED) or getattr(recipe, "alpha", 0):
        return
    base = getattr(recipe, "base", recipe)
    beyond = max(1, getattr(base, "gamma", 1), getattr(base, "reach", 1))  # of AVmixup, of HAT
    reach = max([a.threat.eps for a in ascents(recipe)], default=0) * beyond
    reach += getattr(recipe, "noise", Linf(0.0)).eps  # N-FGSM adds noise before its step
    farthest = max(float((seen - x).abs().max()) for seen in model.seen)
    assert farthest <= reach + 1e-6
    assert farthest >= reach / 4


def test_running_statistics_come_from_what_it_learns_from(recipe):
    """Unless its attack moves them too, as in some papers' code: then every step counts."""
    model, x, q = started(recipe)
    replayed = deepcopy(model.model)
    loss_of(recipe, model, x, q)
    if isinstance(recipe, Awp):  # they come from weights that have been moved
        (norm,) = [m for m in model.modules() if isinstance(m, _BatchNorm)]
        assert norm.num_batches_tracked == len(model.seen) // 2
        return
    for seen, choice in zip(model.seen, model.choices, strict=True):
        with branch(replayed, choice):
            replayed(seen)
    assert same(statistics(model), statistics(replayed)) == (stats(recipe) != "moving")
    if stats(recipe) == "moving":
        (ascent,) = ascents(recipe)
        (norm,) = [m for m in model.modules() if isinstance(m, _BatchNorm)]
        assert norm.num_batches_tracked == ascent.steps + len(model.seen)


@pytest.mark.parametrize(("kind", "moves"), [("running", False), ("batch", False), ("moving", True)])
def test_only_moving_statistics_move_during_an_attack(kind, moves):
    model, (x, _) = tiny().train(), batch()
    before = statistics(model)
    with frozen(model, kind) as attacked:
        logits = attacked(x)
    assert same(statistics(model), before) != moves
    reference = deepcopy(model).eval() if kind == "running" else tiny().train()
    assert torch.equal(logits, reference(x)), "running: its own statistics; otherwise those of the batch"


# the registered models and data sets


@pytest.fixture(params=SETTINGS, ids=lambda setting: setting[0])
def setting(request, recipe) -> tuple[Recipe, nn.Module, Tensor, Tensor]:
    """A recipe at a data set's scale, a model as training has it, a batch; in double precision."""
    data = DATASETS[request.param[0]]
    with fixed_seed("build"):
        model = build(request.param[1], data)
        for norm in (m for m in model.modules() if isinstance(m, _BatchNorm)):  # as if trained
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.5, 1.5)
    x, q = batch(data.shape, 2)
    return scaled(recipe, data.threat.eps / REFERENCE_EPS), model.double().train(), x.double(), q.double()


@pytest.mark.slow
def test_one_step_with_and_without_the_folded_copy(setting):
    """An attack through running statistics meets the folded copy, which changes its speed and not the loss."""
    recipe, model, x, q = setting
    model = recipe.prepare(model)
    plain = deepcopy(model)
    losses = [loss_of(recipe, plain, x, q)]
    with ExitStack() as stack:
        stack.enter_context(keep_folded(model, x))
        assert (find_folded(model) is model) == bool(switches(model))
        attacked = stack.enter_context(count_passes(find_folded(model)))
        losses.append(loss_of(recipe, model, x, q))
    assert losses[1].item() == pytest.approx(losses[0].item(), abs=1e-4)
    steps = sum(a.steps for a in ascents(recipe)) if stats(recipe) == "running" else 0
    assert steps * len(getattr(recipe, "strengths", "1")) * len(x) == attacked.backwards
