"""A data set that `--data-memory` does not hold gives the files of a run that has it in memory, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from image_trees import write_tree

import methods  # noqa: F401  registers the recipes
from bench.data.cache import ImageCache
from bench.data.files.file_pixels import FilePixels
from bench.data.memory import DataMemory
from bench.results.shards import WHOLE_SET, Shard
from bench.results.store import read_outcomes, read_rows
from bench.results.survey import run_folders
from bench.runner.experiment import plan_experiment
from bench.runner.job_runner import Runner
from bench.runner.options import CellOptions, RunOptions
from bench.runner.pool import run_here
from bench.runner.request import Request
from bench.runner.run import run_requests

CPU = torch.device("cpu")
ASKED = Request(
    methods=("Standard", "Mixup"),
    dataset="folder:tree",
    model="cnn",
    settings=("plan.epochs=1", "plan.batch_size=16"),
    attacks=("FGSM", "APGD-CE[block=16]"),
)
LITTLE = 2**16  # bytes: 4 images of 36 pixels are decoded ahead, 1 in each of three processes


@pytest.fixture(autouse=True)
def tree(tmp_path, monkeypatch) -> Path:
    """60 training and 24 test images in the working directory."""
    monkeypatch.chdir(tmp_path)
    return write_tree(tmp_path / "tree", train=30, test=12, size=36)


def run(asked: Request, results: str, memory: int | None = None, workers: int = 1, shard: Shard = WHOLE_SET) -> None:
    options = RunOptions(
        Path("data"), Path(results), Path("reports"), CPU, CellOptions(64, shard=shard), workers, data_memory=memory
    )
    assert run_requests([asked], options)[1] == 0


def read_results(results: Path) -> dict[str, object]:
    """What a results folder holds, but for times, peak memory and the record of the machine."""
    found = dict[str, object]()
    for path in sorted(path for folder in run_folders(results) for path in folder.rglob("*")):
        name = path.relative_to(results).as_posix()
        if path.suffix == ".safetensors":
            found[name] = path.read_bytes()
        elif path.name == "outcomes.npz":
            found[name] = {key: bits.tolist() for key, bits in read_outcomes(path.parent).items()}
        elif path.name == "job.json":
            kept = json.loads(path.read_text())
            found[name] = {key: kept[key] for key in kept if key not in ("seconds", "peak_mib", "environment")}
        elif path.suffix == ".csv":
            table = pd.read_csv(path, keep_default_na=False).drop(columns="seconds", errors="ignore")
            found[name] = table.sort_values([*table.columns]).to_csv(index=False)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_has_the_numbers_and_keys_of_one_in_memory(tmp_path, workers):
    whole = replace(ASKED, corruptions=("brightness",), severities=(2,), transfer=True, exhibits=("gradient", "loss"))
    run(whole, "kept")
    run(whole, "files", LITTLE, workers)
    kept = read_results(tmp_path / "kept")
    assert sum(name.endswith(".safetensors") for name in kept) == 2 * len(ASKED.methods)
    assert any("brightness" in str(content) for content in kept.values())
    assert read_results(tmp_path / "files") == kept


@pytest.mark.slow
def test_shards_and_sweeps_have_the_numbers_of_those_in_memory(tmp_path):
    sweep = replace(ASKED, attacks=("PGD-3",), sweep=(0.0, 2 / 255, 8 / 255), methods=("Standard",))
    block = replace(ASKED, attacks=("APGD-CE[block=16]",), methods=("Standard",))
    run(sweep, "kept")
    run(block, "kept")
    run(sweep, "files", LITTLE)
    for index in (1, 2):
        run(block, "files", LITTLE, shard=Shard(index, 2))
    assert read_results(tmp_path / "files") == read_results(tmp_path / "kept")


@pytest.mark.slow
def test_an_external_model_has_the_rows_of_one_in_memory(bench, tmp_path):
    run(replace(ASKED, attacks=()), "results")
    one, other = (str(folder) for folder in run_folders(tmp_path / "results"))
    asked = ["eval", "--model", one, "--source", other, "--attacks", "FGSM,PGD-3", "--data-dir", "data", "--save-adv"]
    assert bench(*asked, "--results", "kept")[0] == 0
    assert bench(*asked, "--results", "files", "--data-memory", "64K")[0] == 0
    assert read_results(tmp_path / "files") == read_results(tmp_path / "kept")


RUN = """
import methods
from bench.runner.request import Request
from test_data_memory import ASKED, LITTLE, run
if __name__ == "__main__":
    run(ASKED, "files", LITTLE, workers=2)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_numbers(tmp_path):
    run(ASKED, "kept")
    (tmp_path / "command.py").write_text(RUN)
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1] / "helpers"), *sys.path])
    process = subprocess.Popen([sys.executable, "command.py"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": paths})
    while process.poll() is None and not any((tmp_path / "files").rglob("progress.pt")):
        time.sleep(0.02)
    assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(1)  # for its workers to notice
    run(ASKED, "files", LITTLE)
    assert read_results(tmp_path / "files") == read_results(tmp_path / "kept")


# a tree that changes in a run


@pytest.fixture
def planned(tree, tmp_path) -> Runner:
    asked = replace(ASKED, methods=("Standard",), attacks=("FGSM",))
    cache = ImageCache(tmp_path, DataMemory(limit=LITTLE))
    return Runner(plan_experiment(asked, tmp_path, CPU, cache=cache), tmp_path / "results", CPU, CellOptions(64))


def break_image(images, place: int) -> str:
    assert isinstance(images.x, FilePixels)
    path = images.x.files.paths[images.x.chosen[place]]
    Path(path).write_bytes(b"no image any more")
    return path


def test_a_training_whose_image_breaks_fails_by_the_name_of_the_file_and_can_go_on(planned):
    path, told = break_image(planned.experiment.train, 40), []
    assert [done.failed for done in run_here(planned, planned.experiment.jobs, told.append)] == [1]
    assert told[-1].word.startswith(f"failed: {path} was changed while a command used it")
    folder = planned.results / planned.experiment.jobs[0].run
    assert json.loads((folder / "job.json").read_text())["status"] == "training"  # and not failed
    assert read_rows(folder) == []


def test_an_evaluation_whose_image_breaks_is_stored_as_failed_by_the_name_of_the_file(planned):
    cells = len(planned.experiment.epochs) * len(planned.experiment.conditions)
    planned.experiment.test.fingerprint()
    path = break_image(planned.experiment.test, 20)
    assert sum(done.failed for done in run_here(planned, planned.experiment.jobs, lambda event: None)) == cells
    rows = read_rows(planned.results / planned.experiment.jobs[0].run)
    assert len(rows) == cells
    assert all(row.status.startswith(f"failed: {path} was changed while a command used it") for row in rows)
    assert all(row.value is None or row.value != row.value for row in rows)


# the option


NAMED = ["--dataset", "folder:tree", "--data-dir", "data", "--methods", "Standard"]


@pytest.mark.parametrize("text", ["64", "M", "64X", "-1M", "0M", "0.0000000001K", "1e3M", "64 M B", "nanG", "٣M"])
def test_a_size_that_is_none_is_refused_in_one_line(bench, tmp_path, text):
    code, out, err = bench("run", *NAMED, "--results", "none", f"--data-memory={text}")
    assert (code, out) == (2, "")
    assert "is not a size such as 64M or 4G" in err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("text", ["1K", "0.5k"])
def test_memory_for_no_image_is_refused_in_one_line(bench, tmp_path, text):
    code, out, err = bench("run", *NAMED, "--results", "none", "--data-memory", text, "--workers", "1")
    assert (code, out) == (2, "")
    assert "is too little to decode one image of folder-tree" in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "none").exists()


def test_a_data_set_without_image_files_is_refused_where_it_does_not_fit(bench, tmp_path):
    asked = ["run", "--methods", "Standard", "--results", "none", "--workers", "1", "--data-memory"]
    code, _, err = bench(*asked, "100K")
    assert code == 2
    assert "1497 train images of digits take 94 KiB, which --data-memory 100 KiB cannot keep" in err
    assert bench(*asked, "1M", "--dry-run")[0] == 0
