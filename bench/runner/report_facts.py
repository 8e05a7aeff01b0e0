"""Write report.npz of a run folder for `bench eval --report`: see `bench.results.report_file`."""

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
from bench.core.parsing import format_count, split_last
from bench.core.threats.threat import NORMS, Threat
from bench.corruptions.corruption import CORRUPTIONS
from bench.evaluation.row import ModelRef
from bench.evaluation.worst_images import SEARCH_ATTACK, WorstImages, worst_images
from bench.results.kinds import ATTACK, CLEAN, SWEEP
from bench.results.report_file import (
    FILE_NAME,
    Example,
    ReportFacts,
    encode,
    no_pictures,
    read_report_file,
    write_report_file,
)
from bench.results.row import Row
from bench.results.run_folder import RunFolder
from bench.runner.cells import CellPlan

MAX_EXAMPLES = 8  # images on the page
MAX_CANDIDATES = 16  # images among which those with the smallest perturbations are searched for


class CommandText(NamedTuple):
    """The parts of the command line that the page repeats."""

    command: str  # the whole command
    results: str  # the results folder, as in the command


def write_report_facts(
    cells: CellPlan,
    run_folder: RunFolder,
    model: ModelRef,
    net: nn.Module,
    classes: Sequence[str],
    command: CommandText,
) -> None:
    """Write the file, with at most `MAX_EXAMPLES` images that attacks break. Rows and outcomes stay as they are.

    Args:
        run_folder: the model's folder, which the caller has locked.
        classes: names of the classes, by label.
    """
    facts = ReportFacts(
        _all_commands(run_folder.path, command.command),
        command.results,
        len(cells.test),
        tuple(ATTACKS.all_names()),
        tuple(CORRUPTIONS.all_names()),
        meanings={name: meaning for name in ATTACKS.all_names() if (meaning := ATTACKS.meaning(name))},
    )
    rows = [row for row in run_folder.rows if _is_comparable(row, cells.n, model) and row.key in run_folder.outcomes]
    attacked = [row for row in rows if row.kind != CLEAN]
    counts = _count_breaking_attacks(run_folder, rows, cells.n)
    candidates = [image for image in np.argsort(-counts, kind="stable").tolist() if counts[image]][:MAX_CANDIDATES]
    if not candidates:
        missing = "no attack broke an image" if attacked else "nothing was attacked"
        write_report_file(run_folder.path, replace(facts, without=missing), no_pictures())
        return
    found, missing = _find_examples(cells, net, candidates, _choose_ball(attacked))
    if found is None:
        write_report_file(run_folder.path, replace(facts, without=missing), no_pictures())
        return
    examples = tuple(
        Example(
            image,
            *_class_names(classes, int(cells.test.y[image]), before, after),
            eps,
            int(counts[image]),
            len(attacked),
        )
        for image, before, after, eps in zip(found.ids, found.before, found.after, found.radii, strict=True)
    )
    facts = replace(facts, attack=SEARCH_ATTACK, norm=type(_choose_ball(attacked)).__name__, examples=examples)
    write_report_file(run_folder.path, facts, encode(found.clean, found.changed))


def _all_commands(folder: Path, command: str) -> tuple[str, ...]:
    """The commands of a stored page, if there is one, and this one, which comes last."""
    stored = read_report_file(folder)[0].commands if (folder / FILE_NAME).exists() else ()
    return (*(other for other in stored if other != command), command)


def _class_names(classes: Sequence[str], label: int, before: int, after: int) -> tuple[str, str, str]:
    known = dict(enumerate(classes))  # a model may have more logits than the data set has classes
    return known.get(label, str(label)), known.get(before, str(before)), known.get(after, str(after))


def _is_comparable(row: Row, n: int, model: ModelRef) -> bool:
    """Whether a row is of this model's accuracy on the first n images, clean or attacked in a ball.

    Rows of transferred images (`source` or `.last`) do not count.
    """
    if (row.epoch, row.view, row.n, row.status, row.source) != (model.epoch, model.view, n, "ok", ""):
        return False
    within = row.eps is not None and 0 < row.eps < math.inf and not split_last(row.name)[1]
    return row.metric == "accuracy" and (row.kind == CLEAN or (row.kind in (ATTACK, SWEEP) and within))


def _count_breaking_attacks(run_folder: RunFolder, rows: Sequence[Row], n: int) -> NDArray[np.int64]:
    """For each image, the number of attacks that broke it, (n,); 0 if the clean image is misclassified."""
    clean = [run_folder.outcomes[row.key] for row in rows if row.kind == CLEAN][-1:] or [np.zeros(n, bool)]
    broken = np.zeros(n, np.int64)
    for row in rows:
        broken += clean[0] & ~run_folder.outcomes[row.key]
    return broken


def _choose_ball(attacked: Sequence[Row]) -> Threat:
    """The ball in which perturbations are searched for: that of the first attack, or the largest one of a sweep."""
    plain = [row for row in attacked if row.kind == ATTACK][:1]
    row = plain[0] if plain else max(attacked, key=lambda row: row.eps or 0)
    assert row.eps is not None
    return NORMS[row.norm](row.eps)


def _find_examples(
    cells: CellPlan, net: nn.Module, candidates: Sequence[int], ball: Threat
) -> tuple[WorstImages | None, str]:
    """The candidates with the smallest perturbations, or None and the reason."""
    try:
        with cell_errors_as_failed(), attack_timeout(cells.options.attack_timeout):
            found = worst_images(net, cells.test, candidates, ball, MAX_EXAMPLES, cells.options.batch_size)
    except Failed as error:
        return None, f"{SEARCH_ATTACK} failed: {error}"
    if not found.ids:
        return None, f"{SEARCH_ATTACK}, which looks for them, broke none of {format_count(len(candidates), 'image')}"
    return found, ""
