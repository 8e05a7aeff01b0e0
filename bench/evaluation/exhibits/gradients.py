"""Input gradients of the loss at clean test images."""

import torch

from bench.data.loader import to_float
from bench.evaluation.diagnostics import gradient
from bench.evaluation.exhibits.exhibit import EXHIBITS, Columns, Exhibit, ExhibitInput

BATCH_SIZE = 128


def measure_gradients(inputs: ExhibitInput) -> Columns:
    """The squared norm of each image's input gradient (see `diagnostics.gradient`), and whether the model is right."""
    squared: list[float] = []
    right: list[bool] = []
    for start in range(0, len(inputs.images), BATCH_SIZE):
        x, y = to_float(inputs.images.x[start : start + BATCH_SIZE]), inputs.images.y[start : start + BATCH_SIZE]
        squared += gradient(inputs.model, x, y).tolist()
        with torch.no_grad():
            right += (inputs.model(x).argmax(1) == y).tolist()
    return {"image": range(len(squared)), "squared": squared, "right": right}


EXHIBITS.add("gradient", Exhibit(measure_gradients))
