"""The wheel runs outside of the repository, and its metadata are complete."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
uv = pytest.mark.skipif(shutil.which("uv") is None, reason="uv, which builds the wheel, is not on the path")


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the source archive and the wheel that is built of it."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(["uv", "build", "-q", "--out-dir", folder, ROOT], check=True, capture_output=True, text=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(built.glob("*.whl")))


@pytest.fixture(scope="module")
def metadata(wheel) -> Message:
    (name,) = [name for name in wheel.namelist() if name.endswith("dist-info/METADATA")]
    return message_from_bytes(wheel.read(name))


@uv
@pytest.mark.slow
def test_the_wheel_has_all_that_the_packages_need_and_nothing_else(wheel):
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    listed = subprocess.run(
        ["git", "ls-files", "bench", "methods"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert names == {name for name in listed.stdout.splitlines() if not name.endswith("README.md")}
    assert {"bench/py.typed", "methods/py.typed"} <= names


@uv
@pytest.mark.slow
def test_the_source_archive_has_no_results_and_no_tests(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        folders = {name.split("/")[1] for name in archive.getnames()}
    assert folders >= {"bench", "methods", "LICENSE", "README.md", "pyproject.toml", "PKG-INFO"}
    assert not folders & {"results", "reports", "tests"}


@uv
@pytest.mark.slow
def test_an_index_shows_the_readme_without_dead_links(metadata):
    text = str(metadata.get_payload())
    assert text.startswith("# Robust-recipe bench")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert links == [link for link in links if link.startswith(("https://", "#"))]
    assert metadata["Description-Content-Type"] == "text/markdown"


@uv
@pytest.mark.slow
def test_an_index_knows_who_made_it_and_what_it_is_about(metadata):
    assert metadata["Author"] == "Robust-recipe bench maintainers"
    assert "adversarial-robustness" in metadata["Keywords"].split(",")
    classifiers = metadata.get_all("Classifier", [])
    assert {"Typing :: Typed", "Programming Language :: Python :: 3.13"} <= {*classifiers}
    assert metadata["License-Expression"] == "MIT"


@uv
@pytest.mark.slow
def test_the_wheel_runs_in_an_empty_folder(built, tmp_path):
    """With the packages of this environment; the code is the wheel's alone."""
    site, place = tmp_path / "site", tmp_path / "empty"
    place.mkdir()
    with zipfile.ZipFile(next(built.glob("*.whl"))) as archive:
        archive.extractall(site)
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PYTHONPATH": str(site)}
    asked = ["--methods", "Standard", "--attacks", "FGSM", "--limit-train", "100", "--epochs", "1", "--limit", "20"]
    start = "from bench.cli import main; main()"  # as the script that pip writes
    done = subprocess.run(
        [sys.executable, "-c", start, "run", *asked], cwd=place, env=settings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Standard" in done.stdout
    where = "import bench, methods; print(bench.__file__, methods.__file__)"
    found = subprocess.run([sys.executable, "-c", where], cwd=place, env=settings, capture_output=True, text=True)
    assert all(Path(path).is_relative_to(site) for path in found.stdout.split())
    assert {path.name for path in place.iterdir()} == {"results", "reports"}


def test_the_versions_of_python_are_those_that_the_classifiers_name():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [text.rpartition(" ")[2] for text in project["classifiers"] if re.search(r"Python :: 3\.\d", text)]
    assert project["requires-python"] == f">={named[0]}"
    assert named == sorted(named, key=lambda text: int(text.partition(".")[2]))
