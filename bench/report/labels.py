"""Names of the lines and columns of tables, and the order of columns."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import chain

import pandas as pd

from bench.core.parsing import format_radius
from bench.report.rows import of_plugins

NUMBER = re.compile(r"[0-9.]+(e-?[0-9]+)?")
ANY_LENGTH = "{} of any length"  # of an attack that looks for the nearest error, however far it is
ALSO_ATTACKS = frozenset({"FGSM", "R-FGSM", "LL", "R-LL", "MC", "R-MC"})  # recipes that are called what attacks are


def labels(rows: pd.DataFrame) -> pd.Series:
    """A name for each row's recipe, view and epoch; with the hash of the run where two configurations share it."""
    hashes = rows["run"].str.split("/").str[-1].str.rpartition("-")[2]  # the seed is not part of it
    shared = hashes.groupby(rows["recipe"]).transform("nunique") > 1
    details = zip(
        hashes.where(shared, ""), rows["view"].replace("main", ""), rows["epoch"].replace("last", ""), strict=True
    )
    notes = [", ".join(filter(None, detail)) for detail in details]
    named = [f"{recipe} ({note})" if note else recipe for recipe, note in zip(rows["recipe"], notes, strict=True)]
    return pd.Series(named, index=rows.index)


def line_name(label: str) -> str:
    """What a line of a table is called where columns may have the name of an attack: `FGSM training (best)`."""
    recipe, bracket, details = label.partition(" (")
    return f"{recipe} training{bracket}{details}" if recipe in ALSO_ATTACKS else label


SETTINGS: Mapping[str, Callable[[str], str]] = {  # how a reader would say what an attack was set to
    "step": lambda step: f"steps of {format_radius(float(step)) if NUMBER.fullmatch(step) else step}",
    "steps": "{} steps".format,
    "restarts": lambda count: f"{count} restart{'' if count == '1' else 's'}",
    "start": "{} start".format,
}


def condition_name(column: str) -> str:
    """A column of `columns` in words: `PGD-10, steps of 2/255` for `PGD-10 [step=0.00784313725490196]`."""
    column = re.sub(r"(Linf|L2) inf$", lambda ball: ANY_LENGTH.format(ball[1]), column)
    name, bracket, rest = column.partition(" [")
    settings, end, after = rest.partition("]")
    if not bracket or not end:
        return column
    said = [_setting(*setting.partition("=")) for setting in settings.split(",")]
    return ", ".join([name, *said]) + re.sub("^ ", ", ", after)


def panel_names(panels: Iterable[str]) -> dict[str, str]:
    """Each panel of a figure of curves in words; how many radii it was swept over only where that tells two apart."""
    whole = {panel: condition_name(panel) for panel in panels}
    short = {panel: re.sub(r", swept over \d+ radii$", "", name) for panel, name in whole.items()}
    once = Counter(short.values())
    return {panel: name if once[name] == 1 else whole[panel] for panel, name in short.items()}


def _setting(key: str, equals: str, value: str) -> str:
    return SETTINGS[key](value) if equals and key in SETTINGS else f"{key}{equals}{value}"


def titles(places: Iterable[str]) -> dict[str, str]:
    """A name for each model by its `results.row.model_id`: the recipe, and whatever tells two uses of it apart."""
    known = {}
    for where in places:
        run, *which = where.split("@")
        _, model, *between, last = run.split("/")
        seed, _, digest = last.rpartition("-")
        recipe, seed = (between[0], seed) if between else (seed, "")  # from outside: no seed, and the name in its place
        known[where] = (recipe, {"model": model, "seed": seed, "hash": digest}, which)
    named = {}
    for where, (recipe, details, which) in known.items():
        alike = [other for name, other, _ in known.values() if name == recipe]
        telling = [value for key, value in details.items() if value and len({other[key] for other in alike}) > 1]
        notes = ", ".join([*telling, *which])
        named[where] = f"{recipe} ({notes})" if notes else recipe
    return named


def columns(rows: pd.DataFrame) -> pd.Series:
    """The column of each row: Clean, or its attack, with the settings that tell two uses of one name apart.

    A sweep is called one, with what is read off its curve if that is no accuracy; what a plug-in's kind does is named
    by the kind too; anything else has its own name.
    """
    names = {}
    titled = rows["kind"].isin(["attack", "sweep"]) | of_plugins(rows)
    for (kind, name), params in rows[titled].groupby(["kind", "name"])["params"]:
        title = _title(str(kind), str(name))
        uses = {text: json.loads(text or "{}") for text in params.unique()}
        keys = sorted(set(chain.from_iterable(uses.values())))
        telling = [key for key in keys if len({json.dumps(use.get(key)) for use in uses.values()}) > 1]
        for text, use in uses.items():
            settings = ",".join(f"{key}={use[key]}" for key in telling if key in use)
            names[kind, name, text] = f"{title} [{settings}]" if settings else title
    where = zip(rows["kind"], rows["name"], rows["params"], strict=True)
    found = ["Clean" if key[0] == "clean" else names.get(key, key[1]) for key in where]
    read = (rows["kind"] == "sweep") & (rows["metric"] != "accuracy")
    return pd.Series(found, index=rows.index, dtype=object) + (" " + rows["metric"]).where(read, "")


def _title(kind: str, name: str) -> str:
    """What a column of rows of this kind is called, settings apart."""
    if kind in ("attack", "sweep"):
        return f"{name} sweep" if kind == "sweep" else name
    return f"{kind.removeprefix('x-')} {name}".strip()


def label_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the line (`label`) and the column of a table that each is for."""
    rows = rows.assign(label=labels(rows), column=columns(rows))
    # a cell measured again under another key, say after a retraining, replaces the older one
    return rows.drop_duplicates(["run", "view", "epoch", "column"], keep="last")


def column_order(column: str) -> tuple[int, int, str]:
    """FGSM, PGD by steps, CW by steps, others as they come, AutoAttack at the end."""
    steps = re.match(r"(PGD|CW)-(\d+)", column)
    if steps:
        return 1 + (steps[1] == "CW"), int(steps[2]), column
    if column.startswith("AutoAttack"):
        return 4, int(column == "AutoAttack"), column
    return (0, 0, "") if column == "FGSM" else (3, 0, "")
