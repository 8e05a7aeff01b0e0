"""`bench list studies`: what each study has, what it takes, and how much of it is there."""

from collections.abc import Iterator
from pathlib import Path

from bench.report.studies.scale_data import ScaleData
from bench.report.studies.scales import RadiusOf, scales
from bench.report.studies.study import STUDIES
from bench.results.store import load


def listing(results: Path, registered: RadiusOf) -> Iterator[str]:
    """A line a study and a line an item: its price, and how many of its numbers there are at which scale.

    registered: as of `scales`.
    """
    rows = load(results)
    places = [ScaleData(scale, part, results) for scale, part in scales(rows, results, registered)]
    for name, study in STUDIES.items():
        yield f"{name}: {study.about}"
        for item in study.items:
            trainings, cells = study.size(item, "paper")
            found = [(data.scale.title, item.content.count(item, data, study.home)) for data in places]
            said = [f"{title}: {word}" for title, word in found if word]
            yield "; ".join([f"  {item.name}: {trainings} trainings, {cells} measurements in all", *said])
