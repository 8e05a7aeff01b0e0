"""What the package pyautoattack warns of in its log, as the warnings of our own attacks."""

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from bench.core.errors import AttackWarning

DOUBTS = {  # part of a warning of the package -> reason of our AttackWarning
    "randomized defense": "outputs are randomised",
    "probability distribution": "outputs are probabilities, not logits",
    "dynamic defense": "the model computes gradients of its own",
    "zero gradient": "zero gradients",
    "Square Attack has decreased": "Square beats the white-box attacks",
}


@contextmanager
def warnings_as_attack_warnings(images: int) -> Iterator[None]:
    """Turn warnings that the package logs into AttackWarnings, and do not print them."""
    logger = logging.getLogger("auto-attack")
    seen: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: seen.append(record.getMessage())  # type: ignore[method-assign]
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
    doubts: dict[str, int] = {}
    for message in seen:
        reason = next((name for phrase, name in DOUBTS.items() if phrase in message), message)
        doubts[reason] = max(doubts.get(reason, 0), _count_images(message, images))
    for reason, concerned in doubts.items():
        warnings.warn(AttackWarning(reason, concerned), stacklevel=3)


def _count_images(message: str, images: int) -> int:
    """How many images of the block a warning is about; all of them if its text has no number."""
    if points := re.search(r"there are (\d+) points", message):
        return int(points[1])
    if share := re.search(r"accuracy of ([\d.]+)%", message):
        return round(float(share[1]) / 100 * images)
    return images
