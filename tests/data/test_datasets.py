"""The data sets of the papers, from small files of the official formats."""

import gzip
import hashlib
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from torchvision.datasets import CIFAR100, STL10, SVHN

import bench.data.memory
from bench.core.errors import BadInput
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS
from bench.data.lookup import dataset
from bench.data.sets.imagenet_100 import resize
from bench.evaluation.corruption_conditions import corruption_conditions

KNOWN = ["cifar10", "cifar100", "svhn", "fashion-mnist", "mnist", "gtsrb", "stl10"]


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def pixels(count: int, size: int) -> np.ndarray:
    return np.random.RandomState(0).randint(0, 256, (count, size, size, 3)).astype(np.uint8)


def paint(path: Path, value: int, size: int = 64) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (size, size), int(value)).save(path)


# what they share


@pytest.mark.parametrize("name", KNOWN)
def test_one_that_is_nowhere_says_where_it_is_looked_for(name, tmp_path):
    wanted = rf"no {name} under .*\(the official files\), {name}/\{{train,test\}}.*{name}.npz, .* give --download"
    with pytest.raises(BadInput, match=wanted):
        dataset(name, tmp_path).load("test", tmp_path)


@pytest.mark.parametrize("name", [*KNOWN, "tiny-imagenet"])
def test_an_archive_and_before_it_a_folder_will_do(name, tmp_path):
    data = dataset(name, tmp_path)
    channels, size, _ = data.shape
    x, y = pixels(4, size)[..., :channels], np.array([3, 1, 9, 0])
    np.savez(tmp_path / f"{name}.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    test = data.load("test", tmp_path)
    assert np.array_equal(test.x, x.transpose(0, 3, 1, 2))
    assert test.y.tolist() == y.tolist()
    for split in ("train", "test"):
        for k, label in enumerate(data.classes):
            paint(tmp_path / name / split / label / "0.png", k, size)
    again = dataset(name, tmp_path)  # the classes of a folder are sorted
    test = again.load("test", tmp_path)
    assert [data.classes[value] for value in test.x[:, 0, 0, 0]] == [again.classes[y] for y in test.y]
    assert test.x.shape == (data.num_classes, *data.shape)


@pytest.mark.parametrize("name", KNOWN[1:])
def test_a_download_that_fails_is_one_line(name, tmp_path, monkeypatch):
    def offline(*arguments, **settings):
        raise OSError("no route")

    for kind in ("CIFAR100", "SVHN", "FashionMNIST", "MNIST", "GTSRB", "STL10"):
        monkeypatch.setattr(f"torchvision.datasets.{kind}.__init__", offline)
    with pytest.raises(BadInput, match=rf"{name} could not be downloaded into .* \(no route\); put its files there"):
        DATASETS[name].fetch(tmp_path)


def test_images_that_memory_does_not_hold_are_refused_before_they_are_read(monkeypatch):
    monkeypatch.setattr(bench.data.memory, "available_memory", lambda: 50 * 64)
    digits = DATASETS["digits"]
    assert len(digits.load("train", Path(), 50)) == 50
    with pytest.raises(BadInput, match=r"51 train images of digits take 0 GiB .*; give --limit-train fewer"):
        digits.load("train", Path(), 51)


@pytest.mark.parametrize(("text", "count"), [("1073741824\n", 2**30), ("max\n", None)])
def test_a_container_has_no_more_memory_than_it_is_let(tmp_path, monkeypatch, text, count):
    module = bench.data.memory
    monkeypatch.setattr(module, "LIMIT_OF_CONTAINER", tmp_path / "nowhere")
    whole = module.available_memory()
    monkeypatch.setattr(module, "LIMIT_OF_CONTAINER", tmp_path / "memory.max")
    (tmp_path / "memory.max").write_text(text)
    assert module.available_memory() == (count or whole)


# each


def test_cifar100_has_its_fine_labels(tmp_path, monkeypatch):
    folder = tmp_path / CIFAR100.base_folder
    folder.mkdir()
    x = np.arange(2 * 3072).reshape(2, 3072).astype(np.uint8)
    entry = {"data": x, "fine_labels": [99, 19], "coarse_labels": [13, 11]}
    (folder / "test").write_bytes(pickle.dumps(entry))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [*DATASETS["cifar100"].classes]}))
    data = dataset("cifar100", tmp_path)
    with pytest.raises(BadInput, match="cifar-100-python is incomplete or fails its checksums; unpack cifar-100-pyth"):
        data.load("test", tmp_path)
    monkeypatch.setattr(CIFAR100, "train_list", [])
    monkeypatch.setattr(CIFAR100, "test_list", [["test", md5(folder / "test")]])
    monkeypatch.setattr(CIFAR100, "meta", CIFAR100.meta | {"md5": md5(folder / "meta")})
    test = data.load("test", tmp_path)
    assert [data.classes[y] for y in test.y] == ["worm", "cattle"]
    assert np.array_equal(test.x.flatten(), x.flatten())
    (folder / "test").write_bytes(pickle.dumps(entry)[:100])
    with pytest.raises(BadInput, match="is incomplete or fails its checksums"):
        data.load("test", tmp_path)


