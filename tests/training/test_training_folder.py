"""Run folders: which files are deleted (never what links lead to), and which weights are loaded."""

import os
import shutil
import time

import pytest
from result_files import measure
from safetensors.torch import load_file, save_file

import methods  # noqa: F401  registers the recipes
from bench.core.errors import BadInput
from bench.core.files import TEMPORARY_SUFFIX, remove_temporary_files, require_inside, write_atomically, write_json
from bench.core.plan import Plan
from bench.core.rng import fixed_seed
from bench.data.lookup import dataset
from bench.models.build import build
from bench.models.checkpoint import WEIGHT_FILES, save_views
from bench.results.load import load_results
from bench.results.store import read_job
from bench.results.survey import run_folders, skipped_links
from bench.training.job import Job
from bench.training.recipe import RECIPES
from bench.training.run_folder import LOCK_FILE, clear, lock_folder
from bench.training.stored_models import fingerprints, load_models, remember_weights

RUN = "digits/cnn/Standard/s0-aaaa"


@pytest.fixture
def home(tmp_path):
    """Files of a user, in a folder that a run folder has links to."""
    home = tmp_path / "home"
    home.mkdir()
    for name in (".bashrc", f".notes{TEMPORARY_SUFFIX}", "gradient.csv", "part-1.json"):
        (home / name).write_text("precious")
    return home


def untouched(home):
    return {path.name: path.read_text() for path in home.iterdir()} == dict.fromkeys(
        (".bashrc", f".notes{TEMPORARY_SUFFIX}", "gradient.csv", "part-1.json"), "precious"
    )


def test_a_lock_tidies_up_what_the_bench_left_half_written_alone(tmp_path, home):
    folder = tmp_path / RUN
    (folder / "exhibits").mkdir(parents=True)
    (folder / "mine").mkdir()
    for name in (".nfs0001", ".DS_Store", "exhibits/.hidden", f"mine/.a{TEMPORARY_SUFFIX}", "notes.txt"):
        (folder / name).write_text("mine")
    for name in (f".results.csv.x1{TEMPORARY_SUFFIX}", f"exhibits/.loss.csv.x1{TEMPORARY_SUFFIX}"):
        (folder / name).write_text("half")
    (folder / "link").symlink_to(home)
    (folder / f".linked{TEMPORARY_SUFFIX}").symlink_to(home / ".bashrc")
    with lock_folder(folder):
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    assert names == {
        *(".nfs0001", ".DS_Store", "exhibits/.hidden", f"mine/.a{TEMPORARY_SUFFIX}", "notes.txt", LOCK_FILE),
        f".linked{TEMPORARY_SUFFIX}",
    }
    shutil.rmtree(folder / "exhibits")
    (folder / "exhibits").symlink_to(home)
    with lock_folder(folder):
        pass
    clear(folder)
    assert untouched(home)


def test_retraining_forgets_what_a_run_has_written_and_no_file_of_the_user(tmp_path, home):
    folder = tmp_path / RUN
    names = ["job.json", "results.csv", "outcomes.npz", "train.csv", "progress.pt", *WEIGHT_FILES.values()]
    names += [f"added-{7:020}.json", "part-k-last-main-1of2.json", "partial-k-1.json", "partial-k-1.npz"]
    names += ["adversarial-k.npz"]
    (folder / "exhibits").mkdir(parents=True)
    for name in [*names, "exhibits/loss.csv", "notes.md", "exhibits/notes.md"]:
        (folder / name).touch()
    (folder / "link").symlink_to(home)
    clear(folder)
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    assert left == {"notes.md", "exhibits/notes.md", LOCK_FILE}
    assert untouched(home)


def test_a_file_that_somebody_writes_now_is_not_stale(tmp_path):
    path = tmp_path / "page.md"

    def write(file):
        (half,) = (p for p in tmp_path.iterdir() if p.name.endswith(TEMPORARY_SUFFIX))
        remove_temporary_files(tmp_path)
        assert half.exists()
        os.utime(half, (time.time() - 7200,) * 2)
        remove_temporary_files(tmp_path)
        assert not half.exists()
        half.touch()
        file.write(b"whole")

    write_atomically(path, write)
    assert [p.name for p in tmp_path.iterdir()] == ["page.md"]


