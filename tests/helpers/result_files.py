"""Hand-made results folders for the tests of results and reports."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.files import Bits, write_json
from bench.core.stats import wilson
from bench.results.row import Row
from bench.results.run_folder import RunFolder

ROW = Row(
    run="digits/cnn/PGD-AT/s0-aaaa",
    recipe="PGD-AT",
    dataset="digits",
    model="cnn",
    seed=0,
    view="main",
    epoch="last",
    kind="clean",
    name="",
    norm="",
    eps=None,
    severity=None,
    source="",
    params="{}",
    metric="accuracy",
    value=None,
    n=10,
    ci_low=None,
    ci_high=None,
    forwards=None,
    backwards=None,
    seconds=0.5,
    verdict="ok",
    status="ok",
    partial=False,
    device="cpu",
    precision="fp32",
    version="0.1.0",
    protocol=1,
    key="",
)

MADE = '{"made": "generated", "table": 32}'  # params of a corrupted row


def store(folder: Path, row: Row, bits: Bits | None) -> None:
    """Add one measurement to a run folder, and merge added files into its two files as a finished run does."""
    run = RunFolder(folder)
    run.add(row, bits)
    run.merge_added()


def measure(results: Path, attack: str, right: str | None, budget: str = "quick", **changes: Any) -> Row:
    """Store one cell, with a job.json if the folder has none.

    attack: its name, empty for clean images. right: a 0 or 1 for each image, 1 if the model got it right; None: the
    cell has no value. changes: fields of the row.
    """
    row = replace(ROW, kind="attack", name=attack, norm="Linf", eps=8 / 255) if attack else ROW
    row = replace(row, **changes)
    row = replace(row, run=changes.get("run", f"{row.dataset}/{row.model}/{row.recipe}/s{row.seed}-aaaa"))
    row = replace(row, key=changes.get("key", json.dumps([str(v) for v in vars(row).values()])))
    bits = None
    if right is not None:
        bits = np.array(list(right)) == "1"
        low, high = wilson(int(bits.sum()), len(bits))
        row = replace(row, value=float(bits.mean()), n=len(bits), ci_low=low, ci_high=high)
    store(results / row.run, row, bits)
    if not (results / row.run / "job.json").exists():
        write_json(
            results / row.run / "job.json", {"budget": budget, "passes_per_image": {"forwards": 6, "backwards": 5}}
        )
    return row
