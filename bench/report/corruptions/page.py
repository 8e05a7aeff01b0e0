"""The page of corruptions: tables on the terminal, and files in reports/corruptions/."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.report import cache as stored
from bench.report.boards import Board, scale_of
from bench.report.corruptions import attacked as unions
from bench.report.corruptions.table import Scores, corruption_tables
from bench.report.corruptions.text import TABLE_PARTS, accuracies, captions, errors, robustness
from bench.report.files import Content, figure, in_folder
from bench.report.folder_names import Identity, folder_names
from bench.report.table_formats import table_text as plain
from bench.report.table_formats.latex import latex_table
from bench.report.table_formats.latex_text import escape_latex

if TYPE_CHECKING:
    from rich.console import Console

LEFT_COLUMNS = ("Recipe", "Corruption", "Attack")  # columns set flush left
SCORE_NOTE = (
    "Robustness score: accuracy under the corruption or attack over clean accuracy of the same model, so a model that "
    "always says the same has 1; never compare it without clean accuracy. + and - stand where it is above or "
    "below Standard's by more than both intervals explain."
)
UNIONS_TITLE = "Attacked after corruption"


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
    group = Identity((board.dataset, board.model, scale_of(board.budget)), board.distinguishing_words)
    return group.with_word(make, *filter(None, [how]))


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
            shown.map(escape_latex),
            LEFT_COLUMNS,
            f"{what}, {title}.",
            f"tab:corruptions-{folder}-{name}",
            notes,
        )
        for name, (shown, what, notes) in tables.items()
    )
