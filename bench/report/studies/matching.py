"""Decides whether a stored row has the corruption or attack of a printed number."""

import re
from collections.abc import Sequence

import numpy as np

from bench.report.studies.measurement import Record
from bench.report.studies.printed_number import MetricSpec
from bench.report.studies.scales import Scale
from bench.results.kinds import ATTACK, CORRUPTION

USUAL_SETTINGS = {
    "restarts": "1",
    "loss": "ce",
    "eot": "1",
}  # settings that papers do not print; rows must have them all the same


def is_of(row: Record, reading: MetricSpec, source: str, scale: Scale) -> bool:
    """Whether a row has the corruption or attack of a printed number. source: as in `Number`."""
    if reading.corruption:
        return bool(row["kind"] == CORRUPTION and row["name"] == reading.corruption)
    if row["kind"] != ATTACK or not is_crafted(row, reading, source):
        return False
    name, settings = parse_name(reading.attack)
    near = row["norm"] == "Linf" and abs(row["eps"] - scale.eps(reading.eps)) < 1e-6
    if row["name"] != name or not (row["eps"] == np.inf or near):
        return False
    usual = USUAL_SETTINGS | ({"loss": "margin"} if name.startswith("CW-") else {})
    wanted = {key: value for key, value in usual.items() if key in row["settings"]} | settings
    own = {key: str(row["settings"].get(key)).lower() for key in wanted if key != "step"}
    return all(wanted[key].lower() == value for key, value in own.items()) and (
        "step" not in settings or _same_step(row, settings["step"], reading.eps)
    )


def is_crafted(row: Record, reading: MetricSpec, source: str) -> bool:
    """Whether a row's images were made on the right model: itself, or the source's model of the same seed."""
    if not source or not row["source"]:
        return not source and not row["source"]
    recipe, model, seed, which = parse_source(row["source"])
    if recipe != source:
        return False
    if reading.crafter:
        return not which and bool(model != row["model"])
    same = model == row["model"] and which == [row["epoch"]] * (row["epoch"] != "last")
    return same and bool(seed != row["seed"] if reading.other_seed else seed == row["seed"])


def parse_source(source: str) -> tuple[str, str, int, list[str]]:
    """Parse column `source`: recipe (empty: external model), architecture, seed (-1: none), and epoch or view."""
    where, *which = source.split("@")
    _, model, *between, last = where.split("/")
    return (between[0] if between else ""), model, int(re.sub(r"\D.*", "", last.removeprefix("s")) or -1), which


def keep_lowest_other_seed(rows: Sequence[Record]) -> list[Record]:
    """Keep for each run only the images made on the lowest other seed, as papers have one other seed."""
    lowest: dict[str, int] = {}
    rows = [row for row in rows if row["status"] == "ok"] or list(rows)
    for row in rows:
        seed = parse_source(row["source"])[2]
        lowest[row["run"]] = min(seed, lowest.get(row["run"], seed))
    return [row for row in rows if parse_source(row["source"])[2] == lowest[row["run"]]]


def parse_name(attack: str) -> tuple[str, dict[str, str]]:
    """Name and settings of an attack in the syntax of --attacks."""
    name, _, inside = attack.removesuffix("]").partition("[")
    return name, dict(pair.split("=", 1) for pair in inside.split(",") if pair)


def _same_step(row: Record, step: str, eps: float) -> bool:
    wanted = float(step.removesuffix("eps")) if step.endswith("eps") else float(step.removesuffix("px")) / eps
    own = str(row["settings"].get("step", ""))
    if not own:
        return False
    share = float(own.removesuffix("eps")) / (1 if own.endswith("eps") else row["eps"])
    return abs(share - wanted) < 1e-3 * wanted
