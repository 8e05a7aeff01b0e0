"""The part `report` of `bench speed`: the command `bench report` on many made-up runs, with the start of Python."""

import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from bench.attacks.parse import parse_attack
from bench.commands.speed.race import RaceResult, race
from bench.commands.speed.table import SpeedLine, compare
from bench.core.files import Bits, write_csv, write_json
from bench.core.stats import wilson
from bench.corruptions.apply import SETS
from bench.report.table_formats.table_text import MISSING
from bench.results.kinds import ATTACK, CLEAN, CORRUPTION
from bench.results.row import COLUMNS, Row
from bench.training.recipe import RECIPES

METHODS, SEEDS, N, EPOCHS = 40, 5, 1000, 20
COMMAND = "from bench.cli import main; main()"
EPS = (4 / 255, 8 / 255, 16 / 255)
COMMON_ATTACKS = ("FGSM", "PGD-20", "CW-20", "AutoAttack")
MORE_ATTACKS = (
    "PGD-1",
    "PGD-5",
    "PGD-10",
    "PGD-50",
    "PGD-100",
    "PGD-20.last",
    "APGD-CE",
    "Square",
)  # only at the middle radius
SEVERITIES = (1, 3)
PLAIN = Row(
    run="", recipe="", dataset="cifar10", model="resnet8", seed=0, view="main", epoch="last",
    kind=CLEAN, name="", norm="", eps=None, severity=None, source="", params="",
    metric="accuracy", value=None, n=N, ci_low=None, ci_high=None, forwards=0.0, backwards=0.0, seconds=1.0,
    verdict="ok", status="ok", partial=True, device="cpu", precision="fp32", version="made up", protocol=1, key="",
)  # fmt: skip


def report(repeats: int, device: torch.device) -> Iterator[SpeedLine]:
    """One line. device: not used."""
    with TemporaryDirectory() as folder:
        rows = sum(write_run(Path(folder), *run) for run in product(RECIPES.select(["all"])[:METHODS], range(SEEDS)))

        def run() -> RaceResult:
            arguments = ["report", "--results", folder, "--reports", f"{folder}/reports"]
            subprocess.run([sys.executable, "-c", COMMAND, *arguments], check=True, stdout=subprocess.DEVNULL)
            return RaceResult()

        taken = race({"ours": run}, repeats, device)["ours"]
    where = f"{METHODS * SEEDS} made-up runs, {rows:,} rows"
    line = compare(("bench report", MISSING), where, rows, taken, None, rate=1.0)
    yield replace(line, backwards=math.nan, floor=math.nan, note="tables, figures and the start of Python")


def write_run(results: Path, method: str, seed: int) -> int:
    """Write a made-up run folder without weights; returns its number of rows. Harder conditions break more images."""
    draw = np.random.default_rng([seed, *method.encode()])
    skill, run = draw.normal(1.5, 0.4, N), f"cifar10/resnet8/{method}/s{seed}-{0:08x}"
    rows, bits = list[dict[str, object]](), dict[str, Bits]()
    for strength, row in conditions():
        right = skill + draw.normal(0, 0.2, N) > strength
        low, high = wilson(int(right.sum()), N)
        key = f"{len(rows):03}-{method}-{seed}"
        row = replace(row, run=run, recipe=method, seed=seed, key=key, ci_low=low, ci_high=high)
        rows.append(asdict(replace(row, value=float(right.mean()))))
        bits[key] = right
    folder = results / run
    folder.mkdir(parents=True)
    np.savez_compressed(folder / "outcomes.npz", **bits)  # type: ignore[arg-type]  # it has keywords of other types
    write_csv(folder / "results.csv", COLUMNS, rows)
    write_json(folder / "job.json", {"budget": "made up", "data": "0" * 16, "classes": 10})
    columns = ["epoch", "seconds", "val_clean", "val_fgsm", "val_pgd"]
    log = np.column_stack([np.arange(1, EPOCHS + 1), np.ones(EPOCHS), np.sort(draw.random((EPOCHS, 3)), axis=0)])
    write_csv(folder / "train.csv", columns, [dict(zip(columns, epoch, strict=True)) for epoch in log.tolist()])
    return len(rows)


def conditions() -> Iterator[tuple[float, Row]]:
    """Difficulty and row of each condition of a run."""
    yield 0.0, PLAIN
    for eps in EPS:
        for step, name in enumerate((*COMMON_ATTACKS, *(MORE_ATTACKS if eps == EPS[1] else ()))):
            params = parse_attack(name).params
            yield 20 * eps + step / 20, replace(PLAIN, kind=ATTACK, name=name, norm="Linf", eps=eps, params=params)
    for name, severity in product(SETS["imagenet-c"], SEVERITIES):
        params = '{"made": "generated", "table": 32}'
        yield severity / 4, replace(PLAIN, kind=CORRUPTION, name=name, severity=severity, params=params)
