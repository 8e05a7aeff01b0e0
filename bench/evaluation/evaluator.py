"""From a trained model and a condition to which test images it gets right."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.attacks.nested_search import course
from bench.attacks.search import places
from bench.core.foreign.messages import blamed_on_model
from bench.data.dataset import Images
from bench.evaluation.adversarial_set import AdversarialSet
from bench.evaluation.arguments import as_seen_by, check_classes, check_range
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.corrupted_attack import Union
from bench.evaluation.conditions.corruption import Corrupted
from bench.evaluation.conditions.diagnostic import Diagnosed
from bench.evaluation.conditions.expand import Condition, measurement
from bench.evaluation.conditions.probe import Probed
from bench.evaluation.conditions.sweep import Swept
from bench.evaluation.diagnostics import DIAGNOSTICS
from bench.evaluation.probes import signs
from bench.evaluation.resume import owner_of, resume, store_unfinished
from bench.evaluation.search_groups import shorter
from bench.evaluation.snapshot import restored_weights, unchanged_weights
from bench.evaluation.sweep_search import smallest_radii
from bench.evaluation.target import OnBroken, Outcome, Target, is_correct
from bench.models.freeze import frozen

PROTOCOL = 1
OWN_BLOCK = 1024  # images between two saves; own attacks draw per image, so it changes no number


def outcomes(
    model: nn.Module,
    images: Images,
    condition: Condition,
    *,
    n: int | None = None,
    start: int = 0,
    precision: str = "fp32",
    batch_size: int = 128,
    seed: int = 0,
    saved: Path | None = None,
    album: AdversarialSet | None = None,
    tick: Callable[[Outcome], None] = lambda outcome: None,
) -> Outcome:
    """Evaluate a model on the first n test images, or on those of them from `start` on.

    An image counts as right only if the model is right on it and on what the attack made of it, by a forward pass of
    the model itself. The attack works on a cheaper copy, whose predictions do not count.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        images: the test set in its order, on the model's device. Attacks that draw per block see whole blocks of it.
            They are judged in float64 by a model of float64 weights, else in float32.
        condition: what is done to the images: `Clean()`, `Attacked(attack, threat)` or another condition.
        n: the first n images; None for all.
        start: a border of blocks, where the attack has any. The outcome's arrays begin there.
        precision: fp32, bf16, or auto for whichever the device computes faster; of the search alone.
        batch_size: images worked on at a time; never changes a draw.
        seed: of the draws.
        saved: file for finished blocks, from which a killed evaluation goes on. The caller deletes it.
        album: takes the images that the attack broke; beside `saved` there is a file of it then.
        tick: is called with the outcome so far after each block.

    Returns:
        The outcome: `right` (n - start,) bool, passes, seconds, and `verdict`, what the attack itself doubts.

    Raises:
        BadInput: a label is no class of the model, the model returns no logits, or `saved` is of another evaluation.
        Failed: the model or the attack raises or breaks a rule.

    Example:
        >>> import torch
        >>> from bench import Attacked, Clean, Images, Linf, outcomes, parse_attack
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
        >>> images = Images(torch.rand(5, 1, 2, 2), torch.tensor([0, 1, 2, 0, 1]))
        >>> clean = outcomes(model, images, Clean())
        >>> attacked = outcomes(model, images, Attacked(parse_attack("PGD-20"), Linf(8 / 255)))
        >>> attacked.right.shape, bool((attacked.right <= clean.right).all())
        ((5,), True)
    """
    manner: dict[str, Any] = {"n": n, "start": start, "precision": precision, "batch_size": batch_size, "seed": seed}
    (outcome,) = outcomes_of_group(
        model, images, [measurement(condition)], **manner, saved=saved, album=album, tick=tick
    )
    return read_off(outcome, condition)


def outcomes_of_group(
    model: nn.Module,
    images: Images,
    conditions: Sequence[Condition],
    *,
    n: int | None = None,
    start: int = 0,
    precision: str = "fp32",
    batch_size: int = 128,
    seed: int = 0,
    saved: Path | None = None,
    album: AdversarialSet | None = None,
    tick: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """As `outcomes`, of one measurement, or of several that one search serves: then the longest comes first.

    Each has the outcome and the passes that it would have alone, but the seconds of all. An album is of one alone.
    """
    n = len(images) if n is None else n
    check_range(images, start, n)
    canonical = conditions[0].attack.block if isinstance(conditions[0], Attacked | Union) else None
    with frozen(model), restored_weights(model), places(batch_size), ExitStack() as stack:
        with blamed_on_model():
            check_classes(model, images)
        how: dict[str, int | str] = {"seed": seed, "precision": precision, "protocol": PROTOCOL}
        owner = owner_of(model, images, conditions, start, n, **how) if saved else {}
        found = resume(saved, owner, len(conditions), album) if saved else None
        found = found or [Outcome(np.zeros(n - start, bool)) for _ in conditions]
        seconds = found[0].seconds
        target = stack.enter_context(_subject(model, images, conditions, precision, batch_size, seed))
        while (done := found[0].done) < n - start:
            at = start + done
            stop = min(at + canonical, len(images)) if canonical else min(at + OWN_BLOCK, n)
            ids, wanted = range(at, stop), min(stop, n) - at
            x, y = as_seen_by(model, images.x[at:stop]), images.y[at:stop]
            with course(shorter(conditions)):
                for condition, outcome in zip(conditions, found, strict=True):
                    with blamed_on_model():
                        right = _examine(target, condition, ids, x, y, wanted, outcome, album)
                    outcome.right[done : done + wanted] = right[:wanted].cpu().numpy()
                    outcome.done, outcome.seen = done + wanted, outcome.seen + len(ids)
            seconds += sum(outcome.seconds - seconds for outcome in found)
            for outcome in found:
                outcome.seconds = seconds
            if album is not None:
                album.reached = at + wanted
            if saved is not None:
                store_unfinished(saved, owner, found, album)
            tick(found[0])
    return found


@contextmanager
def _subject(
    model: nn.Module, images: Images, conditions: Sequence[Condition], precision: str, batch_size: int, seed: int
) -> Iterator[Target]:
    """The model, with a copy for attacks where there are any, which have to leave the weights of both alone."""
    if not any(isinstance(condition, Attacked | Swept | Probed | Union) for condition in conditions):
        yield Target(model, model, batch_size, seed)
        return
    sample = as_seen_by(model, images.x[:16])
    with blamed_on_model():
        target = Target.of(model, sample, precision, batch_size, seed)
    with unchanged_weights(conditions[0].caption.name, model, target.copy, sample):
        yield target


def _examine(
    target: Target,
    condition: Condition,
    ids: range,
    x: Tensor,
    y: Tensor,
    wanted: int,
    outcome: Outcome,
    album: AdversarialSet | None,
) -> Tensor:
    """Which images of a block are right, (B,) bool; what else is measured of the first few goes to the outcome."""
    if isinstance(condition, Union):
        x, condition = condition.corrupted.images(x, ids, target.batch_size), condition.attacked
    if isinstance(condition, Attacked):
        keep = _keeping(album, target, ids[:wanted], x, y, condition) if album is not None else None
        distances = target.distances(condition, ids, x, y, outcome, keep)
        outcome.values += distances[:wanted].tolist() if condition.attack.minimal else []
        return distances.isinf()
    if isinstance(condition, Swept):
        radii = smallest_radii(target, condition, ids, x, y, outcome)
        outcome.values += radii.tolist()
        return radii.isinf()
    if isinstance(condition, Corrupted):
        x = condition.images(x, ids, target.batch_size)
    right = is_correct(target.model, x, y, target.batch_size)
    if isinstance(condition, Diagnosed):
        parts = zip(torch.split(x, target.batch_size), torch.split(y, target.batch_size), strict=True)
        outcome.values += torch.cat([DIAGNOSTICS[condition.name](target.model, *part) for part in parts]).tolist()
    elif isinstance(condition, Probed):
        outcome.values += signs(target, condition, ids, x, y, right, outcome).tolist()
    return right


def read_off(outcome: Outcome, condition: Condition) -> Outcome:
    """The outcome of a condition, from that of its measurement."""
    if isinstance(condition, Swept) or (isinstance(condition, Attacked) and condition.attack.minimal):
        return replace(outcome, right=condition.withstood(np.array(outcome.values)))
    return outcome


def _keeping(album: AdversarialSet, target: Target, ids: range, x: Tensor, y: Tensor, condition: Attacked) -> OnBroken:
    """What puts the broken ones of these images, the first of the block x, into the album."""

    def keep(broken: Tensor, x_adv: Tensor) -> None:
        rows = broken[: len(ids)].nonzero().flatten()
        found, labels = [ids[row] for row in rows.tolist()], y[rows]
        album.add(
            found,
            x[rows],
            x_adv[rows],
            condition.threat,
            lambda images, some: ~is_correct(target.model, images, labels[some], target.batch_size),
        )

    return keep
