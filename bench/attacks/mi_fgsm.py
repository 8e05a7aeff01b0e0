"""MI-FGSM.

Dong et al., "Boosting Adversarial Attacks with Momentum", CVPR 2018, arXiv:1710.06081. Settings of Laugros, Caplier,
Ospici 2020, arXiv:2008.08384.
"""

import torch
from torch import Tensor, nn

from bench.attacks.searches.gradients import has_no_gradient, mean_gradient, warn_zero_gradients
from bench.attacks.searches.search import attack_in_batches
from bench.attacks.settings import Eot, step_length
from bench.attacks.spec import ATTACKS
from bench.core.losses import cross_entropy
from bench.core.threats.threat import Threat


@attack_in_batches
def mi_fgsm(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    threat: Threat,
    *,
    steps: int = 10,
    step: str = "0.1eps",
    decay: float = 1.0,
    last: bool = False,
    eot: Eot = 1,
) -> Tensor:
    """MI-FGSM: ascent from the clean image along g <- decay g + grad / |grad|_1.

    An image that was broken at any iterate is returned as it was there. Source: Dong et al. 2018, arXiv:1710.06081.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        threat: the ball around each image, `Linf`, `L2` or `L1`.
        steps: gradient steps.
        step: length of a step, as a share of eps (`0.1eps`) or in pixel units of [0, 1]; the paper's is eps / steps.
        decay: of the momentum, from 0.
        last: return the last iterate, as the paper does, instead of the first one that is broken.
        eot: passes of which each gradient is the mean, for models that draw random numbers (Athalye et al. 2018).

    Returns:
        Images (B, C, H, W) in the ball and in [0, 1]; where the attack has failed, the last iterate.

    Raises:
        BadInput: the model gives its images no gradient.
    """
    length = step_length(step, threat.eps)
    found, g = x.clone(), torch.zeros_like(x)
    rows = torch.arange(len(x), device=x.device)  # images that are not broken yet
    stuck = rows[:0]
    for _ in range(steps):
        if not len(rows):
            break
        x_adv = found[rows].requires_grad_()
        logits, slope = mean_gradient(model, cross_entropy, x_adv, y[rows], eot)
        right = logits.argmax(1) == y[rows]
        stay = right | last
        stuck, rows, slope = rows[right & has_no_gradient(slope)], rows[stay], slope[stay]
        # the L1 mean instead of the L1 norm scales g by a constant, and only its direction is used
        g = decay * g[stay] + slope / slope.abs().mean((1, 2, 3), keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
        found[rows] = threat.project(threat.move(found[rows], g, length), x[rows])
    warn_zero_gradients(len(stuck))
    return found


ATTACKS.add("MI-FGSM", mi_fgsm, "iterated FGSM with momentum, which transfers well")
