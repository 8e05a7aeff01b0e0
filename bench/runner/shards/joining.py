"""Join the results of single shards to whole rows and adversarial sets, and tell which shards are missing."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.core.errors import BadInput
from bench.evaluation.conditions.base import find_class
from bench.evaluation.outcome import Outcome
from bench.results.row import CellId, Row
from bench.results.run_folder import RunFolder
from bench.runner.shards.adversarial_sets import join_adversarial_sets
from bench.runner.shards.results import ShardResult, read_parts


def group(parts: Iterable[ShardResult]) -> list[list[ShardResult]]:
    """Group the results of each cell that are cut into the same number of shards.

    Raises:
        BadInput: two results of a cell are of different images or conditions.
    """
    groups: dict[tuple[CellId, int], list[ShardResult]] = {}
    for part in parts:
        groups.setdefault((part.cell, part.shard.count), []).append(part)
    for parts in groups.values():
        if odd := [part for part in parts if part.settings != parts[0].settings]:
            raise BadInput(
                f"{odd[0].name} and {parts[0].name} of {odd[0].row.run} are said to be of one cell, and not of the "
                "same images or condition; delete one of them and evaluate its shard again"
            )
    return list(groups.values())


def is_complete(parts: list[ShardResult]) -> bool:
    """Whether no shard is missing. parts: of one group, at least one."""
    return len(parts) == parts[0].shard.count


def combine(parts: list[ShardResult]) -> tuple[Row, Outcome]:
    """Join the results of all shards of a cell, in their order, to its row and its outcome.

    BadInput if its kind is one that no shard cuts.
    """
    outcomes, row = [part.outcome for part in parts], parts[0].row
    doubts: dict[str, int] = {}
    for reason, images in (doubt for o in outcomes for doubt in o.doubts.items()):
        doubts[reason] = doubts.get(reason, 0) + images
    outcome = Outcome(
        right=np.concatenate([o.right for o in outcomes]),
        doubts=doubts,
        values=[value for o in outcomes for value in o.values],
        **{name: sum(getattr(o, name) for o in outcomes) for name in ("done", "seen", "forwards", "backwards")},
        seconds=sum(o.seconds for o in outcomes),
    )
    condition = find_class(row)
    if not condition.sharded:
        raise BadInput(f"{parts[0].name} of {row.run} is of kind {row.kind}, which no shard cuts; delete it")
    value, low, high, images = condition.summarise(row.metric, outcome)
    return replace(
        row,
        value=value,
        ci_low=low,
        ci_high=high,
        n=images,
        forwards=outcome.forwards / outcome.seen,
        backwards=outcome.backwards / outcome.seen,
        seconds=outcome.seconds,
        verdict=outcome.verdict,
    ), outcome


def assemble(run: RunFolder) -> None:
    """Store the row and the adversarial set of each cell whose shards are all there, and delete the shards' files.

    Also those of a cell whose row is stored already: a process was killed while it deleted them, or the cell was
    measured in another number of shards, or copied from another epoch with the same weights.
    """
    with run.hold_lock():
        whole = {row.cell for row in run.rows if row.status == "ok" and row.key in run.outcomes}
        for parts in group(read_parts(run.path)):
            if is_complete(parts) and parts[0].cell not in whole:
                row, outcome = combine(parts)
                run.add(row, outcome.right)
                whole.add(row.cell)
            if parts[0].cell in whole:
                for part in parts:
                    (run.path / part.name).unlink()
        join_adversarial_sets(run.path)


def begun_shards(folder: Path) -> int:
    """Into how many shards an evaluation was cut that has begun and not ended; 1 if uncut, 0 if there is none."""
    begun = [path.stem for pattern in ("part-*.json", "partial-*.json") for path in folder.glob(pattern)]
    cuts = [re.search(r"-[0-9]{1,6}of([0-9]{1,6})$", name) for name in begun]
    return max((int(cut[1]) if cut else 1 for cut in cuts), default=0)


def missing_shards(folder: Path) -> list[str]:
    """A line for each cell of which some shards are missing: which cell, and which shards it lacks."""
    lines = []
    for parts in group(read_parts(folder)):
        row, count, there = parts[0].row, parts[0].shard.count, {part.shard.index for part in parts}
        shards = ", ".join(f"{i}/{count}" for i in range(1, count + 1) if i not in there)
        severity = "" if row.severity is None else f" {row.severity}"
        condition = f"{row.name}{severity} {row.norm} {f'{row.eps:.4g}' if row.metric == 'accuracy' else row.metric}"
        lines.append(f"{row.run} {row.epoch} {row.view}, {condition}: lacks shards {shards}")
    return lines
