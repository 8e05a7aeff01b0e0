"""The table of corruptions as text: accuracies, robustness scores, errors, and the sentences below them."""

import math

import pandas as pd

from bench.report.boards import Board
from bench.report.corruptions import attacked as unions
from bench.report.corruptions.scores import ALEXNET
from bench.report.corruptions.seed_means import ALL_SEVERITIES, SPREAD_FORMAT, missing_text, percent
from bench.report.corruptions.table import (
    CORRUPTION_ORDER,
    EXTRA_CORRUPTIONS,
    MTLAT_CORRUPTIONS,
    Scores,
    means_over_severities,
)
from bench.report.labels import condition_name, line_name
from bench.report.table_formats.table_text import MISSING
from bench.results.kinds import ATTACK, CORRUPTION

ACCURACY_NOTE = (
    "Accuracy in percent, mean over severities {severities}; ± is the wider side of the 95 % interval over the {n} "
    "test images of one seed, or the standard deviation over several."
)
ERROR_NOTE = "Error and score are means over those corruptions of {corruptions} that are shown; not normalised."
MCE_NOTE = "mCE and relative mCE are in percent of AlexNet's."
TABLE_PARTS = {  # the parts of M-TLAT's tables, one for the rest of ImageNet-C's set, and one for corruptions in no set
    "a": ("corruptions of ImageNet-C", tuple(ALEXNET)),
    "b": ("its four corruptions", MTLAT_CORRUPTIONS),
    "c": ("attacks", ()),
    "d": ("the extra four", EXTRA_CORRUPTIONS),
    "e": ("other corruptions", ()),
}


def accuracies(scores: Scores, spread: str = SPREAD_FORMAT) -> pd.DataFrame:
    """Means over severities as text, a line for each corruption, a column for each recipe. spread: as for `percent`."""
    lines: dict[str, dict[str, str]] = {}
    means = means_over_severities(scores.cells)
    for cell in means.to_dict("records"):
        lines.setdefault(condition_words(cell["name"]), {})[line_name(cell["recipe"])] = percent(
            cell, "accuracy", cell["status"], spread
        )
    return pd.DataFrame([{"Corruption": name, **line} for name, line in lines.items()]).fillna(MISSING)


def robustness(scores: Scores) -> dict[str, pd.DataFrame]:
    """Robustness scores and their marks as text, by part of TABLE_PARTS: a line for each recipe."""
    tables = {}
    means = scores.cells[scores.cells["severity"] == ALL_SEVERITIES]
    clean = dict(zip(scores.errors["recipe"], scores.errors["clean"], strict=True))
    listed = means["name"].isin(CORRUPTION_ORDER)
    for part, (_, names) in TABLE_PARTS.items():
        unlisted = means["kind"] == ATTACK if part == "c" else (means["kind"] == CORRUPTION) & ~listed
        chosen = means[means["name"].isin(names) if names else unlisted]
        lines: dict[str, dict[str, str]] = {}
        for cell in chosen.to_dict("records"):
            text = missing_text(cell["status"]) if math.isnan(cell["score"]) else f"{cell['score']:.2f}{cell['mark']}"
            line = lines.setdefault(cell["recipe"], {"Clean": f"{100 * clean[cell['recipe']]:.1f}"})
            line[condition_words(cell["name"])] = text
        if lines:
            shown = [{"Recipe": line_name(recipe), **line} for recipe, line in lines.items()]
            tables[part] = pd.DataFrame(shown).fillna(MISSING)
    return tables


def condition_words(name: str) -> str:
    """A corruption, an attack with its ball, or both, in words."""
    return condition_name(name).replace("_", " ")


def errors(scores: Scores) -> pd.DataFrame:
    """Clean accuracy and mean errors as text, a line for each recipe."""
    names = {"clean": "Clean", "error": "Mean error", "score": "Score", "mce": "mCE", "relative_mce": "Relative mCE"}
    factor = {"clean": 100.0, "error": 100.0}
    shown = {"Recipe": [line_name(recipe) for recipe in scores.errors["recipe"]]}
    for name, heading in names.items():
        if name in scores.errors:
            digits = 2 if name == "score" else 1
            values = scores.errors[name] * factor.get(name, 1.0)
            shown[heading] = [MISSING if math.isnan(value) else f"{value:.{digits}f}" for value in values]
    return pd.DataFrame(shown)


def captions(board: Board, scores: Scores) -> list[str]:
    """The sentences below a table: what its numbers mean, and why some are missing."""
    severities = ", ".join(map(str, scores.severities))
    corruptions = scores.published_set or "ImageNet-C's fifteen"
    found = [ACCURACY_NOTE.format(severities=severities, n=board.n), ERROR_NOTE.format(corruptions=corruptions)]
    failed = scores.cells[scores.cells["status"].str.startswith("failed")]
    reasons = {
        f"{line_name(c['recipe'])}, {condition_words(c['name'])}: {c['status']}." for c in failed.to_dict("records")
    }
    found += [MCE_NOTE] if "mce" in scores.errors else []
    if len(scores.unions):
        found.append(unions.caption(scores.unions))
        broken = scores.unions[scores.unions["both_status"].str.startswith("failed")].to_dict("records")
        reasons |= {f"{line_name(c['recipe'])}, {c['corruption']}+{c['attack']}: {c['both_status']}." for c in broken}
    return [*found, *scores.notes, *sorted(reasons)]
