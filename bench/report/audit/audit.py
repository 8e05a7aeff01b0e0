"""Checks robust accuracies for signs of failed attacks, from stored rows and outcomes alone.

Of Pintor et al.'s six indicators (arXiv:2106.09947) 1, 4 and 6 are here: `zero-gradient`, an attack that had not
converged, `unbounded`; randomness, the cause that 2 looks for, is `changing`. The third, an adversarial
iterate that a later one replaces, and the fifth, a failure to transfer to the defended model, cannot happen here: any
iterate counts, and the attacked model itself is evaluated.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from bench.core.files import Bits
from bench.core.parsing import format_count
from bench.report.audit.attack_outcome import AttackOutcome, exceeds_limit
from bench.report.audit.indicators import (
    Doubt,
    above_clean,
    black_box_wins,
    clean_changes,
    effort_is_lost,
    eps_helps_the_model,
    gradient_misleads,
    has_robust_images,
    survives_unbounded,
)
from bench.report.audit.thresholds import INDICATORS
from bench.results.kinds import ATTACK, CLEAN


class RowView(NamedTuple):
    """The fields of a row that the audit reads. A tuple, as data frames are slow for thousands of models."""

    title: str  # what a table calls it
    run: str
    kind: str
    name: str
    params: str
    norm: str
    eps: float
    source: str
    n: int
    key: str
    metric: str
    value: float
    status: str


def lines(rows: pd.DataFrame) -> list[RowView]:
    """Convert stored rows; `title` is their `column` if they have one, else their name."""
    titles = rows["column" if "column" in rows else "name"]
    return [RowView(*fields) for fields in zip(titles, *(rows[name] for name in RowView._fields[1:]), strict=True)]


def audit(own: Sequence[RowView], beside: Sequence[RowView], outcomes: Mapping[str, Bits]) -> list[Doubt]:
    """Find reasons to doubt the accuracies of one model; empty if there are none.

    own: rows of its clean accuracy and of attacks with one threat and n. beside: other rows of the model: transfer,
    other radii, and indicators (`bench run --audit`). outcomes: (n,) bool by key of the row, True where the model is
    correct; rows without outcomes are ignored.
    """
    clean = [outcomes[line.key] for line in own if line.kind == CLEAN and line.key in outcomes]
    attacks = _attack_outcomes(own, outcomes)
    if not clean or not attacks:
        return []
    here = next(line for line in own if line.kind == ATTACK)
    others = _keep_latest(line for line in beside if line.norm == here.norm)
    same = [line for line in others if abs(line.eps - here.eps) < 1e-7]
    counted = [attack for attack in attacks if not attack.last]
    strangers = [line for line in same if line.source and line.source.split("@")[0] != here.run and line.n == here.n]
    larger = [line for line in others if line.eps - here.eps > 1e-7 and not line.source and line.n == here.n]
    everyone = [*counted, *_attack_outcomes(strangers, outcomes)]
    shares = [line for line in same if line.metric == "share"]
    invalid = [line for line in shares if INDICATORS[line.name].level == "invalid"]
    of_clean = [line for line in shares if INDICATORS[line.name].of_clean]
    doubts = [*_visible_indicators(invalid), *clean_changes(clean[0], attacks), *_visible_indicators(of_clean)]
    if counted and has_robust_images(everyone):
        doubts += _visible_indicators(line for line in shares if line not in [*invalid, *of_clean])
        doubts += [*black_box_wins(everyone), *effort_is_lost(counted), *gradient_misleads(counted)]
        doubts += survives_unbounded(counted) if math.isinf(here.eps) else []
        doubts += eps_helps_the_model(counted, _attack_outcomes(larger, outcomes))
    return _drop_repeated([*doubts, *above_clean(clean[0], attacks)])


def _drop_repeated(doubts: Sequence[Doubt]) -> list[Doubt]:
    """Drop repeated doubts, and those that another doubt repeats with more detail."""
    return [one for one in dict.fromkeys(doubts) if not any(d.reason.startswith(f"{one.reason}, ") for d in doubts)]


def _keep_latest(found: Iterable[RowView]) -> list[RowView]:
    """Keep the latest of several measurements of the same condition."""
    last: dict[tuple[object, ...], RowView] = {}
    for line in found:
        thing = (line.kind, line.name, line.params, line.eps, line.source, line.n)
        last.pop(thing, None)  # so that the order is that of the latest measurements
        last[thing] = line
    return list(last.values())


def _attack_outcomes(found: Iterable[RowView], outcomes: Mapping[str, Bits]) -> list[AttackOutcome]:
    return [
        AttackOutcome(f"{title} from {source}" if source else title, name, params, outcomes[key], source)
        for title, _, kind, name, params, _, _, source, _, key, metric, _, status in found
        if kind == ATTACK and metric == "accuracy" and status == "ok" and key in outcomes
    ]


def _visible_indicators(signs: Iterable[RowView]) -> Iterator[Doubt]:
    """Doubts for indicators that significantly more images show than their threshold allows."""
    for line in signs:
        sign, images = INDICATORS[line.name], round(line.value * line.n) if line.n else 0
        if exceeds_limit(images, line.n, sign):
            weak = f" under {json.loads(line.params)['attack']}, too weak for this model" if line.params else ""
            yield Doubt(sign.level, f"{images} of {format_count(line.n, 'image')} {sign.says}{weak}")
