"""The loss along the perturbation of an attack and along a random direction."""

import numpy as np
import torch
from torch import Tensor

from bench.attacks.searches.ascent import Ascent
from bench.core.losses import cross_entropy
from bench.core.rng import image_stream, normal
from bench.data.loader import to_float
from bench.evaluation.exhibits.exhibit import EXHIBITS, Columns, Exhibit, ExhibitInput
from bench.models.freeze import frozen

ASCENT_STEPS = 10
SLICE_POSITIONS = np.linspace(-1.5, 1.5, 31)  # in units of eps
QUANTILES = (10, 25, 50, 75, 90)  # percent of the images


def measure_slices(inputs: ExhibitInput) -> Columns:
    """Cross-entropy and accuracy at multiples of a perturbation of length eps, along two directions.

    `attack` is the perturbation of PGD-10; `random` has random signs (in L2, a random direction). Where gradients are
    masked, the loss rises along the first no more than along the second. The loss is computed in float64 from the
    logits; pixels are clipped to [0, 1].
    """
    x, y, threat = to_float(inputs.images.x[:]), inputs.images.y, inputs.threat
    columns: dict[str, list[object]] = {
        name: [] for name in ("direction", "eps", "step", "mean", *(f"q{q}" for q in QUANTILES), "accuracy")
    }
    with frozen(inputs.model) as model, image_stream(range(len(x)), "exhibit", "loss"):
        ascent = Ascent(threat, ASCENT_STEPS, threat.eps / 4)
        attack = ascent.maximise(lambda z: cross_entropy(model(z), y), x) - x
        for direction, perturbation in {"attack": attack, "random": threat.eps * threat.steepest(normal(x))}.items():
            for step in SLICE_POSITIONS:
                with torch.no_grad():
                    logits: Tensor = model((x + step * perturbation).clamp(0, 1)).double()
                losses = cross_entropy(logits, y).cpu().numpy()
                accuracy = (logits.argmax(1) == y).double().mean().item()
                numbers = (float(losses.mean()), *np.percentile(losses, QUANTILES).tolist(), accuracy)
                line = (direction, threat.eps, round(float(step), 6), *numbers)
                for name, value in zip(columns, line, strict=True):
                    columns[name].append(value)
    return columns


EXHIBITS.add("loss", Exhibit(measure_slices, max_images=32))
