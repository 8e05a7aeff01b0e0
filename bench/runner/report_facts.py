"""What `bench eval --report` keeps of a model besides rows: see `bench.results.report_file`."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from bench.attacks.spec import ATTACKS
from bench.core.errors import Failed
from bench.core.foreign.guard import attack_timeout
from bench.core.foreign.messages import cell_errors_as_failed
from bench.core.threat import NORMS, Threat
from bench.corruptions.corruption import CORRUPTIONS
from bench.evaluation.row import ModelRef
from bench.evaluation.worst_images import ATTACK, WorstImages, worst_images
from bench.results.report_file import (
    NAME,
    Example,
    ReportFacts,
    encode,
    no_pictures,
    read_report_file,
    write_report_file,
)
from bench.results.row import Row
from bench.results.run_folder import RunFolder
from bench.runner.cells import CellEvaluator

SHOWN = 8  # pictures
TRIED = 16  # images among which the most fragile are looked for


class Said(NamedTuple):
    """What the page repeats of the command line."""

    command: str
    results: str


def keep_report_facts(
    exam: CellEvaluator, held: RunFolder, model: ModelRef, net: nn.Module, classes: Sequence[str], said: Said
) -> None:
    """Write the file, with a few images that attacks break. Rows, outcomes and keys stay as they are.

    held: the model's folder, locked. classes: their names.
    """
    facts = ReportFacts(
        _commands(held.path, said.command),
        said.results,
        len(exam.test),
        tuple(ATTACKS.all_names()),
        tuple(CORRUPTIONS.all_names()),
    )
    rows = [row for row in held.rows if _counts(row, exam.n, model) and row.key in held.outcomes]
    attacked = [row for row in rows if row.kind != "clean"]
    counts = _broken_by(held, rows, exam.n)
    candidates = [image for image in np.argsort(-counts, kind="stable").tolist() if counts[image]][:TRIED]
    if not candidates:
        without = "no attack broke an image" if attacked else "nothing was attacked"
        write_report_file(held.path, replace(facts, without=without), no_pictures())
        return
    found, without = _find(exam, net, candidates, _ball(attacked))
    if found is None:
        write_report_file(held.path, replace(facts, without=without), no_pictures())
        return
    examples = tuple(
        Example(image, *_names(classes, int(exam.test.y[image]), before, after), eps, int(counts[image]), len(attacked))
        for image, before, after, eps in zip(found.ids, found.before, found.after, found.radii, strict=True)
    )
    facts = replace(facts, attack=ATTACK, norm=type(_ball(attacked)).__name__, examples=examples)
    write_report_file(held.path, facts, encode(found.clean, found.changed))


def _commands(folder: Path, command: str) -> tuple[str, ...]:
    """Those that an earlier page was made by, and this one."""
    known = read_report_file(folder)[0].commands if (folder / NAME).exists() else ()
    return (*(other for other in known if other != command), command)


def _names(classes: Sequence[str], label: int, before: int, after: int) -> tuple[str, str, str]:
    known = dict(enumerate(classes))  # a model may have more logits than the data set has classes
    return known.get(label, str(label)), known.get(before, str(before)), known.get(after, str(after))


def _counts(row: Row, n: int, model: ModelRef) -> bool:
    """Whether a row says which of the first n images the model itself got right, clean or in a ball."""
    if (row.epoch, row.view, row.n, row.status, row.source) != (model.epoch, model.view, n, "ok", ""):
        return False
    within = row.eps is not None and 0 < row.eps < math.inf and not row.name.endswith(".last")
    return row.metric == "accuracy" and (row.kind == "clean" or (row.kind in ("attack", "sweep") and within))


def _broken_by(held: RunFolder, rows: Sequence[Row], n: int) -> NDArray[np.int64]:
    """By how many attacks each image was broken that is right when clean, (n,)."""
    clean = [held.outcomes[row.key] for row in rows if row.kind == "clean"][-1:] or [np.zeros(n, bool)]
    broken = np.zeros(n, np.int64)
    for row in rows:
        broken += clean[0] & ~held.outcomes[row.key]
    return broken


def _ball(attacked: Sequence[Row]) -> Threat:
    """Where fragile images are looked for: that of the first attack, or the largest of a sweep."""
    plain = [row for row in attacked if row.kind == "attack"][:1]
    row = plain[0] if plain else max(attacked, key=lambda row: row.eps or 0)
    assert row.eps is not None
    return NORMS[row.norm](row.eps)


def _find(
    exam: CellEvaluator, net: nn.Module, candidates: Sequence[int], ball: Threat
) -> tuple[WorstImages | None, str]:
    """The images, or why there are none."""
    try:
        with cell_errors_as_failed(), attack_timeout(exam.options.attack_timeout):
            found = worst_images(net, exam.test, candidates, ball, SHOWN, exam.options.batch_size)
    except Failed as error:
        return None, f"{ATTACK} failed: {error}"
    if not found.ids:
        return None, f"{ATTACK}, which looks for them, broke none of {len(candidates)} images"
    return found, ""
