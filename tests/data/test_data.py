"""Data sets, their readers, and training batches."""

import hashlib
import os
import pickle
import re
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torchvision.datasets import CIFAR10

from bench.core.errors import BadInput, UnknownName
from bench.data.dataset import DATASETS, stratified_order
from bench.data.images import Images
from bench.data.loader import epoch_batches, to_float
from bench.data.lookup import dataset
from bench.data.sets.cifar import CLASSES
from bench.data.sets.imagenet_100 import choose_classes

NOWHERE = Path("/nonexistent")


def write_folder(root: Path, *, size: int = 8, mode: str = "RGB", per_class: int = 6, classes=("cat", "dog")) -> Path:
    """Image i of class k is painted with the value 20 k + i; the test images with 1 more."""
    for s, split in enumerate(("train", "test")):
        for k, name in enumerate(classes):
            (root / split / name).mkdir(parents=True)
            for i in range(per_class):
                array = np.full((size, size, 3), 20 * k + i + s, np.uint8)
                Image.fromarray(array).convert(mode).save(root / split / name / f"{i:04}.png")
    return root


def same(a: Images, b: Images) -> bool:
    return torch.equal(a.x, b.x) and torch.equal(a.y, b.y)


# data sets that are registered


@pytest.mark.parametrize("name", DATASETS)
def test_defaults_fit_together(name):
    data = DATASETS[name]
    assert data.name == name
    assert len(data.mean) == len(data.std) == data.shape[0]
    assert data.num_classes == len(set(data.classes))


def test_unknown_name_gets_a_suggestion():
    with pytest.raises(UnknownName, match="did you mean cifar10"):
        dataset("cifar-10", NOWHERE)


def test_digits_splits():
    data = dataset("digits", NOWHERE)
    train, test = data.load("train", NOWHERE), data.load("test", NOWHERE)
    assert (train.x.shape, test.x.shape) == ((1497, 1, 8, 8), (300, 1, 8, 8))
    assert (train.x.dtype, train.y.dtype) == (torch.uint8, torch.int64)
    assert (train.x.min(), train.x.max()) == (0, 255)
    assert set(torch.cat([train.x, test.x]).unique().tolist()) == {round(v * 255 / 16) for v in range(17)}
    assert test.y.bincount().tolist() == [30] * 10
    stored = load_digits()  # which reads the same file, in its order
    order = stratified_order(stored.target, even=True)
    levels = torch.from_numpy(stored.images[order, None] * (255 / 16)).round()
    assert torch.equal(test.y, torch.from_numpy(stored.target[order[:300]]))
    assert torch.equal(test.x.double(), levels[:300])
    assert torch.equal(train.x.double(), levels[300:][stratified_order(stored.target[order[300:]], even=True)])
    pixels = to_float(train.x)
    assert pixels.mean().item() == pytest.approx(data.mean[0], abs=1e-4)
    assert pixels.std().item() == pytest.approx(data.std[0], abs=1e-4)


def test_order_never_changes():
    data = dataset("digits", NOWHERE)
    assert data.load("train", NOWHERE).fingerprint() == "35090ad1b2ce56eb"
    assert data.load("test", NOWHERE).fingerprint() == "d2fd90b205745982"


@pytest.mark.parametrize("split", ["train", "test"])
def test_limits_are_balanced_and_nested(split):
    data = dataset("digits", NOWHERE)
    whole = data.load(split, NOWHERE)
    for limit in (1, 7, 10, 123, 300):
        part = data.load(split, NOWHERE, limit)
        counts = part.y.bincount(minlength=10)
        assert same(part, whole.first(limit))
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("limit", [0, -1, 1498])
def test_limit_out_of_range(limit):
    with pytest.raises(BadInput, match=f"limit of {limit} does not fit the train split of digits; give 1 to 1497"):
        dataset("digits", NOWHERE).load("train", NOWHERE, limit)


def test_stratified_prefixes_keep_proportions():
    y = np.repeat([0, 1], [300, 100])
    order = stratified_order(y)
    assert sorted(order) == list(range(400))
    for n in (4, 40, 100):
        assert abs(np.sum(y[order[:n]] == 1) - n / 4) <= 1
    assert np.sum(y[stratified_order(y, even=True)[:100]] == 1) == 50


