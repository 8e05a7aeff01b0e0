"""The numbers of one comparison, and the table of all."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median

import numpy as np
import pandas as pd

from bench.commands.speed.race import RaceResult, Timing
from bench.core.parsing import format_count
from bench.report.table_formats.table_text import MISSING

LEFT_COLUMNS = ("Ours", "Model", "Against", "Note")


@dataclass(frozen=True)
class SpeedLine:
    """Ours and a peer on one model. NaN: not measured."""

    ours: str
    model: str
    peer: str
    n: int
    seconds: float  # of ours, median over the repeats
    accuracy: float  # fraction of images right under our attack
    backwards: float  # backward passes of ours per image
    floor: float  # seconds that our passes would take at the peak rate / our seconds
    peer_seconds: float = math.nan
    ratio: float = math.nan  # seconds of the peer / ours, median over the repeats
    ratio_low: float = math.nan
    ratio_high: float = math.nan
    peer_accuracy: float = math.nan
    weaker: float = math.nan  # number of images that the peer breaks and ours does not
    stronger: float = math.nan
    note: str = ""
    frozen_ratio: float = math.nan  # as `ratio`, for a peer whose model has weights that require no gradients


def compare(
    names: tuple[str, str],
    model: str,
    n: int,
    ours: Timing,
    theirs: Timing | None,
    rate: float,
    frozen: Timing | None = None,
) -> SpeedLine:
    """Compare our time with a peer's.

    names: of ours and of the peer. theirs: None if it is not installed. rate: forward passes of an image per second at
    the peak. frozen: the peer on a model whose weights require no gradients, if that was timed.
    """
    found, seconds = ours.found, median(ours.seconds)
    line = SpeedLine(
        ours=names[0],
        model=model,
        peer=names[1],
        n=n,
        seconds=seconds,
        accuracy=math.nan if found.right is None else float(found.right.mean()),
        backwards=found.backwards / n,
        floor=(found.forwards + found.backwards) / rate / seconds,
    )
    if theirs is None:
        return replace(line, note="not installed")
    ratios = ratios_of(ours, theirs)
    line = replace(
        line,
        peer_seconds=median(theirs.seconds),
        ratio=median(ratios),
        ratio_low=min(ratios),
        ratio_high=max(ratios),
        frozen_ratio=math.nan if frozen is None else median(ratios_of(ours, frozen)),
        note=distances(found, theirs.found),
    )
    right, other = found.right, theirs.found.right
    if right is None or other is None:
        return line
    weaker, stronger = float((right & ~other).sum()), float((other & ~right).sum())
    return replace(line, peer_accuracy=float(other.mean()), weaker=weaker, stronger=stronger)


def ratios_of(ours: Timing, theirs: Timing) -> list[float]:
    """Their seconds / our seconds for each repeat."""
    return [peer / us for us, peer in zip(ours.seconds, theirs.seconds, strict=True)]


def distances(ours: RaceResult, theirs: RaceResult) -> str:
    """Text: mean distances of images that both broke, for minimum-norm attacks; empty for others."""
    if ours.distances is None or theirs.distances is None:
        return ""
    both = (ours.distances > 0) & np.isfinite(ours.distances) & np.isfinite(theirs.distances)
    if not both.any():
        return "both broke none"
    us, them = (found[both].mean() for found in (ours.distances, theirs.distances))
    return f"mean distance {us:.4f} against {them:.4f} on {format_count(both.sum(), 'image')} that both broke"


def frame(lines: Sequence[SpeedLine]) -> pd.DataFrame:
    """The lines as a table, unrounded."""
    return pd.DataFrame([asdict(line) for line in lines])


def display(lines: Sequence[SpeedLine]) -> pd.DataFrame:
    """The lines as a table of text, rounded."""
    return pd.DataFrame(
        {
            "Ours": line.ours,
            "Model": line.model,
            "Against": line.peer,
            "Seconds": format_number(line.seconds, ".3g"),
            "Theirs": format_number(line.peer_seconds, ".3g"),
            "Ratio": format_number(line.ratio, ".2f"),
            "Frozen": format_number(line.frozen_ratio, ".2f"),
            "Range": f"{line.ratio_low:.2f}\N{EN DASH}{line.ratio_high:.2f}" if line.ratio > 0 else MISSING,
            "Right %": format_number(100 * line.accuracy, ".1f"),
            "Theirs %": format_number(100 * line.peer_accuracy, ".1f"),
            "Weaker": format_number(line.weaker, ".0f"),
            "Stronger": format_number(line.stronger, ".0f"),
            "Passes": format_number(line.backwards, ".1f"),
            "Floor %": format_number(100 * line.floor, ".0f"),
            "Note": line.note,
        }
        for line in lines
    )


def format_number(value: float, how: str) -> str:
    """A number in this format; a dash for NaN. how: as for Python's `format`."""
    return MISSING if math.isnan(value) else format(value, how)
