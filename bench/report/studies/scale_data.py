"""The data of one scale for the tables and figures of a study."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from bench.report.exhibits.exhibit_files import read_exhibit
from bench.report.studies.lookup import Lookup, make_lookup
from bench.report.studies.scales import Scale
from bench.report.studies.setup import TrainingSetup
from bench.report.training_logs import read_training_log


@dataclass(frozen=True)
class ScaleData:
    """The data of one scale: its rows, and the logs and exhibits in the folders of their runs."""

    scale: Scale
    rows: pd.DataFrame
    results: Path
    folder: str = ""  # of its files, below that of the study

    def file_of(self, name: str) -> str:
        """The path of a file below the folder of the study."""
        return f"{self.folder}/{name}" if self.folder else name

    @cached_property
    def lookup(self) -> Lookup:
        """Looks up measurements in the rows."""
        return make_lookup(self.scale, self.rows, self.results)

    def of(self, where: TrainingSetup, paper_setup: TrainingSetup | None) -> "ScaleData":
        """Only the rows of models trained by a setup, or standing in for it. paper_setup: as for `Scale.holds`."""
        trained = self.rows[["recipe", "dataset", "model", "budget"]].to_dict("records")
        mine = [self.scale.holds({str(k): v for k, v in row.items()}, where, paper_setup) for row in trained]
        return replace(self, rows=self.rows[mine])

    def runs(self, recipe: str) -> list[str]:
        """The run folders of a recipe, sorted by seed."""
        own = self.rows[self.rows["recipe"] == recipe].sort_values("seed", kind="stable")
        return list(own["run"].unique())

    def logs(self, names: Mapping[str, str]) -> dict[str, list[pd.DataFrame]]:
        """Training logs of recipes by their names in a figure; without recipes that have none."""
        found = {
            name: [read_training_log(self.results / run) for run in self.runs(recipe)] for name, recipe in names.items()
        }
        return {name: logs for name, logs in found.items() if any(not log.empty for log in logs)}

    def exhibits(self, kind: str, names: Mapping[str, str]) -> dict[str, pd.DataFrame]:
        """Exhibits of the lowest seed's main model, by the name of its recipe in a figure."""
        paths = {
            name: self.results / run / "exhibits" / f"{kind}.csv"
            for name, r in names.items()
            for run in self.runs(r)[:1]
        }
        return {name: read_exhibit(path, kind) for name, path in paths.items() if path.exists()}
