"""Images that stay in their files until they are used: equal to those in memory, bounded, and checked for changes."""

import os
import pickle
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from image_trees import write_tree
from PIL import Image

from bench.core.errors import BadInput
from bench.core.rng import fixed_seed
from bench.data.cache import ImageCache
from bench.data.files import file_pixels, fingerprint
from bench.data.files.read_ahead import read_ahead
from bench.data.images import Images
from bench.data.loader import epoch_batches
from bench.data.lookup import dataset
from bench.data.memory import DataMemory, data_memory

SIZE, SHAPE = 40, (3, 40, 40)  # larger than the images that one thread reads
BYTES = 3 * SIZE * SIZE  # of an image
LITTLE = DataMemory(limit=16 * BYTES)  # 4 images are decoded ahead


@pytest.fixture
def tree(tmp_path) -> Path:
    return write_tree(tmp_path / "tree", train=15, test=10, size=SIZE)


@pytest.fixture
def both(tree, tmp_path) -> tuple[Images, Images]:
    """The training images in memory, and in files."""
    return load(tree, tmp_path), load(tree, tmp_path, LITTLE)


def load(tree: Path, data_dir: Path, memory: DataMemory | None = None, split: str = "train") -> Images:
    return dataset(f"folder:{tree}", data_dir).load(split, data_dir, memory=memory)


def files_of(images: Images) -> file_pixels.FilePixels:
    assert isinstance(images.x, file_pixels.FilePixels)
    return images.x


def path_of(images: Images, place: int) -> Path:
    x = files_of(images)
    return Path(x.files.paths[x.chosen[place]])


def count_reads(images: Images) -> tuple[Images, list[str]]:
    """The images, and a list to which the path of each file is added that is read."""
    x, seen = files_of(images), list[str]()

    def read(path, shape):
        seen.append(path)
        return x.files.read(path, shape)

    read.__module__, read.__qualname__ = x.files.read.__module__, x.files.read.__qualname__
    return replace(images, x=replace(x, files=replace(x.files, read=read), fingerprints={})), seen


# equal to what is in memory


def test_pixels_are_those_in_memory(both):
    kept, files = both
    assert torch.equal(files.y, kept.y)
    assert (len(files), tuple(files.x.shape), files.x.dtype) == (30, tuple(kept.x.shape), kept.x.dtype)
    some = torch.tensor([7, 0, 29, 7])
    for index in (slice(None), slice(5, 20), slice(3), slice(28, 99), some, some.tolist(), some[:0]):
        assert torch.equal(files.x[index], kept.x[index])
    parts = [some, torch.arange(3), some[:0]]
    assert all(torch.equal(a, b) for a, b in zip(files.batches(parts), kept.batches(parts), strict=True))


def test_parts_are_those_in_memory(both):
    kept, files = both
    for cut in (lambda x: x.first(7), lambda x: x.part(5, 25).part(3, 9), lambda x: x.part(20, 99).to("cpu")):
        assert torch.equal(cut(files).x[:], cut(kept).x)
        assert cut(files).fingerprint() == cut(kept).fingerprint()


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("pad", [0, 3])
def test_batches_of_an_epoch_do_not_depend_on_threads(both, monkeypatch, threads, pad):
    monkeypatch.setattr(file_pixels, "cores", lambda: threads)
    found = []
    for images in both:
        with fixed_seed("epoch"):
            found.append([*epoch_batches(images, 8, pad=pad, flip=True)])
    assert len(found[0]) == 3
    for (x, y), (other, labels) in zip(*found, strict=True):
        assert torch.equal(x, other)
        assert torch.equal(y, labels)


def test_images_that_travel_to_another_process_are_the_same(both):
    kept, files = both
    assert torch.equal(pickle.loads(pickle.dumps(files)).x[:], kept.x)
    assert len(pickle.dumps(files)) < BYTES * len(files) / 4


# memory


