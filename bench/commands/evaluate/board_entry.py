"""The entry on RobustBench's leaderboard of a model that `bench eval` has evaluated: AutoAttack at one radius."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import nn

from bench.attacks.suites import attacks_of
from bench.commands.evaluate.model_info import MeasuredAccuracies
from bench.core.errors import BadInput
from bench.core.parsing import format_radius
from bench.evaluation.conditions.attack import Attacked, plain_attacks
from bench.evaluation.conditions.base import Condition
from bench.evaluation.external.finished_run import FinishedRun
from bench.evaluation.external.spec import ModelSource
from bench.models.class_subset import model_of_all_classes
from bench.report.audit.indicators import Doubt
from bench.report.labels import AUTOATTACK
from bench.report.verdicts import doubts_by_board, verdict
from bench.results.kinds import CLEAN
from bench.results.load import load_results
from bench.results.row import Row
from bench.results.store import read_outcomes
from bench.runner.request import Request


def with_official_attack(request: Request, path: Path, source: ModelSource) -> Request:
    """Add AutoAttack to a request that lacks it, and say so on stderr.

    Raises:
        BadInput: the request has no attack, or several radii.
    """
    needs = f"--model-info needs {AUTOATTACK} at one radius, and"
    command = f"bench eval --model {source} --attacks {AUTOATTACK} --eps EPS --model-info {path}"
    if not request.attacks:
        raise BadInput(
            f"{needs} --attacks none asks for no attack; leave --attacks out, or give --attacks {AUTOATTACK}"
        )
    if request.sweep:
        raise BadInput(f"{needs} --sweep attacks at several; give a run of its own: {command}")
    if len(request.eps) > 1:
        radii = ",".join(map(format_radius, request.eps))
        raise BadInput(f"{needs} --eps {radii} names {len(request.eps)}; give one of them: {command}")
    if any(attack.name == AUTOATTACK for attack in attacks_of(request.attacks)):
        return request
    given = ",".join(request.attacks)
    print(f"--model-info needs {AUTOATTACK}, which is added to --attacks {given}", file=sys.stderr)
    return replace(request, attacks=(*request.attacks, AUTOATTACK))


def official_attack(conditions: Sequence[Condition]) -> Attacked:
    """The AutoAttack condition of a request that `with_official_attack` has returned."""
    return next(c for c in plain_attacks(conditions) if c.attack.name == AUTOATTACK)


def board_entry(
    source: ModelSource, net: nn.Module, clean: Row, attacked: Row, model_warnings: list[Doubt]
) -> MeasuredAccuracies:
    """Make the entry from the clean row and the AutoAttack row of a model, and the audit's doubts at this radius."""
    assert clean.value is not None
    assert attacked.value is not None
    return MeasuredAccuracies(
        name=source.name,
        architecture=source.architecture(model_of_all_classes(net)),
        dataset=clean.dataset,
        eps=attacked.eps,
        clean=clean.value,
        robust=attacked.value,
        n=clean.n,
        partial=clean.partial,
        verdict=verdict([(attacked.name, attacked.verdict)], model_warnings),
        trained_here=source.trained_here,
        extra_images=source.extra_images if isinstance(source, FinishedRun) else 0,
    )


def find_doubts(results: Path, attacked: Row) -> list[Doubt]:
    """The audit's doubts about the model of a row under its threat, from all rows of the model in a results folder."""
    assert attacked.eps is not None
    facts = load_results(results)
    same = (facts["kind"] == CLEAN) | ((facts["norm"] == attacked.norm) & ((facts["eps"] - attacked.eps).abs() < 1e-7))
    for column in ("run", "view", "epoch", "n", "precision"):
        same &= facts[column] == getattr(attacked, column)
    return doubts_by_board(facts[same], facts, read_outcomes(results / attacked.run))
