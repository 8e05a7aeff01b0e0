"""The cells of a results folder, each under a name by which another folder's cell can be found."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.core.errors import BadInput
from bench.core.files import Bits
from bench.core.parsing import RADIUS_DECIMALS, format_count
from bench.report.labels import columns
from bench.results.row import Row
from bench.results.store import RUN_REMEDY, read_job, read_outcomes, read_rows
from bench.results.survey import run_folders


@dataclass(frozen=True, eq=False)
class Cell:
    """One stored measurement, with which images came out right; no images if it failed."""

    row: Row
    bits: Bits
    budget: str  # of the training

    @property
    def configuration(self) -> tuple[object, ...]:
        """What was measured, whatever the seed, the host, and the weights that the training arrived at."""
        row = self.row
        what = (row.recipe, row.dataset, row.model, self.budget, row.view, row.epoch, row.kind, row.name, row.norm)
        eps = None if row.eps is None else round(row.eps, RADIUS_DECIMALS)  # 8/255 written as a decimal is still 8/255
        settings = json.loads(row.params or "{}", object_hook=_without_package)
        how = (eps, row.severity, row.source, json.dumps(settings, sort_keys=True), row.metric, row.n, row.precision)
        return what + how

    @property
    def model(self) -> str:
        """Dataset, architecture, recipe, and which of its weights."""
        view = "" if self.row.view == "main" else f" {self.row.view}"
        return f"{self.row.dataset}/{self.row.model}/{self.row.recipe}{view} {self.row.epoch}"

    @property
    def has_failed(self) -> bool:
        return self.row.status != "ok"

    def __str__(self) -> str:
        return f"{self.model} s{self.row.seed}, {self.row.name or 'clean'}, n={self.row.n}"


def _without_package(settings: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in settings.items() if key != "package"}


Cells = dict[tuple[tuple[object, ...], int], Cell]  # by configuration and seed


def read_cells(results: Path) -> Cells:
    """Every accuracy below a results folder. BadInput if there is none, or two of one kind."""
    cells: Cells = {}
    for folder in run_folders(results):
        outcomes, budget = read_outcomes(folder), str(read_job(folder).get("budget", ""))
        for row in (row for row in read_rows(folder) if row.metric == "accuracy"):
            cell = Cell(row, outcomes.get(row.key, np.zeros(0, bool)), budget)
            if not cell.has_failed and len(cell.bits) != row.n:
                raise BadInput(
                    f"{folder / 'outcomes.npz'} has {format_count(len(cell.bits), 'image')} for {cell}; {RUN_REMEDY}"
                )
            first = cells.setdefault((cell.configuration, row.seed), cell)
            if first is not cell:
                runs = " and ".join(dict.fromkeys([first.row.run, row.run]))
                raise BadInput(f"{results} holds {cell} twice, in {runs}; compare folders that hold it once")
    if not cells:
        raise BadInput(f"{results} holds no results; give a folder that `bench run --results` wrote")
    return cells


def labels(cells: list[Cell]) -> list[str]:
    """What was done to the images, with the settings that tell two uses of an attack apart."""
    rows = [cell.row for cell in cells]
    names = columns(pd.DataFrame([asdict(row) for row in rows]))
    parts = (
        (
            name,
            row.norm,
            "" if row.eps is None else f"{row.eps:.4g}",
            "" if row.severity is None else f"severity {row.severity}",
            row.source and f"from {row.source}",
            f"n={row.n}",
        )
        for row, name in zip(rows, names, strict=True)
    )
    return [" ".join(filter(None, part)) for part in parts]
