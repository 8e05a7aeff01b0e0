"""Validation after each epoch of a training, and alarms for overfitting, collapse and the like."""

import math
import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from bench.attacks.searches.ascent import Ascent
from bench.attacks.searches.gradients import gradient
from bench.attacks.searches.search import batch_limit, in_batches, search
from bench.core.errors import AttackWarning
from bench.core.losses import cross_entropy
from bench.core.rng import image_stream
from bench.core.stats import binomial_exceeds, fisher_fewer, wilson
from bench.core.threats.threat import Threat
from bench.data.images import Images
from bench.data.loader import to_float
from bench.data.memory import images_at_a_time
from bench.models.freeze import frozen
from bench.results.best_epoch import find_best_epoch

Record = dict[str, float]

VALIDATED = ("val_clean", "val_fgsm", "val_pgd")  # what `validate` finds

PGD_STEPS = 10  # of the PGD by which the best epoch is chosen
MAX_STANDARD_PGD = 0.1  # PGD accuracy that an epoch of a standard training may have by chance, of however few classes
ALARM_SIGNIFICANCE = 0.01  # significance level of an alarm: at most one false alarm in a hundred trainings


def validate(
    model: nn.Module, images: Images, threat: Threat, size: int, precision: str = "fp32", first: int = 0
) -> Record:
    """Accuracies on images, from 0 to 1: clean, under FGSM and under PGD-10 (any iterate); NaN for infinite logits.

    size: images in a batch. precision: fp32, or bf16, where an image that PGD breaks in bf16 counts as broken only if
    it is misclassified in fp32 too. first: place of the first image in the hold-out, of which these are a part.
    """
    at_a_time = images_at_a_time(images.x.shape[1:], multiple=size)
    with frozen(model) as model, batch_limit(size), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", AttackWarning
        )  # the curve has no column for warnings; the evaluation reports them
        parts = [
            _logits_of_part(model, images.part(start, start + at_a_time), first + start, threat, size, precision)
            for start in range(0, len(images), at_a_time)
        ]
    clean, fgsm, pgd = (torch.cat(logits) for logits in zip(*parts, strict=True))
    logits = dict(zip(VALIDATED, (clean, fgsm, pgd), strict=True))
    if not all(found.isfinite().all() for found in logits.values()):
        return dict.fromkeys(logits, math.nan)
    return {name: (found.argmax(1) == images.y).double().mean().item() for name, found in logits.items()}


def _logits_of_part(
    model: nn.Module, images: Images, first: int, threat: Threat, size: int, precision: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (B, K) of clean images, under FGSM and under PGD. first: place of the first image in the hold-out."""
    x, y = to_float(images.x[:]), images.y
    one, ten = Ascent(threat, 1, threat.eps, start="clean"), Ascent(threat, PGD_STEPS, threat.eps / 4)
    with _autocast(x, precision):
        steps = [_one_step(model, one, *part) for part in zip(torch.split(x, size), torch.split(y, size), strict=True)]
        clean, fgsm = torch.cat([logits for logits, _ in steps]), _logits(model, torch.cat([z for _, z in steps]))
    pgd, rows = clean.clone(), (clean.argmax(1) == y).nonzero().flatten()  # misclassified clean images count as broken
    if len(rows):
        ids = (first + rows).tolist()
        pgd[rows] = _attack_logits(model, ten, x[rows], y[rows], ids, precision).to(pgd)
    return clean, fgsm, pgd


def _one_step(model: nn.Module, ascent: Ascent, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (B, K) of images x (B, C, H, W), and the images after one attack step."""
    z = x.clone().requires_grad_()
    logits = model(z)
    return logits.detach(), ascent.step(x, gradient(cross_entropy(logits, y), z), x)


def _attack_logits(
    model: nn.Module, ascent: Ascent, x: Tensor, y: Tensor, ids: Sequence[int], precision: str
) -> Tensor:
    """Logits (B, K) in fp32 of attacked images x (B, C, H, W), whose random streams depend on their ids.

    An image that is misclassified only in bf16 is attacked again in fp32, as its search ended too early.
    """
    with image_stream(ids, "holdout"):
        with _autocast(x, precision):
            z = search(model, ascent, cross_entropy, x, y)
        logits = _logits(model, z)
        survivors = (logits.argmax(1) == y).nonzero().flatten()
    if precision == "fp32" or not len(survivors):
        return logits
    with _autocast(x, precision):
        misled = survivors[_logits(model, z[survivors]).argmax(1) != y[survivors]]
    if len(misled):
        some = [ids[row] for row in misled.tolist()]
        logits[misled] = _attack_logits(model, ascent, x[misled], y[misled], some, "fp32")
    return logits


def _autocast(x: Tensor, precision: str) -> torch.autocast:
    return torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bf16")


@torch.no_grad()
def _logits(model: nn.Module, x: Tensor) -> Tensor:
    return in_batches(model, x)


def largest_gradient(before: Tensor, model: nn.Module) -> Tensor:
    """The larger of `before` and the L2 norm of the gradient of all weights, (); NaN if either is NaN."""
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    return torch.maximum(before, torch.stack(torch._foreach_norm(grads)).norm())


def alarms(curve: Sequence[Mapping[str, float]], n: int, classes: int) -> list[str]:
    """Describe what is wrong with a training; empty if nothing is. curve: records of its epochs; n: hold-out images.

    Catastrophic overfitting (Wong et al. 2020, Kim et al. 2021): the model is robust to one step and not to
    several, from the first epoch on (label leaking) or later. Robust overfitting (Rice et al. 2020): the best epoch,
    more robust than chance, is not the last one. Each is reported only if it is significant for so many images.
    """
    if not curve:
        return []
    last, best = curve[-1], curve[find_best_epoch(curve)]
    clean, fgsm, pgd = (round(last[column] * n) for column in ("val_clean", "val_fgsm", "val_pgd"))
    if 2 * fgsm >= clean and 4 * pgd <= fgsm and fisher_fewer(fgsm, pgd, n) < ALARM_SIGNIFICANCE:
        return [f"catastrophic overfitting: {_change('val_fgsm', best, last)}, {_change('val_pgd', best, last)}"]
    chance = 1 / classes
    if binomial_exceeds(clean, n, chance) >= ALARM_SIGNIFICANCE and wilson(clean, n)[1] < chance + (1 - chance) / 8:
        return [f"collapsed: {last['val_clean']:.1%} of the hold-out images right, chance is {chance:.1%}"]
    most = round(best["val_pgd"] * n)
    was_robust = binomial_exceeds(most, n, min(chance, MAX_STANDARD_PGD)) < ALARM_SIGNIFICANCE
    if was_robust and most > pgd and fisher_fewer(most, pgd, n) < ALARM_SIGNIFICANCE:
        return [f"robust overfitting: {_change('val_pgd', best, last)}"]
    return []


def _change(column: str, best: Mapping[str, float], last: Mapping[str, float]) -> str:
    name = {"val_fgsm": "FGSM", "val_pgd": f"PGD-{PGD_STEPS}"}[column]
    before = f"{best[column]:.1%} in epoch {best['epoch']:.0f}, " if best["epoch"] != last["epoch"] else ""
    return f"{name} {before}{last[column]:.1%} in epoch {last['epoch']:.0f}"
