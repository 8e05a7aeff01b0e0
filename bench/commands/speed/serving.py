"""Parts of `bench speed` in which one search gives several numbers, compared with a search for each."""

from dataclasses import replace
from functools import partial

import numpy as np

from bench.attacks.parse import parse_attack
from bench.commands.speed import peers
from bench.commands.speed.parts import PARTS
from bench.commands.speed.race import Contest, Contestant, RaceResult
from bench.commands.speed.subject import Subject
from bench.core.threats.linf import Linf
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.sweep import sweep_conditions
from bench.evaluation.evaluator import outcomes, outcomes_of_group
from bench.evaluation.settings import EvalSettings

RADII, LENGTHS = 8, (100, 20, 10)
PLAIN_LOOPS = "plain loops"


def loops(subject: Subject, runs: list[tuple[Linf, int]]) -> Contestant:
    """A plain loop for each radius and number of steps; outcomes are concatenated."""
    each = [
        replace(subject, threat=ball).theirs(PLAIN_LOOPS, partial(peers.plain, steps=steps)) for ball, steps in runs
    ]

    def run() -> RaceResult:
        rights = [found.right for one in each if one for found in [one()]]
        return RaceResult(np.concatenate([right for right in rights if right is not None]))

    return run


def ours(subject: Subject, conditions: list[Attacked], seed: int = 0) -> Contestant:
    """An evaluation for each condition; outcomes are concatenated."""

    def run() -> RaceResult:
        found = [
            outcomes(subject.model, subject.test, condition, n=subject.n, batch_size=subject.batch_size, seed=seed)
            for condition in conditions
        ]
        right = np.concatenate([outcome.right for outcome in found])
        return RaceResult(right, None, sum(o.forwards for o in found), sum(o.backwards for o in found))

    return run


def sweep(subject: Subject) -> Contest:
    """One sweep against a run for each radius; two runs with different draws show by how much outcomes may differ."""
    attack = parse_attack("PGD-20")
    balls = [replace(subject.threat, eps=subject.threat.eps * part / RADII) for part in range(1, RADII + 1)]
    conditions = [Attacked(attack, ball) for ball in balls]

    def run_sweep() -> RaceResult:
        curve = sweep_conditions(attack, balls)
        found = outcomes(subject.model, subject.test, curve[0], n=subject.n, batch_size=subject.batch_size)
        right = np.concatenate([reading.find_robust(np.array(found.values)) for reading in curve[1 : RADII + 1]])
        return RaceResult(right, None, found.forwards, found.backwards)

    runners = {
        f"sweep of {RADII} radii": run_sweep,
        "a run for each": ours(subject, conditions),
        "the same, other draws": ours(subject, conditions, seed=1),
        PLAIN_LOOPS: loops(subject, [(ball, peers.STEPS) for ball in balls]),
    }
    names = list(runners)
    return Contest(runners, ((names[0], PLAIN_LOOPS), (names[0], names[1]), (names[2], names[1])))


def trajectory(subject: Subject) -> Contest:
    """PGD of several lengths from one search against a run for each."""
    conditions = [Attacked(parse_attack(f"PGD-{steps}"), subject.threat) for steps in LENGTHS]

    def run_together() -> RaceResult:
        settings = EvalSettings(n=subject.n, batch_size=subject.batch_size)
        found = outcomes_of_group(subject.model, subject.test, conditions, settings)
        return RaceResult(np.concatenate([o.right for o in found]), None, found[0].forwards, found[0].backwards)

    runners = {
        f"PGD-{', '.join(map(str, LENGTHS))} together": run_together,
        "a run for each": ours(subject, conditions),
        PLAIN_LOOPS: loops(subject, [(subject.threat, steps) for steps in LENGTHS]),
    }
    name = next(iter(runners))
    return Contest(runners, ((name, PLAIN_LOOPS), (name, "a run for each")))


PARTS.add("sweep", sweep)
PARTS.add("trajectory", trajectory)
