"""What a run folder knows of a cell already: its row or a shard's part of it, and its adversarial images."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.core.stats import wilson
from bench.evaluation.adversarial_set import Metadata
from bench.evaluation.conditions.base import Condition
from bench.evaluation.evaluator import PROTOCOL
from bench.evaluation.outcome import Outcome
from bench.evaluation.row import ModelRef
from bench.results.row import Row
from bench.results.run_folder import RunFolder
from bench.results.shards import WHOLE, Shard
from bench.runner.shard_albums import album_path
from bench.runner.shard_results import ShardResult, parts_of_key, read_parts


def is_shown(rows: Sequence[Row]) -> list[bool]:
    """Of the rows of a folder, in their order, which ones tables show: of one cell's, the last.

    A cell has rows of several keys where something has changed and come back since, such as a plug-in's settings.
    """
    last = {_cell(row): row.key for row in rows}
    return [last[_cell(row)] == row.key for row in rows]


def _cell(row: Row) -> tuple[object, ...]:
    model, condition = (row.epoch, row.view), (row.kind, row.name, row.norm, row.eps, row.severity, row.source)
    settings = "" if row.kind == "corruption" else row.params  # such as the pictures of frost
    return (*model, *condition, row.metric, settings, row.n, row.precision, row.protocol)


def measured_keys(run: RunFolder, model: ModelRef, shard: Shard) -> set[str]:
    """The keys of what this model was measured at, be it on the shard alone, and what tables show of it."""
    which, stored = (model.epoch, model.view), run.rows
    shown = zip(stored, is_shown(stored), strict=True)
    rows = [row for row, last in shown if last and (row.epoch, row.view) == which and row.status == "ok"]
    parts = [part for part in read_parts(run.path) if part.shard == shard and part.cell[1:] == which]
    return {row.key for row in rows if row.key in run.outcomes} | {part.row.key for part in parts}


def find_same_key(run: RunFolder, key: str, shard: Shard) -> Row | ShardResult | None:
    """What was measured under a key, whichever of the models with the same weights it was."""
    if key in run.outcomes:
        return run.find(key)
    return next(iter(parts_of_key(run.path, key, shard)), None)


def copy_to_model(run: RunFolder, known: Row | ShardResult, model: ModelRef) -> None:
    """Store what is known of a model's weights as this model's, unless it is there and shown."""
    row = replace(known if isinstance(known, Row) else known.row, epoch=model.epoch, view=model.view)
    if isinstance(known, ShardResult):
        replace(known, row=row).write(run.path)
        return
    rows = run.rows
    if row not in rows or not is_shown(rows)[rows.index(row)]:
        run.add(row, None)


def update(run: RunFolder, known: Row | ShardResult, outcome: Outcome, ids: range) -> Row | ShardResult:
    """What is known, now as the images say that have been kept later; also of the models with the same weights.

    Another device or batch size can break an image more or less, of which no image could be shown then.

    outcome: of these ids, the images that were attacked again.
    """
    if isinstance(known, ShardResult):
        for part in parts_of_key(run.path, known.row.key, known.shard):
            replace(part, outcome=replace(part.outcome, right=outcome.right, values=outcome.values)).write(run.path)
        return replace(known, outcome=outcome)
    bits = run.outcomes[known.key].copy()
    if np.array_equal(bits[ids.start : ids.stop], outcome.right):
        return known
    bits[ids.start : ids.stop] = outcome.right
    value, (low, high) = float(bits.mean()), wilson(int(bits.sum()), len(bits))
    twins = [row for row in run.rows if row.key == known.key and row.status == "ok"]
    new, *others = (replace(row, value=value, ci_low=low, ci_high=high) for row in twins)
    run.add(new, bits, others)
    return replace(known, value=value, ci_low=low, ci_high=high)


def has_images(folder: Path, key: str, condition: Condition, shard: Shard) -> bool:
    """Whether its adversarial images are there, or there are none to keep."""
    if not condition.keeps_images:
        return True
    return any(album_path(folder, key, which).exists() for which in (WHOLE, shard))


def image_metadata(model: ModelRef, condition: Condition, identity: str, images: str, n: int, key: str) -> Metadata:
    """What an album says of itself. images: fingerprint of the first n test images."""
    threat = condition.threat
    assert threat is not None  # as of all that keep images
    return {
        "run": model.subject.run,
        "epoch": model.epoch,
        "view": model.view,
        "dataset": model.subject.dataset,
        "identity": identity,
        "images": images,
        "n": n,
        "attack": condition.name,
        "params": condition.params,
        "norm": type(threat).__name__,
        "eps": threat.eps,
        "key": key,
        "protocol": PROTOCOL,
    }