def test_what_fits_is_kept_and_what_does_not_is_read_from_its_files(tree, tmp_path):
    cache = ImageCache(tmp_path, DataMemory(limit=40 * BYTES))  # 30 of which are for images that are kept
    data = dataset(f"folder:{tree}", tmp_path)
    assert isinstance(cache.load(data, "test").x, torch.Tensor)
    assert files_of(cache.load(data, "train")).ahead == 10
    assert isinstance(cache.load(data, "train", 10).x, torch.Tensor)
    assert isinstance(cache.load(data, "train", 11).x, file_pixels.FilePixels)
    shared = ImageCache(tmp_path, DataMemory(limit=40 * BYTES, processes=2))
    assert isinstance(shared.load(data, "test").x, file_pixels.FilePixels)


def test_no_more_is_decoded_ahead_than_memory_holds():
    decoded = list[int]()
    values = read_ahead(lambda key: decoded.append(key) or key, range(50), ahead=4, threads=3)
    for place, value in enumerate(values):
        assert value == place
        assert len(decoded) - (place + 1) < 4
    assert sorted(decoded) == list(range(50))


def test_reading_stops_when_nobody_wants_more():
    decoded = list[int]()
    values = read_ahead(lambda key: decoded.append(key) or key, range(10**6), ahead=3, threads=2)
    next(values)
    values.close()
    assert len(decoded) <= 3


def test_an_epoch_takes_the_memory_of_a_few_images(tmp_path):
    tree = write_tree(tmp_path / "tree", train=60, test=1, size=60)
    whole = 120 * 3 * 60 * 60
    images = load(tree, tmp_path, DataMemory(limit=whole / 10))
    tracemalloc.start()
    try:
        for x, _ in epoch_batches(images, 4, pad=0, flip=False):
            assert len(x) == 4
        assert tracemalloc.get_traced_memory()[1] < whole / 4
    finally:
        tracemalloc.stop()


def test_memory_that_is_too_little_is_refused(tree, tmp_path):
    with pytest.raises(BadInput, match=r"half of the memory, 3 bytes is too little to decode one image of folder-tree"):
        load(tree, tmp_path, DataMemory(limit=3))
    with pytest.raises(
        BadInput, match=r"--data-memory 4 KiB is too little to decode one image of .*; give 21 KiB or m"
    ):
        load(tree, tmp_path, data_memory(4096))
    assert files_of(load(tree, tmp_path, data_memory(21 * 1024))).ahead == 1
    with pytest.raises(
        BadInput, match=r"1497 train images of digits take 94 KiB, which --data-memory 64 KiB cannot keep"
    ):
        dataset("digits", tmp_path).load("train", tmp_path, memory=data_memory(2**16))


# files that are damaged, change or go away


def break_file(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def write_other(path: Path) -> None:
    Image.new("RGB", (SIZE, SIZE), (1, 2, 3)).save(path)


def touch_later(path: Path) -> None:
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime + 10))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (break_file, r" was changed while a command used it: it had \d+ bytes and has 100, or was written anew"),
        (write_other, " was changed while a command used it"),
        (touch_later, " was changed while a command used it"),
        (Path.unlink, r" on .* \(No such file or directory\); put it there"),
    ],
)
def test_a_file_that_changes_in_an_epoch_is_named(both, change, message):
    _, files = both
    with fixed_seed("epoch"):
        order = torch.randperm(30)
    changed, seen = path_of(files, int(order[17])), list[int]()

    def go_through(batches):
        seen.extend(len(x) for x, _ in batches)

    with fixed_seed("epoch"):
        batches = epoch_batches(files, 4, pad=0, flip=False)
        go_through([next(batches)])
        change(changed)
        with pytest.raises(BadInput, match=f"{changed}{message}") as error:
            go_through(batches)
    assert seen == [4] * 4
    assert "\n" not in str(error.value)


