"""AutoAttack on the images that a cheaper attack, our own CW-k, leaves unbroken."""

import torch
from torch import Tensor, nn

from bench.attacks.autoattack import PACKAGE, PASSES_OF_STANDARD, run_package
from bench.attacks.searches.ascent import Ascent
from bench.attacks.searches.search import in_batches, search
from bench.attacks.spec import ATTACKS
from bench.core.losses import margin
from bench.core.rng import image_stream
from bench.core.threats.threat import Threat


def autoattack_screened(
    model: nn.Module, x: Tensor, y: Tensor, threat: Threat, *, screen: int = 10, block: int = 128
) -> Tensor:
    """AutoAttack.screened: the standard version on images that our own CW-k leaves unbroken; fewer passes.

    Its random numbers differ from AutoAttack's, as the package sees fewer images. Whether CW-k breaks an image is
    decided on the attacked copy; the evaluator attacks the image again if the model itself disagrees.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        threat: the ball around each image, `Linf`, `L2` or `L1`.
        screen: steps of CW-k, of a quarter of eps.
        block: images that the package sees at a time.

    Returns:
        Images (B, C, H, W) in the ball and in [0, 1].

    Raises:
        BadInput: as in `run_package`.
    """
    # a stream for each image, so that random numbers do not depend on the batch size
    with image_stream(range(len(x)), "screen", int(torch.randint(2**31, ()))):
        x_adv = search(model, Ascent(threat, screen, threat.eps / 4), margin, x, y)
    with torch.no_grad():
        standing = in_batches(model, x_adv).argmax(1) == y
    if standing.any():
        x_adv[standing] = run_package(model, x[standing], y[standing], threat, block, "standard")
    return x_adv


autoattack_screened.package = PACKAGE  # type: ignore[attr-defined]
autoattack_screened.passes = lambda settings: PASSES_OF_STANDARD  # type: ignore[attr-defined]
ATTACKS.add(
    "AutoAttack.screened",
    autoattack_screened,
    "AutoAttack on the images that CW-k leaves, in fewer passes",
)
