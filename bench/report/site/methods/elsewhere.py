"""Parts of a method's page from other tables: transfer and corruptions."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from bench.report.boards import Board
from bench.report.corruptions.page import heading
from bench.report.corruptions.seed_means import ALL_SEVERITIES
from bench.report.corruptions.table import Scores
from bench.report.rows import corruption_rows
from bench.report.site.data import SiteData
from bench.report.site.heat.cells import ColourScale, HeatCell, HeatMap, missing_cell, scale_of
from bench.report.site.heat.corruptions import table_id
from bench.report.site.heat.transfer import heat_map, matrix_id
from bench.report.transfer.page import find_matrices


class MethodTransfer(NamedTuple):
    """Transfer of one model. lines: another model, this model on its images, and it on this model's images."""

    board: Board
    attack: str
    page: str  # name of the matrix in links
    model: str
    lines: tuple[tuple[str, HeatCell, HeatCell], ...]
    scale: ColourScale


class MethodCorruptions(NamedTuple):
    """One line of a table of corruptions. lines: corruption, mean accuracy, score, and accuracies by severity."""

    heading: str
    page: str
    label: str
    severities: tuple[int, ...]
    lines: tuple[tuple[str, tuple[HeatCell, ...]], ...]
    scale: ColourScale


def transfer_maps(data: SiteData) -> dict[tuple[Board, str], HeatMap]:
    """The heat maps of all matrices."""
    return {which: heat_map(matrix) for which, matrix in find_matrices(data.results).items()}


def transfer_tables_of(
    data: SiteData, maps: Mapping[tuple[Board, str], HeatMap], recipe: str
) -> Iterator[MethodTransfer]:
    """A table for each model of the recipe in each matrix. maps: result of `transfer_maps`."""
    for (board, attack), drawn in maps.items():
        models = list(dict.fromkeys([*(source for source, _ in drawn.lines), *drawn.columns]))
        own = [model for model in models if data.recipe_of(model) == recipe]
        cells = {s: dict(zip(drawn.columns, line, strict=True)) for s, line in drawn.lines} if own else {}
        for model in own:
            itself = [(model, _find(cells, model, model), HeatCell(""))] if model in cells.get(model, {}) else []
            pairs = [(other, _find(cells, other, model), _find(cells, model, other)) for other in models]
            shown = [*itself, *(pair for pair in pairs if pair[0] != model)]
            yield MethodTransfer(board, attack, matrix_id(board, attack), model, tuple(shown), drawn.scale)


def _find(cells: dict[str, dict[str, HeatCell]], source: str, target: str) -> HeatCell:
    return cells.get(source, {}).get(target) or missing_cell("")


def corruption_tables_of(
    data: SiteData, tables: Mapping[tuple[Board, str], Scores], recipe: str
) -> Iterator[MethodCorruptions]:
    """A table for each line of the recipe. tables: result of `find_tables`."""
    for (board, make), scores in tables.items():
        for label in scores.cells["recipe"].unique():
            if data.recipe_of(str(label)) == recipe:
                where = heading(board, make), table_id(board, make), str(label)
                yield MethodCorruptions(*where, scores.severities, *_by_severity(scores, str(label)))


def _by_severity(scores: Scores, label: str) -> tuple[tuple[tuple[str, tuple[HeatCell, ...]], ...], ColourScale]:
    own = corruption_rows(scores.cells[scores.cells["recipe"] == label])
    scale = scale_of(100 * own["accuracy"])
    lines = []
    for name, part in own.groupby("name", sort=False):
        cells = {cell["severity"]: cell for cell in part.to_dict("records")}
        accuracies = [_accuracy(cells.get(severity), scale) for severity in (ALL_SEVERITIES, *scores.severities)]
        lines.append((str(name).replace("_", " "), (accuracies[0], _score(cells[ALL_SEVERITIES]), *accuracies[1:])))
    return tuple(lines), scale


def _accuracy(cell: Any, scale: ColourScale) -> HeatCell:
    value = math.nan if cell is None else 100 * cell["accuracy"]
    if math.isnan(value):
        return missing_cell("missing" if cell is None else cell["status"])
    about = f"{value:.1f} ({100 * cell['accuracy_low']:.1f} to {100 * cell['accuracy_high']:.1f})"
    return HeatCell(f"{value:.1f}", about, scale.shade(value), value)


def _score(cell: Any) -> HeatCell:
    if pd.isna(cell["score"]):
        return missing_cell(cell["status"])
    about = f"{cell['score']:.3f} ({cell['score_low']:.3f} to {cell['score_high']:.3f})"
    return HeatCell(f"{cell['score']:.2f}{cell['mark']}", about, 0.0, cell["score"])
