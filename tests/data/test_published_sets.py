"""Published sets of corruptions that are not generated here: C-bar and 3DCC, from small files in their layouts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.core.errors import BadInput, UnknownName
from bench.data.dataset import Dataset
from bench.data.lookup import dataset
from bench.data.published_sets import FILE_SETS
from bench.evaluation.corruption_conditions import corruption_conditions, resolve_names

COUNT = 10  # test images
MODEL = """
import torch
from torch import nn

class Grey(nn.Module):
    '''Class 0 up to a mean of 128, and class 1 above it.'''
    def forward(self, x):
        level = x.mean((1, 2, 3))[:, None] - 128 / 255
        return torch.cat([-level, level, level.expand(-1, 8) - 1], 1)
"""


def write_cifar(data_dir: Path) -> None:
    """CIFAR-10 with images of class 0, all black, so that `Grey` is right on an image where it is dark."""
    x, y = np.zeros((COUNT, 32, 32, 3), np.uint8), np.zeros(COUNT, np.int64)
    np.savez(data_dir / "cifar10.npz", x_train=x, y_train=y, x_test=x, y_test=y)


def write_corruption(folder: Path, name: str, bright: int) -> None:
    """A file in which at severity s the first bright + s images are white, and labels.npy."""
    folder.mkdir(exist_ok=True)
    x = np.zeros((5, COUNT, 32, 32, 3), np.uint8)
    for severity in range(1, 6):
        x[severity - 1, : bright + severity] = 255
    np.save(folder / f"{name}.npy", x.reshape(-1, 32, 32, 3))
    np.save(folder / "labels.npy", np.zeros(5 * COUNT, np.int64))


def write_small_imagenet(data_dir: Path) -> Dataset:
    """A data set with the name of ImageNet, two classes and 8x8 pixels."""
    for split in ("train", "test"):
        for k, label in enumerate(("n01", "n02")):
            paint(data_dir / "small" / split / label / "val_1.png", k)
    return replace(dataset("folder:small", data_dir), name="imagenet")


def paint(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (value,) * 3).save(path)


def write_folders(root: Path, name: str, place: str, value: int) -> None:
    for k, label in enumerate(("n01", "n02")):
        paint(root / name / place / label / "val_1.png", value + k)


def test_c_bar_and_3dcc_have_the_official_corruptions():
    c_bar, in_3dcc = FILE_SETS["c-bar"], FILE_SETS["3dcc"]
    assert [len(c_bar[name].amounts) for name in ("cifar10", "imagenet")] == [10, 10]
    assert {*c_bar["cifar10"].amounts} - {*c_bar["imagenet"].amounts} == {
        *("circular_motion_blur", "lines", "pinch_and_twirl", "ripple", "transverse_chromatic_abberation")
    }
    assert all(len(amounts) == 5 for found in c_bar.values() for amounts in found.amounts.values())
    assert all([*amounts] == sorted(amounts) for found in c_bar.values() for amounts in found.amounts.values())
    assert [*in_3dcc] == ["imagenet"]
    assert len(in_3dcc["imagenet"].amounts) == 12


def test_the_mean_of_c_bar_is_not_mixed_with_that_of_c(bench, tmp_path):
    write_cifar(tmp_path)
    for place, name in enumerate(FILE_SETS["c-bar"]["cifar10"].amounts):
        write_corruption(tmp_path / "CIFAR-10-C-bar", name, place % 2)
    write_corruption(tmp_path / "CIFAR-10-C", "fog", 4)
    (tmp_path / "grey.py").write_text(MODEL)
    asked = ["eval", "--model", "grey.py:Grey", "--dataset", "cifar10", "--data-dir", ".", "--attacks", "none"]
    code, out, err = bench(*asked, "--corruptions", "c-bar,fog", "--severities", "1,3")
    assert code == 0, err
    assert "cifar10, external, not trained here, n=10, official images, CIFAR-10-C-Bar" in " ".join(out.split())
    errors = {path.parent.name: pd.read_csv(path) for path in (tmp_path / "reports/corruptions").rglob("errors.csv")}
    assert len(errors) == 2
    (c_bar,) = (table for folder, table in errors.items() if "bar" in folder.lower())
    (c,) = (table for folder, table in errors.items() if "bar" not in folder.lower())
    assert c_bar["error"].tolist() == pytest.approx([(0.1 + 0.2 + 0.3 + 0.4) / 4])  # of all ten, at severities 1 and 3
    assert c["error"].tolist() == pytest.approx([(0.5 + 0.7) / 2])  # of fog alone
    text = (tmp_path / "reports/corruptions/corruptions.md").read_text()
    assert "means over those corruptions of CIFAR-10-C-Bar that are shown" in text
    assert "Images are those of CIFAR-10-C-Bar." in text


@pytest.mark.parametrize(("folder", "place"), [("ImageNet-C-bar", "3"), ("imagenet_c_bar", "4.90")])
def test_folders_of_c_bar_are_numbers_or_the_parameters_of_its_script(folder, place, tmp_path):
    data = write_small_imagenet(tmp_path)
    write_folders(tmp_path / folder, "caustic_refraction", place, 7)
    test = data.load("test", tmp_path)
    (condition,) = corruption_conditions(["caustic_refraction"], [3], data, test, tmp_path)
    assert (condition.images(test.x, range(2), 2)[:, 0, 0, 0] * 255).round().tolist() == [7 + int(y) for y in test.y]
    assert '"set": "ImageNet-C-Bar"' in condition.params


def test_3dcc_is_read_whole_or_refused(tmp_path):
    data = write_small_imagenet(tmp_path)
    test = data.load("test", tmp_path)
    names = [*FILE_SETS["3dcc"]["imagenet"].amounts]
    with pytest.raises(
        BadInput, match=r"no ImageNet-3DCC under .* for near_focus, which is not generated here; put ther"
    ):
        next(corruption_conditions(["3dcc"], [1], data, test, tmp_path))
    for place, name in enumerate(names):
        write_folders(tmp_path / "ImageNet-3DCC", name, "1", 10 * place)
    conditions = [*corruption_conditions(["3dcc"], [1], data, test, tmp_path)]
    assert [condition.name for condition in conditions] == names
    with pytest.raises(
        BadInput, match=r"ImageNet-3DCC has neither near_focus.npy nor near_focus/2/<class>/; complete it"
    ):
        [*corruption_conditions(["near_focus"], [2], data, test, tmp_path)]
    write_folders(tmp_path / "ImageNet-3DCC", "flash", "3", 0)
    paint(tmp_path / "ImageNet-3DCC/flash/3/n01/val_2.png", 0)
    with pytest.raises(
        BadInput, match="ImageNet-3DCC/flash at severity 3 has 3 labels that are not those of the 2 test"
    ):
        [*corruption_conditions(["flash"], [3], data, test, tmp_path)]


def test_a_set_of_another_data_set_is_refused_by_name(tmp_path):
    digits = dataset("digits", tmp_path)
    with pytest.raises(BadInput, match="--corruptions 3dcc is published for imagenet, and not for digits"):
        resolve_names(["3dcc"], digits)
    with pytest.raises(
        BadInput, match="--corruptions sparkles is published for cifar10 and imagenet, and not for digits"
    ):
        resolve_names(["sparkles"], digits)
    with pytest.raises(UnknownName, match="did you mean c-bar"):
        resolve_names(["cbar"], digits)
    assert "sparkles" not in resolve_names(["all"], dataset("cifar10", tmp_path))
