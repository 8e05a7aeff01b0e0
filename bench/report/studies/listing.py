"""`bench list studies`: what each study has, what it takes, and how much of it is there."""

from collections.abc import Iterator
from pathlib import Path

from bench.report.studies.ledger import entries
from bench.report.studies.lookup import Lookup, finder_of
from bench.report.studies.printed_figure import FigureData, FigureSpec
from bench.report.studies.printed_table import Table
from bench.report.studies.scales import RadiusOf, scales
from bench.report.studies.study import STUDIES, Item, Study
from bench.results.store import load


def listing(results: Path, registered: RadiusOf) -> Iterator[str]:
    """A line a study and a line an item: its price, and how many of its numbers there are at which scale.

    registered: as of `scales`.
    """
    rows = load(results)
    places = [
        (finder_of(scale, part, results), FigureData(scale, part, results))
        for scale, part in scales(rows, results, registered)
    ]
    for name, study in STUDIES.items():
        yield f"{name}: {study.about}"
        for item in study.items:
            trainings, cells = study.size(item, "paper")
            found = [(shown.scale.title, _there(study, item, finder, shown)) for finder, shown in places]
            said = [f"{title}: {word}" for title, word in found if word]
            yield "; ".join([f"  {item.name}: {trainings} trainings, {cells} measurements in all", *said])


def _there(study: Study, item: Item, finder: Lookup, shown: FigureData) -> str:
    """How much of an item is there, in a word; nothing if it is nothing."""
    if isinstance(item.content, Table):
        ledger = entries(item.content, finder, item.stood_for(shown.scale.dataset, study.home))
        known = sum(entry.ours.known for entry in ledger)
        return f"{known} of {len(ledger)} numbers" if known else ""
    if isinstance(item.content, FigureSpec):
        return "" if item.content.points(shown.of(item, study.home)).empty else "drawn"
    return ""
