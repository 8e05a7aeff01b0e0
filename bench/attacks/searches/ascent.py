"""Projected gradient ascent: the inner maximisation of adversarial training, which recipes and attacks share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.rng import normal
from bench.core.threats.lengths import Pixels
from bench.core.threats.linf import Linf
from bench.core.threats.threat import Threat
from bench.models.batch_norm.folding import computing_modules
from bench.models.freeze import frozen

Start = Literal["random", "unclipped", "clean"]  # unclipped noise may leave [0, 1] until the first step

_noted: ContextVar[list[Tensor] | None] = ContextVar("attacks noted", default=None)
_recalled: ContextVar[list[Tensor] | None] = ContextVar("attacks recalled", default=None)


@dataclass(frozen=True)
class Ascent:
    """Projected gradient ascent inside a threat model.

    Source: Madry et al. 2018, arXiv:1706.06083, sec. 2.1.

    Args:
        threat: the ball, `Linf`, `L2` or `L1`.
        steps: gradient steps, from 0.
        step_size: length of a step in the norm of the ball, in pixel units of [0, 1], from 0.
        start: `random`, uniformly in the ball and cut to [0, 1]; `unclipped`, the same without the cut; or `clean`.

    Raises:
        BadInput: steps or step_size is below 0, or start is none of the three.

    Example:
        >>> import torch
        >>> from bench import Ascent, Linf
        >>> x = torch.full((1, 1, 1, 2), 0.5)
        >>> two_steps = Ascent(Linf(0.1), steps=2, step_size=0.06, start="clean")
        >>> two_steps.maximise(lambda z: z.flatten(1).sum(1), x)
        tensor([[[[0.6000, 0.6000]]]])
    """

    threat: Threat
    steps: int
    step_size: Pixels
    start: Start = "random"

    def __post_init__(self) -> None:
        if self.steps < 0 or not self.step_size >= 0 or self.start not in get_args(Start):
            raise BadInput(
                f"steps={self.steps}, step_size={self.step_size:g}, start={self.start}: "
                f"neither steps nor step_size below 0, start one of {', '.join(get_args(Start))}"
            )

    def first(self, x: Tensor) -> Tensor:
        """The first iterate for clean images x, (B, C, H, W); random unless start is `clean`."""
        if self.start == "clean":
            return x
        x_adv = x + self.threat.noise(x)
        return x_adv.clamp(0, 1) if self.start == "random" else x_adv

    def step(self, x_adv: Tensor, grad: Tensor, x: Tensor) -> Tensor:
        """The next iterate (B, C, H, W) from x_adv along grad, projected into the ball around x."""
        return self.threat.project(self.threat.move(x_adv, grad, self.step_size), x)

    def maximise(
        self, objective: Callable[[Tensor], Tensor], x: Tensor, x0: Tensor | None = None, noise: float = 0.0
    ) -> Tensor:
        """Take all steps and return the last iterate (B, C, H, W), detached, in the ball around x.

        Args:
            objective: function of images (B, C, H, W); returns the loss of each image (B,), or one loss for the batch.
            x: clean images (B, C, H, W) in [0, 1].
            x0: first iterate (B, C, H, W); by default that of `start`.
            noise: standard deviation of the normal noise of each step, which images without a gradient do not get.
        """
        x_adv = self.first(x) if x0 is None else x0
        recall, note = _recalled.get(), _noted.get()
        if recall is not None:
            return recall.pop(0)
        for _ in range(self.steps):
            x_adv = x_adv.detach().requires_grad_()
            (grad,) = torch.autograd.grad(objective(x_adv).sum(), x_adv)
            if noise:
                x_adv = x_adv + noise * normal(x_adv) * (grad != 0).flatten(1).any(1).view(-1, 1, 1, 1)
            x_adv = self.step(x_adv, grad, x)
        if note is not None:
            note.append(x_adv.detach())
        return x_adv.detach()

    def partway(self, objective: Callable[[Tensor], Tensor], x: Tensor, part: Tensor) -> Tensor:
        """As `maximise`, with the radius and the step of image i multiplied by part[i]; part (B,) from 0 to 1.

        Raises:
            BadInput: this is not one Linf step from the clean image; only then a long step can be cut to a short one.
        """
        if self.steps != 1 or self.start != "clean" or not isinstance(self.threat, Linf):
            kind = type(self.threat).__name__
            raise BadInput(
                f"{kind}, steps={self.steps}, start={self.start}: each image can have a share of its own (per=image) "
                "of one Linf step from start=clean alone"
            )
        reach = (min(self.threat.eps, self.step_size) * part).to(x).view(-1, 1, 1, 1)
        return self.maximise(objective, x).clamp(x - reach, x + reach)


@contextmanager
def record_maxima() -> Iterator[list[Tensor]]:
    """Yield a list to which each `Ascent.maximise` inside the block appends its images (B, C, H, W)."""
    attacks: list[Tensor] = []
    token = _noted.set(attacks)
    try:
        yield attacks
    finally:
        _noted.reset(token)


@contextmanager
def recalled(attacks: list[Tensor]) -> Iterator[None]:
    """Inside the block, inner maximisations return these images instead of searching, one after another.

    They still draw their first iterate, so that random numbers after them are the same.

    Args:
        attacks: images (B, C, H, W), one tensor for each call of `Ascent.maximise` in the block; see `rehearsed`.

    Example:
        >>> import torch
        >>> from bench import Ascent, Linf, recalled
        >>> x, found = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
        >>> with recalled([found]):
        ...     Ascent(Linf(0.1), 1, 0.1).maximise(lambda z: z.sum(), x) is found
        True
    """
    token = _recalled.set(list(attacks))
    try:
        yield
    finally:
        _recalled.reset(token)


@contextmanager
def clean_logits(model: nn.Module, x: Tensor) -> Iterator[Callable[[], Tensor]]:
    """Yield a function that returns the logits of clean images, detached, by the model in eval mode.

    Where an adversary inside the block has sent these same images through the model, they are not sent again.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W).

    Example:
        >>> import torch
        >>> from bench import clean_logits
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
        >>> with clean_logits(model, torch.zeros(2, 1, 2, 2)) as logits:
        ...     logits().shape, logits().requires_grad
        (torch.Size([2, 3]), False)
    """
    seen: list[Tensor] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], logits: Tensor) -> None:
        if not seen and _is_same(inputs[0], x) and not any(m.training for m in module.modules()):
            seen.append(logits.detach())

    def logits() -> Tensor:
        if seen:
            return seen[0]
        with torch.no_grad(), frozen(model) as attacked:
            out: Tensor = attacked(x)
        return out

    handles = [form.register_forward_hook(note) for form in computing_modules(model)]
    try:
        yield logits
    finally:
        for handle in handles:
            handle.remove()


def _is_same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are the same memory, as a tensor and its detached self are."""
    return (a.data_ptr(), a.shape, a.stride()) == (b.data_ptr(), b.shape, b.stride())
