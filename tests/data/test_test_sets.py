"""Test sets without training images, from small files in their official layouts, and models evaluated on them."""

import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from bench.core.errors import BadInput
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS
from bench.data.lookup import dataset
from bench.data.sets.cifar import CIFAR10
from bench.data.sets.imagenet_ids import IMAGENET_A_IDS, IMAGENET_R_IDS, WORDNET_IDS
from bench.models.class_subset import ClassSubset, model_of_all_classes, restrict_classes
from bench.results.load import load_results

TEST_SETS = ["cifar10.1", "cifar10.1-v4", "imagenet-v2", "imagenet-a", "imagenet-r", "imagenet-sketch"]
FOLDERS = {
    "imagenet-v2": "imagenetv2-matched-frequency-format-val",
    "imagenet-a": "imagenet-a",
    "imagenet-r": "imagenet-r",
    "imagenet-sketch": "sketch",
}


def write_cifar10_1(data_dir: Path, version: str = "v6", count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Official arrays of `count` images, sorted by class; each image's first pixel is its class."""
    x = np.random.RandomState(0).randint(0, 256, (count, 32, 32, 3)).astype(np.uint8)
    y = np.sort(np.arange(count) % 10).astype(np.int32)
    x[:, 0, 0, 0] = y
    np.save(data_dir / f"cifar10.1_{version}_data.npy", x)
    np.save(data_dir / f"cifar10.1_{version}_labels.npy", y)
    return x, y


def write_class_folders(root: Path, names: list[str], size: int = 8) -> Path:
    """An image for each class, painted with its place in the list modulo 256."""
    for place, name in enumerate(names):
        (root / name).mkdir(parents=True)
        Image.new("RGB", (size, size), (place % 256,) * 3).save(root / name / "0.png")
    return root


@pytest.mark.parametrize("name", TEST_SETS)
def test_one_has_no_training_images_and_says_what_to_do(name, tmp_path):
    data = DATASETS[name]
    assert data.test_only
    with pytest.raises(BadInput, match=rf"{name} is a test set without training images; train on .*`bench eval --mod"):
        data.load("train", tmp_path)


@pytest.mark.parametrize("name", TEST_SETS)
def test_one_that_is_not_there_says_where_it_is_published(name, tmp_path):
    with pytest.raises(BadInput, match=rf"^no .* under {tmp_path}; put there .* as published at https://\S+, or name"):
        dataset(name, tmp_path).load("test", tmp_path)


# CIFAR-10.1


@pytest.mark.parametrize(("name", "version"), [("cifar10.1", "v6"), ("cifar10.1-v4", "v4")])
def test_cifar10_1_is_read_from_its_two_arrays(name, version, tmp_path):
    x, _ = write_cifar10_1(tmp_path, version)
    data = dataset(name, tmp_path)
    assert (data.classes, data.shape, data.threat) == (CIFAR10.classes, (3, 32, 32), Linf(8 / 255))
    test = data.load("test", tmp_path)
    assert torch.equal(test.x[:, 0, 0, 0].long(), test.y)
    assert sorted(map(bytes, test.x.numpy())) == sorted(map(bytes, np.ascontiguousarray(x.transpose(0, 3, 1, 2))))
    assert data.load("test", tmp_path, 10).y.sort()[0].tolist() == list(range(10))  # though the file is sorted


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        (
            "labels",
            None,
            r"no cifar10\.1_v6_labels\.npy under .*; put there cifar10\.1_v6_data\.npy and cifar10\.1_v6_l",
        ),
        ("data", lambda x: x[..., :2], r"v6_data\.npy is uint8 \(40, 32, 32, 2\); it must be uint8 \(N, 32, 32, 3\)"),
        ("data", lambda x: x / 255, r"v6_data\.npy is float64 .*; it must be uint8"),
        ("labels", lambda y: y[:-1], r"v6_labels\.npy is int32 \(39,\); it must be whole numbers \(40,\), as cifar10"),
        ("labels", lambda y: y + 1, r"v6_labels\.npy has labels 1 to 10; they must lie in 0 to 9"),
        ("labels", lambda y: y / 2, r"v6_labels\.npy is float64"),
    ],
)
def test_a_damaged_cifar10_1_is_one_line(part, change, message, tmp_path):
    write_cifar10_1(tmp_path)
    path = tmp_path / f"cifar10.1_v6_{part}.npy"
    if change is None:
        path.unlink()
    else:
        np.save(path, change(np.load(path)))
    with pytest.raises(BadInput, match=message) as error:
        dataset("cifar10.1", tmp_path).load("test", tmp_path)
    assert "\n" not in str(error.value)


