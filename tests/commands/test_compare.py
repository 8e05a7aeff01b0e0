"""`bench compare` accepts differences that chance explains, and no others."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from result_files import measure, store

from bench import cross_entropy
from bench.cli import cli
from bench.commands.compare.cells import labels, read_cells
from bench.commands.compare.rerun import UNFINISHED_MARK
from bench.commands.compare.significance import CellFinding, find_regressions
from bench.commands.run import run_methods
from bench.core.errors import BadInput
from bench.core.files import write_csv
from bench.core.stats import binomial_exceeds, fisher_fewer, holm, mcnemar, t_test_lower
from bench.results.row import COLUMNS
from bench.results.store import read_outcomes, read_rows
from bench.results.survey import run_folders
from bench.runner.options import CellOptions, RunOptions
from bench.runner.request import Request
from methods.pgd_at import AdversarialTraining

COMMITTED = Path(__file__).parents[1] / "baseline"
HALF = "10" * 50  # outcomes of 100 images


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """The committed baseline without AutoAttack, which is slow."""
    shutil.copytree(COMMITTED, tmp_path / "base")
    (folder,) = run_folders(tmp_path / "base")
    write_csv(folder / "results.csv", COLUMNS, [asdict(row) for row in read_rows(folder) if row.n == 300])
    return tmp_path / "base"


def gate(*arguments: object) -> int:
    """The exit code of `bench compare`."""
    code = cli.main(["compare", *map(str, arguments), "--device", "cpu"], standalone_mode=False)
    assert isinstance(code, int)
    return code


def findings(tmp_path: Path) -> list[CellFinding]:
    return find_regressions(read_cells(tmp_path / "old"), read_cells(tmp_path / "new"))


def flip(right: str, *images: int) -> str:
    return "".join(str(1 - int(bit)) if i in images else bit for i, bit in enumerate(right))


# statistics, by hand


def test_holm_multiplies_the_smallest_by_the_family_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_exact_tests_are_sums_one_can_do_by_hand() -> None:
    assert binomial_exceeds(2, 3, 0.5) == pytest.approx(4 / 8)
    assert binomial_exceeds(1, 300, 0.005) == pytest.approx(1 - 0.995**300)
    assert binomial_exceeds(0, 300, 0.005) == 1
    assert mcnemar(5, 0, "greater") == pytest.approx(1 / 32)
    assert mcnemar(0, 5, "greater") == mcnemar(0, 0, "greater") == 1
    assert fisher_fewer(3, 0, 3) == pytest.approx(1 / 20)


def test_lower_is_students_t() -> None:
    assert t_test_lower([0.5, 0.6], [0.3, 0.4]) == pytest.approx(0.5 - 8**0.5 / 2 / 10**0.5)  # closed form, 2 degrees
    assert t_test_lower([0.5, 0.5], [0.4, 0.4]) == 0
    assert t_test_lower([0.5, 0.5], [0.5, 0.5]) == t_test_lower([0.4, 0.4], [0.5, 0.5]) == 1


# two folders as they are


def test_the_same_numbers_pass(tmp_path: Path) -> None:
    for side in ("old", "new"):
        measure(tmp_path / side, "", HALF)
        measure(tmp_path / side, "PGD-20", HALF)
    measure(tmp_path / "new", "CW-20", HALF)
    assert gate(tmp_path / "old", tmp_path / "new") == 0
    assert [f.problem for f in findings(tmp_path)] == ["", ""]


@pytest.mark.parametrize("images", [(0, 2, 4, 6, 8, 10), (1, 3, 5, 7, 9, 11)], ids=["lost", "gained"])
def test_flips_of_the_same_weights_count_either_way(tmp_path: Path, images: tuple[int, ...]) -> None:
    measure(tmp_path / "old", "PGD-20", HALF)
    measure(tmp_path / "new", "PGD-20", flip(HALF, *images))
    (finding,) = findings(tmp_path)
    (flips,) = finding.flips
    assert images in (flips.lost, flips.gained)
    assert finding.p == pytest.approx(binomial_exceeds(6, 100, 0.005))
    assert finding.problem.startswith("6 images flipped, 50.0% to ")


def test_flips_within_the_allowance_pass(tmp_path: Path) -> None:
    measure(tmp_path / "old", "PGD-20", HALF)
    measure(tmp_path / "new", "PGD-20", flip(HALF, 0, 1))
    assert not findings(tmp_path)[0].problem


def test_a_missing_cell_and_a_failing_cell_are_regressions(tmp_path: Path) -> None:
    for name in ("FGSM", "PGD-20", "CW-20"):
        measure(tmp_path / "old", name, HALF)
    measure(tmp_path / "new", "FGSM", HALF)
    measure(tmp_path / "new", "PGD-20", None, status="failed: out of\x1bmemory", n=100)
    assert gate(tmp_path / "old", tmp_path / "new") == 1
    problems = {f.condition.split()[0]: f.problem for f in findings(tmp_path)}
    assert problems["FGSM"] == ""
    assert problems["PGD-20"] == "failed: out of memory"
    assert problems["CW-20"].startswith("missing")


def test_a_cell_that_failed_before_asks_nothing(tmp_path: Path) -> None:
    measure(tmp_path / "old", "", HALF)
    measure(tmp_path / "old", "PGD-20", None, status="failed: then")
    measure(tmp_path / "new", "", HALF)
    assert [f.condition for f in findings(tmp_path)] == ["Clean n=100"]


def test_one_seed_against_one_allows_for_the_luck_of_a_training(tmp_path: Path) -> None:
    """With the same weights ten losses and no gain would be significant; another training may lose ten by chance."""
    measure(tmp_path / "old", "PGD-20", HALF)
    measure(tmp_path / "new", "PGD-20", flip(HALF, *range(0, 20, 2)), key="other weights")
    (finding,) = findings(tmp_path)
    assert (finding.test, finding.problem) == ("images", "")
    assert mcnemar(10, 0, "greater") < 0.01 < 0.1 < fisher_fewer(50, 40, 100) == finding.p
    measure(tmp_path / "new", "PGD-20", flip(HALF, *range(0, 80, 2)), key="other weights")
    assert findings(tmp_path)[0].problem.startswith("accuracy fell, 50.0% to 10.0%")


def test_three_seeds_are_evaluated_together_by_their_spread(tmp_path: Path) -> None:
    for seed in range(3):
        measure(tmp_path / "old", "PGD-20", flip(HALF, 2 * seed), seed=seed)
        measure(tmp_path / "new", "PGD-20", flip(HALF, *range(2 * seed, 20, 2)), seed=seed, key=f"other {seed}")
    (finding,) = findings(tmp_path)
    assert finding.model.endswith("s0,1,2")
    assert (finding.test, finding.after) == ("seeds", pytest.approx(0.41))
    assert finding.p == pytest.approx(t_test_lower([0.49] * 3, [0.40, 0.41, 0.42]), rel=1e-6)
    assert finding.problem


def test_seeds_that_scatter_hide_a_fall_that_images_alone_would_show(tmp_path: Path) -> None:
    for seed, (lost, lost_now) in enumerate([(0, 40), (30, 20), (10, 30)]):
        measure(tmp_path / "old", "PGD-20", flip(HALF, *range(0, lost, 2)), seed=seed)
        measure(tmp_path / "new", "PGD-20", flip(HALF, *range(0, lost_now, 2)), seed=seed, key=f"other {seed}")
    (finding,) = findings(tmp_path)
    assert mcnemar(finding.lost_images, finding.gained_images, "greater") < 0.01
    assert not finding.problem


# level 1 and 2


@pytest.mark.parametrize("batch_size", [128, 7])
def test_level_1_passes_whatever_the_batch_size(baseline: Path, tmp_path: Path, batch_size: int) -> None:
    assert gate(baseline, tmp_path / "new", "--level", 1, "--batch-size", batch_size) == 0
    assert len(read_cells(tmp_path / "new")) == 4


def test_what_a_killed_comparison_has_left_is_measured_anew(baseline: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    (run,) = run_folders(baseline)
    measure(new, "", HALF, run=str(run.relative_to(baseline)))  # half of the images right, by code that is gone
    measure(new, "FGSM", HALF, recipe="Other")
    (new / UNFINISHED_MARK).touch()
    assert gate(baseline, new, "--level", 1) == 0
    assert len(read_cells(new)) == 4
    assert not (new / UNFINISHED_MARK).exists()
    with pytest.raises(BadInput, match="new is there already; --level 1 measures all anew"):
        gate(baseline, new, "--level", 1)


def test_a_comparison_that_is_killed_before_it_is_told_is_made_again(
    baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*cells: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr("bench.commands.compare.compare.find_regressions", stop)
        with pytest.raises(InterruptedError):
            gate(baseline, tmp_path / "new", "--level", 1)
    assert gate(baseline, tmp_path / "new", "--level", 1) == 0


def test_level_1_catches_a_weakened_attack(baseline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.attacks.search_settings.step_length", lambda step, eps: 0.0)
    summary, report = tmp_path / "summary.md", tmp_path / "gate.xml"
    assert gate(baseline, tmp_path / "new", "--level", 1, "--markdown", summary, "--junit", report) == 1
    assert "2 of 4 cells regressed" in summary.read_text()
    assert "PGD-20 Linf 0.2 n=300: s0 gained: " in summary.read_text()

    (suite,) = ElementTree.parse(report).getroot()
    assert (suite.get("tests"), suite.get("failures"), len(suite)) == ("4", "2", 4)
    failures = {case.get("name"): case.find("failure") for case in suite}
    assert failures["FGSM Linf 0.2 n=300"] is None
    found = failures["CW-20 Linf 0.2 n=300"]
    assert found is not None
    assert "images flipped" in str(found.get("message"))
    assert str(found.text).startswith("s0 gained: ")


def test_level_1_repeats_sweeps_and_names_the_cells_that_it_leaves_out(tmp_path: Path, capsys: Any) -> None:
    asked = Request(
        methods=("Standard",), epochs=1, limit_train=100, limit=20, attacks=("PGD-2",), sweep=(0.05, 0.1, 0.2)
    )
    options = RunOptions(tmp_path, tmp_path / "old", tmp_path, torch.device("cpu"), CellOptions(128), workers=1)
    assert run_methods(asked, options) == 0
    (folder,) = run_folders(tmp_path / "old")
    *_, last = (row for row in read_rows(folder) if row.metric == "accuracy")
    moved = replace(last, kind="attack", source="digits/cnn/LS0.9/s0-bbbb", key="moved")
    store(folder, moved, read_outcomes(folder)[last.key])
    capsys.readouterr()
    assert gate(tmp_path / "old", tmp_path / "new", "--level", 1) == 0
    out, err = capsys.readouterr()
    assert f"left out: 1 transfer cell of {tmp_path / 'old'}, which cannot be measured again\n" in err
    assert "no regression in 5 cells" in out
    old, new = ({where: cell.row.key for where, cell in read_cells(tmp_path / side).items()} for side in ("old", "new"))
    assert len(new) == 5
    assert all(old[where] == key for where, key in new.items())


def test_sweeps_are_told_apart_in_a_comparison(tmp_path: Path) -> None:
    measure(tmp_path, "", HALF)
    for grid, eps in (([0, 0.1, 0.2], 0.1), ([0, 0.1, 0.2], 0.2), ([0, 0.1, 0.4], 0.1)):
        measure(tmp_path, "PGD-20", HALF, kind="sweep", eps=eps, params=json.dumps({"steps": 20, "sweep": grid}))
    found = labels([*read_cells(tmp_path).values()])
    assert len(set(found)) == 4
    assert [label.partition(" ")[0] for label in found] == ["Clean", "PGD-20", "PGD-20", "PGD-20"]


def test_a_baseline_of_transfers_alone_cannot_be_repeated(tmp_path: Path) -> None:
    measure(tmp_path / "old", "PGD-20.last", HALF, source="digits/cnn/Standard/s0-bbbb")
    with pytest.raises(
        BadInput, match="has no cell that can be measured again; remake the baseline, or compare two results folders"
    ):
        gate(tmp_path / "old", tmp_path / "new", "--level", 1)


@pytest.mark.slow
def test_level_2_repeats_a_training_and_catches_a_broken_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Request(methods=("PGD-AT",), epochs=6, limit_train=600, attacks=("PGD-20",))
    assert (
        run_methods(asked, RunOptions(tmp_path, tmp_path / "old", tmp_path, torch.device("cpu"), CellOptions(128))) == 0
    )
    assert gate(tmp_path / "old", tmp_path / "same", "--level", 2) == 0
    assert {f.test for f in find_regressions(read_cells(tmp_path / "old"), read_cells(tmp_path / "same"))} == {"flips"}

    def without_adversary(recipe, model, x, q):
        return cross_entropy(model(x), q).mean()

    monkeypatch.setattr(AdversarialTraining, "loss", without_adversary)
    assert gate(tmp_path / "old", tmp_path / "broken", "--level", 2) == 1


# bad input


def test_bad_input_is_one_line(baseline: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    with pytest.raises(BadInput, match="the same folder"):
        gate(baseline, baseline)
    with pytest.raises(BadInput, match="one within the other"):
        gate(baseline, baseline / "digits")
    with pytest.raises(BadInput, match="nowhere holds no results"):
        gate(tmp_path / "nowhere", baseline)
    with pytest.raises(BadInput, match="new holds no results"):
        gate(baseline, new)
    with pytest.raises(BadInput, match="nowhere is no folder"):
        gate(baseline, new, "--level", 1, "--junit", tmp_path / "nowhere" / "gate.xml")
    measure(new, "", HALF)
    with pytest.raises(BadInput, match="new is there already; --level 1 measures all anew"):
        gate(baseline, new, "--level", 1)


def test_protocols_and_packages_must_agree(tmp_path: Path) -> None:
    measure(tmp_path / "old", "AutoAttack", HALF, params='{"block": 128, "package": "pyautoattack 0.1"}')
    measure(tmp_path / "new", "AutoAttack", HALF, params='{"block": 128, "package": "pyautoattack 0.2.0"}')
    with pytest.raises(BadInput, match=r"pyautoattack 0\.1.*now with .*0\.2\.0"):
        gate(tmp_path / "old", tmp_path / "new")
    with pytest.raises(BadInput, match="does not say what was trained"):
        gate(tmp_path / "old", tmp_path / "anew", "--level", 1)
    measure(tmp_path / "newer", "AutoAttack", HALF, protocol=2)
    with pytest.raises(BadInput, match="the baseline has protocol 1, the current results 2"):
        gate(tmp_path / "old", tmp_path / "newer")


def test_a_cell_held_twice_and_a_baseline_of_failures_are_refused(tmp_path: Path) -> None:
    measure(tmp_path / "old", "", None, status="failed: diverged")
    measure(tmp_path / "new", "", HALF, run="digits/cnn/PGD-AT/s0-aaaa")
    with pytest.raises(BadInput, match="each cell of the baseline failed, 1 in all"):
        gate(tmp_path / "old", tmp_path / "new")
    measure(tmp_path / "new", "", HALF, run="digits/cnn/PGD-AT/s0-bbbb")
    with pytest.raises(BadInput, match="twice, in digits/cnn/PGD-AT/s0-aaaa and digits/cnn/PGD-AT/s0-bbbb"):
        gate(tmp_path / "old", tmp_path / "new")


def test_level_1_needs_the_weights_and_the_attack_of_then(baseline: Path, tmp_path: Path) -> None:
    (folder,) = run_folders(baseline)
    rows = [asdict(row) for row in read_rows(folder)]
    for params, message in [('{"power": 9}', "FGSM no longer has the setting power"), ('{"package": "x 1"}', "x 1")]:
        old = [row | {"params": params} if row["name"] == "FGSM" else row for row in rows]
        write_csv(folder / "results.csv", COLUMNS, old)
        with pytest.raises(BadInput, match=message):
            gate(baseline, tmp_path / message[:4], "--level", 1)
    (folder / "weights.safetensors").unlink()
    with pytest.raises(BadInput, match=r"weights\.safetensors is missing"):
        gate(baseline, tmp_path / "new", "--level", 1)


def test_the_baseline_stays_small() -> None:
    assert sum(path.stat().st_size for path in COMMITTED.rglob("*") if path.is_file()) < 1_000_000
