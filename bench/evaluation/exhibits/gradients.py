"""How steep the loss is at each clean test image."""

import torch

from bench.data.loader import to_float
from bench.evaluation.diagnostics import gradient
from bench.evaluation.exhibits.exhibit import EXHIBITS, Columns, Exhibit, ExhibitInput

BATCH = 128


def gradients(specimen: ExhibitInput) -> Columns:
    """Of each image its squared input gradient norm, as `diagnostics.gradient` has it, and whether it is right."""
    squared: list[float] = []
    right: list[bool] = []
    for start in range(0, len(specimen.images), BATCH):
        x, y = to_float(specimen.images.x[start : start + BATCH]), specimen.images.y[start : start + BATCH]
        squared += gradient(specimen.model, x, y).tolist()
        with torch.no_grad():
            right += (specimen.model(x).argmax(1) == y).tolist()
    return {"image": range(len(squared)), "squared": squared, "right": right}


EXHIBITS.add("gradient", Exhibit(gradients))
