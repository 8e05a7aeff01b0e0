"""The leaderboard of one board, a pure function of its rows: unrounded percent, NaN where a number is missing."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

import pandas as pd

from bench.core.files import Bits
from bench.core.parsing import LAST_SUFFIX
from bench.core.stats import holm, mcnemar_over_seeds
from bench.report.accuracy import as_columns, measurements, summary
from bench.report.audit.indicators import Doubt
from bench.report.labels import AUTOATTACK, column_order, label_rows
from bench.report.rows import attack_rows, counted_attack_rows, plugin_rows
from bench.report.seeds import describe_problems
from bench.report.training_logs import TrainingSummary
from bench.report.verdicts import Models, audit_doubts, verdict
from bench.results.row import EXTERNAL

Trainings = Mapping[str, TrainingSummary]  # by run
RANK_SIGNIFICANCE = 0.05  # corrected p-value below which a line has another rank than the first of the group above


def leaderboard(
    rows: pd.DataFrame,
    outcomes: Mapping[str, Bits],
    trainings: Trainings | None = None,
    beside: Models | None = None,
) -> pd.DataFrame:
    """Compute the table: a line for each recipe configuration, best first.

    Columns: rank, recipe, those of `Accuracy` for each accuracy, n, seeds, passes, seconds, memory (MiB), verdict,
    alarms of the trainings, and external (trained elsewhere). Worst is the share of images classified correctly
    when clean and under every attack of its run that counts.

    Args:
        rows: the rows of one board.
        outcomes: (n,) bool by key of the row, True where the model is correct.
        trainings: cost and alarms by run.
        beside: other rows of the same models, by model, for the audit.
    """
    rows = label_rows(rows)
    attacks = sorted(attack_rows(rows)["column"].unique(), key=column_order)
    counted = set(counted_attack_rows(rows)["column"])
    order = ["Clean", *attacks, *(["Worst"] if counted else []), *plugin_rows(rows)["column"].unique()]
    records, bits = [], {}
    for label, part in rows.groupby("label", sort=False):
        runs = measurements(part, outcomes)
        cells = {column: summary([run[column] for run in runs if column in run]) for column in order}
        absent = sorted(counted - set(runs[0]).intersection(*runs), key=column_order)
        if absent and cells["Worst"].status == "ok":
            cells["Worst"] = cells["Worst"]._replace(status="partial: without " + ", ".join(absent))
        doubts = audit_doubts(part, beside or {}, outcomes)
        records.append({"recipe": label} | as_columns(cells) | _context(part, trainings or {}, doubts))
        bits[label] = {column: [run[column].bits for run in runs if column in run] for column in order}
    return _rank(pd.DataFrame(records), {str(label): by_column for label, by_column in bits.items()})


def ranking_column(table: pd.DataFrame) -> str:
    """The column that ranks a leaderboard: AutoAttack if half of its attacked lines have it, else Worst if they do.

    Else, so that a board is ranked while its last attack is under way, the attack with the lowest mean accuracy of
    those that half of them have, attacks scored on their last iterate left out; Clean if there is none.
    """
    attacks, needed = attack_columns(table), max(1, count_attacked(table) / 2)
    columns = [*attacks, "Worst"] if attacks else []
    enough = [column for column in columns if int((table[f"{column} status"] == "ok").sum()) >= needed]
    for column in (AUTOATTACK, "Worst"):
        if column in enough:
            return column
    means = {column: float(table[column].mean()) for column in enough if LAST_SUFFIX not in column}
    return min(means, key=lambda column: means[column], default="Clean")


def count_attacked(table: pd.DataFrame) -> int:
    """Number of lines on which at least one attack was run, if only to fail."""
    statuses = table[[f"{column} status" for column in attack_columns(table)]]
    return int((statuses != "missing").any(axis=1).sum())


def attack_columns(table: pd.DataFrame) -> list[str]:
    """The columns of accuracies under one attack each, in order; none if only last iterates were scored."""
    columns = accuracies(table)
    return columns[1 : columns.index("Worst")] if "Worst" in columns else []


def drop_unattacked(table: pd.DataFrame) -> pd.DataFrame:
    """Drop lines that have clean images alone; on a board of clean images keep all. Failed attacks count as run."""
    attacks = [f"{column} status" for column in accuracies(table) if column not in ("Clean", "Worst")]
    return table[(table[attacks] != "missing").any(axis=1)] if attacks else table


def accuracies(table: pd.DataFrame) -> list[str]:
    """The columns of a leaderboard that are accuracies, in order."""
    return [str(column) for column in table if f"{column} status" in table]


def _context(part: pd.DataFrame, trainings: Trainings, doubts: Iterable[Doubt]) -> dict[str, object]:
    runs = part["run"].unique()
    known = {run: trainings[run] for run in runs if run in trainings}
    return {
        "n": part["n"].iloc[0],
        "seeds": len(runs),
        "passes": fmean(run.passes for run in known.values()) if known else math.nan,
        "seconds": fmean(run.seconds for run in known.values()) if known else math.nan,
        "memory": fmean(run.memory for run in known.values()) if known else math.nan,
        "verdict": verdict(zip(part["column"], part["verdict"], strict=True), doubts),
        "alarms": describe_problems(part, {run: known[run].alarms for run in known}),
        "external": part["model"].iloc[0] == EXTERNAL,
    }


def _rank(table: pd.DataFrame, bits: Mapping[str, Mapping[str, list[Bits | None]]]) -> pd.DataFrame:
    """Sort the lines and give them ranks, shared by lines that no test separates from the first of their group.

    A new rank begins at the first line that differs from the first line of the group above, tested at 5 % and corrected
    for all lines below that one. A line without the number that ranks, without the outcomes that a test needs, or whose
    Worst covers fewer attacks than that of others, has no rank.
    """
    score = ranking_column(table)
    is_complete = table["recipe"].map(lambda label: all(seed is not None for seed in bits[label][score]))
    is_ranked = (table[f"{score} status"] == "ok") & is_complete
    keys = pd.DataFrame({"score": table[score].where(is_ranked), "clean": table["Clean"]})
    order = keys.sort_values(["score", "clean"], ascending=False).index
    ranked = [label for label, number in zip(table["recipe"][order], keys["score"][order], strict=True) if number >= 0]
    ranks = _tie_groups([bits[label][score] for label in ranked])
    table = table.loc[order].reset_index(drop=True)
    table.insert(0, "rank", pd.Series(ranks, dtype="Int64").reindex(table.index))
    return table


def _tie_groups(lines: Sequence[Sequence[Bits | None]]) -> list[int]:
    """The rank of each line. lines: best first, the outcomes of each seed."""
    ranks: list[int] = []
    while len(ranks) < len(lines):
        first, *others = lines[len(ranks) :]
        apart = [p < RANK_SIGNIFICANCE for p in holm([_p_value(first, other) for other in others])]
        group = 1 + (apart.index(True) if any(apart) else len(apart))
        ranks += [len(ranks) + 1] * group
    return ranks


def _p_value(one: Sequence[Bits | None], other: Sequence[Bits | None]) -> float:
    """The highest p-value of McNemar's exact test over pairs of seeds; 1 if outcomes of a seed are missing."""
    first, second = ([bits for bits in seeds if bits is not None] for seeds in (one, other))
    complete = (len(first), len(second)) == (len(one), len(other))
    return mcnemar_over_seeds(first, second) if complete else 1.0
