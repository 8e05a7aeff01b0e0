"""Find what a run folder already holds of a cell: its row, a shard's result of it, its adversarial images."""

import glob
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.core.files import Bits
from bench.core.stats import wilson
from bench.core.version import PROTOCOL
from bench.evaluation.adversarial_file import Metadata
from bench.evaluation.conditions.base import Condition
from bench.evaluation.outcome import Outcome
from bench.evaluation.resume import images_path
from bench.evaluation.row import ModelRef
from bench.results.kinds import CORRUPTION
from bench.results.row import Row
from bench.results.run_folder import RunFolder
from bench.results.shards import WHOLE_SET, Shard
from bench.runner.shards.adversarial_sets import adversarial_set_path
from bench.runner.shards.results import ShardResult, parts_of_key, read_parts


def is_shown(rows: Sequence[Row]) -> list[bool]:
    """Whether tables show each row of a folder, in the order of the rows.

    A cell can have rows with different keys, such as before and after a change of a plug-in. Tables show those with
    the key of the last one.
    """
    last = {_cell(row): row.key for row in rows}
    return [last[_cell(row)] == row.key for row in rows]


def _cell(row: Row) -> tuple[object, ...]:
    model, condition = (row.epoch, row.view), (row.kind, row.name, row.norm, row.eps, row.severity, row.source)
    settings = "" if row.kind == CORRUPTION else row.params  # such as the pictures of frost
    return (*model, *condition, row.metric, settings, row.n, row.precision, row.protocol)


def measured_keys(run: RunFolder, model: ModelRef, shard: Shard) -> set[str]:
    """The keys of a model's rows that have a value and outcomes and that tables show, and of this shard's results."""
    which, stored = (model.epoch, model.view), run.rows
    pairs = zip(stored, is_shown(stored), strict=True)
    rows = [row for row, shown in pairs if shown and (row.epoch, row.view) == which and row.status == "ok"]
    parts = [part for part in read_parts(run.path) if part.shard == shard and part.cell[1:] == which]
    return {row.key for row in rows if row.key in run.outcomes} | {part.row.key for part in parts}


def find_same_key(run: RunFolder, key: str, shard: Shard) -> Row | ShardResult | None:
    """A stored row, or this shard's result, with this key, of whichever epoch or view; None if there is none."""
    if key in run.outcomes:
        return run.find(key)
    return next(iter(parts_of_key(run.path, key, shard)), None)


def copy_to_model(run: RunFolder, known: Row | ShardResult, model: ModelRef) -> None:
    """Store a measurement again for another epoch or view with the same weights, unless tables already show it.

    The last and the best epoch are often the same weights; their rows have equal keys and are measured once.
    """
    row = replace(known if isinstance(known, Row) else known.row, epoch=model.epoch, view=model.view)
    if isinstance(known, ShardResult):
        replace(known, row=row).write(run.path)
        return
    rows = run.rows
    if row not in rows or not is_shown(rows)[rows.index(row)]:
        run.add(row, None)


def update(run: RunFolder, known: Row | ShardResult, outcome: Outcome, ids: range) -> Row | ShardResult:
    """Replace stored outcomes by those of a later attack on the same images, and return the new row or shard result.

    --save-adv attacks again what was measured without it. Another device or batch size can break an image more or
    less, and stored outcomes must agree with stored images. Rows of other epochs or views with the same weights are
    updated too.

    Args:
        ids: the images that were attacked again.
        outcome: their outcomes.
    """
    if isinstance(known, ShardResult):
        for part in parts_of_key(run.path, known.row.key, known.shard):
            replace(part, outcome=replace(part.outcome, right=outcome.right, values=outcome.values)).write(run.path)
        return replace(known, outcome=outcome)
    return replace_outcomes(run, known, outcome.right, ids)


def replace_outcomes(run: RunFolder, known: Row, right: Bits, ids: range) -> Row:
    """Replace stored outcomes of some images, also in rows with the same key, and return the new row.

    right: (len(ids),) bool, the outcomes of these images.
    """
    bits = run.outcomes[known.key].copy()
    if np.array_equal(bits[ids.start : ids.stop], right):
        return known
    bits[ids.start : ids.stop] = right
    value, (low, high) = float(bits.mean()), wilson(int(bits.sum()), len(bits))
    same_key = [row for row in run.rows if row.key == known.key and row.status == "ok"]
    new, *others = (replace(row, value=value, ci_low=low, ci_high=high) for row in same_key)
    run.add(new, bits, others)
    return replace(known, value=value, ci_low=low, ci_high=high)


def has_images(folder: Path, key: str, condition: Condition, shard: Shard) -> bool:
    """Whether the adversarial images of a cell, or of this shard of it, are stored, or the condition has none."""
    if not condition.keeps_images:
        return True
    return any(adversarial_set_path(folder, key, which).exists() for which in (WHOLE_SET, shard))


def image_metadata(model: ModelRef, condition: Condition, identity: str, images: str, n: int, key: str) -> Metadata:
    """The metadata in a file of adversarial images. images: fingerprint of the first n test images."""
    threat = condition.threat
    assert threat is not None  # every condition with `keeps_images` has a radius
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


def delete_stale_progress(run: RunFolder, model: ModelRef, shard: Shard) -> None:
    """Delete progress files whose row is stored: a process was killed after storing it and before deleting them."""
    digest, folder = "?" * 16, run.path
    names = {f"-{digest}{which.suffix}.json" for which in (WHOLE_SET, shard)}
    for key in measured_keys(run, model, shard):
        for saved in (path for name in names for path in folder.glob(f"partial-{glob.escape(key)}{name}")):
            images = images_path(saved)
            if not images.exists() or any(
                adversarial_set_path(folder, key, which).exists() for which in (WHOLE_SET, shard)
            ):
                images.unlink(missing_ok=True)
                saved.unlink(missing_ok=True)
