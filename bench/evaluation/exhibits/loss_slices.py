"""The loss along the direction in which an attack went, and across it."""

import numpy as np
import torch
from torch import Tensor

from bench.attacks.ascent import Ascent
from bench.core.losses import cross_entropy
from bench.core.rng import image_stream, normal
from bench.data.loader import to_float
from bench.evaluation.exhibits.exhibit import EXHIBITS, Columns, Exhibit, ExhibitInput
from bench.models.freeze import frozen

STEPS = 10
GRID = np.linspace(-1.5, 1.5, 31)  # in units of eps
QUANTILES = (10, 25, 50, 75, 90)  # percent of the images


def slices(specimen: ExhibitInput) -> Columns:
    """Cross-entropy and accuracy over the way walked from the clean images, in units of eps.

    Along `attack` lies the image of PGD-10 at 1; `random` is a step of random signs (in L2, of a random direction).
    Where gradients are masked, the loss rises along the first no more than along the second. In float64 from the
    logits on; pixels stay in [0, 1].
    """
    x, y, threat = to_float(specimen.images.x), specimen.images.y, specimen.threat
    columns: dict[str, list[object]] = {
        name: [] for name in ("direction", "eps", "step", "mean", *(f"q{q}" for q in QUANTILES), "accuracy")
    }
    with frozen(specimen.model) as model, image_stream(range(len(x)), "exhibit", "loss"):
        ascent = Ascent(threat, STEPS, threat.eps / 4)
        attack = ascent.maximise(lambda z: cross_entropy(model(z), y), x) - x
        for direction, way in {"attack": attack, "random": threat.eps * threat.steepest(normal(x))}.items():
            for step in GRID:
                with torch.no_grad():
                    logits: Tensor = model((x + step * way).clamp(0, 1)).double()
                losses = cross_entropy(logits, y).cpu().numpy()
                accuracy = (logits.argmax(1) == y).double().mean().item()
                read = (float(losses.mean()), *np.percentile(losses, QUANTILES).tolist(), accuracy)
                line = (direction, threat.eps, round(float(step), 6), *read)
                for name, value in zip(columns, line, strict=True):
                    columns[name].append(value)
    return columns


EXHIBITS.add("loss", Exhibit(slices, most=32))