def test_a_truncated_cifar10_1_is_one_line(tmp_path):
    write_cifar10_1(tmp_path)
    path = tmp_path / "cifar10.1_v6_data.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadInput, match=r"v6_data\.npy has 123,007 bytes where its .* need 123008; download it again"):
        dataset("cifar10.1", tmp_path).load("test", tmp_path)


def test_what_is_trained_on_cifar10_is_evaluated_on_cifar10_1_and_nothing_is_trained_there(bench, tmp_path):
    rng = np.random.RandomState(0)
    x, y = rng.randint(0, 256, (60, 32, 32, 3)).astype(np.uint8), np.arange(60) % 10
    np.savez(tmp_path / "cifar10.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    write_cifar10_1(tmp_path)
    here = ["--data-dir", ".", "--attacks", "FGSM", "--limit", "10"]
    asked = ["run", "--methods", "Standard", "--model", "cnn", "--limit-train", "60", "--epochs", "1", *here]
    code, _, err = bench(*asked, "--dataset", "cifar10.1")
    assert (code, err.count("\n")) == (2, 1)
    assert "train on cifar10, and evaluate the model by `bench eval --model FOLDER` with this --dataset" in err
    assert not (tmp_path / "results").exists()

    assert bench(*asked, "--dataset", "cifar10", "--workers", "1")[0] == 0
    (folder,) = (path.parent for path in (tmp_path / "results").rglob("job.json"))
    code, _, err = bench("eval", "--model", str(folder), "--dataset", "cifar10.1", *here)
    assert code == 0, err
    rows = load_results(tmp_path / "results")
    assert rows.groupby("dataset")["name"].apply(list).to_dict() == {"cifar10": ["", "FGSM"], "cifar10.1": ["", "FGSM"]}


# those of ImageNet


def test_the_classes_of_imagenet_a_and_r_are_the_official_200():
    """The places of some in `thousand_k_to_200` of ImageNet-A's code; ids that `imagenet_r_wnids` has or lacks."""
    assert len(set(WORDNET_IDS)) == 1000
    for ids in (WORDNET_IDS, IMAGENET_A_IDS, IMAGENET_R_IDS):
        assert [*ids] == sorted(ids)
    places = DATASETS["imagenet-a"].logit_places
    assert len(set(places)) == len(set(IMAGENET_R_IDS)) == 200
    assert [places[k] for k in (0, 1, 50, 100, 150, 199)] == [6, 11, 307, 496, 780, 988]
    assert {"n01443537", "n02814860", "n03495258", "n04552348", "n07768694"} < {*IMAGENET_R_IDS}
    assert not {"n01440764", "n01491361", "n02817516", "n15075141"} & {*IMAGENET_R_IDS}


@pytest.mark.parametrize("kind", ["a", "r"])
def test_the_places_are_those_that_timm_ships(kind):
    if (timm := find_spec("timm")) is None:
        pytest.skip("timm is not installed")
    info = Path(timm.submodule_search_locations[0], "data/_info")
    places = DATASETS[f"imagenet-{kind}"].logit_places
    assert [*places] == [int(line) for line in (info / f"imagenet_{kind}_indices.txt").read_text().split()]
    assert [*WORDNET_IDS] == (info / "imagenet_synsets.txt").read_text().split()


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_is_that_of_its_class(name, tmp_path):
    """Of V2, whose folders are numbers, folder 10 comes after folder 9, and not after folder 1."""
    data = dataset(name, tmp_path)
    folders = [str(k) for k in range(1000)] if name == "imagenet-v2" else [*data.classes]
    root = write_class_folders(tmp_path / FOLDERS[name], folders)
    source = data.source("test", tmp_path)
    chosen = np.flatnonzero(np.isin(source.y, (1, 2, 10, 99, 100)))
    assert (source.pixels(chosen)[:, 0, 0, 0] == source.y[chosen]).all()
    few = data.load("test", tmp_path, 3)
    assert few.x.shape == (3, 3, 224, 224)

    missing = root / folders[150]
    shutil.move(missing, root / "n00000000")
    with pytest.raises(
        BadInput, match=rf"class folder {root}/\S+ (is missing|is not a class of this data set); wanted: "
    ):
        data.load("test", tmp_path)


def test_logits_are_restricted_as_in_the_official_code():
    data, logits = DATASETS["imagenet-a"], torch.randn(5, 1000)
    official = logits[:, [k for k, name in enumerate(WORDNET_IDS) if name in set(data.classes)]]
    assert torch.equal(restrict_classes(nn.Identity(), data)(logits), official)
    own = torch.randn(5, 200)
    assert restrict_classes(nn.Identity(), data)(own) is own  # of a model of these classes alone
    whole = nn.Identity()
    assert restrict_classes(whole, DATASETS["imagenet-v2"]) is whole
    assert restrict_classes(whole, CIFAR10) is whole
    assert model_of_all_classes(ClassSubset(whole, (0, 1), 3)) is model_of_all_classes(whole) is whole


def test_a_test_set_has_only_classes_of_its_models():
    with pytest.raises(BadInput, match="has the class zebra, which cifar10, that its models are trained on, has not"):
        replace(DATASETS["cifar10.1"], classes=("airplane", "zebra"))


MODEL = """
import torch
from bench.data.sets.imagenet_ids import WORDNET_IDS, IMAGENET_A_IDS
from torch import nn

class Grey(nn.Module):
    '''The class of ImageNet-A whose place is the grey level, and above it a class that ImageNet-A has not.'''
    def forward(self, x):
        level = 255 * x.mean((1, 2, 3))
        logits = torch.zeros(len(x), 1000)
        places = [WORDNET_IDS.index(name) for name in IMAGENET_A_IDS]
        logits[:, places] = -(level[:, None] - torch.arange(200.0)).square() / 100
        return logits + 500 * torch.eye(1000)[0]
"""


def test_a_model_of_1000_classes_is_evaluated_on_the_200_of_imagenet_a(bench, tmp_path):
    write_class_folders(tmp_path / "imagenet-a", [*IMAGENET_A_IDS])
    (tmp_path / "grey.py").write_text(MODEL)
    asked = ["--dataset", "imagenet-a", "--data-dir", ".", "--attacks", "FGSM", "--limit", "6", "--device", "cpu"]
    code, out, err = bench("eval", "--model", "grey.py:Grey", *asked)
    assert code == 0, err
    assert "imagenet-a, external, Linf 4/255" in out
    rows = load_results(tmp_path / "results")
    assert rows.loc[rows["kind"] == "clean", "value"].tolist() == [1.0]


# folders of one's own


@pytest.mark.parametrize("inside", ["test", "."])
def test_a_folder_without_training_images_is_a_test_set(inside, tmp_path):
    place = write_class_folders(tmp_path / "mine" / inside, ["cat", "dog", "owl"])
    data = dataset("folder:mine", tmp_path)
    assert data.classes == ("cat", "dog", "owl")
    assert data.name.startswith("folder-mine-")
    assert (data.shape, data.mean) == ((3, 8, 8), (round(1 / 255, 4),) * 3)  # of the levels 0, 1 and 2
    test = data.load("test", tmp_path)
    assert torch.equal(test.x[:, 0, 0, 0].long(), test.y)
    with pytest.raises(
        BadInput, match="is a test set without training images; train on another data set, and evaluate"
    ):
        data.load("train", tmp_path)
    write_class_folders(place.parent / ("mine/train" if inside == "." else "train"), ["cat", "dog"])
    assert not dataset("folder:mine", tmp_path).test_only


def test_a_folder_of_other_splits_is_no_test_set(tmp_path):
    for split in ("Training", "val"):
        write_class_folders(tmp_path / split, ["cat", "dog"])
    with pytest.raises(BadInput, match=f"{tmp_path} holds Training, val, and neither train nor test; an image folder"):
        dataset(f"folder:{tmp_path}", tmp_path)


def test_nothing_is_trained_on_a_folder_of_test_images_and_models_are_evaluated_on_it(bench, tmp_path):
    write_class_folders(tmp_path / "mine", ["cat", "dog"])
    code, _, err = bench("run", "--methods", "Standard", "--dataset", "folder:mine")
    assert (code, err.count("\n")) == (2, 1)
    assert "is a test set without training images" in err
    (tmp_path / "net.py").write_text(
        "from torch import nn\ndef net(): return nn.Sequential(nn.Flatten(), nn.Linear(192, 2))"
    )
    code, out, err = bench("eval", "--model", "net.py:net", "--dataset", "folder:mine", "--attacks", "FGSM")
    assert code == 0, err
    assert "n=2" in out
