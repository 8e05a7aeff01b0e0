"""Extra training images in a .npz archive: what is read, what is refused, and how it is identified."""

import math
import os
import pickle
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.core.errors import BadInput
from bench.data import extra as reading
from bench.data.cache import ImageCache
from bench.data.extra import StoredImages, read_extra
from bench.data.lookup import dataset
from bench.data.memory import DataMemory

DIGITS = dataset("digits", Path())
RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.integers(256, size=(30, 8, 8, 1), dtype=np.uint8), np.arange(30) % 10
SOFT = RNG.dirichlet(np.ones(10), size=30)


def write(path, save=np.savez, **arrays):
    save(path, **({"image": IMAGES, "label": LABELS} | arrays))
    return path


def read(path, memory=None):
    return read_extra(path, DIGITS, memory or DataMemory(), path.parent)


def test_images_and_labels_are_those_of_the_archive(tmp_path):
    found, places = read(write(tmp_path / "a.npz")), torch.tensor([29, 0, 7])
    x, q = found.batch(places)
    assert np.array_equal(x.numpy(), IMAGES[[29, 0, 7]].transpose(0, 3, 1, 2))
    assert x.dtype == torch.uint8
    assert torch.equal(q, torch.eye(10)[[9, 0, 7]])
    assert len(found) == 30


def test_labels_may_be_distributions(tmp_path):
    _, q = read(write(tmp_path / "a.npz", label=SOFT)).batch(torch.tensor([4, 2]))
    assert torch.equal(q, torch.from_numpy(SOFT[[4, 2]].astype(np.float32)))
    one_hot = np.eye(10, dtype=np.uint8)[LABELS]
    _, q = read(write(tmp_path / "b.npz", label=one_hot)).batch(torch.arange(30))
    assert np.array_equal(q.numpy(), one_hot)


def test_an_archive_without_compression_stays_in_its_file_and_any_other_gives_the_same(tmp_path):
    mapped, kept = read(write(tmp_path / "a.npz")), read(write(tmp_path / "b.npz", np.savez_compressed))
    transposed = read(write(tmp_path / "c.npz", image=np.asfortranarray(IMAGES)))
    assert isinstance(mapped.pixels, StoredImages)
    for other in (kept, transposed):
        assert isinstance(other.pixels, np.ndarray)
        assert torch.equal(other.batch(torch.arange(30))[0], mapped.batch(torch.arange(30))[0])
        assert other.fingerprint == mapped.fingerprint


def test_the_fingerprint_is_of_every_pixel_and_label_and_not_of_the_file(tmp_path):
    known = read(write(tmp_path / "a.npz")).fingerprint
    pixel, label = IMAGES.copy(), LABELS.copy()
    pixel[29, 7, 7, 0] ^= 1
    label[29] = 0
    changed = [write(tmp_path / "b.npz", image=pixel), write(tmp_path / "c.npz", label=label)]
    changed += [write(tmp_path / "d.npz", image=IMAGES[:29], label=LABELS[:29])]
    assert len({known, *(read(path).fingerprint for path in changed)}) == 4
    assert read(write(tmp_path / "e.npz", other=np.zeros(3))).fingerprint == known


def test_the_fingerprint_does_not_depend_on_how_much_is_read_at_a_time(tmp_path, monkeypatch):
    known = read(write(tmp_path / "a.npz")).fingerprint
    monkeypatch.setattr(reading, "BLOCK_BYTES", 7 * 64)
    assert read(tmp_path / "a.npz").fingerprint == known


def test_the_fingerprint_of_a_large_archive_is_stored_until_the_file_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "WORTH_STORING", 1)
    path = write(tmp_path / "a.npz")
    known = read(path).fingerprint
    (stored,) = (tmp_path / ".fingerprints").iterdir()
    assert stored.read_text() == known
    with monkeypatch.context() as patch:
        patch.setattr(StoredImages, "blocks", lambda pixels: pytest.fail("computed again"))
        assert read(path).fingerprint == known
    write(path, image=255 - IMAGES)
    assert read(path).fingerprint != known


def test_an_archive_that_changes_during_a_command_is_refused_and_is_pickled_without_its_pixels(tmp_path):
    pixels, places = read(write(tmp_path / "a.npz")).pixels, np.arange(30)
    text = pickle.dumps(pixels)
    assert len(text) < IMAGES.nbytes / 2
    assert np.array_equal(pickle.loads(text)[places], IMAGES)
    size, changed = pixels.state
    whole_seconds = changed // 10**9 * 10**9
    os.utime(tmp_path / "a.npz", ns=(whole_seconds, whole_seconds))  # as of a copy on another host
    assert np.array_equal(pixels[places], IMAGES)
    os.utime(tmp_path / "a.npz", ns=(whole_seconds, whole_seconds - 10**9))
    with pytest.raises(BadInput, match=r"a.npz was changed during the command, or is a copy on another host"):
        pixels[places]
    pixels = replace(pixels, state=(size, whole_seconds - 10**9))
    cut = StoredImages(pixels.path, pixels.begin + 2000, pixels.shape, pixels.state)
    with pytest.raises(BadInput, match=r"a.npz ends before its last image"):
        cut[places]
    write(tmp_path / "a.npz", image=IMAGES[:20], label=LABELS[:20])
    with pytest.raises(BadInput, match=r"a.npz was changed during the command"):
        pixels[places]
    (tmp_path / "a.npz").unlink()
    with pytest.raises(BadInput, match=r"cannot be read \(No such file .*every host needs it at this path"):
        pixels[places]


