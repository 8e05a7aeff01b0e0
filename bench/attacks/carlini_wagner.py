"""The nearest image in L2 that a model gets wrong.

Carlini, Wagner, "Towards Evaluating the Robustness of Neural Networks", S&P 2017, arXiv:1608.04644.
"""

import warnings
from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor, nn

from bench.attacks.searches.gradients import gradient, has_no_gradient, warn_zero_gradients
from bench.attacks.searches.search import batch_size_for
from bench.attacks.settings import Positive
from bench.attacks.spec import ATTACKS
from bench.core.errors import AttackWarning
from bench.core.losses import margin
from bench.core.threats.l2 import l2_norm
from bench.core.threats.threat import Threat

MAX_TANH = 0.999999  # keeps atanh finite for pixels of 0 and 1
# A search ends after this share of its steps without progress, by whether the lead kappa has been reached.
PATIENCE_SHARE = {True: 0.5, False: 0.2}
# Progress is a fall of the distance, or before kappa is reached a rise of the lead, by this share.
DISTANCE_PROGRESS, LEAD_PROGRESS = 1e-4, 1e-2
DECAYS, TINY = (0.9, 0.999), 1e-8  # Adam's


@dataclass
class SearchState:
    """The state of one search for each image of a batch; every field is stacked, (B, ...)."""

    rows: Tensor  # index of the image among all
    w: Tensor  # the variable of Adam; x_adv = (tanh(w) + 1) / 2
    mean: Tensor  # Adam's moving average of the gradient with respect to w
    square: Tensor  # and of its square
    taken: Tensor  # steps
    nearest: Tensor  # smallest L2 distance at which the lead was above kappa; inf if it never was
    lead: Tensor  # highest margin so far: best wrong logit minus the true one
    idle: Tensor  # steps without progress

    @classmethod
    def start(cls, x: Tensor, rows: Tensor) -> "SearchState":
        w, none = torch.atanh((2 * x[rows] - 1) * MAX_TANH), torch.zeros_like(rows)
        nothing, far = torch.zeros_like(w), x.new_full(rows.shape, torch.inf)
        return cls(rows, w, nothing, nothing, none, far, -far, none)

    def select(self, some: Tensor) -> "SearchState":
        return SearchState(*(getattr(self, field.name)[some] for field in fields(self)))

    def join(self, others: "SearchState") -> "SearchState":
        return SearchState(*(torch.cat([getattr(self, f.name), getattr(others, f.name)]) for f in fields(self)))

    def update_progress(self, lead: Tensor, far: Tensor, kappa: float) -> None:
        """Update nearest, lead and idle from the margin `lead` and the distance `far` (B,) of the present iterates."""
        near = torch.where(lead > kappa, far, torch.inf)
        closing = self.nearest.isinf() & ~(lead <= self.lead + LEAD_PROGRESS * self.lead.abs())  # -inf + inf is NaN
        progress = closing | (near < (1 - DISTANCE_PROGRESS) * self.nearest)
        self.idle = torch.where(progress, 0, self.idle + 1)
        self.nearest, self.lead = torch.minimum(self.nearest, near), torch.maximum(self.lead, lead)

    def step(self, slope: Tensor, rate: float) -> None:
        """Take a step of Adam along the gradient `slope`; each search has its own count of steps."""
        self.taken = self.taken + 1
        mean, square = DECAYS
        self.mean = mean * self.mean + (1 - mean) * slope
        self.square = square * self.square + (1 - square) * slope**2
        short, narrow = (1 - decay ** self.taken.view(-1, 1, 1, 1).to(slope) for decay in DECAYS)
        self.w = self.w - rate * (self.mean / short) / ((self.square / narrow).sqrt() + TINY)

    def is_over(self, steps: int) -> Tensor:
        """Which searches have taken all steps, or made no progress for too long, (B,) bool."""
        patience = torch.where(self.nearest.isinf(), PATIENCE_SHARE[False] * steps, PATIENCE_SHARE[True] * steps)
        return (self.taken == steps) | (self.idle >= patience.clamp_min(1))


