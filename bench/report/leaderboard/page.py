"""From a results folder to the leaderboard: on the terminal, and as files under reports/leaderboard/."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from bench.core.errors import BadInput
from bench.report import cache as stored
from bench.report import table_text as plain
from bench.report.boards import Board, groups
from bench.report.drawing import Draw
from bench.report.files import Content, figure, file_name
from bench.report.labels import labels
from bench.report.leaderboard import differences as paired
from bench.report.leaderboard import text as words
from bench.report.leaderboard.table import leaderboard
from bench.report.training_logs import read_logs, training
from bench.report.verdicts import by_model

if TYPE_CHECKING:
    from rich.console import Console

DRAWN = 30  # recipes in a figure; the tables have them all


class Report(NamedTuple):
    rows: pd.DataFrame  # the measurements behind the table
    table: pd.DataFrame
    differences: pd.DataFrame  # how far each line is behind the best; empty with one line

    @property
    def extent(self) -> str:
        protocol, n = self.rows["protocol"].iloc[0], self.rows["n"].iloc[0]
        return f"protocol {protocol}, " + (
            f"partial: first {n} test images" if self.rows["partial"].any() else "all test images"
        )


@stored.cached_by_folder(1)
def boards(results: Path, only: frozenset[str] | None = None) -> dict[Board, Report]:
    """Every leaderboard below a results folder. only: the runs to include."""
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
    """Leaderboards, and how the trainings behind them went."""

    folder = "leaderboard"

    def files(self, results: Path) -> dict[str, Content]:
        """leaderboard.md with the tables, figures and rows behind it."""
        made: dict[str, Content] = {}
        sections, found = ["# Leaderboard\n"], boards(results)
        for board, report in found.items():
            made |= {f"{board.slug}{end}": text for end, text in _tables(board, report).items()}
            figures = _figures(board, report)
            for name, draw in figures.items():
                made |= figure(f"{board.slug}-{name}", draw)
            sections.append(_section(board, report, list(figures)))
        for section, drawn in _trainings(results, found):
            sections.append(section)
            made |= drawn
        return {"leaderboard.md": "\n".join(sections), **made}

    def show(self, results: Path, console: "Console", only: frozenset[str] | None = None) -> None:
        """Show every leaderboard on the terminal."""
        for board, report in boards(results, only).items():
            console.print(words.terminal(report.table, f"{board.title} ({report.extent})", console.width))
            plain.print_notes(console, [words.caption(report.table), *words.notes(report.table)])


def _tables(board: Board, report: Report) -> dict[str, str]:
    where = f"{board.title} ({report.extent})."
    caption = f"{where} {words.caption(report.table)}"
    apart = {}
    if len(report.differences):
        apart["-differences.csv"] = words.csv(report.differences)
        apart["-differences.tex"] = paired.latex(report.differences, where, f"tab:{board.slug}-differences")
    return apart | {
        ".csv": words.csv(report.table),
        ".tex": words.latex(report.table, caption, f"tab:{board.slug}"),
        "-rows.csv": plain.csv(report.rows),
    }


def _figures(board: Board, report: Report) -> dict[str, Draw]:
    from bench.report.leaderboard import figures

    table = report.table.head(DRAWN)
    title = board.title + _best(len(report.table))
    drawn: dict[str, Draw] = {"bars": partial(figures.bars, table, title)}
    return drawn | ({"scatter": partial(figures.scatter, table, title)} if board.norm else {})


def _best(lines: int) -> str:
    return f" (best {DRAWN} of {lines})" if lines > DRAWN else ""


def _trainings(results: Path, made: Mapping[Board, Report]) -> Iterator[tuple[str, dict[str, Content]]]:
    """A section with its files for each set of trainings: boards of several radii are of the same ones."""
    from bench.report.leaderboard.figures import curves

    alike: dict[tuple[str, ...], list[Report]] = {}
    for board, report in made.items():
        alike.setdefault((board.dataset, board.model, board.budget, board.data[:6]), []).append(report)
    for whose, behind in alike.items():
        logs = _logs(results, behind)
        if logs:
            name, title = f"{file_name(*whose)}-curves", ", ".join(whose[:3])
            draw = partial(curves, dict(list(logs.items())[:DRAWN]), title + _best(len(logs)))
            yield f"## Training: {plain.escape(title)}\n\n![curves]({name}.png)\n", figure(name, draw)


def _logs(results: Path, behind: Sequence[Report]) -> dict[str, list[pd.DataFrame]]:
    """The training logs behind some tables, a list by recipe with one log a seed; views of a run share its log.

    A recipe stands where the best of its lines does.
    """
    places = [labels(rows).map({name: i for i, name in enumerate(table["recipe"])}) for rows, table, _ in behind]
    rows = pd.concat([report.rows for report in behind]).assign(place=pd.concat(places))
    rows = rows.assign(recipe=labels(rows.assign(view="main", epoch="last")))
    runs = rows.sort_values("place", kind="stable").drop_duplicates("run")
    logs: dict[str, list[pd.DataFrame]] = {}
    for recipe, run in zip(runs["recipe"], runs["run"], strict=True):
        if not (log := training(results / run)).empty:
            logs.setdefault(recipe, []).append(log)
    return logs


def _section(board: Board, report: Report, figures: list[str]) -> str:
    images = "\n".join(f"![{name}]({board.slug}-{name}.png)" for name in figures)
    notes = "\n".join(f"- {plain.escape(note)}" for note in words.notes(report.table))
    parts = [report.extent, words.markdown(report.table) + "\n" + plain.escape(words.caption(report.table)), notes]
    parts += [paired.section(report.differences)] if len(report.differences) else []
    return f"## {plain.escape(board.title)}\n\n" + "\n\n".join(filter(None, [*parts, images])) + "\n"
