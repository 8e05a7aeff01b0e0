"""The page of corruptions: tables on the terminal, and files in reports/corruptions/."""

import math
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bench.report import cache as stored
from bench.report import table_text as plain
from bench.report.boards import Board, scale_of
from bench.report.corruptions import attacked as unions
from bench.report.corruptions.scores import ALEXNET
from bench.report.corruptions.seed_means import ALL_SEVERITIES, SPREAD_FORMAT, missing_text, percent
from bench.report.corruptions.table import EXTRA_CORRUPTIONS, MTLAT_CORRUPTIONS, Scores, corruption_tables
from bench.report.files import Content, figure, in_folder
from bench.report.folder_names import Identity, folder_names
from bench.report.labels import condition_name
from bench.report.latex import latex_table
from bench.report.table_text import MISSING

if TYPE_CHECKING:
    from rich.console import Console

LEFT_COLUMNS = ("Recipe", "Corruption", "Attack")  # columns set flush left
ACCURACY_NOTE = (
    "Accuracy in percent, mean over severities {severities}; ± is the wider side of the 95 % interval over the {n} "
    "test images of one seed, or the standard deviation over several."
)
SCORE_NOTE = (
    "Robustness score: accuracy under the corruption or attack over clean accuracy of the same model, so a model that "
    "always says the same has 1; never compare it without clean accuracy. + and - stand where it is above or "
    "below Standard's by more than both intervals explain."
)
ERROR_NOTE = "Error and score are means over those corruptions of ImageNet-C's fifteen that are shown; not normalised."
MCE_NOTE = "mCE and relative mCE are in percent of AlexNet's."
UNIONS_TITLE = "Attacked after corruption"
TABLE_PARTS = {  # the parts of M-TLAT's tables, and one for the rest of ImageNet-C's set
    "a": ("corruptions of ImageNet-C", tuple(ALEXNET)),
    "b": ("its four corruptions", MTLAT_CORRUPTIONS),
    "c": ("attacks", ()),
    "d": ("the extra four", EXTRA_CORRUPTIONS),
}


@stored.cached_by_folder(1)
def find_tables(results: Path, only: frozenset[str] | None = None) -> dict[tuple[Board, str], Scores]:
    """The table of each board and origin of images. only: the runs to include; None for all."""
    rows = stored.rows(results)
    if only is not None:
        rows = rows[rows["run"].isin(only)]
    return corruption_tables(rows, stored.outcomes(results, rows["run"].unique()))


class CorruptionsPage:
    """The topic `corruptions` of a report."""

    folder = "corruptions"

    def files(self, results: Path) -> dict[str, Content]:
        """corruptions.md with all tables, and a folder for each group: table, figures and every number.

        Empty if no images were corrupted.
        """
        from bench.report.corruptions.figures import heat_map, severity_curves

        made: dict[str, Content] = {}
        sections = ["# Corruptions\n"]
        found = find_tables(results)
        folders = find_folders(found)
        for (board, make), scores in found.items():
            title, folder = heading(board, make), folders[board, make]
            files: dict[str, Content] = {"scores.csv": plain.csv(scores.cells), "errors.csv": plain.csv(scores.errors)}
            if len(scores.unions):
                files["attacked.csv"] = plain.csv(scores.unions)
            files |= {"scores.tex": _latex(board, scores, title, folder)}
            files |= figure("heat", partial(heat_map, scores, title))
            files |= figure("severity", partial(severity_curves, scores, title))
            made |= in_folder(folder, files)
            sections.append(_section(board, scores, title, folder))
        return {"corruptions.md": "\n".join(sections), **made} if made else {}

    def show(self, results: Path, console: "Console", only: frozenset[str] | None = None) -> None:
        """Print every table on the terminal. only: the runs to include; None for all."""
        for (board, made), scores in find_tables(results, only).items():
            for shown, title in ((accuracies(scores, ""), heading(board, made)), (errors(scores), "")):
                plain.print_table(console, shown, LEFT_COLUMNS, title)
            if len(scores.unions):
                plain.print_table(console, unions.means(scores.unions, ""), LEFT_COLUMNS, UNIONS_TITLE)
            plain.print_notes(console, captions(board, scores))


def find_folders(found: Iterable[tuple[Board, str]]) -> dict[tuple[Board, str], str]:
    """The folder below reports/corruptions/ of each table."""
    return folder_names({(board, make): _identity(board, make) for board, make in found})


def heading(board: Board, made: str) -> str:
    """The title of a table: what all its numbers share. made: origin of its images."""
    make, comma, how = made.partition(",")
    return f"{board.dataset}, {board.model}, {board.budget}, n={board.n}, {make} images{comma}{how}"


def _identity(board: Board, made: str) -> Identity:
    """The words that the name of a table's folder is made of."""
    make, _, how = made.partition(",")
    group = Identity((board.dataset, board.model, scale_of(board.budget)), board.telling)
    return group.with_word(make, *filter(None, [how]))