def test_fingerprint_sees_pixels_labels_shapes_and_order():
    x = torch.arange(24, dtype=torch.uint8).view(2, 3, 2, 2)
    images = Images(x, torch.tensor([0, 1]))
    others = [
        Images(x + 1, images.y),
        Images(x, torch.tensor([1, 0])),
        Images(x.view(2, 3, 1, 4), images.y),
        Images(x.flip(0), images.y.flip(0)),
    ]
    assert len({i.fingerprint() for i in [images, *others]}) == 5
    assert images.fingerprint() == images.to("cpu").fingerprint() == images.first(2).fingerprint()


# image folders


def test_a_part_is_pickled_without_the_images_around_it():
    images = Images(torch.arange(200 * 64, dtype=torch.uint8).view(200, 1, 8, 8), torch.arange(200) % 10)
    part = images.part(150, 160)
    sent = pickle.dumps(part)
    assert len(sent) < len(pickle.dumps(images)) / 4
    assert pickle.loads(sent).fingerprint() == part.fingerprint()


def test_folders_of_one_name_and_other_images_have_other_names(tmp_path):
    write_folder(tmp_path / "a" / "cats")
    write_folder(tmp_path / "b" / "cats")
    path = next((tmp_path / "b" / "cats" / "train").rglob("*.png"))
    Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    names = [dataset(f"folder:{tmp_path / which / 'cats'}", NOWHERE).name for which in "ab"]
    assert names[0] != names[1]


def test_folder_is_described_by_its_files(tmp_path):
    write_folder(tmp_path / "my pets!")
    data = dataset(f"folder:{tmp_path / 'my pets!'}", NOWHERE)
    assert (data.classes, data.shape) == (("cat", "dog"), (3, 8, 8))
    assert re.fullmatch(r"folder-my-pets--[0-9a-f]{6}", data.name)
    assert (data.model, data.pad, data.flip) == ("cnn", 1, False)
    values = np.array([0, 1, 2, 3, 4, 5, 20, 21, 22, 23, 24, 25]) / 255
    assert data.mean == pytest.approx([values.mean()] * 3, abs=1e-4)
    assert data.std == pytest.approx([values.std()] * 3, abs=1e-4)
    train = data.load("train", NOWHERE)
    assert sorted(train.x[:, 0, 0, 0].tolist()) == [0, 1, 2, 3, 4, 5, 20, 21, 22, 23, 24, 25]
    assert torch.equal(train.y, (train.x[:, 2, 7, 7] >= 20).long())
    assert same(data.load("train", NOWHERE, 5), train.first(5))


def test_folder_under_the_data_dir(tmp_path):
    write_folder(tmp_path / "grey", mode="L", size=32)
    data = dataset("folder:grey", tmp_path)
    assert (data.shape, data.model, data.model_cuda, data.pad) == ((1, 32, 32), "resnet8", "resnet18", 4)
    assert data.load("test", tmp_path).x.shape == (12, 1, 32, 32)


def test_only_the_images_asked_for_are_decoded(tmp_path):
    root = write_folder(tmp_path, per_class=20)
    data = dataset(f"folder:{root}", NOWHERE)
    shown = data.load("test", NOWHERE, 4)
    wanted = set((shown.x[:, 0, 0, 0] - 1).tolist())
    for k, name in enumerate(data.classes):
        for i in range(20):
            if 20 * k + i not in wanted:
                (root / "test" / name / f"{i:04}.png").write_bytes(b"never opened")
    assert same(data.load("test", NOWHERE, 4), shown)


def test_large_images_come_in_the_same_order(tmp_path):
    data = dataset(f"folder:{write_folder(tmp_path, size=40)}", NOWHERE)
    train = data.load("train", NOWHERE)
    assert torch.equal(train.y, (train.x[:, 0, 20, 20] >= 20).long())


def break_class(root: Path) -> None:
    (root / "test" / "mouse").mkdir()


def break_missing_class(root: Path) -> None:
    for file in (root / "test" / "dog").iterdir():
        file.unlink()
    (root / "test" / "dog").rmdir()


def break_empty(root: Path) -> None:
    for file in (root / "test" / "dog").iterdir():
        file.rename(file.with_suffix(".txt"))


def break_split(root: Path) -> None:
    (root / "test").rename(root / "val")


def break_truncated(root: Path) -> None:
    file = root / "test" / "dog" / "0002.png"
    file.write_bytes(file.read_bytes()[:45])