def test_a_damaged_file_is_named(tree, tmp_path):
    damaged = tree / "train/class1/003.png"
    data = dataset(f"folder:{tree}", tmp_path)
    break_file(damaged)
    images = data.load("train", tmp_path, memory=LITTLE)
    with pytest.raises(BadInput, match=f"cannot read the image {damaged}"):
        images.x[:]
    with pytest.raises(BadInput, match=f"cannot read the image {damaged}"):
        images.fingerprint()


# fingerprints


def test_a_fingerprint_is_stored_until_a_file_changes(tree, tmp_path):
    kept, files = load(tree, tmp_path), load(tree, tmp_path, LITTLE)
    first, seen = count_reads(files)
    assert first.fingerprint() == kept.fingerprint()
    assert len(seen) == 30
    assert first.first(30).fingerprint() == kept.fingerprint()
    again, seen = count_reads(load(tree, tmp_path, LITTLE))
    assert again.fingerprint() == kept.fingerprint()
    assert seen == []
    write_other(path_of(files, 3))
    changed = load(tree, tmp_path, LITTLE).fingerprint()
    assert changed == load(tree, tmp_path).fingerprint() != kept.fingerprint()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"0" * 17])
def test_a_damaged_store_is_computed_anew(tree, tmp_path, content):
    right = load(tree, tmp_path, LITTLE).fingerprint()
    (path,) = (tmp_path / fingerprint.FOLDER).iterdir()
    path.write_bytes(content)
    assert load(tree, tmp_path, LITTLE).fingerprint() == right == path.read_text()


def test_fingerprints_that_cannot_be_stored_are_computed(tree, tmp_path, caplog):
    right = load(tree, tmp_path).fingerprint()
    nowhere = tmp_path / "file"
    nowhere.write_text("no folder")
    assert load(tree, nowhere, LITTLE).fingerprint() == right
    assert caplog.messages == [f"fingerprints cannot be stored in {nowhere}/.fingerprints (Not a directory), so each "
                               "command decodes all"]  # fmt: skip


def test_many_images_are_known_by_their_files_in_memory_or_not(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "LARGEST_BY_PIXELS", 10 * BYTES)
    monkeypatch.setattr(fingerprint, "SAMPLE_SIZE", 4)
    kept, files = load(tree, tmp_path), load(tree, tmp_path, LITTLE)
    counted, seen = count_reads(files)
    assert counted.fingerprint() == kept.fingerprint() == kept.to("cpu").fingerprint()
    assert len(seen) == 4
    assert files.part(3, 20).fingerprint() == kept.part(3, 20).fingerprint() != files.part(3, 21).fingerprint()
    assert files.first(10).fingerprint() == Images(kept.x[:10], kept.y[:10]).fingerprint()  # these few by their pixels
    elsewhere = tree.rename(tree.with_name("moved"))
    assert load(elsewhere, tmp_path, LITTLE).fingerprint() == kept.fingerprint()
    next((elsewhere / "train").rglob("*.png")).rename(elsewhere / "train/class0/other.png")
    assert load(elsewhere, tmp_path, LITTLE).fingerprint() != kept.fingerprint()


def test_what_many_images_are_known_by(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "LARGEST_BY_PIXELS", 0)
    monkeypatch.setattr(fingerprint, "SAMPLE_SIZE", 2)
    images = load(tree, tmp_path, LITTLE)
    found = [each.fingerprint() for each in (images, Images(images.x, images.y.flip(0)), images.first(29))]
    for place in (0, 17):  # the pixels of the first are looked at, and the size of all
        with path_of(images, place).open("ab") as file:
            file.write(b" ")
        found.append(load(tree, tmp_path, LITTLE).fingerprint())
    assert len(set(found)) == 5


def test_statistics_of_a_folder_are_those_of_all_its_pixels(tree, tmp_path):
    data = dataset(f"folder:{tree}", tmp_path)
    pixels = data.load("train", tmp_path).x.numpy() / 255
    assert data.mean == tuple(np.round(pixels.mean((0, 2, 3)), 4))
    assert data.std == tuple(np.round(pixels.std((0, 2, 3)), 4))
