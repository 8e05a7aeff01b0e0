"""The predicted classes that a file of adversarial images has, beside those of the model now."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.core.parsing import format_count
from bench.evaluation.adversarial_set import UNKNOWN_CLASS, EncodedImages


class OtherClass(NamedTuple):
    """An image of which the model predicts another class than the file has."""

    image: int  # in the test set
    stored: int
    now: int


def find_other_classes(part: EncodedImages, predicted: NDArray[np.int64]) -> list[OtherClass]:
    """The images of a part whose predictions differ; none where the file has no class.

    predicted: of the images of the part as they are decoded, (M,).
    """
    differ = (part.predicted != predicted) & (part.predicted != UNKNOWN_CLASS)
    columns = (column[differ].tolist() for column in (part.ids, part.predicted, predicted))
    return [OtherClass(*one) for one in zip(*columns, strict=True)]


def describe_other_classes(found: list[OtherClass], images: int) -> str:
    """A sentence on the predictions that differ, of this number of images, and on the first; empty if none does."""
    if not found:
        return ""
    first = min(found)
    return (
        f"{len(found)} of {format_count(images, 'predicted class', 'predicted classes')} are others now, first of test "
        f"image {first.image}: {first.stored} in the file, {first.now} of the model"
    )
