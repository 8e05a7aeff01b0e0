"""Models whose robust accuracy is known in closed form."""

import torch
import torch.nn.functional as F
from torch import nn

from bench.attacks.parse import parse_attack
from bench.core.threats.l1 import L1
from bench.core.threats.l2 import L2
from bench.core.threats.linf import Linf
from bench.data.images import Images
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.evaluator import outcomes

PIXELS = 64  # of images 1 x 8 x 8
DUAL = {Linf: 1, L2: 2, L1: torch.inf}  # p of the dual norm
NEAR = 1e-4  # distance from the boundary, relative to eps, within which rounding may decide


class Linear(nn.Module):
    def __init__(self, weight, bias):
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, x):
        return F.linear(x.flatten(1), self.weight, self.bias)

    def radius(self, x, y, threat):
        """Distance (N,) to the nearest misclassified point in the norm of the threat; negative if x itself is one."""
        z = self(x)
        apart = self.weight[y][:, None] - self.weight
        dual = apart.norm(p=DUAL[type(threat)], dim=2)
        gap = (z.gather(1, y[:, None]) - z) / dual
        return gap.scatter(1, y[:, None], torch.inf).amin(1).detach()


class Wavy(nn.Module):
    """A smooth model, so curved that it misclassifies some iterates of an attack and gets later ones right."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(PIXELS, 16), nn.Linear(16, 4)

    def forward(self, x):
        return self.b(torch.sin(200 * self.a(x.flatten(1))))


def linear(classes, n, dtype=torch.float64, disjoint=False):
    """A linear model and n images around mid-grey near its boundaries; every tenth label is wrong.

    disjoint: each class has pixels of its own, so that all other weights are 0.
    """
    rng = torch.Generator().manual_seed(classes)
    weight = torch.randn(classes, PIXELS, generator=rng)
    if disjoint:  # each class has pixels of its own
        owner = torch.arange(PIXELS) % classes
        weight = weight * (owner == torch.arange(classes)[:, None])
    x = 0.5 + 0.05 * torch.randn(n, 1, 8, 8, generator=rng).clamp(-3, 3)
    model = Linear(weight, -0.5 * weight.sum(1)).to(dtype)
    y = model(x.to(dtype)).argmax(1)
    y[::10] = (y[::10] + 1) % classes
    return model, Images(x.to(dtype), y)


def check(model, images, text, threat, **options):
    """Assert that an attack's outcomes equal the closed form wherever rounding cannot decide.

    text: the attack's spec. Returns the outcome, and which images are robust (N,) in closed form.
    """
    outcome = outcomes(model, images, Attacked(parse_attack(text), threat), **options)
    radius = model.radius(images.x, images.y, threat)
    sure = ((radius / threat.eps - 1).abs() > NEAR) & (radius.abs() > NEAR * threat.eps)
    robust = radius > threat.eps
    assert sure.float().mean() > 0.95
    assert torch.equal(torch.from_numpy(outcome.right)[sure], robust[sure])
    return outcome, robust
