"""Examine an attack: which of the errors that exist it finds, and that it breaks nothing that has been proved."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from bench.attacks.spec import AttackSpec
from bench.core.errors import BadInput, Failed
from bench.core.threats.linf import Linf
from bench.core.threats.threat import Threat
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.base import Batch
from bench.evaluation.evaluator import outcomes
from bench.evaluation.exam.faults import Fault, find_faults
from bench.evaluation.exam.questions import QuestionGroup
from bench.evaluation.outcome import Outcome
from bench.evaluation.target import Target


@dataclass(frozen=True)
class Answer:
    """What an attack has made of one question.

    Args:
        seed: of the attack's draws.
        net: name of the network. image: number of the image among those of the network.
        ratio: of the asked radius to the distance of the nearest error. eps: the asked radius.
        exists: whether there is an error within it; None if that is not known.
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


@dataclass(frozen=True)
class RecordedAttack(Attacked):
    """An attack whose images are recorded instead of refused where they leave the ball or [0, 1]."""

    record: Callable[[Tensor, Tensor], None] = field(kw_only=True)

    def measure(self, target: Target, batch: Batch, outcome: Outcome) -> Tensor:
        def keep(broken: Tensor, x_adv: Tensor) -> None:
            self.record(broken[: batch.counted], x_adv[: batch.counted])

        return target.distances(self, batch, outcome, keep).isinf()

    def base(self) -> "RecordedAttack":
        return self

    def read(self, outcome: Outcome) -> Outcome:
        return outcome

    def check(self, x_adv: Tensor, x: Tensor) -> None:
        """Failed where the images have another shape than x, or are not finite."""
        inside = self.threat.project(x_adv, x) if x_adv.shape == x.shape else x_adv
        super().check(torch.where(x_adv.isfinite(), inside, x_adv), x)


def check_attack(attack: AttackSpec, norm: type[Threat] = Linf) -> None:
    """BadInput if the exam has no answers for the attack or the norm."""
    if norm is not Linf:
        raise BadInput(f"the exam has answers for Linf alone, and none for {norm.__name__}; leave --norm out")
    if attack.minimal and not isinstance(attack.space, Linf):
        space = type(attack.space).__name__
        raise BadInput(f"attack {attack.name} measures distances in {space}, and the exam has answers for Linf alone")


def examine(
    attack: AttackSpec,
    groups: Sequence[QuestionGroup],
    seeds: tuple[int, ...] = (0,),
    tick: Callable[[], None] = lambda: None,
) -> Answers:
    """Put the questions to an attack, by the bench's evaluator.

    A group of questions is one call, and one block. A minimum-norm attack is called once for all radii of its images.

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
        nearest = dict[int, _Returned]()  # what a minimum-norm attack has returned, by `ExamNet`
        for group in groups:
            returned = nearest.get(id(group.net)) or _attack(found, group, seed)
            if attack.minimal:
                nearest[id(group.net)] = returned
            found.answers += _answers(group, seed, returned, attack.minimal)
            tick()
    return found


@dataclass(frozen=True, eq=False)
class _Returned:
    """What an attack has returned for the M images of a group, and which of them the evaluator counted as broken."""

    x_adv: Tensor  # (M, C, H, W)
    fooled: Tensor  # (M,) bool
    has_failed: bool = False


def _attack(found: Answers, group: QuestionGroup, seed: int) -> _Returned:
    """Attack the images of a group; what it cost is added to `found`."""
    net, attack = group.net, found.attack
    x = net.images.x[:].float()
    kept = [_Returned(x, torch.zeros(len(x), dtype=torch.bool))]

    def record(fooled: Tensor, x_adv: Tensor) -> None:
        kept.append(_Returned(x_adv.clone(), fooled.clone()))

    condition = RecordedAttack(attack, attack.space if attack.minimal else Linf(group.eps), record=record)
    try:
        outcome = outcomes(net.model(), net.images, condition, seed=seed)
    except Failed as failure:
        found.failures.append(str(failure))
        return replace(kept[0], has_failed=True)
    found.forwards += outcome.forwards
    found.backwards += outcome.backwards
    found.seconds += outcome.seconds
    return kept[-1]


def _answers(group: QuestionGroup, seed: int, returned: _Returned, is_minimal: bool) -> list[Answer]:
    """What became of the questions of a group."""
    net = group.net
    far = Linf(group.eps).distance(returned.x_adv.double(), net.images.x[:].double())
    broken = returned.fooled & (far <= group.eps) if is_minimal else returned.fooled
    faults = find_faults(group, returned.x_adv, broken, is_minimal)
    if returned.has_failed:
        faults = ["failed"] * len(faults)
    shares = (far.numpy() / net.distances).tolist()
    rows = zip(net.places, broken.tolist(), shares, faults, strict=True)
    return [Answer(seed, net.name, i, group.ratio, group.eps, group.exists, *row) for i, *row in rows]