def break_garbage(root: Path) -> None:
    (root / "test" / "dog" / "0002.png").write_bytes(b"not an image")


def break_size(root: Path) -> None:
    Image.new("RGB", (9, 8)).save(root / "test" / "dog" / "0002.png")


def break_depth(root: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(root / "test" / "dog" / "0002.png")


def second(root: Path) -> Path:
    return root / "test" / "dog" / "0002.png"


def break_depth_of_colours(root: Path) -> None:
    """A PNG of 8x8 pixels, 16 bits a channel, which Pillow does not write."""
    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(bytes(8 * (1 + 8 * 6))), b"IEND": b""}
    sealed = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks.items()]
    second(root).write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(sealed))


def break_frames(root: Path) -> None:
    frames = [Image.new("RGB", (8, 8), (k, 0, 0)) for k in range(3)]
    frames[0].save(root / "test" / "dog" / "film.tif", save_all=True, append_images=frames[1:])


def break_bomb(root: Path) -> None:
    """A PNG that says it has a billion pixels."""
    content = bytearray(second(root).read_bytes())
    content[16:24] = struct.pack(">II", 40_000, 25_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    second(root).write_bytes(content)


def break_pipe(root: Path) -> None:
    os.mkfifo(root / "test" / "dog" / "pipe.png")


def break_link(root: Path) -> None:
    (root / "test" / "dog" / "lost.png").symlink_to(root / "nowhere.png")


def break_circle(root: Path) -> None:
    (root / "test" / "dog" / "again").symlink_to(root / "test")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (break_depth_of_colours, "0002.png has 16 bits a channel; save it with 8"),
        (break_frames, "film.tif holds 3 pictures; save each in a file of its own"),
        (break_bomb, "cannot read the image .*0002.png .*decompression bomb"),
        (break_pipe, "pipe.png is a link to nothing, a pipe or a device, and no image"),
        (break_link, "lost.png is a link to nothing, a pipe or a device, and no image"),
        (break_circle, "dog/again is a link to a folder that it lies in, so its images have no end"),
        (break_class, "test/mouse is not a class of this data set; wanted: cat, dog"),
        (break_missing_class, "test/dog is missing; wanted: cat, dog"),
        (break_empty, "no image in .*test/dog"),
        (break_split, "cannot list .*test .No such file"),
        (break_truncated, "cannot read the image .*test/dog/0002.png"),
        (break_garbage, "cannot read the image .*test/dog/0002.png"),
        (break_size, "0002.png is 9x8 pixels; all images here must be 8x8"),
        (break_depth, "0002.png has pixels of type I;16"),
    ],
)
def test_broken_folder(tmp_path, damage, message):
    data = dataset(f"folder:{write_folder(tmp_path)}", NOWHERE)
    damage(tmp_path)
    with pytest.raises(BadInput, match=message) as error:
        data.load("test", NOWHERE)
    assert "\n" not in str(error.value)


def test_images_of_every_kind_are_read_and_other_files_are_named(tmp_path, caplog):
    root = write_folder(tmp_path, per_class=1)
    for k, suffix in enumerate(["jpg", "JPEG", "ppm", "bmp", "tif", "tiff", "webp"]):
        Image.new("RGB", (8, 8), (100 + k,) * 3).save(root / "test" / "dog" / f"other.{suffix}")
    Image.new("L", (8, 8), 120).save(root / "test" / "dog" / "other.pgm")
    (root / "test" / "dog" / "more" / "still more").mkdir(parents=True)
    Image.new("RGB", (8, 8), (130,) * 3).save(root / "test" / "dog" / "more" / "still more" / "deep.png")
    for name in ("notes.txt", "film.gif", ".hidden"):
        (root / "test" / "dog" / name).write_bytes(b"no image that is read")
    Image.new("RGB", (8, 8)).save(root / "test" / "loose.png")
    test = dataset(f"folder:{root}", NOWHERE).load("test", NOWHERE)
    assert test.y.tolist().count(1) == 10
    assert {21, 100, 120, 130} < set(test.x[:, 0, 0, 0].tolist())  # beside those of lossy formats
    counted, loose = "left out 2 files without an image's name (1 .gif, 1 .txt)", "left out 1 image in no class"
    assert sum(counted in message for message in caplog.messages) == sum(loose in m for m in caplog.messages) == 1


