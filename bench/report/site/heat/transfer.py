"""A page for each transfer matrix."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from bench.report.boards import Board
from bench.report.labels import condition_name, line_name
from bench.report.site.data import SiteData
from bench.report.site.heat.cells import ColourScale, HeatCell, HeatMap, missing_cell, scale_of
from bench.report.site.site import LinkTarget, Site, unique_paths
from bench.report.transfer.page import BOUND_NOTE, CELL_NOTE, find_matrices, notes, summary
from bench.report.transfer.table import TransferMatrix


class TransferPages:
    """The pages `transfer/*.html`."""

    menu = "Transfer"

    def paths(self, data: SiteData) -> dict[LinkTarget, str]:
        names = {
            matrix_id(board, attack): f"{board.dataset} {board.model} {board.threat} n{board.n} {attack}"
            for board, attack in find_matrices(data.results)
        }
        return {LinkTarget("transfer", name): path for name, path in unique_paths("transfer", names).items()}

    def pages(self, data: SiteData, site: Site) -> Iterator[tuple[str, str]]:
        found = find_matrices(data.results)
        for (board, attack), matrix in found.items():
            path = site.paths[LinkTarget("transfer", matrix_id(board, attack))]
            others = {
                condition_name(other): matrix_id(board, other)
                for where, other in found
                if where == board and other != attack
            }
            values = {"board": board, "attack": condition_name(attack), "others": others, "bounds": summary(matrix)}
            values |= {"map": heat_map(matrix), "both": heat_map(matrix, "both"), "head": CELL_NOTE}
            values |= {"bounds_head": BOUND_NOTE, "notes": notes(matrix), "recipe_of": data.recipe_of}
            yield (
                path,
                site.render(path, "transfer.html", f"Transfer, {condition_name(attack)}: {board.title}", **values),
            )


def matrix_id(board: Board, attack: str) -> str:
    """The name of a matrix in links."""
    return f"{board.slug} {attack}"


def heat_map(matrix: TransferMatrix, share: str = "value") -> HeatMap:
    """The heat map of a matrix in percent. share: `value`, or `both` for accuracy on images correct on both models."""
    cells = matrix.cells.to_dict("records")
    scale = scale_of(100 * cell[share] for cell in cells)
    lines: dict[str, dict[str, HeatCell]] = {}
    for cell in cells:
        lines.setdefault(line_name(cell["source"]), {})[line_name(cell["target"])] = _cell(cell, share, scale)
    columns = tuple(dict.fromkeys(line_name(cell["target"]) for cell in cells))
    return HeatMap(columns, tuple((source, tuple(own[c] for c in columns)) for source, own in lines.items()), scale)


def _cell(cell: Mapping[Any, Any], share: str, scale: ColourScale) -> HeatCell:
    value, is_own = 100 * cell[share], bool(cell["itself"])
    if math.isnan(value):
        return missing_cell(str(cell["status"]))
    low, high = (100 * cell[f"{'' if share == 'value' else 'both_'}{end}"] for end in ("low", "high"))
    n = int(cell["n" if share == "value" else "both_n"])
    about = (
        f"{line_name(cell['target'])} on images made on {line_name(cell['source'])}: "
        f"{value:.1f} ({low:.1f} to {high:.1f}), n={n}"
    )
    return HeatCell(f"{value:.1f}", about, scale.shade(value), value, is_own)
