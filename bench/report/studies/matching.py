"""Whether a stored row is of the corruption or the attack that a printed number is of."""

import re
from collections.abc import Sequence

import numpy as np

from bench.report.studies.measurement import Record
from bench.report.studies.printed_number import MetricSpec
from bench.report.studies.scales import Scale

USUAL = {"restarts": "1", "loss": "ce"}  # settings that no table names; with others it is another attack


def is_of(row: Record, reading: MetricSpec, source: str, scale: Scale) -> bool:
    """Whether a row is of the corruption or the attack of a printed number. source: as of `Number`."""
    if reading.corruption:
        return bool(row["kind"] == "corruption" and row["name"] == reading.corruption)
    if row["kind"] != "attack" or not is_crafted(row, reading, source):
        return False
    name, settings = parse_name(reading.attack)
    near = row["norm"] == "Linf" and abs(row["eps"] - scale.eps(reading.eps)) < 1e-6
    if row["name"] != name or not (row["eps"] == np.inf or near):
        return False
    usual = USUAL | ({"loss": "margin"} if name.startswith("CW-") else {})
    asked = {key: value for key, value in usual.items() if key in row["settings"]} | settings
    own = {key: str(row["settings"].get(key)).lower() for key in asked if key != "step"}
    return all(asked[key].lower() == value for key, value in own.items()) and (
        "step" not in settings or _same_step(row, settings["step"], reading.eps)
    )


def is_crafted(row: Record, reading: MetricSpec, source: str) -> bool:
    """Whether the images come from where they are to come from: the model itself, or another of the same seed."""
    if not source or not row["source"]:
        return not source and not row["source"]
    recipe, model, seed, which = crafter(row["source"])
    if recipe != source:
        return False
    if reading.crafter:
        return not which and bool(model != row["model"])
    same = model == row["model"] and which == [row["epoch"]] * (row["epoch"] != "last")
    return same and bool(seed != row["seed"] if reading.twin else seed == row["seed"])


def crafter(source: str) -> tuple[str, str, int, list[str]]:
    """Recipe (empty: from outside), network and seed of the model at a place, and which of the run's it is."""
    where, *which = source.split("@")
    _, model, *between, last = where.split("/")
    return (between[0] if between else ""), model, int(re.sub(r"\D.*", "", last.removeprefix("s")) or -1), which


def one_twin(rows: Sequence[Record]) -> list[Record]:
    """Of each run the images of one other seed, the lowest, as the paper has one."""
    lowest: dict[str, int] = {}
    rows = [row for row in rows if row["status"] == "ok"] or list(rows)
    for row in rows:
        seed = crafter(row["source"])[2]
        lowest[row["run"]] = min(seed, lowest.get(row["run"], seed))
    return [row for row in rows if crafter(row["source"])[2] == lowest[row["run"]]]


def parse_name(attack: str) -> tuple[str, dict[str, str]]:
    """The name and the settings of an attack as --attacks takes it."""
    name, _, inside = attack.removesuffix("]").partition("[")
    return name, dict(pair.split("=", 1) for pair in inside.split(",") if pair)


def _same_step(row: Record, step: str, eps: float) -> bool:
    wanted = float(step.removesuffix("eps")) if step.endswith("eps") else float(step.removesuffix("px")) / eps
    own = str(row["settings"].get("step", ""))
    if not own:
        return False
    share = float(own.removesuffix("eps")) / (1 if own.endswith("eps") else row["eps"])
    return abs(share - wanted) < 1e-3 * wanted