def test_what_is_transparent_or_printed_in_four_colours_is_read_without_a_warning(tmp_path):
    root = write_folder(tmp_path, per_class=1)
    palette = Image.new("P", (8, 8), 3)
    palette.putpalette([7, 8, 9] * 256)
    palette.save(root / "test" / "dog" / "palette.png", transparency=bytes(range(256)))
    Image.new("RGBA", (8, 8), (50, 60, 70, 0)).save(root / "test" / "dog" / "alpha.png")
    Image.new("CMYK", (8, 8), (0, 0, 0, 255)).save(root / "test" / "dog" / "press.tif")
    colours = {tuple(image[:, 0, 0].tolist()) for image in dataset(f"folder:{root}", NOWHERE).load("test", NOWHERE).x}
    assert {(7, 8, 9), (50, 60, 70), (0, 0, 0)} < colours


def test_a_first_image_of_more_pixels_than_are_safe_is_refused(tmp_path):
    root = write_folder(tmp_path, per_class=1)
    Image.new("1", (10_000, 10_000)).save(root / "train" / "cat" / "0000.png")
    with pytest.raises(BadInput, match=r"cannot read the image .*0000.png .*exceeds limit of"):
        dataset(f"folder:{root}", NOWHERE)


def test_one_class_is_not_a_data_set(tmp_path):
    with pytest.raises(BadInput, match="holds 1 class folders; at least 2"):
        dataset(f"folder:{write_folder(tmp_path, classes=('cat',))}", NOWHERE)


def test_colour_among_grey_is_refused_and_grey_among_colour_is_not(tmp_path):
    grey, colour = write_folder(tmp_path / "grey", mode="L"), write_folder(tmp_path / "colour")
    sets = [dataset(f"folder:{root}", NOWHERE) for root in (grey, colour)]
    Image.new("RGB", (8, 8)).save(grey / "test" / "dog" / "0002.png")
    Image.new("L", (8, 8), 77).save(colour / "test" / "dog" / "0002.png")
    with pytest.raises(BadInput, match="is in colour, but the first image is grey"):
        sets[0].load("test", NOWHERE)
    assert (sets[1].load("test", NOWHERE).x == 77).all((1, 2, 3)).sum() == 1


# cifar10 and its three layouts


def tiny_cifar(n: int = 20) -> dict[str, np.ndarray]:
    rng = np.random.RandomState(0)
    x = rng.randint(0, 256, (2, n, 32, 32, 3)).astype(np.uint8)
    y = np.arange(n) % 10
    return {"x_train": x[0], "y_train": y, "x_test": x[1], "y_test": y[::-1]}


def test_cifar_missing_says_where_and_what(tmp_path):
    with pytest.raises(BadInput, match=r"no cifar10 under .*cifar-10-batches-py/.*cifar10/\{train,test\}.*cifar10.npz"):
        dataset("cifar10", tmp_path).load("test", tmp_path)


def test_cifar_npz_keeps_the_test_order(tmp_path):
    arrays = tiny_cifar()
    np.savez(tmp_path / "cifar10.npz", **arrays)
    test = dataset("cifar10", tmp_path).load("test", tmp_path, 7)
    assert np.array_equal(test.x, arrays["x_test"][:7].transpose(0, 3, 1, 2))
    assert test.y.tolist() == arrays["y_test"][:7].tolist()
    assert dataset("cifar10", tmp_path).load("train", tmp_path, 10).y.sort()[0].tolist() == list(range(10))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_test": np.zeros((20, 32, 32, 3), np.float32)}, "x_test in .*cifar10.npz is float32"),
        ({"x_test": np.zeros((20, 3, 32, 32), np.uint8)}, r"it must be uint8 \(N, 32, 32, 3\)"),
        ({"x_test": np.zeros((0, 32, 32, 3), np.uint8)}, "with N > 0"),
        ({"y_test": np.zeros(19, np.int64)}, r"y_test in .* is int64 \(19,\); it must be whole numbers \(20,\)"),
        ({"y_test": np.zeros(20)}, "y_test in .* is float64"),
        ({"y_test": np.arange(20)}, "labels 0 to 19; they must lie in 0 to 9"),
        ({"y_test": np.array([None] * 20)}, r"y_test in .* is object \(20,\); it must be whole numbers"),
        ({"y_test": None}, "cannot read the test split of .*There is no item named 'y_test.npy' in the archive"),
    ],
)
def test_broken_npz(tmp_path, change, message):
    arrays = {name: array for name, array in (tiny_cifar() | change).items() if array is not None}
    np.savez(tmp_path / "cifar10.npz", **arrays)
    with pytest.raises(BadInput, match=message):
        dataset("cifar10", tmp_path).load("test", tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"\x93NUMPY"])
