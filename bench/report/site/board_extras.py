"""Columns of a board's page from other tables: transferred images, and corrupted images."""

import math
from statistics import fmean

import pandas as pd

from bench.report.accuracy import Estimate, mean_over_seeds
from bench.report.boards import Board
from bench.report.corruptions.page import find_tables
from bench.report.corruptions.table import Scores, means_over_severities
from bench.report.labels import labels
from bench.report.leaderboard.page import Report
from bench.report.site.board_table import Column, Extra
from bench.report.site.data import SiteData
from bench.report.transfer.page import find_matrices
from bench.report.transfer.table import TransferMatrix
from bench.results.row import model_id


def board_extras(data: SiteData, board: Board, report: Report) -> list[Extra]:
    """The additional columns in which at least one line of the board has a number."""
    moved = [
        Extra(Column(f"Transfer {attack}", TRANSFER_TEXT.format(attack=attack)), transfer(report.rows, matrix))
        for (other, attack), matrix in find_matrices(data.results).items()
        if other == board
    ]
    corrupted = [
        Extra(Column(*_corruption_head(scores, make)), corruption_means(scores))
        for (other, make), scores in find_tables(data.results).items()
        if other == board._replace(norm="", eps=None)
    ]
    known = set(report.table["recipe"])
    return [extra for extra in (*moved, *corrupted) if known & set(extra.values)]


TRANSFER_TEXT = "share that is right whichever other model's {attack} images are shown (black box)"


def transfer(rows: pd.DataFrame, matrix: TransferMatrix) -> dict[str, Estimate]:
    """Black-box accuracy in percent by line of the board: correct on the images of every other source."""
    bounds = {str(line["target"]): line for line in matrix.bounds.to_dict("records")}
    models = rows.assign(label=labels(rows)).drop_duplicates(["run", "epoch", "view"])
    found: dict[str, list[Estimate]] = {}
    for label, run, epoch, view in zip(*(models[c] for c in ("label", "run", "epoch", "view")), strict=True):
        line = bounds.get(matrix.titles.get(model_id(run, epoch, view), ""))
        if line is not None and not math.isnan(line["black_box"]):
            ends = (line["black_box"], line["black_box_low"], line["black_box_high"])
            found.setdefault(label, []).append(Estimate(*(100 * end for end in ends)))
    return {label: _join(seeds) for label, seeds in found.items()}


def _join(seeds: list[Estimate]) -> Estimate:
    if len(seeds) == 1:
        return seeds[0]
    mean = mean_over_seeds([seed.value for seed in seeds], 0.0, 100.0)
    return Estimate(mean.value, mean.low, mean.high)


def corruption_means(scores: Scores) -> dict[str, Estimate]:
    """Mean accuracy over all corruptions and severities in percent by line; lines that lack one are left out."""
    means = means_over_severities(scores.cells)
    wanted = means["name"].nunique()
    return {
        str(recipe): Estimate(100 * fmean(own["accuracy"]), math.nan, math.nan)
        for recipe, own in means.groupby("recipe", sort=False)
        if len(own) == wanted and own["accuracy"].notna().all()
    }


def _corruption_head(scores: Scores, make: str) -> tuple[str, str]:
    count, severities = means_over_severities(scores.cells)["name"].nunique(), ", ".join(map(str, scores.severities))
    about = f"mean accuracy over {count} corruptions ({make} images), severities {severities}"
    return ("Corruptions" if make == "generated" else f"Corruptions ({make})"), about
