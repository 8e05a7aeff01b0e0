"""Images crafted on one model and judged by others. Every image is attacked to the end, fooled or not."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from bench.attacks.search import batch_limit
from bench.core.errors import BadInput, Failed
from bench.core.foreign.messages import cell_errors_as_failed, model_errors_as_failed
from bench.data.dataset import Images
from bench.evaluation.arguments import as_seen_by, check_classes
from bench.evaluation.conditions.attack import Attacked, plain_attacks
from bench.evaluation.conditions.base import Condition
from bench.evaluation.evaluator import OWN_BLOCK
from bench.evaluation.outcome import Outcome, is_correct
from bench.evaluation.settings import EvalSettings
from bench.evaluation.snapshot import restored_weights, unchanged_weights
from bench.evaluation.target import Target
from bench.models.freeze import frozen


def transferable(conditions: Iterable[Condition]) -> tuple[list[Attacked], list[str]]:
    """Whose final iterates are handed over, each attack as its `.last`; and the names of the attacks that have none.

    BadInput if none is left.
    """
    attacked = plain_attacks(conditions)
    kept = [Attacked(final, c.threat) for c in attacked if (final := c.attack.final)]
    without = list(dict.fromkeys(c.attack.name for c in attacked if c.attack.final is None))
    if not kept:
        lacking = (
            f"{', '.join(without)} {'have' if len(without) > 1 else 'has'} none" if without else "none is asked for"
        )
        raise BadInput(
            f"transfer hands over the last iterate of an attack along the gradient, and {lacking}; "
            "name others with --attacks, such as FGSM,PGD-20,CW-20,MI-FGSM"
        )
    return list(dict.fromkeys(kept)), without


def transferred(
    source: nn.Module,
    targets: Sequence[nn.Module],
    images: Images,
    condition: Attacked,
    *,
    n: int | None = None,
    precision: str = "fp32",
    batch_size: int = 128,
    seed: int = 0,
    tick: Callable[[int], None] = lambda done: None,
) -> list[Outcome]:
    """Attack one model on the first n test images and evaluate other models on the images that come of it.

    Every image is attacked to the end, and the last iterate is handed over. Draws depend on image, attack and seed
    alone, so an outcome is the same whatever other targets there are. No more images are kept than a block of them.

    Args:
        source: the model that is attacked; images (B, C, H, W) in [0, 1] to logits (B, K).
        targets: the models that are evaluated.
        images: the test set in its order, N images.
        condition: the attack and the ball. It must have a last iterate.
        n: the first n images; None for all.
        precision: as of `outcomes`.
        batch_size: as of `outcomes`.
        seed: of the draws.
        tick: is told how many images are done.

    Returns:
        An outcome for each target. Its `right` is (n,) bool; its cost is that of the attack, which all of them share.

    Raises:
        BadInput: a label is no class of a model, a model returns no logits, or the attack has no last iterate.
        Failed: the source, the attack or a target raises or breaks a rule.

    Example:
        >>> import torch
        >>> from bench import Attacked, Images, Linf, parse_attack, transferred
        >>> net = lambda: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
        >>> images = Images(torch.rand(5, 1, 2, 2), torch.tensor([0, 1, 2, 0, 1]))
        >>> fgsm = Attacked(parse_attack("FGSM"), Linf(0.1))
        >>> [outcome.right.shape for outcome in transferred(net(), [net(), net()], images, fgsm)]
        [(5,), (5,)]
    """
    settings = EvalSettings(n=n, precision=precision, batch_size=batch_size, seed=seed)
    made = transferred_or_failed(source, targets, images, condition, settings, tick)
    for result in made:
        if isinstance(result, Failed):  # what the caller can mend is said as such
            raise result.__cause__ if isinstance(result.__cause__, BadInput) else result
    return [result for result in made if isinstance(result, Outcome)]


def transferred_or_failed(
    source: nn.Module,
    targets: Sequence[nn.Module],
    images: Images,
    condition: Attacked,
    settings: EvalSettings,
    tick: Callable[[int], None],
) -> list[Outcome | Failed]:
    """As `transferred`, with the reason in the place of an outcome where a target gives none, say for NaN logits."""
    n, batch_size = settings.resolve_n(images), settings.batch_size
    ((condition,), _) = transferable([condition])
    made, right, failures = Outcome(np.zeros(n, bool)), np.zeros((len(targets), n), bool), dict[int, Failed]()
    with ExitStack() as stack:
        for model in (source, *targets):
            stack.enter_context(frozen(model))
            stack.enter_context(restored_weights(model))
        stack.enter_context(batch_limit(batch_size))
        sample = as_seen_by(source, images.x[:16])
        with model_errors_as_failed():
            check_classes(source, images)
            attacked = Target.of(source, sample, settings.precision, batch_size, settings.seed)
        stack.enter_context(unchanged_weights(condition.attack.name, source, attacked.copy, sample))
        while made.done < n:
            ids = range(made.done, min(made.done + OWN_BLOCK, n))
            x, y = as_seen_by(source, images.x[ids.start : ids.stop]), images.y[ids.start : ids.stop]
            with model_errors_as_failed():
                x_adv, _ = attacked.crafted(condition, ids, x, y, torch.ones_like(y, dtype=torch.bool), made)
            for place in [place for place in range(len(targets)) if place not in failures]:
                try:
                    with cell_errors_as_failed(), model_errors_as_failed():
                        if not made.done:
                            check_classes(targets[place], images)
                        bits = (
                            is_correct(targets[place], as_seen_by(targets[place], x_adv), y, batch_size).cpu().numpy()
                        )
                    right[place, ids.start : ids.stop] = bits
                except Failed as error:
                    failures[place] = error
            made.done = made.seen = ids.stop
            tick(made.done)
    return [failures.get(place) or replace(made, right=bits) for place, bits in enumerate(right)]
