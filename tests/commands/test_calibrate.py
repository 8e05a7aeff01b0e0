"""Facts about the ranges of M-TLAT's four corruptions."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.commands.calibrate import TARGET_LOSSES, End, find_amount, measure_accuracy
from bench.core.errors import BadInput
from bench.corruptions.apply import corrupted
from bench.corruptions.calibrated_ranges import Ranges, read_ranges
from bench.data.dataset import DATASETS
from bench.data.images import Images
from bench.evaluation.corruption_conditions import corruption_conditions

BASELINE = Path(__file__).parents[1] / "baseline/digits/cnn/PGD-AT/s0-6bee601e"
DIGITS = DATASETS["digits"]


def test_bisection_finds_what_costs_as_much_as_wanted():
    end = find_amount(lambda amount: 0.9 - 0.01 * amount, 0.9, 0.30, 90.0)
    assert end.amount == pytest.approx(30, abs=0.5)
    assert end.accuracy == pytest.approx(0.6, abs=0.005)
    assert end.describe("rotation", 0.9) == "29.53 degrees costs 29.5 points"


def test_an_end_that_is_not_there_is_said():
    end = find_amount(lambda amount: 0.9 - 0.001 * amount, 0.9, 0.30, 90.0)
    assert end == End(0.30, None, pytest.approx(0.81))
    assert end.describe("rotation", 0.9) == "no amount costs 30 points, the most (90 degrees) costs 9.0"


def test_the_nearest_step_is_called_no_more_than_that():
    end = find_amount(lambda amount: 0.9 if amount < 0.25 else 0.83, 0.9, 0.05, 1.0)
    assert end.amount == pytest.approx(0.25, abs=1 / 1024)
    assert end.accuracy == 0.83
    assert end.describe("occlusion", 0.9).endswith("costs 7.0 points, the nearest to 5 that there is")


class Reddish(nn.Module):
    """Class 1 where an image's red is above a half."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        red = x[:, 0].mean((1, 2))
        return torch.stack([0.5 - red, red - 0.5], 1)


def test_every_image_has_the_whole_amount():
    x = torch.full((600, 3, 8, 8), 100, dtype=torch.uint8)
    images = Images(x, torch.zeros(600, dtype=torch.int64))
    assert measure_accuracy(Reddish(), images, "color_shift", 0.10, 128) == 1
    pushed = measure_accuracy(Reddish(), images, "color_shift", 0.12, 128)
    assert pushed == pytest.approx(2 / 3, abs=0.06)  # where red is the channel
    assert measure_accuracy(Reddish(), images, "color_shift", 0.12, 17) == pushed
    assert measure_accuracy(Reddish(), images, "color_shift", 0.5, 128) == pushed  # the same images


def test_a_model_is_calibrated_on(bench):
    code, out, err = bench("calibrate", "--model", str(BASELINE), "--limit", "200", "--device", "cpu")
    assert code == 0, err
    lines = out.splitlines()
    assert "corruption color_shift changes colours and the images are grey; leave it out" in lines
    record = json.loads(Path(lines[-1]).read_text())
    assert (record["dataset"], record["n"]) == ("digits", 200)
    assert record["images"] == DIGITS.load("test", Path(), 200).fingerprint()
    assert set(record["ranges"]) == {"rotation", "translation", "occlusion"}
    low, high = record["ranges"]["rotation"]["ends"]
    assert 0 < low["amount"] < high["amount"] <= 90
    for end, wanted in zip((low, high), TARGET_LOSSES, strict=True):
        assert record["clean"] - end["accuracy"] == pytest.approx(wanted, abs=0.0051)


def test_what_is_no_model_is_one_line(bench):
    code, _, err = bench("calibrate", "--model", "nowhere")
    assert (code, err.count("\n")) == (2, 1)


# in the place of the paper's ranges


def calibration(path: Path, **changes: object) -> Path:
    """A calibration.json of digits: rotations of 10 to 60 degrees."""
    ends = [{"wanted": 0.05, "amount": 10.0, "accuracy": 0.9}, {"wanted": 0.3, "amount": 60.0, "accuracy": 0.65}]
    record = {"identity": "abcdef0123456789", "shape": [1, 8, 8], "ranges": {"rotation": {"ends": ends}}}
    path.write_text(json.dumps(record | changes))
    return path


def test_severity_is_the_fifth_of_the_calibrated_range(tmp_path):
    ranges = read_ranges(calibration(tmp_path / "c.json"), DIGITS)
    assert ranges == Ranges("abcdef01", {"rotation": (10, 60)})
    assert ranges.settings("rotation", 2) == (20, 30)
    assert ranges.settings("occlusion", 2) is None


def test_images_and_rows_are_those_of_the_calibrated_range(tmp_path):
    test = DIGITS.load("test", tmp_path).first(6)
    ranges = Ranges("abcdef01", {"rotation": (10, 60)})
    plain = {c.name: c for c in corruption_conditions(["rotation", "occlusion"], [2], DIGITS, test, tmp_path)}
    found = {c.name: c for c in corruption_conditions(["rotation", "occlusion"], [2], DIGITS, test, tmp_path, ranges)}
    said = json.loads(found["rotation"].params)
    assert (said["parameters"], said["calibrated"]) == ([20, 30], "abcdef01")
    assert found["occlusion"] == plain["occlusion"]
    x = found["rotation"].made(test.x, range(6))
    assert torch.equal(x, corrupted(test.x, "rotation", 2, range(6), settings=(20, 30)))
    assert not torch.equal(x, plain["rotation"].made(test.x, range(6)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": [3, 32, 32]}, "those of digits are"),
        ({"ranges": {"rotation": {"ends": [{"amount": 1.0}, {"amount": None}]}}}, "no whole range for rotation"),
        ({"ranges": 3}, "no calibration.json"),
    ],
)
def test_a_calibration_that_does_not_serve_is_refused(tmp_path, changes, message):
    with pytest.raises(BadInput, match=message):
        read_ranges(calibration(tmp_path / "c.json", **changes), DIGITS)


def test_a_command_that_writes_no_report_asks_for_no_folder_of_reports(bench):
    code, _, err = bench("calibrate", "--model", "means.py:nearest", "--reports", "reports")
    assert (code, err.count("\n")) == (2, 1)
    assert "No such option" in err