def test_a_command_reads_an_archive_once(tmp_path):
    cache, path = ImageCache(tmp_path), write(tmp_path / "a.npz")
    assert cache.load_extra(DIGITS, path) is cache.load_extra(DIGITS, path)


def test_a_compressed_archive_that_does_not_fit_into_memory_is_refused_and_another_is_not(tmp_path):
    size = math.prod(IMAGES.shape)
    with pytest.raises(BadInput, match=r"b.npz is compressed.*30 images.*1.9 KiB.*numpy.savez.*--data-memory"):
        read(write(tmp_path / "b.npz", np.savez_compressed), DataMemory(size, "--data-memory 2K"))
    memory = DataMemory(2 * size, "--data-memory 4K")
    read(tmp_path / "b.npz", memory)
    assert memory.kept == size
    read(write(tmp_path / "a.npz"), DataMemory(1, "--data-memory 1"))


BAD = {
    "holds image; wanted: image uint8": {"label": None},
    "holds x, y; wanted": {"image": None, "label": None, "x": IMAGES, "y": LABELS},
    r"image is float32 \(30, 8, 8, 1\); for digits it must be uint8 \(N, 8, 8, 1\)": {
        "image": IMAGES / np.float32(255)
    },
    r"image is uint8 \(30, 1, 8, 8\); for digits": {"image": IMAGES.transpose(0, 3, 1, 2)},
    r"image is uint8 \(0, 8, 8, 1\); .*N > 0": {"image": IMAGES[:0], "label": LABELS[:0]},
    r"label is int64 \(29,\); it must be whole numbers \(30,\) or distributions \(30, 10\)": {"label": LABELS[:29]},
    r"label is float64 \(30, 9\); it must be": {"label": SOFT[:, :9]},
    "label: label 10 of 3 of 30 images is no class of data set digits": {"label": LABELS + LABELS // 9},
    "label: label -1 of 3 of 30 images is no class": {"label": np.where(LABELS == 4, -1, LABELS)},
    "label: labels are float64; give the numbers of the classes as integers": {"label": LABELS.astype(float)},
    "label: 30 of 30 rows are no distributions, such as row 0": {"label": 2 * SOFT},
    "label: 1 of 30 rows are no distributions, such as row 4": {"label": np.where(SOFT[4, 2] == SOFT, np.nan, SOFT)},
    "cannot be read .*allow_pickle": {"label": np.array([None] * 30)},
}


@pytest.mark.parametrize("message", BAD)
def test_an_archive_of_something_else_is_refused_in_one_line(tmp_path, message):
    arrays = {"image": IMAGES, "label": LABELS} | BAD[message]
    np.savez(tmp_path / "a.npz", **{name: values for name, values in arrays.items() if values is not None})
    with pytest.raises(BadInput, match=f"^--extra .*a.npz.*{message}") as error:
        read(tmp_path / "a.npz")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"no archive", pickle.dumps({"data": 1})], ids=["empty", "text", "pickle"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    with pytest.raises(BadInput, match=r"^--extra .*a.npz: there is no such file"):
        read(tmp_path / "a.npz")
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(BadInput, match=r"^--extra .*a.npz cannot be read \(File is not a zip file\); wanted: image"):
        read(tmp_path / "a.npz")


@pytest.mark.parametrize("cut", [50, 2000])
def test_a_damaged_archive_is_refused(tmp_path, cut):
    whole = write(tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[:-cut])
    with pytest.raises(BadInput, match=r"^--extra .*a.npz cannot be read"):
        read(tmp_path / "a.npz")


def test_python_of_the_readme_converts_the_archive_of_carmon(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    readme = Path(__file__).parents[2] / "bench/data/README.md"
    (code,) = re.findall(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    found = {"data": IMAGES, "extrapolated_targets": LABELS}
    Path("ti_500K_pseudo_labeled.pickle").write_bytes(pickle.dumps(found))
    exec(code)
    x, q = read(tmp_path / "ti_500K.npz").batch(torch.arange(30))
    assert np.array_equal(x.numpy(), IMAGES.transpose(0, 3, 1, 2))
    assert np.array_equal(q.argmax(1).numpy(), LABELS)
