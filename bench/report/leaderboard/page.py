"""The page of leaderboards: tables on the terminal, and files in reports/leaderboard/."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from bench.core.errors import BadInput
from bench.report import cache as stored
from bench.report.boards import Board, groups
from bench.report.drawing import Draw
from bench.report.files import Content, figure, in_folder
from bench.report.folder_names import folder_names
from bench.report.leaderboard import differences as paired
from bench.report.leaderboard import formats, training_curves
from bench.report.leaderboard import text as words
from bench.report.leaderboard.badges import Badge, badges, join_badges
from bench.report.leaderboard.table import accuracies, drop_unattacked, leaderboard, ranking_column
from bench.report.leaderboard.terminal import print_board
from bench.report.leaderboard.training_curves import MAX_RECIPES, Trainings, trainings_of
from bench.report.plotting.best_curves import best_of
from bench.report.table_formats import table_text as plain
from bench.report.training_logs import read_logs
from bench.report.verdicts import by_model

if TYPE_CHECKING:
    from rich.console import Console


class Report(NamedTuple):
    """All about one board."""

    rows: pd.DataFrame  # the measurements behind the table
    table: pd.DataFrame
    differences: pd.DataFrame  # how far each line is behind the best; empty with one line

    @property
    def badges(self) -> tuple[Badge, ...]:
        """Warnings that the board is preliminary."""
        return badges(self.table, str(self.rows["dataset"].iloc[0]))

    @property
    def notes(self) -> list[str]:
        """The sentences below the table."""
        return [badge.reason for badge in self.badges] + words.notes(self.table)

    @property
    def extent(self) -> str:
        protocol, n = self.rows["protocol"].iloc[0], self.rows["n"].iloc[0]
        return f"protocol {protocol}, " + (
            f"partial: first {n} test images" if self.rows["partial"].any() else "all test images"
        )


@stored.cached_by_folder(1)
def boards(results: Path, only: frozenset[str] | None = None) -> dict[Board, Report]:
    """All leaderboards of a results folder. only: the runs to include; None for all. BadInput if there are no rows."""
    rows = stored.rows(results)
    if only is not None:
        rows = rows[rows["run"].isin(only)]
    found = groups(rows)
    if not found:
        raise BadInput(f"no results under {results}; run `bench run` first, or name another folder with --results")
    runs = pd.concat(found.values())["run"].unique()
    outcomes, trainings = stored.outcomes(results, runs), {run: read_logs(results / run) for run in runs}
    made, beside = {}, by_model(rows)
    for board, group in found.items():
        table = leaderboard(group, outcomes, trainings, beside)
        made[board] = Report(group, table, paired.differences(group, outcomes, table))
    return made


class LeaderboardPage:
    """The topic `leaderboard` of a report: boards, and curves of the trainings behind them."""

    folder = "leaderboard"

    def files(self, results: Path) -> dict[str, Content]:
        """leaderboard.md with all boards, and for each a folder with its page, tables, figures and rows."""
        made: dict[str, Content] = {}
        sections, found = ["# Leaderboard\n"], boards(results)
        folders = find_folders(found)
        for board, report in found.items():
            figures, folder = _figures(board, report), folders[board]
            files: dict[str, Content] = {"board.md": f"# {_section(board, report, [*figures])}"}
            files |= _tables(board, report, folder)
            for name, draw in figures.items():
                files |= figure(name, draw)
            sections.append(f"## {_section(board, report, [*figures], f'{folder}/')}")
            made |= in_folder(folder, files)
        for whose in dict.fromkeys(map(trainings_of, found)):
            behind = [report[:2] for board, report in found.items() if trainings_of(board) == whose]
            if logs := training_curves.find_logs(results, behind):
                sections.append(training_curves.section(whose, f"{folders[whose]}/"))
                made |= in_folder(folders[whose], figure("curves", training_curves.draw_curves(whose, logs)))
        return {"leaderboard.md": "\n".join(sections), **made}

    def show(self, results: Path, console: "Console", only: frozenset[str] | None = None) -> None:
        """Print every leaderboard on the terminal. only: the runs to include; None for all."""
        for board, report in boards(results, only).items():
            print_board(console, report.table, f"{board.title} ({report.extent})")
            plain.print_badge(console, join_badges(report.badges))
            plain.print_notes(console, [words.caption(report.table), *report.notes])


def find_folders(found: Iterable[Board]) -> dict[Board | Trainings, str]:
    """The folder below reports/leaderboard/ of each board, and of the training curves behind it."""
    groups_of_rows = {board: board.identity for board in found}
    trainings = {trainings_of(board): trainings_of(board).identity for board in groups_of_rows}
    return folder_names({**groups_of_rows, **trainings})


def _tables(board: Board, report: Report, folder: str) -> dict[str, Content]:
    """Tables by file name. folder: name of the board's folder, from which LaTeX labels are made."""
    where = f"{board.title} ({report.extent})."
    badge = f" Preliminary: {found}." if (found := join_badges(report.badges)) else ""
    made: dict[str, Content] = {
        "board.csv": formats.csv(report.table),
        "board.tex": formats.latex(report.table, where + badge, f"tab:{folder}"),
        "rows.csv": plain.csv(report.rows),
    }
    if len(report.differences):
        made["differences.csv"] = formats.csv(report.differences)
        made["differences.tex"] = paired.latex(report.differences, where, f"tab:{folder}-differences")
    return made


def _figures(board: Board, report: Report) -> dict[str, Draw]:
    """By file name; none that would show nothing."""
    from bench.report.leaderboard.bars import bars
    from bench.report.leaderboard.scatter import COST_COLUMN, cost, is_scatter, scatter

    attacked = drop_unattacked(report.table)
    table, title = attacked.head(MAX_RECIPES), board.title + best_of(MAX_RECIPES, len(attacked))
    score = ranking_column(report.table)
    drawn: dict[str, Draw] = {"bars": partial(bars, table, title, score)} if has_several_numbers(table) else {}
    drawn |= {"scatter": partial(scatter, table, title, score)} if is_scatter(table, "Clean", score) else {}
    return drawn | ({"cost": partial(cost, table, title, score)} if is_scatter(table, COST_COLUMN, score) else {})


def has_several_numbers(table: pd.DataFrame) -> bool:
    """Whether there is more than one number, so that a figure shows more than its title could."""
    return int(table[accuracies(table)].count().sum()) > 1


def _section(board: Board, report: Report, figures: list[str], below: str = "") -> str:
    """Markdown of a board, which begins with its title. below: path from the page to the folder of the figures."""
    images = "\n".join(f"![{name}]({below}{name}.png)" for name in figures)
    notes = "\n".join(f"- {plain.escape(note)}" for note in report.notes)
    badge = f"**{plain.escape(found)}**; " if (found := join_badges(report.badges)) else ""
    shown = formats.markdown(report.table) + "\n" + plain.escape(words.caption(report.table))
    parts = [f"{badge}{report.extent}.", shown, notes]
    parts += [paired.section(report.differences)] if len(report.differences) else []
    return f"{plain.escape(board.title)}\n\n" + "\n\n".join(filter(None, [*parts, images])) + "\n"