@dataclass
class WeightSearch:
    """The binary search for the weight c of the margin, one for each image, (N,)."""

    weight: Tensor  # of the present search
    low: Tensor  # highest weight at which a search failed; 0 if none has
    high: Tensor  # lowest weight at which one succeeded; inf if none has
    left: Tensor  # searches that are not over

    @classmethod
    def start(cls, x: Tensor, c: float, searches: int) -> "WeightSearch":
        zeros = x.new_zeros(len(x))
        return cls(zeros + c, zeros.clone(), zeros + torch.inf, torch.full_like(zeros, searches, dtype=torch.long))

    def update(self, ended: Tensor, reached: Tensor) -> None:
        """Choose the next weight of the images `ended`, whose search has succeeded where `reached` is true."""
        self.left[ended] -= 1
        weight, low, high = self.weight[ended], self.low[ended], self.high[ended]
        low, high = torch.where(reached, low, weight), torch.where(reached, weight, high)
        self.weight[ended] = torch.where(high.isinf(), 10 * weight, (low + high) / 2)
        self.low[ended], self.high[ended] = low, high


def cw_l2(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    threat: Threat,
    *,
    steps: int = 1000,
    searches: int = 10,
    rate: Positive = 0.01,
    c: Positive = 0.01,
    kappa: float = 0.0,
    last: bool = False,
) -> Tensor:
    """CW-L2: look for the nearest image in L2 that the model gets wrong with confidence kappa.

    Adam on w, where x_adv = (tanh(w) + 1) / 2, descends on |x_adv - x|^2 + c max(z_y - max_k z_k, -kappa). A search
    that makes no more progress ends early, and the next image takes its place. Source: Carlini, Wagner 2017,
    arXiv:1608.04644.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        threat: not used: the search goes as far as it must.
        steps: of Adam in one search.
        searches: times that c is chosen anew, halfway between one that succeeded and one that failed, or ten times as
            high as the last where none has succeeded.
        rate: learning rate of Adam.
        c: weight of the margin in the first search.
        kappa: confidence asked of the wrong class, in logits, from 0.
        last: return the last iterate of the last search.

    Returns:
        Images (B, C, H, W) in [0, 1]: the nearest ones whose margin was above kappa, and x where there were none, of
        which an AttackWarning gives the number.

    Raises:
        BadInput: the model gives its images no gradient.
    """
    found, nearest, stuck = x.clone(), x.new_full((len(x),), torch.inf), 0
    weights = WeightSearch.start(x, c, searches)
    waiting, limit = torch.arange(len(x), device=x.device), batch_size_for(len(x))
    now = SearchState.start(x, waiting[:0])
    while len(now.rows) or len(waiting):
        free = limit - len(now.rows)
        now, waiting = now.join(SearchState.start(x, waiting[:free])), waiting[free:]
        rows = now.rows
        x_adv, lead, slope = _look(model, now, y[rows], weights.weight[rows], kappa)

        far = l2_norm(x_adv - x[rows])
        closer = (lead > kappa) & (far < nearest[rows])
        found[rows[closer]], nearest[rows[closer]] = x_adv[closer], far[closer]
        now.update_progress(lead, far, kappa)
        now.step((slope + 2 * (x_adv - x[rows])) * (2 * x_adv * (1 - x_adv)), rate)

        over = now.is_over(steps)
        weights.update(rows[over], now.nearest[over].isfinite())
        done = over & (weights.left[rows] == 0)
        stuck += int((has_no_gradient(slope) & done & nearest[rows].isinf()).sum())
        if last:
            found[rows[done]] = x_adv[done]
        waiting, now = torch.cat([rows[over & ~done], waiting]), now.select(~over)
    warn_zero_gradients(stuck)
    if not last:
        _warn_of_failed_searches(int(nearest.isinf().sum()) - stuck, kappa)
    return found


def _look(model: nn.Module, now: SearchState, y: Tensor, weight: Tensor, kappa: float) -> tuple[Tensor, Tensor, Tensor]:
    """The iterates (B, C, H, W), their margins (B,), and the gradients of the weighted margin with respect to them."""
    x_adv = ((now.w.tanh() + 1) / 2).requires_grad_()
    lead = margin(model(x_adv), y)
    slope = gradient(weight * (-lead).clamp_min(-kappa), x_adv)
    return x_adv.detach(), lead.detach(), slope


def _warn_of_failed_searches(images: int, kappa: float) -> None:
    """Warn of images with a gradient whose search has found no error: at some distance there is one for each."""
    if images:
        warnings.warn(AttackWarning(f"never reached kappa={kappa:g}", images), stacklevel=3)


cw_l2.minimal = True  # type: ignore[attr-defined]
ATTACKS.add("CW-L2", cw_l2, "the nearest adversarial image in L2, however far (Carlini, Wagner)")
# what the authors of M2AT have used elsewhere, and perhaps for the CW-20 of their Table 1
ATTACKS.add(
    "CW-L2.20x5", partial(cw_l2, steps=20, searches=5, rate=0.005, kappa=0.0), "CW-L2 with 5 searches of 20 steps each"
)
