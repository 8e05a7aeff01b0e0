"""Accuracies of a recipe, printed in papers and measured here, a line for each trained model."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from bench.core.parsing import format_radius
from bench.report.labels import AUTOATTACK, columns, is_autoattack
from bench.report.rows import accuracy_rows, attack_rows, clean_and_attack_rows, clean_rows
from bench.report.table_formats.table_text import MISSING
from bench.report.verdicts import doubts_by_board
from bench.results.load import load_results
from bench.results.store import read_outcomes

CLEAN_METRICS = ["clean", "clean_mean", "clean_std"]
ATTACKED_METRICS = ["robust_acc", "transfer_robust_acc", "robust_acc_reported", "robustness_score"]
LINE_COLUMNS = ["paper", "table", "dataset", "architecture", "method", "setting", "plan", "view"]
UNSCREENED = {AUTOATTACK, f"{AUTOATTACK} standard"}  # names that are left out below the heading AutoAttack
RUN_COLUMNS = ["dataset", "model", "run", "seed", "view", "epoch", "budget", "n"]


class RecipeLine(NamedTuple):
    """A trained model and its accuracies in percent, as text."""

    head: str
    detail: str
    clean: str
    attacked: str
    autoattack: str
    verdict: str = ""


def printed_lines(rows: pd.DataFrame) -> list[RecipeLine]:
    """Printed accuracies from rows of `printed_numbers`; those of one line of a paper's table are one line."""
    rows = rows[rows["metric"].isin([*CLEAN_METRICS, *ATTACKED_METRICS])]
    transferred = rows["variant"].str.startswith("source=")
    rows = rows.assign(setting=rows["variant"].mask(transferred, ""))
    return [_printed_accuracy(group) for _, group in rows.groupby(LINE_COLUMNS, sort=False)]


def other_numbers(rows: pd.DataFrame) -> str:
    """A list of the printed numbers that are not accuracies, as text."""
    rows = rows[~rows["metric"].isin([*CLEAN_METRICS, *ATTACKED_METRICS])]
    return "; ".join(
        f"{paper} {table}: {', '.join(group['metric'].unique())}"
        for (paper, table), group in rows.groupby(["paper", "table"], sort=False)
    )


def _printed_accuracy(rows: pd.DataFrame) -> RecipeLine:
    first = rows.iloc[0]
    paper = first["table"] if first["paper"] == "external" else f"{first['paper']} {first['table']}"
    view = "" if first["view"] == "main" else f"view {first['view']}"
    plan = f"{first['plan']} plan" if first["plan"] else ""
    caveat = first["note"] if first["paper"] == "external" else ""
    unit = "shares of the clean accuracy" if "robustness_score" in set(rows["metric"]) else ""
    attacks = rows[rows["metric"].isin(ATTACKED_METRICS)]
    cells = [
        (eps or "eps not printed", _attack(attack, source), value or MISSING)
        for eps, attack, source, value in zip(
            *(attacks[c] for c in ("epsilon", "attack", "source", "value")), strict=True
        )
    ]
    return RecipeLine(
        head=f"{paper}, {first['dataset']}, {first['architecture']}",
        detail=", ".join(filter(None, [f"{first['method']} {first['setting']}".strip(), plan, view, unit, caveat])),
        clean=" ± ".join(value or MISSING for value in rows.loc[rows["metric"].isin(CLEAN_METRICS), "value"]),
        **_by_strength(cells),
    )


def _attack(attack: str, source: str) -> str:
    return f"{attack} from {source}" if attack.endswith("transfer") else attack


def measured_lines(recipe: str, results: Path) -> list[RecipeLine]:
    """Accuracies of all runs of a recipe in a results folder, a line for each view and epoch."""
    known = load_results(results)
    rows = clean_and_attack_rows(accuracy_rows(known[known["recipe"] == recipe]))
    rows = rows.assign(column=columns(rows))
    lines = []
    for _, group in rows.groupby(RUN_COLUMNS, sort=False):
        doubts = doubts_by_board(group, known, read_outcomes(results / group["run"].iloc[0]))
        lines.append(_measured_accuracy(group, [f"{doubt.level}: {doubt.reason}" for doubt in doubts]))
    return lines


def _measured_accuracy(rows: pd.DataFrame, doubts: Iterable[str]) -> RecipeLine:
    first = rows.iloc[0]
    attacks = attack_rows(rows)
    cells = [
        (f"{norm} {format_radius(eps)}", f"{column} from {source}" if source else column, _percent(value))
        for norm, eps, column, source, value in zip(
            *(attacks[c] for c in ("norm", "eps", "column", "source", "value")), strict=True
        )
    ]
    which = [text for text, usual in ((first["view"], "main"), (first["epoch"], "last")) if text != usual]
    wrong = [text for text in [*rows["verdict"], *rows["status"], *doubts] if text not in ("", "ok")]
    return RecipeLine(
        head=", ".join([first["dataset"], first["model"], f"seed {first['seed']}", *which]),
        detail=f"{first['budget']}, n={first['n']}",
        clean=" ".join(map(_percent, clean_rows(rows)["value"])),
        verdict="; ".join(dict.fromkeys(wrong)) or "ok",
        **_by_strength(cells),
    )


def _percent(value: float) -> str:
    return "failed" if pd.isna(value) else f"{100 * value:.1f}"


def _by_strength(cells: list[tuple[str, str, str]]) -> dict[str, str]:
    """Text of cells (radius, attack, value): AutoAttack, and other attacks."""
    best = [cell for cell in cells if is_autoattack(cell[1])]
    names = {attack for _, attack, _ in best}
    plain = len(names) == 1 and names <= UNSCREENED
    shown = [(strength, "" if plain else attack, value) for strength, attack, value in best]
    return {"attacked": _by_radius(cell for cell in cells if cell not in best), "autoattack": _by_radius(shown)}


def _by_radius(cells: Iterable[tuple[str, str, str]]) -> str:
    """Text by radius: `8/255: FGSM 58.7, PGD-20 50.8; 4/255: ...`."""
    strengths: dict[str, list[str]] = {}
    for strength, attack, value in cells:
        strengths.setdefault(strength, []).append(f"{attack} {value}".strip())
    return "; ".join(f"{strength}: {', '.join(numbers)}" for strength, numbers in strengths.items())
