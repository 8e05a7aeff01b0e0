"""Checks of the loss of a batch and of its gradients."""

import torch
from torch import Tensor

from bench.core.errors import BadInput
from bench.core.parsing import format_count
from bench.training.contract.probe import Broken, Probe
from bench.training.recipe import Recipe

MAX_BATCHES = 8  # batches to try, as some weights get no gradient in some batches


def the_loss_is_one_finite_number(recipe: Recipe) -> None:
    """The loss is a finite tensor of shape (), the mean over the batch."""
    check_loss(Probe(recipe).loss())


def check_loss(loss: object) -> Tensor:
    """Return a loss if it is a finite tensor () with a gradient; otherwise raise Broken."""
    if not isinstance(loss, Tensor) or loss.shape != ():
        got = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise Broken(f"saw {got}; a loss is one number, the mean over the images")
    if not loss.isfinite():
        raise Broken(f"saw a loss of {loss.item()}")
    if not loss.requires_grad:
        raise Broken("saw a loss that no gradient flows through")
    return loss


def batches_may_be_of_any_size(recipe: Recipe) -> None:
    """The loss works for 3 and for 128 images."""
    for count in (3, 128):
        if not Probe(recipe, count=count).loss().isfinite():
            raise Broken(f"saw no finite loss of {format_count(count, 'image')}")


def every_weight_learns(recipe: Recipe) -> None:
    """Every weight that requires a gradient gets one in some batch, and that of kernels is not zero."""
    probe = Probe(recipe)
    trained = {name: p for name, p in probe.model.named_parameters() if p.requires_grad}
    idle = ["any weight"]
    for draw in range(MAX_BATCHES):
        probe.loss(draw).backward()  # type: ignore[no-untyped-call]
        grads = {name: p.grad for name, p in trained.items() if p.grad is not None}  # summed over the draws
        if wild := [name for name, grad in grads.items() if not grad.isfinite().all()]:
            raise Broken(f"saw a gradient that is not finite at {wild[0]}")
        idle = [name for name, p in trained.items() if name not in grads or (p.ndim > 1 and not grads[name].any())]
        if not idle and any(grad.any() for grad in grads.values()):
            return
    raise Broken(f"saw no gradient at {(idle or ['any weight'])[0]}")


def no_gradient_is_left_behind(recipe: Recipe) -> None:
    """The loss leaves no gradient in weights or images, e.g. of an attack, which the training step would add."""
    probe = Probe(recipe)
    probe.loss()
    if left := [name for name, p in probe.model.named_parameters() if p.grad is not None]:
        raise Broken(f"saw a gradient at {left[0]} before the training step; attack inside `with frozen(model)`")
    if probe.x.requires_grad or probe.x.grad is not None:
        raise Broken("saw the batch x require a gradient afterwards; attack a detached copy")


def same_seed_same_loss(recipe: Recipe) -> None:
    """Two calls with one seed give the same loss and the same running statistics."""
    one, two = Probe(recipe), Probe(recipe)
    losses = [one.loss().item(), two.loss().item()]
    if losses[0] != losses[1]:
        raise Broken(f"saw losses {losses[0]:.9g} and {losses[1]:.9g} with one seed; draw from torch's generator alone")
    for (name, a), b in zip(one.model.named_buffers(), two.model.buffers(), strict=True):
        if not torch.equal(a, b):
            raise Broken(f"saw {name} differ with one seed; draw from torch's generator alone")


def two_classes_are_enough(recipe: Recipe) -> None:
    """The loss works with two classes, or raises BadInput that says why not."""
    try:
        loss = Probe(recipe, classes=2).loss()
    except BadInput:
        return
    if not loss.isfinite():
        raise Broken(f"saw a loss of {loss.item()} with two classes; raise BadInput if it needs more")
