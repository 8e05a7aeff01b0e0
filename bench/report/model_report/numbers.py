"""Blocks with the accuracies of a model: bars and a table, curves over the radius, corruptions."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bench.core.parsing import format_count, format_radius
from bench.report.model_report.content import Bar, Bars, Block, CaptionedTable, Curve, Curves, Point, Text
from bench.report.model_report.measured import ModelMeasurements
from bench.report.model_report.measurement import MeasuredCondition, Share
from bench.report.model_report.words import sentence
from bench.report.table_formats.table_text import MISSING
from bench.results.kinds import ATTACK, CORRUPTION, SWEEP, UNION

MIN_RADII = 3  # least number of radii of a curve


class AccuracyLine(NamedTuple):
    """A line of the table of numbers."""

    name: str
    ball: str
    share: Share | None
    note: str
    look: str

    @property
    def cells(self) -> tuple[str, ...]:
        return self.name, self.ball or MISSING, *_share_cells(self.share), self.note or MISSING


def numbers(measured: ModelMeasurements) -> Iterator[Block]:
    """Bars and a table of clean accuracy and of all attacks, and sentences on failed ones."""
    if measured.clean is None:
        return
    lines = [*_lines(measured)]
    several = len({line.ball for line in lines}) > 2
    bars = [
        Bar(f"{line.name}, {line.ball}" if line.ball and several else line.name, *_numbers_of(line.share), line.look)
        for line in lines
        if line.share
    ]
    yield Bars("Accuracy in percent; thin lines are 95 % intervals.", tuple(bars))
    columns = ("Condition", "Change", "Right", "Accuracy", "95 % interval", "Verdict")
    caption = (
        f"How many of the {format_count(measured.n, 'image')} are right. Under attack "
        "an image counts as right only if it is right "
        "when clean and on everything that the attack tried. Intervals are Wilson's, over the images; the verdict is "
        "what the attack itself reports."
    )
    yield CaptionedTable(caption, columns, tuple(line.cells for line in lines), frozenset(columns[2:5]))
    failed = [one for one in measured.of(ATTACK, SWEEP) if one.failure]
    yield from (Text(sentence(f"{one.column} failed: {one.failure}")) for one in failed)


def _lines(measured: ModelMeasurements) -> Iterator[AccuracyLine]:
    """Lines for clean images, for attacks by ball with the worst of each ball, and for transferred images."""
    clean, attacks = measured.clean, measured.of(ATTACK)
    if clean:
        yield AccuracyLine("Clean images", "", clean.share, "", "clean")
    balls = dict.fromkeys([*measured.balls, *(one.ball for one in attacks)])
    for ball in balls:
        own = [one for one in attacks if one.ball == ball and not one.source]
        yield from (_line(one, one.column) for one in own)
        if ball and len([one for one in own if one.counts]) > 1:
            yield AccuracyLine("All attacks together", str(ball), measured.worst(ball).share, "", "worst")
    yield from (_line(one, f"{one.column}, images made on {_source(one)}") for one in attacks if one.source)


def _source(one: MeasuredCondition) -> str:
    """Name and hash of the model that transferred images were made on."""
    return "/".join(one.source.split("/")[2:])


def _line(one: MeasuredCondition, name: str) -> AccuracyLine:
    note = "failed" if one.failure else one.verdict.partition(":")[0]
    return AccuracyLine(name, str(one.ball), one.share, note, "attack")


def _numbers_of(share: Share) -> tuple[float, float, float]:
    return share.percent, *share.interval


def _share_cells(share: Share | None) -> tuple[str, str, str]:
    if share is None:
        return MISSING, MISSING, MISSING
    low, high = share.interval
    return f"{share.right:,}", f"{share.percent:.1f} %", f"{low:.1f} to {high:.1f}"


def curves(measured: ModelMeasurements) -> Iterator[Block]:
    """A chart and a table for each norm: attacks that were run at MIN_RADII radii or more, with clean accuracy at 0."""
    found: dict[tuple[str, str], dict[float, Share]] = {}
    for one in measured.all:
        if one.counts and one.ball and one.share and np.isfinite(one.ball.eps):
            found.setdefault((one.ball.norm, one.title), {})[one.ball.eps] = one.share
    clean = {0.0: measured.clean.share} if measured.clean and measured.clean.share else {}
    for norm in sorted({norm for norm, _ in found}):
        drawn = [
            Curve(name, tuple(Point(eps, *_numbers_of(share)) for eps, share in sorted({**clean, **shares}.items())))
            for (of, name), shares in found.items()
            if of == norm and len(shares) >= MIN_RADII
        ]
        if drawn:
            caption = (
                "How many images stay right (in percent) as the allowed change grows; bands are 95 % intervals. An "
                "honest curve falls, and reaches 0 in the end."
            )
            ticks = _ticks(sorted({point.x for curve in drawn for point in curve.points}))
            yield Curves(caption, f"Radius ({norm})", tuple(drawn), ticks)
            yield _radii(norm, drawn)


def _radii(norm: str, drawn: list[Curve]) -> CaptionedTable:
    """The numbers of curves as a table."""
    values = {(curve.name, point.x): point for curve in drawn for point in curve.points}
    lines = []
    for x in sorted({x for _, x in values}):
        cells = [values.get((curve.name, x)) for curve in drawn]
        shown = [f"{p.value:.1f} ({p.low:.1f} to {p.high:.1f})" if p else MISSING for p in cells]
        lines.append((format_radius(x), *shown))
    columns = (f"Radius ({norm})", *(curve.name for curve in drawn))
    caption = "The same as numbers: accuracy in percent, and its 95 % interval."
    return CaptionedTable(caption, columns, tuple(lines), frozenset(columns[1:]))


def _ticks(places: list[float]) -> tuple[tuple[float, str], ...]:
    """Ticks with text, leaving out those that are too close to the next; the last is always there."""
    shown = [places[-1]]
    for place in reversed(places[:-1]):
        if shown[-1] - place >= 0.1 * places[-1]:
            shown.append(place)
    return tuple((place, format_radius(place)) for place in reversed(shown))


def corruptions(measured: ModelMeasurements) -> Iterator[Block]:
    """Tables of accuracy by corruption and severity, also under attack."""
    for kind, caption in (
        (CORRUPTION, "Accuracy in percent by severity, 1 (weak) to 5 (strong)"),
        (UNION, "The same under attack on the corrupted image"),
    ):
        found = measured.of(kind)
        severities = sorted({one.severity for one in found})
        lines = []
        for name in dict.fromkeys(one.column for one in found):
            own = {one.severity: one for one in found if one.column == name}
            known = [one.share.percent for one in own.values() if one.share]
            mean = f"{sum(known) / len(known):.1f}" if known and len(known) == len(severities) else MISSING
            cells = [_percent(own.get(severity)) for severity in severities]
            lines.append((name.replace("_", " "), *cells, mean))
        if lines:
            clean = measured.clean
            wide = max((one.share.spread for one in found if one.share), default=0.0)
            beside = f"; on clean images {clean.share.percent:.1f}" if clean and clean.share else ""
            beside += f". 95 % intervals reach up to ±{wide:.1f} points"
            columns = ("Corruption", *map(str, severities), "Mean")
            yield CaptionedTable(f"{caption}{beside}.", columns, tuple(lines), frozenset(columns[1:]))


def _percent(one: MeasuredCondition | None) -> str:
    return MISSING if one is None else f"{one.share.percent:.1f}" if one.share else "failed"
