"""Examine an attack: which of the errors that exist it finds, and that it breaks nothing that has been proved."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from bench.attacks.spec import AttackSpec
from bench.core.errors import BadInput, Failed
from bench.core.losses import margin
from bench.core.threat import Linf, Threat, tolerance
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.base import Batch
from bench.evaluation.evaluator import outcomes
from bench.evaluation.exam.questions import Group
from bench.evaluation.outcome import Outcome
from bench.evaluation.target import Target

ROUNDING = 1e-4  # share of the largest logit by which float32 may judge otherwise than float64
Fault = Literal["", "ball", "range", "judge", "answer", "failed"]
FAULT_TEXTS: dict[Fault, str] = {
    "ball": "left the ball",
    "range": "left the range [0, 1]",
    "judge": "counted as broken, though a new copy of the network gets the image right",
    "answer": "found an image that the exam's proof excludes; please report it",
    "failed": "failed",
}


@dataclass(frozen=True)
class Answer:
    """What an attack has made of one question.

    Args:
        seed: of the attack's draws.
        net: name of the network. image: number of the image among those of the network.
        ratio: of the asked radius to the distance of the nearest error. eps: the asked radius.
        exists: whether there is an error within it; None if nobody has told.
        broken: whether the attack has returned an image that the evaluator takes for one.
        distance: of the image that it returned, as a share of the distance of the nearest error.
        fault: what is wrong with that image; empty if nothing is.
    """

    seed: int
    net: str
    image: int
    ratio: float
    eps: float
    exists: bool | None
    broken: bool
    distance: float
    fault: Fault

    @property
    def found(self) -> bool:
        """Whether the attack has found an error."""
        return self.broken and not self.fault


@dataclass
class Answers:
    """All answers of one attack, and what they cost."""

    attack: AttackSpec
    seeds: tuple[int, ...]
    answers: list[Answer] = field(default_factory=list)
    forwards: int = 0
    backwards: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)  # what an attack that raised has said
    warned: int = 0  # images on which the attack warned that its gradients are zero, or the like


@dataclass(frozen=True)
class Examined(Attacked):
    """An attack whose images are recorded instead of refused where they leave the ball or [0, 1]."""

    record: Callable[[Tensor, Tensor, Tensor], None] = field(kw_only=True)

    def measure(self, target: Target, batch: Batch, outcome: Outcome) -> Tensor:
        def keep(broken: Tensor, x_adv: Tensor) -> None:
            self.record(broken[: batch.counted], x_adv[: batch.counted], batch.x[: batch.counted])

        return target.distances(self, batch.ids, batch.x, batch.y, outcome, keep).isinf()

    def check(self, x_adv: Tensor, x: Tensor) -> None:
        """Failed where the images have another shape than x, or are not finite."""
        inside = self.threat.project(x_adv, x) if x_adv.shape == x.shape else x_adv
        super().check(torch.where(x_adv.isfinite(), inside, x_adv), x)


def check_attack(attack: AttackSpec, threat: type[Threat] = Linf) -> None:
    """BadInput if the exam has no answers for the attack or the norm."""
    if threat is not Linf:
        raise BadInput(f"the exam has answers for Linf alone, and none for {threat.__name__}; leave --norm out")
    if attack.minimal:
        raise BadInput(f"attack {attack.name} measures distances in L2, and the exam has answers for Linf alone")


def examine(
    attack: AttackSpec,
    groups: Sequence[Group],
    seeds: tuple[int, ...] = (0,),
    tick: Callable[[], None] = lambda: None,
) -> Answers:
    """Put the questions to an attack, by the bench's evaluator. A group of questions is one call, and one block.

    Args:
        attack: the attack with its settings.
        groups: the questions, from `load_groups`.
        seeds: of its draws; the exam is taken once with each.
        tick: called after each group.

    Raises:
        BadInput: the exam has no answers for it, or it cannot attack these networks.
    """
    check_attack(attack)
    found = Answers(attack, seeds)
    for seed in seeds:
        for group in groups:
            _ask(found, group, seed)
            tick()
    return found


def _ask(found: Answers, group: Group, seed: int) -> None:
    """Put a group of questions; answers and costs are added to `found`."""
    sheet, threat, n = group.sheet, Linf(group.eps), len(group.sheet.images)
    faults: list[Fault] = [""] * n
    broken, distance = torch.zeros(n, dtype=torch.bool), torch.full((n,), torch.inf, dtype=torch.float64)

    def record(fooled: Tensor, x_adv: Tensor, x: Tensor) -> None:
        faults[:] = find_faults(group, x_adv, x, fooled)
        broken[:] = fooled
        distance[:] = threat.distance(x_adv.double(), x.double())

    try:
        outcome = outcomes(sheet.model(), sheet.images, Examined(found.attack, threat, record=record), seed=seed)
    except Failed as failure:
        found.failures.append(str(failure))
        faults = ["failed"] * n
    else:
        found.forwards += outcome.forwards
        found.backwards += outcome.backwards
        found.seconds += outcome.seconds
        found.warned += sum(outcome.doubts.values())
    shares = (distance.numpy() / sheet.distances).tolist()
    for place, *results in zip(sheet.places, broken.tolist(), shares, faults, strict=True):
        found.answers.append(Answer(seed, sheet.net, place, group.ratio, group.eps, group.exists, *results))


def find_faults(group: Group, x_adv: Tensor, x: Tensor, fooled: Tensor) -> list[Fault]:
    """Which images (B, C, H, W) leave the ball or [0, 1], and which are counted as broken though they are not.

    fooled: which of them the evaluator has counted as broken, (B,) bool.
    """
    threat, exact, y = Linf(group.eps), x_adv.double(), group.sheet.images.y
    far = threat.distance(exact, x.double()) > threat.eps + tolerance(threat.eps)
    odd = (exact.flatten(1).amin(1) < 0) | (exact.flatten(1).amax(1) > 1)
    with torch.no_grad():
        logits = group.sheet.exact(exact)
    is_right = margin(logits, y) < -ROUNDING * logits.abs().amax(1)
    faults = list[Fault]()
    for is_far, is_odd, is_broken, is_clear in torch.stack([far, odd, fooled, is_right], 1).tolist():
        claim: Fault = "judge" if is_clear else "" if group.exists is not False else "answer"
        faults.append("ball" if is_far else "range" if is_odd else claim if is_broken else "")
    return faults
