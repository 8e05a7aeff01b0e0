"""The two accuracies that RobustBench's `benchmark` returns, and what surrounds their measurement."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from bench.attacks.parse import parse_attack
from bench.core.errors import BadInput
from bench.core.threats.threat import Threat
from bench.data.dataset import Dataset
from bench.data.images import Images
from bench.data.published_corruptions import SEVERITIES
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.base import Condition
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.corruption_conditions import corruption_conditions
from bench.evaluation.evaluator import outcomes
from bench.evaluation.outcome import Outcome

CORRUPTIONS = ("imagenet-c",)  # the fifteen that RobustBench averages over

log = logging.getLogger("bench")


@dataclass(frozen=True, eq=False)
class TestedModel:
    """A model, and the images that it is tested on.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        data: the data set.
        test: its test images in their order.
        n: the first n of them count.
        data_dir: the folder of data sets, where published corrupted images may lie.
        batch_size: images of a forward pass.
    """

    model: nn.Module
    data: Dataset
    test: Images
    n: int
    data_dir: Path
    batch_size: int

    def outcome(self, condition: Condition) -> Outcome:
        """What `outcomes` finds under a condition; errors as there."""
        return outcomes(self.model, self.test, condition, n=self.n, batch_size=self.batch_size)


def measure_accuracies(tested: TestedModel, ball: Threat | None) -> tuple[float, float, str]:
    """Clean accuracy, accuracy under AutoAttack in the ball (None: over corruptions), and the verdict on the latter."""
    clean = float(tested.outcome(Clean()).right.mean())
    log.info("Clean accuracy: %.2f%%", 100 * clean)
    if ball is None:
        robust, verdict = _corruption_accuracy(tested), "ok"
    else:
        outcome = tested.outcome(Attacked(parse_attack("AutoAttack"), ball))
        robust, verdict = float(outcome.right.mean()), outcome.verdict
    log.info("Adversarial accuracy: %.2f%%", 100 * robust)
    return clean, robust, verdict


def _corruption_accuracy(tested: TestedModel) -> float:
    """Mean accuracy over all corruptions and severities, on the published images if they are there."""
    found = []
    for condition in corruption_conditions(CORRUPTIONS, SEVERITIES, tested.data, tested.test, tested.data_dir):
        found.append(float(tested.outcome(condition).right.mean()))
        log.info("%s: %.2f%% accuracy", condition.label, 100 * found[-1])
    return sum(found) / len(found)


@contextmanager
def restore_modes(model: nn.Module) -> Iterator[None]:
    """Put every submodule back into training or eval mode, as it was, after the block."""
    modes = {m: m.training for m in model.modules()}
    try:
        yield
    finally:
        for m, mode in modes.items():
            m.training = mode


@contextmanager
def log_to_file(path: Path | str | None) -> Iterator[None]:
    """Inside the block, append messages of the evaluation and of AutoAttack to a file."""
    if path is None:
        yield
        return
    try:
        handler = logging.FileHandler(Path(path).expanduser(), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"log_path {path} cannot be written ({error.strerror}); name another file") from error
    loggers = {logger: logger.level for logger in (log, logging.getLogger("auto-attack"))}
    try:
        for logger in loggers:
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
        yield
    finally:
        for logger, level in loggers.items():
            logger.removeHandler(handler)
            logger.setLevel(level)
        handler.close()
