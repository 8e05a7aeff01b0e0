"""What may be wrong with an image that an attack returns in the exam."""

from typing import Literal

import torch
from torch import Tensor

from bench.core.losses import margin
from bench.core.threats.lengths import tolerance
from bench.core.threats.linf import Linf
from bench.evaluation.exam.questions import QuestionGroup

ROUNDING = 1e-4  # share of the largest logit by which float32 may judge otherwise than float64
Fault = Literal["", "ball", "range", "judge", "answer", "failed"]
FAULT_TEXTS: dict[Fault, str] = {
    "ball": "left the ball",
    "range": "left the range [0, 1]",
    "judge": "counted as broken, though a new copy of the network gets the image right",
    "answer": "found an image that the exam's proof excludes; please report it",
    "failed": "failed",
}


def find_faults(group: QuestionGroup, x_adv: Tensor, broken: Tensor, is_minimal: bool) -> list[Fault]:
    """Which images (B, C, H, W) leave the ball or [0, 1], and which are counted as broken though they are not.

    broken: which of them the evaluator has counted as broken, (B,) bool. is_minimal: whether there is no ball to leave.
    """
    threat, exact, y = Linf(group.eps), x_adv.double(), group.net.images.y
    far = threat.distance(exact, group.net.images.x[:].double()) > threat.eps + tolerance(threat.eps)
    odd = (exact.flatten(1).amin(1) < 0) | (exact.flatten(1).amax(1) > 1)
    with torch.no_grad():
        logits = group.net.exact(exact)
    is_right = margin(logits, y) < -ROUNDING * logits.abs().amax(1)
    faults = list[Fault]()
    for is_far, is_odd, is_broken, is_clear in torch.stack([far, odd, broken, is_right], 1).tolist():
        claim: Fault = "judge" if is_clear else "" if group.exists is not False else "answer"
        faults.append("ball" if is_far and not is_minimal else "range" if is_odd else claim if is_broken else "")
    return faults
