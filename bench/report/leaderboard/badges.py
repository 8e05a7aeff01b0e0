"""Badges: short warnings that a board is preliminary, each with its reason."""

from typing import NamedTuple

import pandas as pd

from bench.core.parsing import format_count
from bench.report.labels import STANDARD_RECIPE

MIN_IMAGES = 1000  # images; with fewer the 95 % interval reaches +-3 points, more than most differences in papers
PLAIN_ACCURACY = {  # by data set: clean accuracy of a plain model after standard training in percent, and the source
    # measured by `bench run --methods Standard --attacks none --dataset digits --budget standard --seeds 0,1,2`: the
    # last epochs are right on 297, 300 and 297 of the 300 test images
    "digits": (99.3, "this bench's cnn after 60 epochs of standard training, mean of three seeds"),
    "cifar10": (91.2, "Network in Network, arXiv:1312.4400"),
    "cifar100": (64.3, "Network in Network, arXiv:1312.4400"),
    "svhn": (97.6, "Network in Network, arXiv:1312.4400"),
    "fashion-mnist": (91.6, "two convolutions with pooling, in the list of the data set's authors"),
    "imagenet": (56.5, "torchvision's AlexNet"),
}


class Badge(NamedTuple):
    """A word that makes a board preliminary, and why."""

    text: str
    reason: str  # a sentence


def badges(table: pd.DataFrame, dataset: str) -> tuple[Badge, ...]:
    """The badges of a board; empty if nothing makes it preliminary.

    table: of `leaderboard.table.leaderboard`. dataset: its name. Underfitting is only checked for data sets
    in PLAIN_ACCURACY. Neither underfitting nor seeds are checked if all models were trained elsewhere.
    """
    found = [] if table["external"].all() else [*_fit(table, dataset), *_seeds(table)]
    n = int(table["n"].iloc[0])
    if n < MIN_IMAGES:
        found.append(
            Badge("n below 1,000", f"{format_count(n, 'image')}: differences of a few points are within the intervals.")
        )
    return tuple(found)


def join_badges(found: tuple[Badge, ...]) -> str:
    """The texts of badges in one line."""
    return ", ".join(badge.text for badge in found)


def _fit(table: pd.DataFrame, dataset: str) -> list[Badge]:
    """A badge if the models are underfitted, so that ranks do not tell recipes apart, or if that is unknown."""
    if dataset not in PLAIN_ACCURACY:
        return []
    reached, source = PLAIN_ACCURACY[dataset]
    lines = [line for line in table.to_dict("records") if pd.notna(line["Clean"])]
    standard = [line for line in lines if line["recipe"].partition(" (")[0] == STANDARD_RECIPE]
    if any(line["Clean high"] >= reached for line in standard or lines):
        return []
    if standard:
        clean = max(line["Clean"] for line in standard)
        reason = f"{STANDARD_RECIPE} is right on {clean:.1f} % of the clean images, a plain model on {reached:.1f} %"
        return [Badge("underfitted", f"{reason} ({source}).")]
    reason = f"without a line of {STANDARD_RECIPE} nobody can say whether these trainings are long enough"
    return [Badge("no standard training", f"{reason}; a plain model is right on {reached:.1f} % ({source}).")]


def _seeds(table: pd.DataFrame) -> list[Badge]:
    single = int((table["seeds"] == 1).sum())
    if not single:
        return []
    text = "one seed" if single == len(table) else f"one seed ({single} of {format_count(len(table), 'line')})"
    return [Badge(text, "Another training of the same recipe may come out points apart; intervals are over images.")]
