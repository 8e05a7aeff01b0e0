"""Transfer attacks: adversarial images made on a source model, and evaluated on target models."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from bench.attacks.searches.search import batch_limit
from bench.core.errors import BadInput, Failed
from bench.core.files import Bits
from bench.core.foreign.messages import cell_errors_as_failed, model_errors_as_failed
from bench.data.images import Images
from bench.evaluation.arguments import cast_for_model, check_classes
from bench.evaluation.conditions.attack import Attacked, plain_attacks
from bench.evaluation.conditions.base import Condition
from bench.evaluation.evaluator import block_size
from bench.evaluation.outcome import Outcome, is_correct
from bench.evaluation.sample import Sample
from bench.evaluation.settings import EvalSettings
from bench.evaluation.snapshot import forbid_weight_changes, restore_weights
from bench.evaluation.target import Target
from bench.models.freeze import frozen


def final_iterate_attacks(conditions: Iterable[Condition]) -> tuple[list[Attacked], list[str]]:
    """The attacks among the conditions that have a last iterate, as `NAME.last`, and the names of those without one.

    BadInput if there is none with one.
    """
    attacked = plain_attacks(conditions)
    kept = [Attacked(final, c.threat) for c in attacked if (final := c.attack.final)]
    without = list(dict.fromkeys(c.attack.name for c in attacked if c.attack.final is None))
    if not kept:
        reason = (
            f"{', '.join(without)} {'have' if len(without) > 1 else 'has'} none" if without else "none is asked for"
        )
        raise BadInput(
            f"transfer hands over the last iterate of an attack along the gradient, and {reason}; "
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
    """Attack a source model on the first n test images, and evaluate target models on the adversarial images.

    Every image is attacked for all steps, also after it fools the source, and the last iterate is evaluated. Draws
    depend on image, attack and seed only, so an outcome does not depend on the other targets. Memory holds one block
    of images.

    Args:
        source: the model that is attacked; images (B, C, H, W) in [0, 1] to logits (B, K).
        targets: the models that are evaluated.
        images: the test set in its order, N images.
        condition: the attack and the ball. It must have a last iterate.
        n: the first n images; None for all.
        precision: as for `outcomes`.
        batch_size: as for `outcomes`.
        seed: of the attack's draws.
        tick: called after each block with the number of images done.

    Returns:
        An outcome for each target: `right` (n,) bool, and the passes and seconds of the attack that all share.

    Raises:
        BadInput: a label is no class of a model, an output is no (B, K) logits, or the attack has no last iterate.
        Failed: the source, the attack or a target raises, or the attack leaves the ball or writes to the weights.

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
    made = transfer_each(source, targets, images, condition, settings, tick)
    for result in made:
        if isinstance(result, Failed):  # bad input is raised as such, not as a failure
            raise result.__cause__ if isinstance(result.__cause__, BadInput) else result
    return [result for result in made if isinstance(result, Outcome)]


def transfer_each(
    source: nn.Module,
    targets: Sequence[nn.Module],
    images: Images,
    condition: Attacked,
    settings: EvalSettings,
    tick: Callable[[int], None],
) -> list[Outcome | Failed]:
    """As `transferred`, but with the failure in the place of the outcome of a target that fails, as by NaN logits."""
    n, batch_size = settings.resolve_n(images), settings.batch_size
    ((condition,), _) = final_iterate_attacks([condition])
    made, right, failures = Outcome(np.zeros(n, bool)), np.zeros((len(targets), n), bool), dict[int, Failed]()
    with ExitStack() as stack:
        for model in (source, *targets):
            stack.enter_context(frozen(model))
            stack.enter_context(restore_weights(model))
        stack.enter_context(batch_limit(batch_size))
        sample = cast_for_model(source, images.x[:16])
        with model_errors_as_failed():
            check_classes(source, images)
            attacked = Target.of(source, sample, settings.precision, batch_size, settings.seed)
        stack.enter_context(forbid_weight_changes(condition.attack.name, source, attacked.copy, sample))
        while made.done < n:
            ids = range(made.done, min(made.done + block_size(images), n))
            x, y = cast_for_model(source, images.x[ids.start : ids.stop]), images.y[ids.start : ids.stop]
            with model_errors_as_failed():
                x_adv, _ = attacked.craft(condition, Sample(ids, x, y), torch.ones_like(y, dtype=torch.bool), made)
            for place in [place for place in range(len(targets)) if place not in failures]:
                try:
                    if not made.done:
                        _check_target(targets[place], images)
                    right[place, ids.start : ids.stop] = _find_right(targets[place], x_adv, y, batch_size)
                except Failed as error:
                    failures[place] = error
            made.done = made.seen = ids.stop
            tick(made.done)
    return [failures.get(place) or replace(made, right=bits) for place, bits in enumerate(right)]


def _check_target(target: nn.Module, images: Images) -> None:
    """Failed if the images' labels are no classes of a target, or it raises."""
    with cell_errors_as_failed(), model_errors_as_failed():
        check_classes(target, images)


def _find_right(target: nn.Module, x_adv: Tensor, y: Tensor, batch_size: int) -> Bits:
    """Which of the images a target classifies as y, (B,) bool. Failed if it raises."""
    with cell_errors_as_failed(), model_errors_as_failed():
        return is_correct(target, cast_for_model(target, x_adv), y, batch_size).cpu().numpy()