def test_svhn_calls_a_zero_ten(tmp_path, monkeypatch):
    x, path = pixels(4, 32), tmp_path / "test_32x32.mat"
    savemat(path, {"X": x.transpose(1, 2, 3, 0), "y": np.array([[10], [1], [9], [10]], np.uint8)})
    data = dataset("svhn", tmp_path)
    with pytest.raises(
        BadInput, match=r"test_32x32.mat is missing, incomplete or fails its checksum; put it there aga"
    ):
        data.load("test", tmp_path)
    monkeypatch.setattr(SVHN, "split_list", SVHN.split_list | {"test": ["", path.name, md5(path)]})
    test = data.load("test", tmp_path)
    assert test.y.tolist() == [0, 1, 9, 0]
    assert np.array_equal(test.x, x.transpose(0, 3, 1, 2))
    with pytest.raises(BadInput, match=r"train_32x32.mat is missing, incomplete"):
        data.load("train", tmp_path)
    assert (data.pad, data.flip) == (0, False)


def idx(path: Path, array: np.ndarray) -> None:
    """The format of MNIST's files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())


@pytest.mark.parametrize(
    ("name", "folder", "found"),
    [("fashion-mnist", "FashionMNIST", ["Ankle boot", "T-shirt", "Bag"]), ("mnist", "MNIST", ["9", "0", "8"])],
)
def test_mnist_and_fashion_mnist_are_grey(name, folder, found, tmp_path):
    raw, x = tmp_path / folder / "raw", pixels(3, 28)[..., 0]
    for split in ("train", "t10k"):
        idx(raw / f"{split}-images-idx3-ubyte", x)
        idx(raw / f"{split}-labels-idx1-ubyte", np.array([9, 0, 8], np.uint8))
    data = dataset(name, tmp_path)
    test = data.load("test", tmp_path)
    assert [data.classes[y] for y in test.y] == found
    assert np.array_equal(test.x[:, 0], x)
    path = raw / "t10k-images-idx3-ubyte"
    for broken in (path.read_bytes()[:900], b"", gzip.compress(path.read_bytes())):
        path.write_bytes(broken)
        with pytest.raises(BadInput, match="lacks one of its 4 files, or one is broken"):
            data.load("test", tmp_path)
    path.unlink()
    with pytest.raises(BadInput, match="lacks one of its 4 files, or one is broken"):
        data.load("train", tmp_path)


def write_stl10(data_dir: Path) -> dict[str, np.ndarray]:
    """Official files of 10 training and 20 test images, stored by column; the images (N, 96, 96, 3) by split."""
    folder, stored = data_dir / STL10.base_folder, dict[str, np.ndarray]()
    folder.mkdir()
    for split, count in (("train", 10), ("test", 20)):
        stored[split] = np.random.RandomState(count).randint(0, 256, (count, 96, 96, 3)).astype(np.uint8)
        stored[split].transpose(0, 3, 2, 1).tofile(folder / f"{split}_X.bin")
        (np.arange(count) % 10 + 1).astype(np.uint8).tofile(folder / f"{split}_y.bin")
    return stored


def test_stl10_is_stored_by_column_and_needs_no_unlabelled_images(tmp_path, monkeypatch):
    stored, folder = write_stl10(tmp_path), tmp_path / STL10.base_folder
    data = dataset("stl10", tmp_path)
    with pytest.raises(BadInput, match=r"stl10_binary lacks train_X.bin, .* or one fails its checksum; unpack stl10"):
        data.load("test", tmp_path)
    for split in ("train", "test"):
        files = [[f"{split}_{part}.bin", md5(folder / f"{split}_{part}.bin")] for part in "Xy"]
        unlabelled = [entry for entry in STL10.train_list if split == "train" and "unlabeled" in entry[0]]
        monkeypatch.setattr(STL10, f"{split}_list", [*files, *unlabelled])
    test = data.load("test", tmp_path)
    assert [data.classes[y] for y in test.y] == [*data.classes] * 2
    assert np.array_equal(test.x, stored["test"].transpose(0, 3, 1, 2))
    assert data.load("train", tmp_path).y.sort()[0].tolist() == list(range(10))
    (folder / "train_X.bin").write_bytes(b"")
    with pytest.raises(BadInput, match="or one fails its checksum"):
        data.load("train", tmp_path)


def write_gtsrb(data_dir: Path) -> Path:
    """A training image and a test image for each class, of sizes of their own, painted with the number of the class."""
    root, lines = data_dir / "gtsrb/GTSRB", ["Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"]
    for k in range(43):
        size, path = (20 + k, 15 + 2 * k), root / f"Training/{k:05}/00000_00000.ppm"
        path.parent.mkdir(parents=True)
        Image.new("RGB", size, (k, k, k)).save(path)
        (path.parent / f"GT-{k:05}.csv").write_text("Filename;Width;Height\n")
    (root / "Final_Test/Images").mkdir(parents=True)
    for i, k in enumerate(np.random.RandomState(0).permutation(43)):
        Image.new("RGB", (20 + k, 15 + 2 * k), (k, k, k)).save(root / f"Final_Test/Images/{i:05}.ppm")
        lines.append(f"{i:05}.ppm;{20 + k};{15 + 2 * k};5;5;10;10;{k}")
    (data_dir / "gtsrb/GT-final_test.csv").write_text("\n".join(lines) + "\n")
    return root


def test_gtsrb_is_resized_and_its_table_names_the_classes(tmp_path, caplog):
    write_gtsrb(tmp_path)
    data = dataset("gtsrb", tmp_path)
    for split in ("train", "test"):
        images = data.load(split, tmp_path)
        assert images.x.shape == (43, 3, 32, 32)
        assert torch.equal(images.x[:, 1, 16, 16].long(), images.y)
        assert sorted(images.y.tolist()) == list(range(43))
    assert not caplog.messages  # its folder gtsrb/ is not taken for an image folder, nor its tables for images
    path = tmp_path / "gtsrb/halves.png"
    halves = np.zeros((64, 10, 3), np.uint8)
    halves[32:] = 255
    Image.fromarray(halves).save(path)
    columns = resize(str(path), (3, 32, 32))[0, :, 0]  # all of it, out of proportion
    assert (columns[:15] == 0).all()
    assert (columns[17:] == 255).all()


def test_gtsrb_that_is_not_whole_is_one_line(tmp_path):
    root = write_gtsrb(tmp_path)
    data, table = dataset("gtsrb", tmp_path), tmp_path / "gtsrb/GT-final_test.csv"
    table.write_text("Filename;Width\n00000.ppm;20\n")
    with pytest.raises(BadInput, match=r"cannot read test images of .*gtsrb/GTSRB \(the table lacks 'ClassId'\); want"):
        data.load("test", tmp_path)
    table.write_text("Filename;ClassId\n00000.ppm;43\n")
    with pytest.raises(BadInput, match=r"GT-final_test.csv names no images of classes 0 to 42"):
        data.load("test", tmp_path)
    table.unlink()
    with pytest.raises(BadInput, match=r"cannot read test images of .* wanted: gtsrb/GTSRB/Training/<00000 to 00042>/"):
        data.load("test", tmp_path)
    (root / "Training/00007/00000_00000.ppm").unlink()
    with pytest.raises(BadInput, match=r"cannot read train images of .*00007"):
        data.load("train", tmp_path)
    shutil.rmtree(root / "Training/00007")
    with pytest.raises(BadInput, match=r"Training holds 42 class folders other than the 43 of GTSRB; wanted"):
        data.load("train", tmp_path)


def write_tiny(data_dir: Path, classes: int = 200) -> Path:
    """Validation image i is painted with the number of its class, of which there are two each, in no order."""
    root, names = data_dir / "tiny-imagenet-200", [f"n{k:08}" for k in range(classes)]
    for k, name in enumerate(names):
        paint(root / f"train/{name}/images/{name}_0.JPEG", k)
    lines = []
    for i, k in enumerate(np.random.RandomState(0).permutation(np.repeat(np.arange(classes), 2))):
        paint(root / f"val/images/val_{i}.JPEG", k)
        lines.append(f"val_{i}.JPEG\t{names[k]}\t0\t32\t44\t62\n")
    (root / "val/val_annotations.txt").write_text("".join(lines))
    return root


def test_tiny_imagenet_reads_the_classes_of_its_validation_images(tmp_path):
    write_tiny(tmp_path)
    data = dataset("tiny-imagenet", tmp_path)
    assert (data.shape, data.num_classes, data.classes[7]) == ((3, 64, 64), 200, "n00000007")
    for split, count in (("train", 200), ("test", 400)):
        images = data.load(split, tmp_path)
        assert len(images) == count
        assert torch.equal(images.x[:, 0, 0, 0].long(), images.y)
    assert data.load("test", tmp_path, 200).y.bincount().tolist() == [1] * 200


def test_tiny_imagenet_that_is_broken_is_one_line(tmp_path):
    with pytest.raises(BadInput, match=r"no tiny-imagenet under .* or name another --data-dir .or by the variable"):
        dataset("tiny-imagenet", tmp_path).load("test", tmp_path)
    root = write_tiny(tmp_path)
    data, path = dataset("tiny-imagenet", tmp_path), root / "val/val_annotations.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))
    with pytest.raises(BadInput, match=r"val_annotations.txt gives val_39\d.JPEG no class, and 2 others; unpack"):
        data.load("test", tmp_path)
    path.unlink()
    with pytest.raises(BadInput, match=r"cannot read .*val_annotations.txt"):
        data.load("test", tmp_path)
    (root / "train/n00000003/images/n00000003_0.JPEG").unlink()
    with pytest.raises(BadInput, match=r"no image in .*n00000003/images"):
        data.load("train", tmp_path)
    write_tiny(tmp_path / "few", 3)
    with pytest.raises(BadInput, match="holds 3 class folders; Tiny ImageNet has 200"):
        dataset("tiny-imagenet", tmp_path / "few")


def write_imagenet(data_dir: Path, classes: int = 1000) -> Path:
    root = data_dir / "imagenet"
    for k in range(classes):
        paint(root / f"train/n{k:08}/n{k:08}_1.JPEG", k % 256, 8)
        paint(root / f"val/n{k:08}/ILSVRC2012_val_{k:08}.JPEG", k % 256, 8)
    return root


def test_imagenet_is_cut_out_of_the_middle_of_its_pictures(tmp_path):
    root = write_imagenet(tmp_path)
    data = dataset("imagenet", tmp_path)
    assert (data.num_classes, data.shape, data.threat) == (1000, (3, 224, 224), Linf(4 / 255))
    few = data.load("test", tmp_path, 3)
    assert few.x.shape == (3, 3, 224, 224)
    assert (few.x[:, 0, 9, 9].int() - few.y % 256).abs().max() <= 1  # JPEG
    halves = np.zeros((20, 10), np.uint8)
    halves[10:] = 255  # 256 x 512 once resized: rows 144 to 367 are kept
    path = root / "train/n00000000/n00000000_1.JPEG"
    Image.fromarray(halves).save(path, "PNG")
    source = data.read("train", tmp_path)
    (image,) = source.pixels(np.flatnonzero(source.y == 0))
    assert image[0, :90].max() < 5
    assert image[0, 134:].min() > 250


def test_imagenet_that_is_not_whole_is_one_line(tmp_path):
    with pytest.raises(BadInput, match=r"no .*imagenet/train; ImageNet is imagenet/train/<class>/"):
        dataset("imagenet", tmp_path)
    root = write_imagenet(tmp_path, 3)
    with pytest.raises(BadInput, match="holds 3 class folders; ImageNet has 1000"):
        dataset("imagenet", tmp_path)
    (root / "val").rename(root / "flat")
    with pytest.raises(BadInput, match=r"no .*imagenet/val; ImageNet is"):
        dataset("imagenet", tmp_path)


# their published corruptions


def test_cifar_100_c_is_found(tmp_path):
    x, y = pixels(10, 32), np.arange(10)
    np.savez(tmp_path / "cifar100.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    (tmp_path / "CIFAR-100-C").mkdir()
    np.save(tmp_path / "CIFAR-100-C/fog.npy", np.concatenate([x] * 5))
    np.save(tmp_path / "CIFAR-100-C/labels.npy", np.tile(y, 5))
    paired(tmp_path, "cifar100", "CIFAR-100-C")


def test_what_a_published_set_lacks_is_named_and_what_is_no_array_refused(tmp_path, caplog):
    x, y = pixels(10, 32), np.arange(10)
    np.savez(tmp_path / "cifar10.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    data, folder = dataset("cifar10", tmp_path), tmp_path / "CIFAR-10-C"
    test = data.load("test", tmp_path)
    folder.mkdir()
    assert len(list(corruption_conditions(["snow", "rotation"], (1, 3), data, test, tmp_path))) == 4
    assert caplog.messages == [f"{folder} lacks snow at severity 1, 3, which is generated here; its rows say so"]
    np.save(folder / "labels.npy", np.tile(y, 5))
    np.save(folder / "snow.npy", np.array([None] * 50))
    with pytest.raises(BadInput, match=r"snow\.npy holds Python objects, which are not opened"):
        next(corruption_conditions(["snow"], (1,), data, test, tmp_path))
    np.save(folder / "labels.npy", np.tile(y, 5) / 2)
    with pytest.raises(
        BadInput, match=r"labels\.npy holds labels float64 \(50,\); cifar10 needs whole numbers \(50,\)"
    ):
        next(corruption_conditions(["snow"], (1,), data, test, tmp_path))


@pytest.mark.parametrize(
    ("name", "folder", "write"),
    [("tiny-imagenet", "Tiny-ImageNet-C", write_tiny), ("imagenet", "ImageNet-C", write_imagenet)],
)
def test_published_folders_are_paired_with_the_test_images(name, folder, write, tmp_path):
    root, data = write(tmp_path), dataset(name, tmp_path)
    for label in data.classes:
        if name == "imagenet":
            files = {path.name: int(label[1:]) % 256 for path in (root / "val" / label).iterdir()}
        else:
            lines = (root / "val/val_annotations.txt").read_text().splitlines()
            files = {line.split("\t")[0]: int(label[1:]) for line in lines if line.split("\t")[1] == label}
        for file, value in files.items():
            paint(tmp_path / folder / "fog/2" / label / file, value, data.shape[1])
    paired(tmp_path, name, folder)


def paired(data_dir: Path, name: str, folder: str) -> None:
    """The published images are those of the test, here without any change."""
    data = dataset(name, data_dir)
    few = data.load("test", data_dir, 10)
    ids = range(10)
    (condition,) = corruption_conditions(["fog"], [2], data, data.load("test", data_dir), data_dir)
    assert f'"set": "{folder}"' in condition.params
    assert (condition.images(few.x, ids, 10) - few.x / 255).abs().max() <= 1 / 255 + 1e-6
