"""What others measured under AutoAttack of the recipes that the papers print."""

import math
from functools import cache

from bench.core import parsing as numbers
from bench.report.studies.printed.numbers import printed_numbers
from bench.report.studies.printed_number import Number
from bench.report.studies.printed_table import DATASETS, MODELS

Trained = tuple[str, str, str, str]  # recipe, plan, data set, network


def published(number: Number) -> float:
    """The first accuracy in percent that is of the same training at the same radius; NaN where there is none."""
    where, reading = number.where, number.reading
    if reading.kind != "accuracy" or not reading.attack or not number.recipe or number.source or where.images:
        return math.nan
    known = _autoattack().get((number.recipe, where.plan, where.dataset, where.model.partition(".")[0]), [])
    return next((value for eps, value in known if abs(255 * eps - reading.eps) < 1e-6), math.nan)


@cache
def _autoattack() -> dict[Trained, list[tuple[float, float]]]:
    """Radii and accuracies, in the order in which they are listed."""
    found: dict[Trained, list[tuple[float, float]]] = {}
    for row in printed_numbers("external").to_dict("records"):
        if row["attack"].startswith("AutoAttack") and row["metric"] == "robust_acc":
            trained = row["recipe"], row["plan"], DATASETS.get(row["dataset"], ""), MODELS.get(row["architecture"], "")
            found.setdefault(trained, []).append((numbers.parse_number(row["epsilon"]), float(row["value"])))
    return found
