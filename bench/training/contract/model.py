"""Checks of what a recipe does to its model before, during and after training."""

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.core.parsing import format_count
from bench.core.passes import count_passes
from bench.core.registration.checks import check_name
from bench.core.rng import fixed_seed
from bench.core.threats.lengths import REFERENCE_EPS
from bench.data.dataset import DATASETS
from bench.models.batch_norm.folding import keep_folded
from bench.models.batch_norm.switches import Switch
from bench.models.build import build
from bench.training.contract.probe import Broken, Probe, batch, tiny
from bench.training.recipe import Recipe, scaled


def the_model_goes_on_training(recipe: Recipe) -> None:
    """The loss restores modes, branches, requires_grad and weights of the model."""
    probe = Probe(recipe)
    before, weights = state(probe.model), {name: p.detach().clone() for name, p in probe.model.named_parameters()}
    probe.loss()
    after = state(probe.model)
    if changed := [what for what in before.keys() | after.keys() if before.get(what) != after.get(what)]:
        what = min(changed)
        raise Broken(f"saw {what} go from {before.get(what)} to {after.get(what)}; attack inside `with frozen(model)`")
    for name, p in probe.model.named_parameters():
        if not torch.allclose(p, weights[name], atol=1e-6):  # tolerance for weights that were shifted and shifted back
            raise Broken(f"saw the weight {name} changed; that is for the optimiser to do")


def state(model: nn.Module) -> dict[str, object]:
    """Settings of a model that a loss may change but must restore, by description."""
    found: dict[str, object] = {}
    for name, module in model.named_modules():
        found[f"train mode of {name or 'the model'}"] = module.training
        if isinstance(module, Switch):
            found[f"the choice of {name}"] = module.choice
        if isinstance(module, _BatchNorm):
            found[f"the momentum of {name}"] = module.momentum
    return found | {f"requires_grad of {name}": p.requires_grad for name, p in model.named_parameters()}


def the_cost_is_counted(recipe: Recipe) -> None:
    """The loss calls the model in a way that hooks can count passes."""
    probe = Probe(recipe)
    with count_passes(probe.model) as passes:
        probe.loss().backward()  # type: ignore[no-untyped-call]
    if not (passes.forwards and passes.backwards):
        raise Broken(
            f"saw {format_count(passes.forwards, 'image')} go forward and "
            f"{format_count(passes.backwards, 'gradient')} come back; "
            "call model(x), neither a copy of it nor model.forward(x)"
        )


def finished_models_are_plain(recipe: Recipe) -> None:
    """`finish` returns ordinary models by view, for a model before training and after a step."""
    trained = Probe(recipe)
    trained.loss()
    for model in (recipe.prepare(tiny()), trained.model):
        for view, finished in views_of(recipe, deepcopy(model)).items():
            a_plain_model(view, finished)


def views_of(recipe: Recipe, model: nn.Module) -> Mapping[str, nn.Module]:
    """The views that `finish` returns for a prepared model; Broken if they are not models by name, with `main`."""
    views = recipe.finish(model)
    if not isinstance(views, Mapping) or "main" not in views:
        got = f"the views {', '.join(views)}" if isinstance(views, Mapping) else f"a {type(views).__name__}"
        raise Broken(f"saw {got}; finish returns models by view name, one of them 'main'")
    for view in views:
        check_name("view", view)  # names of files contain it
    if odd := [view for view, finished in views.items() if not isinstance(finished, nn.Module)]:
        raise Broken(f"saw a {type(views[odd[0]]).__name__} as the view {odd[0]!r}; finish returns models by view name")
    return views


def a_plain_model(view: str, model: nn.Module) -> None:
    """Broken if a view has other layers or weights than the model had before `prepare`."""
    bare = tiny()
    kinds, known = ([type(m) for m in net.modules()] for net in (model, bare))
    if kinds != known:
        odd = sorted({kind.__name__ for kind in kinds} - {kind.__name__ for kind in known})
        raise Broken(f"saw {', '.join(odd) or 'another structure'} in the view {view!r}; return plain(model, choice)")
    if list(model.state_dict()) != list(bare.state_dict()):
        raise Broken(f"saw other weights in the view {view!r} than the model has without the recipe")


def one_step_on_digits_shapes(recipe: Recipe) -> None:
    """A training step works on images (1, 8, 8)."""
    one_step(recipe, "digits", "cnn")


def one_step_on_cifar_shapes(recipe: Recipe) -> None:
    """A training step works on images (3, 32, 32)."""
    one_step(recipe, "cifar10", "resnet8")


def one_step(recipe: Recipe, dataset: str, name: str) -> None:
    """A step as in a real training: radii of the data set, attacks on the folded copy, channels last."""
    data = DATASETS[dataset]
    recipe, (x, q) = scaled(recipe, data.threat.eps / REFERENCE_EPS), batch(data.shape, 2)
    with fixed_seed("build"):
        model = recipe.prepare(build(name, data)).train()
    model = model.to(memory_format=torch.channels_last)
    trained = [p for p in model.parameters() if p.requires_grad]
    before = [p.detach().clone() for p in trained]
    sgd = torch.optim.SGD(trained, 0.01)
    with keep_folded(model, x), fixed_seed("loss"):
        for loss in recipe.losses(model, x, q, {}):
            sgd.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            sgd.step()
            if not all(p.isfinite().all() for p in trained):
                raise Broken(f"saw weights that are not finite after a step from a loss of {loss.item():.4g}")
    if all(torch.equal(p, b) for p, b in zip(trained, before, strict=True)):
        raise Broken("saw no weight move")