def test_npz_that_is_none(tmp_path, content):
    (tmp_path / "cifar10.npz").write_bytes(content)
    with pytest.raises(BadInput, match="cannot read the test split of"):
        dataset("cifar10", tmp_path).load("test", tmp_path)


def test_an_archive_that_claims_more_images_than_memory_holds_is_refused_unread(tmp_path):
    with zipfile.ZipFile(tmp_path / "cifar10.npz", "w") as archive, archive.open("x_test.npy", "w") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (10**12, 32, 32, 3)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(
        BadInput, match=r"1000000000000 images of x_test in .*cifar10.npz take \d+ GiB and this machine"
    ):
        dataset("cifar10", tmp_path).load("test", tmp_path)


def test_of_two_layouts_the_first_is_read_and_the_other_is_named(tmp_path, caplog):
    np.savez(tmp_path / "cifar10.npz", **tiny_cifar())
    write_folder(tmp_path / "cifar10", size=32, classes=CLASSES, per_class=1)
    assert len(dataset("cifar10", tmp_path).load("test", tmp_path)) == 10
    assert caplog.messages == [f"cifar10 is read from {tmp_path}/cifar10, and {tmp_path}/cifar10.npz left out"]


def test_cifar_folder_has_official_classes(tmp_path):
    write_folder(tmp_path / "cifar10", size=32, per_class=2, classes=CLASSES)
    np.savez(tmp_path / "cifar10.npz", **tiny_cifar(10))  # comes after the folder
    test = dataset("cifar10", tmp_path).load("test", tmp_path)
    assert len(test) == 20
    assert torch.equal(test.x[:, 0, 0, 0] // 20, test.y)


def test_cifar_official_files_need_their_checksums(tmp_path, monkeypatch):
    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    (folder / "test_batch").write_bytes(pickle.dumps("tampered with"))
    with pytest.raises(BadInput, match="cifar-10-batches-py is incomplete or fails its checksums"):
        dataset("cifar10", tmp_path).load("test", tmp_path)
    for name, content in {
        "test_batch": {"data": np.arange(2 * 3072).reshape(2, 3072).astype(np.uint8), "labels": [3, 8]},
        "batches.meta": {"label_names": list(CLASSES)},
    }.items():
        (folder / name).write_bytes(pickle.dumps(content))
    digests = {f.name: hashlib.md5(f.read_bytes()).hexdigest() for f in folder.iterdir()}
    monkeypatch.setattr(CIFAR10, "train_list", [])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", digests["test_batch"]]])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": digests["batches.meta"]}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    test = dataset("cifar10", tmp_path).load("test", tmp_path)
    assert torch.equal(test.x.flatten(), torch.arange(2 * 3072).to(torch.uint8))
    assert test.y.tolist() == [3, 8]


# training batches


