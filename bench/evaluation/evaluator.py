"""Evaluate a model: which test images it classifies correctly under a condition."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from torch import nn

from bench.attacks.searches.nested_search import record_shorter_searches
from bench.attacks.searches.search import batch_limit
from bench.core.foreign.messages import model_errors_as_failed
from bench.core.version import PROTOCOL
from bench.data.images import Images
from bench.data.memory import images_at_a_time
from bench.evaluation.adversarial_set import AdversarialSet
from bench.evaluation.arguments import cast_for_model, check_classes
from bench.evaluation.conditions.base import Batch, Condition
from bench.evaluation.outcome import Outcome
from bench.evaluation.resume import evaluation_id, resume, save_progress
from bench.evaluation.search_groups import shorter_efforts
from bench.evaluation.settings import EvalSettings
from bench.evaluation.snapshot import forbid_weight_changes, restore_weights
from bench.evaluation.target import Target
from bench.models.freeze import frozen
from bench.results.shards import SHARD_BLOCK

DEFAULTS = EvalSettings()
BLOCK_SIZE = 1024  # images between two saves of the progress; it changes no number, as our attacks draw per image


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
    adversarial_set: AdversarialSet | None = None,
    tick: Callable[[Outcome], None] = lambda outcome: None,
) -> Outcome:
    """Evaluate a model on the first n test images, or on those of them from `start` on.

    Under an attack an image counts as right only if the model classifies both the image and every adversarial image
    that the attack found correctly. Attacks search on a cheaper copy (folded batch norms, maybe bfloat16); what they
    find is checked by a forward pass of the model itself.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        images: the test set in its order, on the model's device. Attacks that draw per block see whole blocks of it.
            A model of float64 weights gets them in float64, any other in float32.
        condition: what is done to the images: `Clean()`, `Attacked(attack, threat)` or another condition.
        n: the first n images; None for all.
        start: the first image evaluated, a multiple of the attack's block if it has one. Arrays begin there.
        precision: of the attack's search: fp32, bf16, or auto for whichever is faster on the device.
        batch_size: images in a forward pass; it changes no draw.
        seed: of the attack's draws.
        saved: file of finished blocks, from which the same call resumes after a crash. The caller deletes it.
        adversarial_set: collects the adversarial images; with `saved`, they are saved beside that file too.
        tick: called after each block with the outcome so far.

    Returns:
        The outcome: `right` (n - start,) bool, passes, seconds, and `verdict`: ok, or what the attack warned of.

    Raises:
        BadInput: a label is no class of the model, its output is no (B, K) logits, or `saved` is of another evaluation.
        Failed: the model or the attack raises, or the attack leaves the ball or writes to the weights.

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
    (outcome,) = outcomes_of_group(
        model, images, bases, settings, saved=saved, adversarial_set=adversarial_set, tick=tick
    )
    return condition.read(outcome)


def outcomes_of_group(
    model: nn.Module,
    images: Images,
    conditions: Sequence[Condition],
    settings: EvalSettings = DEFAULTS,
    *,
    saved: Path | None = None,
    adversarial_set: AdversarialSet | None = None,
    tick: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """As `outcomes`, of one condition, or of several whose attacks are prefixes of one search: the longest comes first.

    Each outcome has the correct images and the passes of an evaluation by itself, and the seconds of the whole group.
    An adversarial set is allowed for one condition only.
    """
    n, start = settings.resolve_n(images), settings.start
    block = conditions[0].block
    with frozen(model), restore_weights(model), batch_limit(settings.batch_size), ExitStack() as stack:
        with model_errors_as_failed():
            check_classes(model, images)
        draws: dict[str, int | str] = {"seed": settings.seed, "precision": settings.precision, "protocol": PROTOCOL}
        evaluation = evaluation_id(model, images, conditions, start, n, **draws) if saved else {}
        results = resume(saved, evaluation, len(conditions), adversarial_set) if saved else None
        results = results or [Outcome(np.zeros(n - start, bool)) for _ in conditions]
        target = stack.enter_context(_open_target(model, images, conditions, settings))
        while (done := results[0].done) < n - start:
            at = start + done
            stop = min(at + block, len(images)) if block else min(at + block_size(images), n)
            x, y, wanted = cast_for_model(model, images.x[at:stop]), images.y[at:stop], min(stop, n) - at
            _measure_block(target, Batch(range(at, stop), x, y, wanted, adversarial_set), conditions, results)
            if adversarial_set is not None:
                adversarial_set.reached = at + wanted
            if saved is not None:
                save_progress(saved, evaluation, results, adversarial_set)
            tick(results[0])
    return results


def _measure_block(target: Target, batch: Batch, conditions: Sequence[Condition], results: Sequence[Outcome]) -> None:
    """Add a block of images to the outcome of each condition; each has the seconds of all together."""
    seconds = results[0].seconds
    with record_shorter_searches(shorter_efforts(conditions)):
        for condition, outcome in zip(conditions, results, strict=True):
            with model_errors_as_failed():
                right = condition.measure(target, batch, outcome)
            done = outcome.done + batch.counted
            outcome.right[outcome.done : done] = right[: batch.counted].cpu().numpy()
            outcome.done, outcome.seen = done, outcome.seen + len(batch.ids)
    seconds += sum(outcome.seconds - seconds for outcome in results)
    for outcome in results:
        outcome.seconds = seconds


def block_size(images: Images) -> int:
    """How many images are evaluated between two saves of the progress: fewer where they are large."""
    return min(BLOCK_SIZE, images_at_a_time(images.x.shape[1:], multiple=SHARD_BLOCK))


@contextmanager
def _open_target(
    model: nn.Module, images: Images, conditions: Sequence[Condition], settings: EvalSettings
) -> Iterator[Target]:
    """Yield the model and, for attacks, its fast copy. Failed if an attack wrote to the weights of either."""
    if not any(condition.searches for condition in conditions):
        yield Target(model, model, settings.batch_size, settings.seed)
        return
    sample = cast_for_model(model, images.x[:16])
    with model_errors_as_failed():
        target = Target.of(model, sample, settings.precision, settings.batch_size, settings.seed)
    with forbid_weight_changes(conditions[0].name, model, target.copy, sample):
        yield target
