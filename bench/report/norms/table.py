"""The share of images that no attack breaks in any of several balls, as pure functions of the rows of `results.load()`.

Tramer, Boneh, "Adversarial Training and Robustness for Multiple Perturbations", NeurIPS 2019, arXiv:1904.13000; Maini,
Wong, Kolter, "Adversarial Robustness Against the Union of Multiple Perturbation Models", ICML 2020, arXiv:1909.04068.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import product

import numpy as np
import pandas as pd

from bench.core.files import Bits
from bench.core.parsing import format_radius
from bench.core.threats.threat import NORMS
from bench.report.accuracy import SeedAccuracy, as_columns, measurements, summary
from bench.report.boards import Board, groups
from bench.report.labels import column_order, label_rows, labels
from bench.report.rows import counted_attack_rows

UNION = "Union"
Balls = tuple[Board, ...]  # boards that differ in norm and radius alone, one a norm


def norm_boards(rows: pd.DataFrame) -> dict[Board, dict[Board, pd.DataFrame]]:
    """The boards of each union, and their rows: one ball of every norm that was attacked, in each combination of radii.

    The key is the board that they have in common, with all balls in the place of its norm. Empty where models were
    attacked in one norm alone. Attacks without a limit have no ball, and balls where no attack counts have no table.
    """
    boards = groups(rows)
    families: dict[Board, list[Board]] = defaultdict(list)
    for board, part in boards.items():
        if board.norm and board.eps is not None and math.isfinite(board.eps) and not counted_attack_rows(part).empty:
            families[board._replace(norm="", eps=None)].append(board)
    return {
        family._replace(norm=" + ".join(map(ball_name, balls))): {ball: boards[ball] for ball in balls}
        for family, members in families.items()
        for balls in _combinations(members)
    }


def _combinations(boards: Iterable[Board]) -> Iterator[Balls]:
    norms: dict[str, list[Board]] = defaultdict(list)
    for board in sorted(boards, key=lambda board: ([*NORMS].index(board.norm), board.eps)):
        norms[board.norm].append(board)
    return product(*norms.values()) if len(norms) > 1 else iter(())


def ball_name(ball: Board) -> str:
    """Norm and radius, such as `Linf 8/255`."""
    assert ball.eps is not None
    return f"{ball.norm} {format_radius(ball.eps)}"


def union_table(balls: Mapping[Board, pd.DataFrame], outcomes: Mapping[str, Bits]) -> pd.DataFrame:
    """A line for each recipe configuration, the largest union first.

    Columns: recipe; those of `Accuracy`, in percent, for Clean, for all attacks in each ball together (as Worst on the
    ball's own board), and for the union: the images that are right when clean and under every attack in every ball;
    n and seeds. A status `partial: ...` names attacks of other lines that a line lacks.

    Args:
        balls: the rows of each ball, with those of clean images.
        outcomes: (n,) bool by key of the row, True where the model is correct.
    """
    every = pd.concat(balls.values())
    names = labels(every[~every.index.duplicated()])
    parts = {ball: label_rows(rows).assign(label=lambda part: names[part.index]) for ball, rows in balls.items()}
    records, missing = [], _missing_attacks(parts)
    for label, of_label in names.groupby(names, sort=False):
        seeds: dict[str, list[SeedAccuracy]] = defaultdict(list)
        for run in every.loc[of_label.index, "run"].unique():
            for column, cell in _cells_of_run(parts, str(label), str(run), outcomes).items():
                seeds[column].append(cell)
        cells = {column: summary(found) for column, found in seeds.items()}
        if missing[str(label)] and cells[UNION].status == "ok":
            cells[UNION] = cells[UNION]._replace(status=f"partial: without {', '.join(missing[str(label)])}")
        count = max(len(found) for found in seeds.values())
        records.append({"recipe": label, **as_columns(cells), "n": every["n"].iloc[0], "seeds": count})
    table = pd.DataFrame(records)
    return table.sort_values([UNION, "Clean"], ascending=False, ignore_index=True)


def _cells_of_run(
    parts: Mapping[Board, pd.DataFrame], label: str, run: str, outcomes: Mapping[str, Bits]
) -> dict[str, SeedAccuracy]:
    """Clean, each ball and the union of one model."""
    cells: dict[str, SeedAccuracy] = {}
    for ball, part in parts.items():
        mine = part[(part["label"] == label) & (part["run"] == run)]
        (found,) = measurements(mine, outcomes) or [{}]
        cells.setdefault("Clean", found.get("Clean", MISSING))
        cells[ball_name(ball)] = found.get("Worst", MISSING)
    return cells | {UNION: _union([cells[ball_name(ball)] for ball in parts])}


MISSING = SeedAccuracy(math.nan, 0, "missing", None)


def _union(worst: list[SeedAccuracy]) -> SeedAccuracy:
    """The images that are right in every ball; without a value if a ball has none."""
    for cell in worst:
        if cell.bits is None:
            return SeedAccuracy(math.nan, cell.n, cell.status, None)
    right = np.logical_and.reduce([cell.bits for cell in worst if cell.bits is not None])
    return SeedAccuracy(float(right.mean()), len(right), "ok", right)


def _missing_attacks(parts: Mapping[Board, pd.DataFrame]) -> dict[str, list[str]]:
    """By line, the attacks that count which other lines have and it has not, each with its ball."""
    missing: dict[str, list[str]] = defaultdict(list)
    for ball, part in parts.items():
        counted = counted_attack_rows(part)
        own = {label: set(mine["column"]) for label, mine in counted.groupby("label")}
        for label in part["label"].unique() if own else ():
            others = sorted(set.union(*own.values()) - own.get(label, set()), key=column_order)
            missing[label] += [f"{attack} {ball_name(ball)}" for attack in others]
    return missing