def test_nothing_is_written_through_a_link_that_leads_out(tmp_path, home):
    folder = tmp_path / RUN
    folder.mkdir(parents=True)
    assert require_inside(folder, folder / "exhibits/loss.csv") == folder / "exhibits/loss.csv"
    (folder / "exhibits").symlink_to(home)
    with pytest.raises(BadInput, match=r"exhibits/loss\.csv leads out of .*; put a folder in the place of the link"):
        require_inside(folder, folder / "exhibits/loss.csv")


def test_linked_runs_are_read_and_links_to_what_is_there_already_are_named(tmp_path):
    results, disk = tmp_path / "results", tmp_path / "disk"
    measure(results, "", "1100", recipe="A")
    measure(disk, "", "1110", recipe="B")
    measure(disk, "", "1000", recipe="C", dataset="svhn")
    (results / "digits/cnn/B").symlink_to(disk / "digits/cnn/B")
    (results / "svhn").symlink_to(disk / "svhn")
    (results / "digits/cnn/again").symlink_to(results / "digits/cnn/A")
    (results / "digits/loop").symlink_to(results)
    (results / "up").symlink_to(tmp_path)
    (results / "digits/dangling").symlink_to(tmp_path / "nowhere")
    assert sorted(load_results(results)["recipe"]) == ["A", "B", "C"]
    assert [path.name for path in run_folders(results)] == ["s0-aaaa"] * 3
    assert skipped_links(results) == [results / "digits/cnn/again", results / "digits/loop", results / "up"]
    assert run_folders(tmp_path / "nowhere") == run_folders(results / RUN / "results.csv") == []


@pytest.fixture
def trained(tmp_path):
    """A run folder with the weights of a model that has two views, and what job.json says of them."""
    data, recipe = dataset("digits", tmp_path), RECIPES["AdvProp"]
    job = Job("AdvProp", recipe, "digits", "0" * 16, "cnn", Plan(epochs=1), "quick")
    with fixed_seed("trained"):
        views = recipe.finish(recipe.prepare(build("cnn", data)))
    folder = tmp_path / job.run
    save_views(folder / WEIGHT_FILES["last"], views, job.run)
    write_json(folder / "job.json", {"status": "trained", "run": job.run, "weights": fingerprints({"last": views})})
    return job, data, folder / WEIGHT_FILES["last"]


def load_again(trained):
    job, data, path = trained
    return load_models(job.recipe, job.model, data, path, job.run)


def rewrite(path, change):
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        owner = file.metadata()
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, owner)


def flip(path):
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def without(what):
    return lambda path: rewrite(path, lambda t: [t.pop(name) for name in [*t] if what in name and len(t) > 1])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip, "was changed after it was trained: the fingerprint of its view"),
        (lambda path: rewrite(path, lambda t: t[max(t)].add_(1)), "was changed after it was trained"),
        (without("running_mean"), "it lacks a tensor or a view, or its model is built otherwise"),
        (without("main/"), "it lacks a tensor or a view"),
        (lambda path: rewrite(path, lambda t: t.update({"stray": t[next(iter(t))].clone()})), None),
        (lambda path: path.write_bytes(path.read_bytes()[:500]), "cannot be read"),
        (lambda path: path.write_bytes(b"\xff" * 100), "cannot be read"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
    ],
    ids=["a bit", "a number", "no tensor", "no view", "a stray tensor", "cut", "no file of weights", "empty"],
)
def test_weights_that_are_not_those_of_the_training_are_refused(trained, damage, said):
    views = load_again(trained)
    assert set(views) == {"main", *views}
    damage(trained[2])
    if said is None:
        load_again(trained)  # nothing of it is used
        return
    with pytest.raises(BadInput, match=said) as raised:
        load_again(trained)
    assert str(trained[2]) in str(raised.value)
    assert "run again" in str(raised.value)


def test_weights_of_before_fingerprints_were_kept_are_taken_and_remembered(trained):
    _, _, path = trained
    told = read_job(path.parent)
    write_json(path.parent / "job.json", {name: value for name, value in told.items() if name != "weights"})
    views = load_again(trained)
    remember_weights(path.parent, {"last": views})
    assert read_job(path.parent) == told
    flip(path)
    with pytest.raises(BadInput, match="was changed after it was trained"):
        load_again(trained)


@pytest.mark.parametrize("name", ["../../evil", "a/b", "", ".hidden", "x" * 300, "a\nb", "café"])
def test_names_that_cannot_be_folders_end_before_anything_is_written(name):
    with pytest.raises(BadInput, match="cannot name a folder") as raised:
        Job("Standard", RECIPES["Standard"], name, "0" * 16, "cnn", Plan(epochs=1), "quick")
    assert str(raised.value).isprintable()