def numbered(n: int, size: int = 6) -> Images:
    x = torch.randint(1, 256, (n, 3, size, size + 1), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Images(x, torch.arange(n))


@pytest.mark.parametrize(
    ("n", "size", "batches"), [(10, 4, [4, 4]), (8, 4, [4, 4]), (5, 4, [4]), (3, 4, [3]), (4, 4, [4])]
)
def test_batches_are_full(n, size, batches):
    assert [len(y) for _, y in epoch_batches(numbered(n), size, pad=0, flip=False)] == batches


def test_unaugmented_batches_are_the_images_in_a_new_order():
    images, seen = numbered(40), []
    for _ in range(2):
        x, y = (torch.cat(part) for part in zip(*epoch_batches(images, 8, pad=0, flip=False), strict=True))
        assert torch.equal(x, images.x[y] / 255)
        assert sorted(y.tolist()) == list(range(40))
        seen.append(y)
    assert not torch.equal(*seen)


def test_order_depends_on_the_seed_and_not_on_what_is_drawn_between_batches():
    def epoch(disturb: bool) -> torch.Tensor:
        torch.manual_seed(1)
        parts = []
        for x, _ in epoch_batches(numbered(40), 8, pad=2, flip=True):
            parts.append(x)
            if disturb:
                torch.rand(3)
        return torch.cat(parts)

    assert torch.equal(epoch(disturb=False), epoch(disturb=True))


def reference(image: np.ndarray, row: int, column: int, pad: int, mirrored: bool) -> np.ndarray:
    """Crop and flip, pixel by pixel."""
    height, width = image.shape[1:]
    out = np.zeros_like(image)
    for i in range(height):
        for j in range(width):
            a, b = i + row - pad, (width - 1 - j if mirrored else j) + column - pad
            if 0 <= a < height and 0 <= b < width:
                out[:, i, j] = image[:, a, b]
    return out


@pytest.mark.parametrize(("pad", "flip"), [(2, True), (2, False), (0, True)])
def test_every_batch_image_is_one_crop_and_flip_of_its_original(pad, flip):
    images = numbered(300)
    used = set()
    for x, y in epoch_batches(images, 100, pad=pad, flip=flip):
        for shown, label in zip(x, y, strict=True):
            pixels = (shown * 255).round().to(torch.uint8).numpy()
            matches = [
                (row, column, mirrored)
                for row in range(2 * pad + 1)
                for column in range(2 * pad + 1)
                for mirrored in ((False, True) if flip else (False,))
                if np.array_equal(pixels, reference(images.x[label].numpy(), row, column, pad, mirrored))
            ]
            assert len(matches) == 1
            used |= set(matches)
    assert len(used) == (2 * pad + 1) ** 2 * (2 if flip else 1)  # all of them occur, each image has its own


def test_a_download_is_asked_of_torchvision_and_its_failure_is_one_line(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("torchvision.datasets.CIFAR10", lambda root, download: calls.append((root, download)))
    DATASETS["cifar10"].fetch(tmp_path)
    assert calls == [(tmp_path, True)]

    def offline(root, download):
        raise OSError("no route")

    monkeypatch.setattr("torchvision.datasets.CIFAR10", offline)
    with pytest.raises(BadInput, match=r"cifar10 could not be downloaded into .* \(no route\); put its files there"):
        DATASETS["cifar10"].fetch(tmp_path)


# imagenet-100


def write_imagenet(root: Path, classes: int, per_class: int = 20) -> Path:
    """Photographs of 12x9, each of a grey of its own within its class."""
    for k in range(classes):
        (root / f"imagenet/train/n{k:08}").mkdir(parents=True)
        for i in range(per_class):
            Image.new("L", (12, 9), 10 * i).save(root / f"imagenet/train/n{k:08}/{i:02}.JPEG")
    return root


def test_the_list_of_imagenet_100_is_what_was_published():
    places = [int(name) for name in choose_classes([f"{i:03}" for i in range(1000)])]
    assert places == sorted(np.random.RandomState(100).permutation(1000)[:100].tolist())
    assert places[:8] == [19, 24, 40, 43, 44, 46, 48, 51]


def test_imagenet_100_holds_out_a_tenth_of_each_class(tmp_path):
    data = dataset("imagenet-100", write_imagenet(tmp_path, 101))
    assert (data.name, data.num_classes, data.shape) == ("imagenet-100-of-101", 100, (3, 224, 224))
    train, test = (data.read(split, tmp_path) for split in ("train", "test"))
    assert np.bincount(train.y).tolist() == [18] * 100
    assert np.bincount(test.y).tolist() == [2] * 100
    greys = [source.pixels(np.flatnonzero(source.y == 7))[:, 0, 0, 0].tolist() for source in (train, test)]
    assert sorted(greys[0] + greys[1]) == [10 * i for i in range(20)]  # every picture is in one of the two
    few = data.load("test", tmp_path, 3)
    assert few.x.shape == (3, 3, 224, 224)
    assert same(few, dataset("imagenet-100", tmp_path).load("test", tmp_path, 3))


def test_imagenet_100_that_is_not_there(tmp_path):
    with pytest.raises(BadInput, match="imagenet/train; ImageNet is imagenet/train/<class>"):
        dataset("imagenet-100", tmp_path)
    with pytest.raises(BadInput, match="holds 2 class folders; 100 or more are needed"):
        dataset("imagenet-100", write_imagenet(tmp_path / "few", 2))
    data = dataset("imagenet-100", write_imagenet(tmp_path / "thin", 100, per_class=4))
    with pytest.raises(BadInput, match="holds 4 images; a tenth of them is none"):
        data.read("test", tmp_path)
