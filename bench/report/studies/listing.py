"""`bench list studies`: items of each study, their cost, and how much of them was measured."""

from collections.abc import Iterator
from pathlib import Path

from bench.core.parsing import format_count
from bench.report.studies.scale_data import ScaleData
from bench.report.studies.scales import RadiusOf, scales
from bench.report.studies.study import STUDIES
from bench.results.load import load_results


def list_studies(results: Path, registered: RadiusOf) -> Iterator[str]:
    """A line for each study and item: trainings and measurements it takes, and its numbers there are at each scale.

    registered: as for `scales`.
    """
    rows = load_results(results)
    places = [ScaleData(scale, part, results) for scale, part in scales(rows, results, registered)]
    for name, study in STUDIES.items():
        yield f"{name}: {study.about}"
        for item in study.items:
            trainings, cells = study.size(item, "paper")
            found = [(data.scale.title, item.content.count(item, data, study.home)) for data in places]
            counts = [f"{title}: {word}" for title, word in found if word]
            size = f"{format_count(trainings, 'training')}, {format_count(cells, 'measurement')} in all"
            yield "; ".join([f"  {item.name}: {size}", *counts])
