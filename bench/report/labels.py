"""Names of the lines and columns of tables, and the order of columns."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import chain

import pandas as pd

from bench.core.parsing import format_radius
from bench.report.rows import rows_of_kinds
from bench.results.kinds import ATTACK, CLEAN, SWEEP

NUMBER = re.compile(r"[0-9.]+(e-?[0-9]+)?")
EXTRA_DATA = "extra data"  # in the text of a budget, and beside the recipe in lines: it was trained with extra images
ANY_LENGTH = "{} of any length"  # threat of an attack that looks for the nearest error at any distance
AUTOATTACK = "AutoAttack"  # the attack by which boards are ranked; its variants (AutoAttack+, ...) begin with its name
STANDARD_RECIPE = "Standard"  # the recipe of training on clean images only
NAMES_OF_ATTACKS = frozenset({"FGSM", "R-FGSM", "LL", "R-LL", "MC", "R-MC"})  # recipes with the name of an attack


def is_autoattack(name: str) -> bool:
    """Whether an attack or column is AutoAttack or one of its variants, such as AutoAttack+."""
    return name.startswith(AUTOATTACK)


def labels(rows: pd.DataFrame) -> pd.Series:
    """A name for each row's recipe, view and epoch, with the hash of the run if two configurations share a recipe.

    Recipes that were trained with extra images are marked as such; the budget of the rows says so.
    """
    hashes = rows["run"].str.split("/").str[-1].str.rpartition("-")[2]  # the hash does not depend on the seed
    extra = rows["budget"].str.contains(f"% {EXTRA_DATA} ") if "budget" in rows else pd.Series(False, rows.index)
    marks = extra.map({True: EXTRA_DATA, False: ""})
    shared = hashes.groupby([rows["recipe"], marks]).transform("nunique") > 1
    details = zip(
        marks,
        hashes.where(shared, ""),
        rows["view"].replace("main", ""),
        rows["epoch"].replace("last", ""),
        strict=True,
    )
    notes = [", ".join(filter(None, detail)) for detail in details]
    named = [f"{recipe} ({note})" if note else recipe for recipe, note in zip(rows["recipe"], notes, strict=True)]
    return pd.Series(named, index=rows.index)


def line_name(label: str) -> str:
    """Name of a table line, with `training` added to recipes with the name of an attack: `FGSM training (best)`."""
    recipe, bracket, details = label.partition(" (")
    return f"{recipe} training{bracket}{details}" if recipe in NAMES_OF_ATTACKS else label


SETTING_TEXTS: Mapping[str, Callable[[str], str]] = {  # text for settings of an attack, by name
    "step": lambda step: f"steps of {format_radius(float(step)) if NUMBER.fullmatch(step) else step}",
    "steps": "{} steps".format,
    "restarts": lambda count: f"{count} restart{'' if count == '1' else 's'}",
    "start": "{} start".format,
    "passes": "{} passes".format,
    "eot": "gradients of {} passes".format,
}


def condition_name(column: str) -> str:
    """A column of `columns` in words: `PGD-10, steps of 2/255` for `PGD-10 [step=0.00784313725490196]`."""
    column = re.sub(r"(Linf|L2|L1) inf$", lambda ball: ANY_LENGTH.format(ball[1]), column)
    name, bracket, rest = column.partition(" [")
    settings, end, after = rest.partition("]")
    if not bracket or not end:
        return column
    texts = [_setting_text(*setting.partition("=")) for setting in settings.split(",")]
    return ", ".join([name, *texts]) + re.sub("^ ", ", ", after)


def panel_names(panels: Iterable[str]) -> dict[str, str]:
    """Titles of panels of curves; the number of radii of a sweep is only named if it distinguishes two panels."""
    whole = {panel: condition_name(panel) for panel in panels}
    short = {panel: re.sub(r", swept over \d+ radii$", "", name) for panel, name in whole.items()}
    counts = Counter(short.values())
    return {panel: name if counts[name] == 1 else whole[panel] for panel, name in short.items()}


def _setting_text(key: str, equals: str, value: str) -> str:
    return SETTING_TEXTS[key](value) if equals and key in SETTING_TEXTS else f"{key}{equals}{value}"


def titles(places: Iterable[str]) -> dict[str, str]:
    """A name for each model id of `results.row.model_id`: the recipe, and what distinguishes two models of it."""
    known = {}
    for where in places:
        run, *which = where.split("@")
        _, model, *between, last = run.split("/")
        seed, _, digest = last.rpartition("-")
        recipe, seed = (
            (between[0], seed) if between else (seed, "")
        )  # ids of external models have their name instead of recipe and seed
        known[where] = (recipe, {"model": model, "seed": seed, "hash": digest}, which)
    named = {}
    for where, (recipe, details, which) in known.items():
        alike = [other for name, other, _ in known.values() if name == recipe]
        differing = [value for key, value in details.items() if value and len({other[key] for other in alike}) > 1]
        notes = ", ".join([*differing, *which])
        named[where] = f"{recipe} ({notes})" if notes else recipe
    return named


def columns(rows: pd.DataFrame) -> pd.Series:
    """The column title of each row: Clean, or the attack with the settings that distinguish two uses of its name.

    Titles of sweeps end in `sweep`, and in the metric if it is not accuracy; those of plug-ins' kinds begin with the
    kind; other kinds have the name of the row.
    """
    names = {}
    titled = rows_of_kinds(rows, ATTACK, SWEEP, plugins=True)
    for (kind, name), params in titled.groupby(["kind", "name"])["params"]:
        title = _title(str(kind), str(name))
        uses = {text: json.loads(text or "{}") for text in params.unique()}
        keys = sorted(set(chain.from_iterable(uses.values())))
        differing = [key for key in keys if len({json.dumps(use.get(key)) for use in uses.values()}) > 1]
        for text, use in uses.items():
            settings = ",".join(f"{key}={use[key]}" for key in differing if key in use)
            names[kind, name, text] = f"{title} [{settings}]" if settings else title
    where = zip(rows["kind"], rows["name"], rows["params"], strict=True)
    found = ["Clean" if key[0] == CLEAN else names.get(key, key[1]) for key in where]
    read = (rows["kind"] == SWEEP) & (rows["metric"] != "accuracy")
    return pd.Series(found, index=rows.index, dtype=object) + (" " + rows["metric"]).where(read, "")


def _title(kind: str, name: str) -> str:
    """Column title of a kind and name, without settings."""
    if kind in (ATTACK, SWEEP):
        return f"{name} sweep" if kind == SWEEP else name
    return f"{kind.removeprefix('x-')} {name}".strip()


def label_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Add to rows the columns `label` and `column`: the table line and table column that each belongs to."""
    rows = rows.assign(label=labels(rows), column=columns(rows))
    # a cell measured again under another key, say after a retraining, replaces the older one
    return rows.drop_duplicates(["run", "view", "epoch", "column"], keep="last")


def column_order(column: str) -> tuple[int, int, str]:
    """Sort key of columns: FGSM, PGD by steps, CW by steps, others in their order, AutoAttack last."""
    steps = re.match(r"(PGD|CW)-(\d+)", column)
    if steps:
        return 1 + (steps[1] == "CW"), int(steps[2]), column
    if is_autoattack(column):
        return 4, int(column == AUTOATTACK), column
    return (0, 0, "") if column == "FGSM" else (3, 0, "")
