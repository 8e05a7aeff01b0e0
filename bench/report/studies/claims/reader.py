"""The measured numbers that claims are about, looked up by recipe and condition."""

import math
from collections.abc import Sequence

import pandas as pd

from bench.report.studies.claims.checks import Value
from bench.report.studies.measurement import SEVERITY_COUNT, Record
from bench.results.kinds import CLEAN, CORRUPTION

RADIUS_TOLERANCE = 1e-6  # radii that differ by less are equal


class Reader:
    """Looks up measured numbers at one radius: means over seeds, of the last epoch."""

    def __init__(self, rows: pd.DataFrame, eps: float) -> None:
        """rows: of one data set, network and budget. eps: in [0, 1] pixel units."""
        self.eps = eps
        shown = rows[(rows["status"] == "ok") & (rows["epoch"] == "last") & rows["value"].notna()]
        self._rows: dict[tuple[str, str], list[Record]] = {}  # by recipe and view: a page of claims looks up hundreds
        records: list[Record] = shown.to_dict("records")  # type: ignore[assignment]  # its keys are text
        for record in records:
            self._rows.setdefault((record["recipe"], record["view"]), []).append(record)

    @property
    def corruptions(self) -> list[str]:
        """The corruptions that were measured; if there are none, a placeholder, whose numbers are all missing."""
        records = (record for part in self._rows.values() for record in part)
        names = dict.fromkeys(record["name"] for record in records if record["kind"] == CORRUPTION)
        return [*names] or ["corruptions"]

    def __call__(
        self,
        recipe: str,
        attack: str = "",
        *,
        view: str = "main",
        gradient: str = "",
        corruption: str = "",
        source: str = "",
        other_network: bool = False,
        radius: float = 1.0,
        is_score: bool = False,
    ) -> Value:
        """Look up one number: clean accuracy, accuracy under an attack, or the score of a corruption.

        A score is accuracy over clean accuracy. Numbers that were not measured are NaN.

        Args:
            gradient: all, right or wrong: look up the mean squared gradient norm of these images instead.
            source: the recipe on whose model the images were made (transfer).
            other_network: whether that model is of another architecture.
            radius: radius of the attack as a multiple of `eps`; ignored for attacks without a bound.
            is_score: return the score under the attack instead of the accuracy.
        """
        here = self._rows.get((recipe, view), [])
        if gradient:
            norms = [r for r in here if (r["name"], r["metric"]) == ("gradient", f"mean {gradient}")]
            return Value(f"{recipe} ({gradient})", _mean(norms))
        here = [r for r in here if r["metric"] == "accuracy"]
        if corruption:
            return _corruption_score(recipe, corruption, here)
        here = [r for r in here if r["name"] == attack and _recipe_of(r["source"]) == source]
        if attack:
            here = [r for r in here if abs(r["eps"] - self.eps * radius) < RADIUS_TOLERANCE or math.isinf(r["eps"])]
        if source:
            here = [r for r in here if (_network_of(r["source"]) != r["model"]) == other_network]
        if len({r["params"] for r in here}) > 1:  # different settings, whose mean would mean nothing
            here = []
        at = f" at {radius:g} eps" if radius != 1 and not any(math.isinf(r["eps"]) for r in here) else ""
        by = f" of {source}{' on another network' * other_network}" if source else ""
        name = f"{recipe}{'' if view == 'main' else f' {view}'}{f' under {attack}{at}{by}' if attack else ' clean'}"
        if is_score:
            clean = self(recipe, view=view).number
            return _score(name.replace(" under", " score under"), here, clean, sum(r["n"] for r in here))
        return Value(name, _mean(here), sum(r["n"] for r in here))


def _corruption_score(recipe: str, corruption: str, accuracies: Sequence[Record]) -> Value:
    """The score over all severities; missing if a severity was not measured, or was measured with several settings."""
    damaged = [r for r in accuracies if (r["kind"], r["name"]) == (CORRUPTION, corruption)]
    clean = _mean([r for r in accuracies if r["kind"] == CLEAN])
    severities, settings = {r["severity"] for r in damaged}, {(r["severity"], r["params"]) for r in damaged}
    is_whole = len(severities) == len(settings) == SEVERITY_COUNT
    images = sum(r["n"] for r in damaged) // SEVERITY_COUNT  # all severities show the same ones
    return _score(f"{recipe} score under {corruption}", damaged if is_whole else [], clean, images)


def _score(name: str, records: Sequence[Record], clean: float, images: int) -> Value:
    """Accuracy over clean accuracy: of the images that are right when clean, the share that stays right."""
    if not (records and clean > 0):
        return Value(name, math.nan)
    return Value(name, _mean(records) / clean, round(clean * images), is_score=True)


def _mean(records: Sequence[Record]) -> float:
    return math.fsum(record["value"] for record in records) / len(records) if records else math.nan


def _network_of(source: str) -> str:
    """The architecture in a source `data set/network/recipe/run`; empty for white-box images."""
    return source.split("/")[1] if source.count("/") > 2 else ""


def _recipe_of(source: str) -> str:
    """The recipe in a source `data set/network/recipe/run`; empty for white-box images."""
    return source.split("/")[2] if source.count("/") > 2 else ""
