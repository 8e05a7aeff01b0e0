"""Each check of the contract finds the recipe that breaks it, and its message says how."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from bench import Ascent, Linf, Recipe, add_branches, branch, cross_entropy, frozen, plain
from bench.core.errors import BadInput
from bench.core.threats.lengths import Pixels
from bench.training.contract import images, loss, model
from bench.training.contract import value as identity
from bench.training.contract.checks import CHECKS, Check, examine
from bench.training.contract.probe import Broken
from bench.training.recipe import RECIPES, list_starts


@dataclass(frozen=True)
class Sound(Recipe):
    """A recipe that fulfils the contract."""

    def loss(self, model, x, q):
        return cross_entropy(model(x), q).mean()


def a(loss: Callable, **hooks: Callable) -> Recipe:
    """A recipe with this loss and these hooks."""
    return dataclass(frozen=True)(type("A", (Recipe,), {"loss": loss, **hooks}))()


def after(deed: Callable) -> Recipe:
    """A recipe that does something to the model, x or q before its loss."""

    def loss(self, model, x, q):
        value = cross_entropy(model(x), q).mean()
        deed(model, x, q)
        return value

    return a(loss)


# values


class Bare(Sound):
    """A recipe that is not declared as a dataclass."""


@dataclass(frozen=True)
class Secretive(Sound):
    def __post_init__(self):
        object.__setattr__(self, "gamma", 2.0)


@dataclass(frozen=True)
class With(Sound):
    setting: object = None


@dataclass(frozen=True)
class Unlike(Sound):
    setting: With = field(default=With(), compare=False)

    def __repr__(self):
        return f"Unlike({id(self)})"


# attacks


def by_hand(eps: float) -> Callable:
    """FGSM, written out."""

    def loss(self, model, x, q):
        radius = getattr(self, "eps", eps)
        with frozen(model) as attacked:
            z = x.clone().requires_grad_()
            (grad,) = torch.autograd.grad(cross_entropy(attacked(z), q).sum(), z)
        return cross_entropy(model((x + radius * grad.sign()).clamp(0, 1)), q).mean()

    return loss


@dataclass(frozen=True)
class Unscaled(Recipe):
    eps: float = 8 / 255
    loss = by_hand(0.0)


@dataclass(frozen=True)
class Scaled(Recipe):
    eps: Pixels = 8 / 255
    loss = by_hand(0.0)


@dataclass(frozen=True)
class Careless(Recipe):
    """A recipe that attacks in training mode and leaves the ball."""

    ascent: Ascent = Ascent(Linf(8 / 255), 2, 8 / 255)

    def loss(self, model, x, q):
        x_adv = self.ascent.maximise(lambda z: F.cross_entropy(model(z), q, reduction="none"), x)
        return F.cross_entropy(model(x_adv + 0.1), q)


def leave_gradients(model, x, q):
    cross_entropy(model(x), q).mean().backward()


def norm_of(model: nn.Module) -> _BatchNorm:
    return next(m for m in model.modules() if isinstance(m, _BatchNorm))


def move(model, x, q):
    with torch.no_grad():
        model[-1].weight.mul_(2)


BROKEN: list[tuple[Check, object, str]] = [
    (identity.it_is_a_frozen_value, Sound, r"saw the class Sound; register a value of it, Sound\(\)"),
    (identity.it_is_a_frozen_value, 5, "saw 5; a method is a subclass"),
    (identity.it_is_a_frozen_value, Bare(), r"no @dataclass\(frozen=True\) above class Bare"),
    (identity.it_is_a_frozen_value, Secretive(), "'gamma', which is no field"),
    (identity.its_settings_survive_copies, With([1, 2]), "saw unhashable type: 'list'"),
    (identity.its_settings_survive_copies, With(lambda z: z), "pickle"),
    (identity.its_settings_survive_copies, With(object()), "another value after deepcopy"),
    (identity.its_repr_is_stable, With(object()), "saw an address"),
    (identity.its_repr_is_stable, With(frozenset("ab")), "saw a set"),
    (identity.its_repr_is_stable, Unlike(), r"saw Unlike\(\d+\) and, of a copy, Unlike"),
    (loss.the_loss_is_one_finite_number, a(lambda s, m, x, q: cross_entropy(m(x), q)), r"saw shape \(8,\)"),
    (loss.the_loss_is_one_finite_number, a(lambda s, m, x, q: F.cross_entropy(m(x), q).item()), "saw a float"),
    (loss.the_loss_is_one_finite_number, a(lambda s, m, x, q: m(x).sum() * torch.nan), "saw a loss of nan"),
    (loss.the_loss_is_one_finite_number, a(lambda s, m, x, q: m(x).sum().detach()), "no gradient flows"),
    (identity.it_starts_somewhere, a(Sound.loss, start=lambda s: "Nowhere"), "saw no method named 'Nowhere'"),
    (loss.batches_may_be_of_any_size, a(lambda s, m, x, q: m(x).sum() / (len(x) != 128)), "no finite loss of 128"),
    (loss.every_weight_learns, a(lambda s, m, x, q: F.cross_entropy(m[-1](m[:-1](x).detach()), q)), "at 0.weight"),
    (loss.every_weight_learns, a(lambda s, m, x, q: 0 * m(x).sum()), "no gradient at 0.weight"),
    (loss.every_weight_learns, a(lambda s, m, x, q: (m(x).sum() * 0).sqrt()), "not finite at"),
    (
        loss.every_weight_learns,
        a(lambda s, m, x, q: m(x).sum().requires_grad_(), prepare=lambda s, m: m.requires_grad_(False)),
        "no gradient at any weight",
    ),
    (loss.no_gradient_is_left_behind, after(leave_gradients), "saw a gradient at 0.weight before"),
    (loss.no_gradient_is_left_behind, after(lambda m, x, q: x.requires_grad_()), "saw the batch x require a gradient"),
    (loss.same_seed_same_loss, a(lambda s, m, x, q: random.random() * m(x).sum()), "saw losses .* with one seed"),
    (
        loss.same_seed_same_loss,
        after(lambda m, x, q: m(torch.from_numpy(np.random.rand(*x.shape)).float())),
        "saw 1.running_mean differ",
    ),
    (loss.two_classes_are_enough, a(lambda s, m, x, q: m(x).mean() / (q.shape[1] - 2)), "with two classes"),
    (images.images_and_labels_stay, after(lambda m, x, q: x.mul_(0.5)), "numbers of the batch's x changed"),
    (images.images_and_labels_stay, after(lambda m, x, q: q.mul_(0.5)), "saw 8 numbers of the batch's q changed"),
    (images.training_images_are_in_range, Careless(), r"saw it train on pixels in \[.*, 1\.\d+\]"),
    (images.training_images_are_in_range, a(lambda s, m, x, q: m(x - 0.1).sum()), r"pixels in \[-0\.100, 0\.900\]"),
    (images.training_images_are_in_range, a(lambda s, m, x, q: m(x * torch.nan).sum()), r"pixels in \[nan"),
    (images.training_images_are_in_range, a(lambda s, m, x, q: m.forward(x).sum()), "saw no image shown"),
    (images.its_radii_scale, a(by_hand(8 / 255)), "by up to 0.0000, and by 0.0000 with all radii halved"),
    (images.its_radii_scale, Unscaled(), "annotate the fields"),
    (model.the_model_goes_on_training, after(lambda m, x, q: m.eval()), "train mode of 0 go from True to False"),
    (
        model.the_model_goes_on_training,
        after(lambda m, x, q: m[0].requires_grad_(False)),
        "saw requires_grad of 0.weig",
    ),
    (
        model.the_model_goes_on_training,
        after(lambda m, x, q: setattr(norm_of(m), "momentum", 0.0)),
        "momentum of 1 go from 0.1 to 0.0",
    ),
    (model.the_model_goes_on_training, after(move), "saw the weight 5.weight changed"),
    (
        model.the_model_goes_on_training,
        a(
            lambda s, m, x, q: setattr(m[1], "choice", "b") or m(x).sum(),
            prepare=lambda s, m: add_branches(m, "b"),
        ),
        "the choice of 1 go from main to b",
    ),
    (model.the_cost_is_counted, a(lambda s, m, x, q: m.forward(x).sum()), "saw 0 images go forward and 0"),
    (model.finished_models_are_plain, a(Sound.loss, finish=lambda s, m: {"adv": m}), "saw the views adv"),
    (model.finished_models_are_plain, a(Sound.loss, finish=lambda s, m: m), "saw a Sequential"),
    (model.finished_models_are_plain, a(Sound.loss, finish=lambda s, m: {"main": None}), "saw a NoneType as the view"),
    (
        model.finished_models_are_plain,
        a(Sound.loss, prepare=lambda s, m: add_branches(m)),
        "saw ModuleDict, SplitBatchNorm in the view",
    ),
    (
        model.finished_models_are_plain,
        a(Sound.loss, prepare=lambda s, m: m.register_buffer("scale", torch.ones(1)) or m),
        "saw other weights in the view 'main'",
    ),
    (model.one_step_on_digits_shapes, a(lambda s, m, x, q: m(x).sum() * x.std(1).sum()), "saw weights that are not fi"),
    (model.one_step_on_digits_shapes, a(lambda s, m, x, q: m(x).sum() * 0), "saw no weight move"),
    (
        model.one_step_on_cifar_shapes,
        a(lambda s, m, x, q: m(x).sum() / (32 - x.shape[3])),
        "saw weights that are not fi",
    ),
]


@pytest.mark.filterwarnings("ignore:std")  # of one channel, which is the point
@pytest.mark.parametrize(
    ("check", "recipe", "saw"), BROKEN, ids=[f"{c.__name__}-{i}" for i, (c, *_) in enumerate(BROKEN)]
)
def test_a_check_catches(check, recipe, saw):
    with pytest.raises(Broken, match=saw):
        check(recipe)


def test_every_check_is_shown_to_catch_something():
    assert {check for check, *_ in BROKEN} == set(CHECKS)


@dataclass(frozen=True)
class GoesOn(Sound):
    base: str = ""

    def start(self):
        return self.base


@pytest.mark.parametrize("circle", [["A"], ["A", "B"]])
def test_a_start_that_never_ends_is_caught(circle, monkeypatch):
    monkeypatch.setattr(RECIPES, "_items", dict(RECIPES._items))
    for name, base in zip(circle, circle[1:] + circle[:1], strict=True):
        RECIPES.add(name, GoesOn(base))
    for base in circle:
        with pytest.raises(Broken, match=r"saw start\(\) goes in a circle, .*; one of them is to return ''"):
            identity.it_starts_somewhere(GoesOn(base))


def test_a_start_may_have_a_start(monkeypatch):
    monkeypatch.setattr(RECIPES, "_items", dict(RECIPES._items))
    RECIPES.add("A", GoesOn("B"))
    RECIPES.add("B", GoesOn())
    assert list_starts(GoesOn("A")) == ["A", "B"]


@dataclass(frozen=True)
class ByTurns(Sound):
    """A recipe that trains one of two sets of batch norms, drawn at random."""

    def prepare(self, model):
        return add_branches(model, "b")

    def loss(self, model, x, q):
        with branch(model, "b" if torch.rand(()) < 0.5 else "main"):
            return super().loss(model, x, q)

    def finish(self, model):
        return {"main": plain(model, "main"), "b": plain(model, "b")}


@dataclass(frozen=True)
class NormsAlone(Sound):
    """A recipe that trains the batch norms only."""

    def prepare(self, model):
        for m in model.modules():
            for p in m.parameters(recurse=False):
                p.requires_grad_(isinstance(m, _BatchNorm))
        return model


@dataclass(frozen=True)
class ManyClasses(Sound):
    def loss(self, model, x, q):
        if q.shape[1] < 3:
            raise BadInput("three classes or more are needed")
        return super().loss(model, x, q)


@pytest.mark.parametrize("recipe", [Sound(), Scaled(), ByTurns(), NormsAlone(), ManyClasses()], ids=repr)
def test_what_is_allowed_passes(recipe):
    assert not [(title, wrong) for title, wrong in examine(recipe) if wrong]


def test_what_a_recipe_raises_is_reported_with_its_line():
    recipe = a(lambda s, m, x, q: {}["key"])
    found = dict(examine(recipe))
    line = test_what_a_recipe_raises_is_reported_with_its_line.__code__.co_firstlineno + 1
    assert found["the loss is one finite number"] == f"it raised KeyError: 'key' ({__file__}:{line})"


def test_a_vital_check_that_fails_is_the_last():
    assert list(dict(examine(Sound)))[-1] == "it is a frozen value"
    assert list(dict(examine(BROKEN[10][1])))[-1] == "the loss is one finite number"
    assert len(list(examine(With(object())))) == len(CHECKS)
