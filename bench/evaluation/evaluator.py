"""From a trained model and a condition to which test images it gets right."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from torch import nn

from bench.attacks.nested_search import record_shorter_searches
from bench.attacks.search import batch_limit
from bench.core.foreign.messages import model_errors_as_failed
from bench.data.dataset import Images
from bench.evaluation.adversarial_set import AdversarialSet
from bench.evaluation.arguments import as_seen_by, check_classes
from bench.evaluation.conditions.base import Batch, Condition
from bench.evaluation.outcome import Outcome
from bench.evaluation.resume import owner_of, resume, store_unfinished
from bench.evaluation.search_groups import shorter
from bench.evaluation.settings import EvalSettings
from bench.evaluation.snapshot import restored_weights, unchanged_weights
from bench.evaluation.target import Target
from bench.models.freeze import frozen

PROTOCOL = 1
DEFAULTS = EvalSettings()
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
    settings = EvalSettings(n, start, precision, batch_size, seed)
    bases = [condition.base()]
    (outcome,) = outcomes_of_group(model, images, bases, settings, saved=saved, album=album, tick=tick)
    return condition.read(outcome)


def outcomes_of_group(
    model: nn.Module,
    images: Images,
    conditions: Sequence[Condition],
    settings: EvalSettings = DEFAULTS,
    *,
    saved: Path | None = None,
    album: AdversarialSet | None = None,
    tick: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """As `outcomes`, of one measurement, or of several that one search serves: then the longest comes first.

    Each has the outcome and the passes that it would have alone, but the seconds of all. An album is of one alone.
    """
    n, start = settings.resolve_n(images), settings.start
    block = conditions[0].block
    with frozen(model), restored_weights(model), batch_limit(settings.batch_size), ExitStack() as stack:
        with model_errors_as_failed():
            check_classes(model, images)
        how: dict[str, int | str] = {"seed": settings.seed, "precision": settings.precision, "protocol": PROTOCOL}
        owner = owner_of(model, images, conditions, start, n, **how) if saved else {}
        found = resume(saved, owner, len(conditions), album) if saved else None
        found = found or [Outcome(np.zeros(n - start, bool)) for _ in conditions]
        seconds = found[0].seconds
        target = stack.enter_context(_subject(model, images, conditions, settings))
        while (done := found[0].done) < n - start:
            at = start + done
            stop = min(at + block, len(images)) if block else min(at + OWN_BLOCK, n)
            ids, wanted = range(at, stop), min(stop, n) - at
            batch = Batch(ids, as_seen_by(model, images.x[at:stop]), images.y[at:stop], wanted, album)
            with record_shorter_searches(shorter(conditions)):
                for condition, outcome in zip(conditions, found, strict=True):
                    with model_errors_as_failed():
                        right = condition.measure(target, batch, outcome)
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
    model: nn.Module, images: Images, conditions: Sequence[Condition], settings: EvalSettings
) -> Iterator[Target]:
    """The model, with a copy for attacks where there are any, which have to leave the weights of both alone."""
    if not any(condition.searches for condition in conditions):
        yield Target(model, model, settings.batch_size, settings.seed)
        return
    sample = as_seen_by(model, images.x[:16])
    with model_errors_as_failed():
        target = Target.of(model, sample, settings.precision, settings.batch_size, settings.seed)
    with unchanged_weights(conditions[0].name, model, target.copy, sample):
        yield target
