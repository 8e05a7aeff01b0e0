"""`bench eval --within` and `--passes`: one attack with a budget, and a bound that holds whenever it stops."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from outside_models import write

from bench.commands.evaluate.within import ATTACK, next_passes
from bench.results.row import Row
from bench.results.store import read_rows

WHOLE = 3939.0
MODEL = ("eval", "--model", "means.py:nearest", "--limit", "16")


@pytest.fixture
def row(bench: Any, tmp_path: Path) -> Row:
    write(tmp_path)
    assert bench(*MODEL, "--passes", "30")[0] == 0
    return next(row for row in rows(tmp_path) if row.kind == "attack")


def rows(folder: Path) -> list[Row]:
    (run,) = folder.glob("results/digits/external/*")
    return read_rows(run)


def test_each_run_has_three_times_the_passes_of_the_last_as_far_as_the_time_goes(row: Row) -> None:
    """Of 100 images 60 stay, each for 30 passes; the others took 300; a pass takes a millisecond."""
    of_run = replace(row, n=100, value=0.6, forwards=21.0, backwards=0.0, seconds=2.1)

    def after(seconds: float, *, passes: int = 30, value: float = 0.6) -> int:
        return next_passes([replace(of_run, value=value)], passes, WHOLE, seconds)

    assert after(10) == 90
    assert after(0.3 + 60 * 0.090 + 0.001) == 90, "what broken images took is taken again"
    assert after(0.3 + 60 * 0.0789) == 78
    assert after(0.3 + 60 * 0.045 + 0.001) == 45
    assert after(0.3 + 60 * 0.044) == 0, "less than half as many again"
    assert after(0) == after(-1) == 0
    assert after(1e9, value=0.0) == 0, "nothing is left to break"
    assert after(1e9, passes=1500) == WHOLE
    assert after(1e9, passes=int(WHOLE)) == 0


def test_bounds_fall_and_the_last_run_is_the_attack_without_a_limit(bench: Any, tmp_path: Path) -> None:
    write(tmp_path)
    code, out, _ = bench(*MODEL, "--within", "1h")
    assert code == 0
    attacked = [row for row in rows(tmp_path) if row.kind == "attack"]
    assert [row.params.partition('"passes": ')[2].partition(",")[0].strip("}") for row in attacked] == [
        *("30", "90", "270", "810", "2430")[: len(attacked) - 1],
        "" if attacked[-1].value else str(30 * 3 ** (len(attacked) - 1)),
    ]
    values = [row.value for row in attacked]
    assert values == sorted(values, reverse=True)
    for row, limit in zip(attacked, (30, 90, 270, 810, 2430), strict=False):
        assert row.forwards + 2 * row.backwards <= limit
    said = [line for line in out.splitlines() if line.startswith("after ")]
    assert len(said) == len(attacked)
    for line, row in zip(said, attacked, strict=True):
        assert f"at most {100 * row.value:.1f} % [{100 * row.ci_low:.1f}, {100 * row.ci_high:.1f}] robust" in line
    before = {row.key: row for row in rows(tmp_path)}
    assert bench(*MODEL, "--within", "1h")[0] == 0
    assert {row.key: row for row in rows(tmp_path)} == before, "what is stored is not measured again"


def test_passes_are_a_setting_of_the_attack(row: Row) -> None:
    assert (row.name, '"passes": 30' in row.params) == (ATTACK, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--within", "10"], "'10' is not a time such as 90s, 10m or 1.5h"),
        (["--within", "0s"], "'0s' is not a time"),
        (["--passes", "0"], "'0' is not a whole number from 1"),
        (["--within", "5s", "--passes", "9"], "--within and --passes 9 both say how long to attack"),
        (["--within", "5s", "--attacks", "FGSM"], "--within is the budget of one attack"),
        (["--passes", "5", "--attacks", "FGSM"], "--passes is the budget of one attack"),
        (["--within", "5s", "--sweep", "0,0.1,0.2"], "it cannot be given with --sweep"),
        (["--within", "5s", "--shard", "1/2"], "it cannot be given with --shard"),
        (["--within", "5s", "--engine", "ray"], "it cannot be given with --engine ray"),
        (["--within", "5s", "--source", "means.py:nearest"], "it cannot be given with --source"),
        (["--within", "5s", "--model-info", "info.json"], "it cannot be given with --model-info"),
        (["--within", "0.000001s"], "to classify 16 clean images once takes about"),
    ],
)
def test_a_budget_that_cannot_be_is_one_line_and_writes_nothing(
    options: list[str], message: str, bench: Any, tmp_path: Path
) -> None:
    write(tmp_path)
    code, _, err = bench(*MODEL, *options)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert message in err
    assert not [*tmp_path.rglob("job.json")]
