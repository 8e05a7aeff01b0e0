"""Corruptions as conditions: published files, rows, tables and contact sheets."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from result_files import measure
from torch import nn

from bench import BadInput
from bench.corruptions.apply import SETS, corrupted
from bench.data.dataset import DATASETS
from bench.data.image_folder import read_folder
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.corruption_conditions import corruption_conditions, resolve_names
from bench.evaluation.evaluator import outcomes
from bench.report.accuracy import Estimate
from bench.report.corruptions import scores as formulas
from bench.report.corruptions.page import CorruptionsPage, find_tables
from bench.report.corruptions.seed_means import ALL_SEVERITIES
from bench.report.corruptions.table import EXTRA_CORRUPTIONS, MTLAT_CORRUPTIONS
from bench.report.corruptions.text import accuracies, errors, robustness
from bench.results.store import read_rows

DIGITS = DATASETS["digits"]
BASELINE = Path(__file__).parents[1] / "baseline/digits/cnn/PGD-AT/s0-6bee601e"
TEST = DIGITS.load("test", Path())
AS_CIFAR = replace(DIGITS, name="cifar10")  # whose published sets are files, of however many images
AS_IMAGENET = replace(DIGITS, name="imagenet")  # whose are folders


def publish(data_dir: Path, name: str = "fog") -> np.ndarray:
    """Files like those of CIFAR-10-C: (1500, 8, 8, 1) of the digits."""
    folder = data_dir / "CIFAR-10-C"
    folder.mkdir()
    x = np.random.default_rng(0).integers(0, 256, (1500, 8, 8, 1), np.uint8)
    np.save(folder / f"{name}.npy", x)
    np.save(folder / "labels.npy", np.tile(TEST.y.numpy(), 5).astype(np.uint8))
    return x


def fog(severity: int, data_dir: Path, dataset=DIGITS):
    (condition,) = corruption_conditions(["fog"], [severity], dataset, TEST, data_dir)
    return condition


# published files


def test_published_images_come_first_and_are_labelled(tmp_path):
    x = publish(tmp_path)
    condition = fog(3, tmp_path, AS_CIFAR)
    block = torch.from_numpy(x[600:900]).permute(0, 3, 1, 2) / 255
    assert torch.equal(condition.images(TEST.x[5:9], range(5, 9), 3), block[5:9])
    said = json.loads(condition.params)
    assert (said["made"], said["set"]) == ("official", "CIFAR-10-C")
    (ours,) = corruption_conditions(["snow"], [3], AS_CIFAR, TEST, tmp_path)
    assert json.loads(ours.params) == {
        "made": "generated",
        "table": 32,
        "parameters": [0.15, 0.3, 1.75, 0.55, 10, 4, 0.9],
    }


def test_another_file_is_another_condition(tmp_path):
    x = publish(tmp_path)
    before = fog(1, tmp_path, AS_CIFAR)
    assert fog(1, tmp_path, AS_CIFAR) == before
    np.save(tmp_path / "CIFAR-10-C/fog.npy", 255 - x)
    assert fog(1, tmp_path, AS_CIFAR) != before


def test_a_file_that_is_cut_off_is_named_with_both_sizes(tmp_path):
    publish(tmp_path)
    path = tmp_path / "CIFAR-10-C/fog.npy"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadInput, match=rf"{path} has 96,028 bytes where its .* need 96128; download it again"):
        fog(1, tmp_path, AS_CIFAR)


def test_files_of_another_set_are_refused(tmp_path):
    publish(tmp_path)
    labels, folder = np.tile(TEST.y.numpy(), 5), tmp_path / "CIFAR-10-C"
    np.save(folder / "labels.npy", labels[:-1])
    with pytest.raises(BadInput, match=r"labels int64 \(1499,\); cifar10 needs whole numbers \(1500,\)"):
        fog(1, tmp_path, AS_CIFAR)
    np.save(folder / "labels.npy", labels[::-1])
    with pytest.raises(BadInput, match="not those of the 300 test images of cifar10 in their order"):
        fog(1, tmp_path, AS_CIFAR)
    np.save(folder / "labels.npy", labels)
    np.save(folder / "fog.npy", np.zeros((1500, 9, 9, 1), np.uint8))
    with pytest.raises(BadInput, match=r"is uint8 \(1500, 9, 9, 1\); it must be uint8 \(1500, 8, 8, 1\)"):
        fog(1, tmp_path, AS_CIFAR)
    (folder / "labels.npy").unlink()
    with pytest.raises(BadInput, match=r"labels\.npy cannot be read .*put the published file there"):
        fog(1, tmp_path, AS_CIFAR)


def test_published_folders_are_read_in_test_order(tmp_path):
    for label in range(10):
        folder = tmp_path / f"ImageNet-C/fog/2/{label}"
        folder.mkdir(parents=True)
        for i in range(30):
            Image.fromarray(np.full((8, 8), 20 * label + i % 3, np.uint8)).save(folder / f"{i:02}.png")
    source = read_folder(tmp_path / "ImageNet-C/fog", DIGITS.classes, DIGITS.shape, "2", tmp_path)
    y = torch.from_numpy(source.y[source.order("test")])
    (condition,) = corruption_conditions(["fog"], [2], AS_IMAGENET, replace(TEST, y=y), tmp_path)
    images = condition.images(TEST.x[:40], range(40), 16)
    assert torch.equal((images[:, 0, 0, 0] * 255 / 20).floor().long(), y[:40])
    with pytest.raises(BadInput, match="are not those of the 300 test images of imagenet"):
        list(corruption_conditions(["fog"], [2], AS_IMAGENET, TEST, tmp_path))


# conditions


class Bright(nn.Module):
    """Class 1 where the image is brighter than most."""

    def forward(self, x):
        light = x.mean((1, 2, 3))
        return torch.stack([0 * light, light - 0.32], 1)


def test_a_model_is_evaluated_on_the_corrupted_images(tmp_path):
    images = replace(TEST, y=TEST.y % 2)
    (condition,) = corruption_conditions(["brightness"], [4], DIGITS, images, tmp_path)
    whole = outcomes(Bright(), images, condition, batch_size=37)
    x = corrupted(TEST.x, "brightness", 4, range(300)) / 255
    assert np.array_equal(whole.right, (Bright()(x).argmax(1) == images.y).numpy())
    assert not np.array_equal(whole.right, outcomes(Bright(), images, Clean()).right)
    few = outcomes(Bright(), images, condition, n=11, batch_size=4)
    assert np.array_equal(few.right, whole.right[:11])


def test_names_and_sets(caplog):
    assert resolve_names(["fog", "frost", "fog"], DIGITS) == ["fog", "frost"]
    assert resolve_names(["imagenet-c"], DATASETS["cifar10"]) == list(SETS["imagenet-c"])
    assert len(resolve_names(["all"], DATASETS["cifar10"])) == 23
    assert "elastic_transform" not in resolve_names(["imagenet-c"], DIGITS)
    assert "elastic_transform takes images of 16 to 1024 pixels" in caplog.text
    with pytest.raises(BadInput, match="did you mean frost"):
        resolve_names(["frosst"], DIGITS)
    with pytest.raises(BadInput, match="changes colours"):
        resolve_names(["color_shift"], DIGITS)


def test_frost_rows_say_what_pictures_were_used(tmp_path):
    (condition,) = corruption_conditions(["frost"], [1], DIGITS, TEST, tmp_path)
    assert json.loads(condition.params)["ice"] == "procedural"


# the command line


def test_a_run_folder_is_evaluated_under_corruptions_and_goes_on(bench):
    command = ["eval", "--model", str(BASELINE), "--attacks", "none", "--limit", "40"]
    command += ["--corruptions", "fog,contrast", "--severities"]
    code, out, err = bench(*command, "1,5")
    assert (code, "Mean error" in out) == (0, True), err
    (folder,) = (path.parent for path in Path("results").rglob("results.csv"))
    first = read_rows(folder)
    assert [(row.kind, row.name, row.severity) for row in first[1:]] == [
        ("corruption", name, severity) for name in ("fog", "contrast") for severity in (1, 5)
    ]
    assert {json.loads(row.params)["made"] for row in first[1:]} == {"generated"}
    assert bench(*command, "1-5")[0] == 0
    second = read_rows(folder)
    assert second[:5] == first
    assert len(second) == 11
    page = Path("reports/corruptions/corruptions.md").read_text()
    assert "mean over severities 1, 2, 3, 4, 5" in page
    assert all(Path("reports/corruptions", name).exists() for name in page.split("](")[1].split(")")[:1])


def test_bad_input_is_one_line(bench):
    command = ["run", "--attacks", "none", "--dry-run", "--corruptions"]
    assert "did you mean fog" in bench(*command, "fogg")[2]
    assert bench(*command, "fog", "--severities", "0-3")[0] == 2
    assert "color_shift changes colours" in bench(*command, "color_shift")[2]
    assert bench("show", "corruption", "fog", "snow")[0] == 2


def test_a_contact_sheet_shows_severity_across(bench):
    code, out, _ = bench("show", "corruption", "fog")
    path = Path("reports/corruptions/sheets/fog-digits.png")
    assert (code, out.strip()) == (0, str(path))
    with Image.open(path) as sheet:
        assert sheet.size == (120 + 6 * 98, 16 + 6 * 98)
        assert np.array(sheet)[17, 122].tolist() == [int(TEST.x[0, 0, 0, 0])] * 3


def test_corruptions_are_listed(bench):
    names = bench("list", "corruptions")[1].split()
    assert {"glass_blur", "caustic_refraction", "circular_motion_blur", "fog_3d"} <= {*names}
    assert len({*names}) == len(names)


def test_published_corruptions_are_shown_with_where_their_files_are(bench, tmp_path):
    code, out, _ = bench("show", "corruption", "c-bar")
    assert code == 0
    assert "cifar10: CIFAR-10-C-Bar/, published at https://github.com/facebookresearch/augmentation-corruption" in out
    assert "imagenet: ImageNet-C-Bar/" in out
    out = bench("show", "corruption", "sparkles")[1]
    assert "sparkles is of c-bar, which is read from published files in --data-dir" in out
    assert "severities 1 to 5: 0.7, 3.5, 5.6, 6.3, 7\n" in out
    assert "severities 1 to 5: 1, 2, 3, 5, 6\n" in out
    assert "ImageNet-3DCC/, published at https://datasets.epfl.ch/3dcc\n" in bench("show", "corruption", "fog_3d")[1]
    code, _, err = bench("show", "corruption", "sparkles", "--dataset", "digits")
    assert code == 2
    assert "--corruptions sparkles is published for cifar10 and imagenet, and not for digits" in err
    code, _, err = bench("show", "corruption", "3dcc", "--dataset", "digits")
    assert (code, "--dataset is of one corruption, and 3dcc is a set of them" in err) == (2, True)
    assert not any(tmp_path.iterdir())


# formulas and tables


def test_the_report_knows_the_corruptions_of_the_sets():
    assert tuple(formulas.ALEXNET) == SETS["imagenet-c"]
    assert SETS["extra"] == EXTRA_CORRUPTIONS
    assert SETS["mtlat"][15:] == MTLAT_CORRUPTIONS


def test_alexnet_has_mce_100_and_a_perfect_model_0():
    assert formulas.mce(formulas.ALEXNET) == pytest.approx(100)
    assert formulas.relative_mce(formulas.ALEXNET, formulas.ALEXNET_CLEAN) == pytest.approx(100)
    assert formulas.mce(dict.fromkeys(formulas.ALEXNET, 0.0)) == 0
    assert math.isnan(formulas.mce({"fog": 0.5}))


def test_a_constant_prediction_scores_1_and_nothing_right_has_no_score():
    clean = np.arange(100) < 10
    accuracy, score = formulas.score([clean] * 5, clean)
    assert (accuracy.value, score) == (0.1, Estimate(1, 1, 1))
    assert math.isnan(formulas.score([clean], np.zeros(100, bool))[1].value)


def test_the_interval_of_a_score_is_that_of_the_bootstrap():
    rng = np.random.default_rng(0)
    clean = rng.random(1000) < 0.8
    treated = [clean & (rng.random(1000) < share) for share in (0.9, 0.5)]
    _, score = formulas.score(treated, clean)
    draws = rng.integers(0, 1000, (2000, 1000))
    ratios = np.mean(treated, axis=0)[draws].mean(1) / clean[draws].mean(1)
    assert score.value == pytest.approx(np.mean(treated) / clean.mean())
    assert (score.low, score.high) == pytest.approx(tuple(np.quantile(ratios, [0.025, 0.975])), abs=0.005)


def test_marks_compare_two_decimals_beyond_both_intervals():
    base, exact = Estimate(0.5, 0.47, 0.53), Estimate(0.5, 0.5, 0.5)
    close = [Estimate(value, value, value) for value in (0.504, 0.516, 0.48, math.nan)]
    assert [formulas.mark(one, exact) for one in close] == ["", "+", "-", ""]
    far = [Estimate(value, value - 0.04, value + 0.04) for value in (0.549, 0.552, 0.451, 0.448)]
    assert [formulas.mark(one, base) for one in far] == ["", "+", "", "-"]
    assert formulas.mark(Estimate(0.6, math.nan, math.nan), Estimate(math.nan, math.nan, math.nan)) == ""


def corrupt(results: Path, recipe: str, name: str, severity: int, right: str | None, made: str = "generated", **more):
    params = json.dumps({"made": made, "table": 32} if made == "generated" else {"made": made, "set": "CIFAR-10-C"})
    facts = {"recipe": recipe, "kind": "corruption", "name": name, "severity": severity, "params": params}
    measure(results, "", right, **facts | more)


def test_tables_hold_means_scores_and_marks(tmp_path):
    for recipe, clean, one, two in (
        ("Standard", "1111111100", "1111000000", "1111000000"),
        ("Mixup", "1111111111", "1111111100", "1111110000"),
    ):
        measure(tmp_path, "", clean, recipe=recipe)
        corrupt(tmp_path, recipe, "fog", 1, one)
        corrupt(tmp_path, recipe, "fog", 5, two)
        corrupt(tmp_path, recipe, "rotation", 1, one)
        corrupt(tmp_path, recipe, "rotation", 5, one)
        corrupt(tmp_path, recipe, "in_no_set", 1, two)
        corrupt(tmp_path, recipe, "in_no_set", 5, two)
        measure(tmp_path, "FGSM", two, recipe=recipe)
    (((_, made), scores),) = find_tables(tmp_path).items()
    assert made == "generated"
    assert scores.severities == (1, 5)
    mean = scores.cells[(scores.cells["severity"] == ALL_SEVERITIES) & (scores.cells["name"] == "fog")].set_index(
        "recipe"
    )
    assert mean["accuracy"].to_dict() == pytest.approx({"Standard": 0.4, "Mixup": 0.7})
    assert mean["score"].to_dict() == pytest.approx({"Standard": 0.5, "Mixup": 0.7})
    parts = robustness(scores)  # without marks: ten images say nothing
    assert list(parts) == ["a", "b", "c", "e"]
    assert parts["a"].set_index("Recipe")["fog"].to_dict() == {"Standard": "0.50", "Mixup": "0.70"}
    assert parts["b"].set_index("Recipe")["rotation"].to_dict() == {"Standard": "0.50", "Mixup": "0.80"}
    assert parts["c"].set_index("Recipe")["FGSM Linf 8/255"].to_dict() == {"Standard": "0.50", "Mixup": "0.60"}
    assert parts["e"].set_index("Recipe")["in no set"].to_dict() == {"Standard": "0.50", "Mixup": "0.60"}
    shown = errors(scores).set_index("Recipe")
    assert shown["Mean error"].to_dict() == {"Standard": "60.0", "Mixup": "30.0"}  # of fog alone
    assert "mCE" not in shown


def test_official_and_generated_images_never_share_a_table(tmp_path):
    measure(tmp_path, "", "1111111111")
    corrupt(tmp_path, "PGD-AT", "fog", 1, "1111100000")
    corrupt(tmp_path, "PGD-AT", "fog", 1, "1000000000", made="official")
    values = {made: scores.cells["accuracy"].tolist() for (_, made), scores in find_tables(tmp_path).items()}
    assert values == {"generated": [0.5, 0.5], "official": [0.1, 0.1]}


def test_seeds_give_mean_and_spread_and_failures_are_said(tmp_path):
    for seed, right in ((0, "1111100000"), (1, "1110000000")):
        measure(tmp_path, "", "1111111111", seed=seed)
        corrupt(tmp_path, "PGD-AT", "fog", 1, right, seed=seed)
    measure(tmp_path, "", "1111111111", recipe="Mixup")
    corrupt(tmp_path, "Mixup", "fog", 1, None, status="failed: it broke")
    (scores,) = find_tables(tmp_path).values()
    (line,) = accuracies(scores).to_dict("records")
    assert line == {"Corruption": "fog", "PGD-AT": "40.0 ±14.1", "Mixup": "failed"}
    assert "Mixup, fog: failed: it broke." in CorruptionsPage().files(tmp_path)["corruptions.md"]


def test_mce_is_for_imagenet_alone(tmp_path):
    measure(tmp_path, "", "1111111111", dataset="imagenet")
    for name in formulas.ALEXNET:
        corrupt(tmp_path, "PGD-AT", name, 1, "1111100000", dataset="imagenet")
    (scores,) = find_tables(tmp_path).values()
    shown = errors(scores).iloc[0]
    assert shown["mCE"] == f"{formulas.mce(dict.fromkeys(formulas.ALEXNET, 0.5)):.1f}"


def test_a_report_without_corruptions_writes_nothing(tmp_path):
    measure(tmp_path, "", "1111111111")
    assert CorruptionsPage().files(tmp_path) == {}


def test_an_epoch_that_was_attacked_and_not_corrupted_stands_in_no_table(tmp_path):
    for epoch in ("last", "best"):
        measure(tmp_path, "", "1111111111", epoch=epoch)
        measure(tmp_path, "FGSM", "1111100000", epoch=epoch)
    corrupt(tmp_path, "PGD-AT", "fog", 1, "1111000000")
    (scores,) = find_tables(tmp_path).values()
    assert set(scores.cells["recipe"]) == {"PGD-AT"}  # no "PGD-AT (best)"
    assert CorruptionsPage().files(tmp_path)
