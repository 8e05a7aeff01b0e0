"""The data of a results folder for the pages of the site."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from bench.core.files import Bits
from bench.report import cache as stored
from bench.report.boards import Board
from bench.report.labels import AUTOATTACK
from bench.report.leaderboard.page import Report, boards
from bench.report.leaderboard.table import ranking_column
from bench.report.site.sources import NO_SOURCES, SiteSources
from bench.report.training_logs import read_training_log
from bench.results.store import read_job
from bench.results.survey import run_folders

RANKING_ORDER = {AUTOATTACK: 0, "Worst": 1, "Clean": 3}  # of columns that rank a board, the strongest statement first
OTHER_ATTACK = 2  # its place in that order


@dataclass(frozen=True)
class SiteData:
    """Data of a results folder; everything is read once for the whole report, and must not be changed."""

    results: Path
    sources: SiteSources = NO_SOURCES  # texts and images that no run folder holds

    @cached_property
    def rows(self) -> pd.DataFrame:
        """All rows, of `results.load()`."""
        return stored.rows(self.results)

    @cached_property
    def boards(self) -> Mapping[Board, Report]:
        """Each leaderboard, with its rows, its table and the differences to its best line; empty without results.

        Boards that compare something come before those of one line; of both, first those with the fewest badges, ranked
        by the strongest attack, of most lines.
        """
        has_rows = bool(((self.rows["metric"] == "accuracy") & (self.rows["source"] == "")).any())
        found = boards(self.results) if has_rows else {}
        return dict(sorted(found.items(), key=lambda entry: _order(entry[1])))

    @cached_property
    def recipes(self) -> list[str]:
        """Names of recipes and external models that have rows, in alphabetical order."""
        return sorted(set(self.rows["recipe"]), key=lambda name: (name.casefold(), name))

    @cached_property
    def _recipes(self) -> frozenset[str]:
        return frozenset(self.recipes)

    @cached_property
    def runs_without_rows(self) -> dict[str, str]:
        """Status of runs without rows by folder: trainings that failed or are not finished."""
        known = {self.results / run for run in self.rows["run"].unique()}
        return {
            folder.relative_to(self.results).as_posix(): str(read_job(folder).get("status", ""))
            for folder in run_folders(self.results)
            if folder not in known
        }

    def recipe_of(self, label: str) -> str:
        """The recipe of a line's label or name, without hash, view and epoch in brackets, and without `training`."""
        for recipe in (label, without_details := label.rpartition(" (")[0]):
            if recipe in self._recipes:
                return recipe
        return (without_details or label).removesuffix(" training")

    def runs(self, recipe: str) -> list[str]:
        """The run folders of a recipe, relative to the results folder."""
        return sorted(self.rows.loc[self.rows["recipe"] == recipe, "run"].unique())

    def job(self, run: str) -> dict[str, object]:
        """The job.json of a run (its fields: results/README.md); empty if there is none."""
        folder = self.results / run
        return read_job(folder) if (folder / "job.json").exists() else {}

    def log(self, run: str) -> pd.DataFrame:
        """The train.csv of a run, a line for each epoch; empty if there is none."""
        return read_training_log(self.results / run)

    def outcomes(self, runs: Iterable[str]) -> dict[str, Bits]:
        """Outcomes of the rows of these runs by key: (n,) bool, True where the model is correct."""
        return stored.outcomes(self.results, runs)


def _order(report: Report) -> tuple[bool, int, int, int]:
    return (
        len(report.table) == 1,
        len(report.badges),
        RANKING_ORDER.get(ranking_column(report.table), OTHER_ATTACK),
        -len(report.table),
    )
