"""Validation on images that several processes share."""

from collections.abc import Callable

import torch

from bench.training.monitor import VALIDATED, Record
from bench.training.shared.batch import own_rows
from bench.training.shared.group import Group


def validate_together(group: Group, images: int, validate: Callable[[slice], Record]) -> Record:
    """Accuracies on so many images, each process validating its own; NaN if they are NaN for some of the images.

    validate: a function of rows that returns the accuracies on these.
    """
    rows = own_rows(images, group.rank, group.size)
    count = rows.stop - rows.start
    found = validate(rows) if count else dict.fromkeys(VALIDATED, 0.0)  # fewer images than processes
    right = torch.tensor([found[name] for name in VALIDATED], dtype=torch.float64, device=group.device) * count
    return dict(zip(VALIDATED, (group.add(right.round()) / images).tolist(), strict=True))
