"""Random search on the margin, for images at which a model has no gradient.

Andriushchenko et al., "Square Attack: a query-efficient black-box adversarial attack via random search", ECCV 2020,
arXiv:1912.00049: squares of random sign, whose share of the image shrinks by the paper's schedule.
"""

import torch
from torch import Tensor, nn

from bench.attacks.searches.ascent_batch import leads
from bench.core.rng import uniform
from bench.core.threats.threat import Threat

FIRST_SHARE = 0.8  # of the pixels that a square covers
HALVED_AT = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)  # shares of the queries after which it is halved


@torch.no_grad()
def random_search(
    model: nn.Module, x: Tensor, y: Tensor, threat: Threat, *, queries: int, until: int
) -> tuple[Tensor, Tensor]:
    """Change random squares of each image, and keep what does not lower the margin of the likeliest wrong class.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        threat: the ball around each image.
        queries: forward passes of an image that is never broken, from 1; the squares shrink with their share.
        until: the query at which to stop, from 1.

    Returns:
        The images (B, C, H, W) that it came to, and whether each is misclassified, (B,) bool.
    """
    stripes = (2 * uniform(x[:, :, :1]) - 1).expand_as(x)  # the paper's first images
    now = threat.project(threat.move(x, stripes, threat.eps), x)
    logits = model(now)
    for query in range(1, min(until, queries)):
        halvings = sum(query > mark * queries for mark in HALVED_AT)
        changed = _with_squares(now, x, threat, FIRST_SHARE / 2**halvings)
        unbroken = logits.argmax(1) == y
        if not unbroken.any():
            break
        others = logits.clone()
        others[unbroken] = model(changed[unbroken])
        is_better = unbroken & (leads(others, y).amax(1) >= leads(logits, y).amax(1))
        now = torch.where(is_better.view(-1, 1, 1, 1), changed, now)
        logits = torch.where(is_better[:, None], others, logits)
    return now, logits.argmax(1) != y


def _with_squares(now: Tensor, x: Tensor, threat: Threat, share: float) -> Tensor:
    """The images now (B, C, H, W) with a square of this share of the pixels moved to the edge of the ball around x."""
    height, width = x.shape[2:]
    side = min(max(round((share * height * width) ** 0.5), 1), height, width)
    corner = uniform(x[:, 0, 0, :2])  # (B, 2)
    top, left = ((corner * corner.new_tensor([height - side + 1, width - side + 1])).long()).unbind(1)
    lines, columns = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
    across = (lines >= top[:, None]) & (lines < top[:, None] + side)
    along = (columns >= left[:, None]) & (columns < left[:, None] + side)
    square = across[:, None, :, None] & along[:, None, None, :]
    sign = (uniform(x[:, :, :1, :1]) - 0.5).sign()
    return threat.project(threat.move(now, (square * sign).to(now), 2 * threat.eps), x)