def accuracies(scores: Scores, spread: str = SPREAD_FORMAT) -> pd.DataFrame:
    """Means over severities as text, a line for each corruption, a column for each recipe. spread: as for `percent`."""
    lines: dict[str, dict[str, str]] = {}
    means = scores.cells[(scores.cells["severity"] == ALL_SEVERITIES) & (scores.cells["kind"] == "corruption")]
    for cell in means.to_dict("records"):
        lines.setdefault(treatment_name(cell["name"]), {})[cell["recipe"]] = percent(
            cell, "accuracy", cell["status"], spread
        )
    return pd.DataFrame([{"Corruption": name, **line} for name, line in lines.items()]).fillna(MISSING)


def robustness(scores: Scores) -> dict[str, pd.DataFrame]:
    """Robustness scores and their marks as text, by part of TABLE_PARTS: a line for each recipe."""
    tables = {}
    means = scores.cells[scores.cells["severity"] == ALL_SEVERITIES]
    clean = dict(zip(scores.errors["recipe"], scores.errors["clean"], strict=True))
    for part, (_, names) in TABLE_PARTS.items():
        chosen = means[means["name"].isin(names) if names else means["kind"] == "attack"]
        lines: dict[str, dict[str, str]] = {}
        for cell in chosen.to_dict("records"):
            text = missing_text(cell["status"]) if math.isnan(cell["score"]) else f"{cell['score']:.2f}{cell['mark']}"
            line = lines.setdefault(cell["recipe"], {"Clean": f"{100 * clean[cell['recipe']]:.1f}"})
            line[treatment_name(cell["name"])] = text
        if lines:
            tables[part] = pd.DataFrame([{"Recipe": recipe, **line} for recipe, line in lines.items()]).fillna(MISSING)
    return tables


def treatment_name(name: str) -> str:
    """A corruption, an attack with its ball, or both, in words."""
    return condition_name(name).replace("_", " ")


def errors(scores: Scores) -> pd.DataFrame:
    """Clean accuracy and mean errors as text, a line for each recipe."""
    names = {"clean": "Clean", "error": "Mean error", "score": "Score", "mce": "mCE", "relative_mce": "Relative mCE"}
    factor = {"clean": 100.0, "error": 100.0}
    shown = {"Recipe": list(scores.errors["recipe"])}
    for name, heading in names.items():
        if name in scores.errors:
            digits = 2 if name == "score" else 1
            values = scores.errors[name] * factor.get(name, 1.0)
            shown[heading] = [MISSING if math.isnan(value) else f"{value:.{digits}f}" for value in values]
    return pd.DataFrame(shown)


def captions(board: Board, scores: Scores) -> list[str]:
    """The sentences below a table: what its numbers mean, and why some are missing."""
    severities = ", ".join(map(str, scores.severities))
    found = [ACCURACY_NOTE.format(severities=severities, n=board.n), ERROR_NOTE]
    failed = scores.cells[scores.cells["status"].str.startswith("failed")]
    reasons = {f"{c['recipe']}, {treatment_name(c['name'])}: {c['status']}." for c in failed.to_dict("records")}
    found += [MCE_NOTE] if "mce" in scores.errors else []
    if len(scores.unions):
        found.append(unions.caption(scores.unions))
        broken = scores.unions[scores.unions["both_status"].str.startswith("failed")].to_dict("records")
        reasons |= {f"{c['recipe']}, {c['corruption']}+{c['attack']}: {c['both_status']}." for c in broken}
    return [*found, *scores.notes, *sorted(reasons)]


def _section(board: Board, scores: Scores, title: str, folder: str) -> str:
    parts = [
        f"## {plain.escape(title)}\n",
        plain.markdown(accuracies(scores), LEFT_COLUMNS),
        plain.markdown(errors(scores), LEFT_COLUMNS),
    ]
    if len(scores.unions):
        parts.append(f"{UNIONS_TITLE}\n\n{plain.markdown(unions.means(scores.unions), LEFT_COLUMNS)}")
    parts += ["\n".join(map(plain.escape, captions(board, scores))) + "\n"]
    for part, shown in robustness(scores).items():
        parts.append(f"({part}) {TABLE_PARTS[part][0]}\n\n{plain.markdown(shown, LEFT_COLUMNS)}")
    parts += [SCORE_NOTE + "\n", f"![heat map]({folder}/heat.png)\n", f"![by severity]({folder}/severity.png)\n"]
    return "\n".join(parts)


def _latex(board: Board, scores: Scores, title: str, folder: str) -> str:
    tables = {
        part: (shown, f"({part}) {TABLE_PARTS[part][0]}", [SCORE_NOTE, *scores.notes])
        for part, shown in robustness(scores).items()
    }
    if len(scores.unions):
        tables["attacked"] = unions.means(scores.unions), UNIONS_TITLE, [unions.caption(scores.unions), *scores.notes]
    return "\n".join(
        latex_table(
            shown.map(lambda cell: cell.translate(plain.LATEX_ESCAPES)),
            LEFT_COLUMNS,
            f"{what}, {title}.",
            f"tab:corruptions-{folder}-{name}",
            notes,
        )
        for name, (shown, what, notes) in tables.items()
    )
