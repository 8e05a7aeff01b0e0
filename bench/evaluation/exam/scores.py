"""The score of an attack in the exam, and the table of scores."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from bench.core.parsing import format_count
from bench.evaluation.exam.examine import Answer, Answers
from bench.evaluation.exam.faults import FAULT_TEXTS

COLUMNS = [
    *("attack", "params", "exam", "seeds", "questions", "found", "exist", "broken", "proved", "radius"),
    *("forwards", "backwards", "seconds", "verdict"),
]


@dataclass(frozen=True)
class Score:
    """What an attack has done in the exam; one line of the table.

    Args:
        attack: its name. params: its settings.
        exam: digest of the questions. seeds: of the attack's draws.
        questions: how many were asked.
        found, exist: errors that it found, of those that exist.
        broken, proved: questions without an error that it has broken all the same, of all those.
        radius: median over the images of the distance at which it found an error, as a share of the distance of the
            nearest one; inf if it found none for half of the images, NaN where the distances are unknown.
        forwards, backwards: passes for one question.
        seconds: in attacks.
        verdict: ok, or `invalid: ` or `failed: ` and why.
        by_net: (found, exist) of each network.
    """

    attack: str
    params: str
    exam: str
    seeds: str
    questions: int
    found: int
    exist: int
    broken: int
    proved: int
    radius: float
    forwards: float
    backwards: float
    seconds: float
    verdict: str
    by_net: Mapping[str, tuple[int, int]]

    @property
    def is_valid(self) -> bool:
        """Whether nothing was broken that cannot be, no image left its ball, and nothing failed."""
        return self.verdict == "ok"

    def row(self) -> dict[str, object]:
        """The line of the file of scores, without the networks."""
        return {name: value for name, value in asdict(self).items() if name in COLUMNS}


def score(found: Answers, exam: str) -> Score:
    """The score of an attack. exam: digest of the questions."""
    answers = found.answers
    exist = [answer for answer in answers if answer.exists is not False]
    proved = [answer for answer in answers if answer.exists is False]
    nets = dict.fromkeys(answer.net for answer in answers)
    return Score(
        found.attack.name,
        found.attack.params,
        exam,
        ",".join(map(str, found.seeds)),
        len(answers),
        sum(answer.found for answer in exist),
        len(exist),
        sum(answer.broken for answer in proved),
        len(proved),
        median_radius(answers),
        found.forwards / len(answers),
        found.backwards / len(answers),
        found.seconds,
        _verdict(found),
        {net: _count_found([answer for answer in exist if answer.net == net]) for net in nets},
    )


def _count_found(answers: Sequence[Answer]) -> tuple[int, int]:
    return sum(answer.found for answer in answers), len(answers)


def median_radius(answers: Sequence[Answer]) -> float:
    """The median over images and seeds of the least distance of a found error, relative to that of the nearest one."""
    if any(math.isnan(answer.distance) for answer in answers):
        return math.nan
    nearest = dict[tuple[int, str, int], float]()
    for answer in answers:
        key = answer.seed, answer.net, answer.image
        found = answer.distance if answer.found else math.inf
        nearest[key] = min(nearest.get(key, math.inf), found)
    return median(nearest.values())


def _verdict(found: Answers) -> str:
    counts = Counter(answer.fault for answer in found.answers if answer.fault not in ("", "failed"))
    told = [f"{FAULT_TEXTS[fault]} ({format_count(count, 'question')})" for fault, count in counts.items()]
    if told:
        return f"invalid: {'; '.join(told)}"
    return f"failed: {found.failures[0]}" if found.failures else "ok"
