"""Splits rows into boards: tables whose rows are comparable."""

import math
from typing import Any, NamedTuple

import pandas as pd

from bench.core.parsing import RADIUS_DECIMALS, format_radius
from bench.report.files import file_name
from bench.report.folder_names import Identity
from bench.report.labels import ANY_LENGTH
from bench.report.rows import COMPARABLE, accuracy_rows, rows_of_kinds, white_box_rows
from bench.results.kinds import ATTACK, CLEAN


class Board(NamedTuple):
    """The fields that all rows of one table share; rows that differ in one of them are not comparable."""

    protocol: int
    dataset: str
    model: str
    norm: str  # empty when nothing was attacked
    eps: float | None
    budget: str
    n: int
    data: str = ""  # fingerprint of the training images: two copies of a data set may differ in order

    @property
    def threat(self) -> str:
        """What an attacker may do, such as `Linf 8/255`."""
        return ANY_LENGTH.format(self.norm) if self.eps is not None and math.isinf(self.eps) else self._ball

    @property
    def _ball(self) -> str:
        """The same as files and links have it."""
        if not self.norm:
            return "clean"
        return self.norm if self.eps is None else f"{self.norm} {format_radius(self.eps)}"

    @property
    def title(self) -> str:
        return ", ".join(filter(None, [self.dataset, self.model, self.threat, self.budget, f"n={self.n}"]))

    @property
    def slug(self) -> str:
        """Identifier in links; it contains the protocol, as two boards may differ only in that."""
        return file_name(
            self.dataset, self.model, self._ball, self.budget, f"n{self.n}", f"p{self.protocol}", self.data[:6]
        )

    @property
    def identity(self) -> Identity:
        """The words that the name of the board's folder is made of."""
        return Identity((self.dataset, self.model, self._ball, scale_of(self.budget)), self.distinguishing_words)

    @property
    def distinguishing_words(self) -> tuple[tuple[str, ...], ...]:
        """Words that distinguish boards of one data set, model and threat."""
        return (f"n{self.n}",), tuple(self.budget.split(", ")), (f"p{self.protocol}",), (self.data[:6],)


def scale_of(budget: str) -> str:
    """The first word of a budget: quick, standard, paper, ..."""
    return budget.partition(",")[0]


def groups(results: pd.DataFrame) -> dict[Board, pd.DataFrame]:
    """Split the white-box accuracies of `results.load()` into boards.

    Clean rows have no threat, so every board of their data set, model, budget and n has them; so do rows of plug-ins'
    kinds without a threat. Transfer, corruptions and other metrics have tables of their own.
    """
    rows = rows_of_kinds(white_box_rows(accuracy_rows(results)), CLEAN, ATTACK, plugins=True)
    rows = rows.assign(eps=rows["eps"].round(RADIUS_DECIMALS))  # 8/255 written as a decimal is still 8/255
    found = {}
    shared: Any  # the key of a group is only Hashable to the type checker
    threat: Any
    for shared, same in rows.groupby(COMPARABLE, sort=False):
        protocol, dataset, model, budget, n, data = shared
        clean, attacked = same[same["norm"] == ""], same[same["norm"] != ""]
        if attacked.empty:
            found[Board(protocol, dataset, model, "", None, budget, n, data)] = clean
        for threat, part in attacked.groupby(["norm", "eps"], dropna=False):
            norm, eps = threat
            found[Board(protocol, dataset, model, norm, None if pd.isna(eps) else eps, budget, n, data)] = pd.concat(
                [clean, part]
            )
    return found
