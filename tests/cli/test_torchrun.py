"""`torchrun ... bench run`: several processes share each training, and the first one does all else."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from shared_training import difference

from bench.core.errors import BadInput
from bench.runner.experiment import plan_experiment
from bench.runner.options import CellOptions, RunOptions
from bench.runner.request import Request
from bench.runner.torchrun.together import check_batches, device_of
from bench.training.shared.torchrun import Torchrun

COMMAND = """
import sys
import bench.report.files
from bench import cli
bench.report.files.draw_all = lambda figures, processes=1: None
sys.argv[0] = "bench"
cli.main()
"""
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
ASKED = ["run", "--attacks", "FGSM", "--limit", "16", "--limit-train", "400"]
SIX_EPOCHS = ["--methods", "Standard", "--epochs", "6"]
RAISING = """
from dataclasses import dataclass
import torch.distributed as dist
from bench import RECIPES, Recipe, cross_entropy

@dataclass(frozen=True)
class Raising(Recipe):
    def loss(self, model, x, q):
        if dist.is_initialized() and dist.get_rank() == 1:
            raise ValueError("not in this process")
        return cross_entropy(model(x), q).mean()

RECIPES.add("Raising", Raising())
"""


def start(folder: Path, processes: int, *arguments: str) -> "subprocess.Popen[str]":
    """Start the command in so many processes."""
    (folder / "command.py").write_text(COMMAND)
    command = [*TORCHRUN, str(processes), "command.py", *ASKED, *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lines_of_the_bench(errors: str) -> list[str]:
    return [line for line in errors.splitlines() if line.startswith("bench: ")]


def rank_of(process: int) -> int | None:
    variables = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    return next((int(v.partition(b"=")[2]) for v in variables if v.startswith(b"RANK=")), None)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of torchrun in /proc")
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_is_killed_ends_the_others_with_one_line_and_the_command_goes_on(bench, tmp_path, rank):
    torchrun = start(tmp_path, 2, *SIX_EPOCHS, "--results", "killed")
    while torchrun.poll() is None and not any((tmp_path / "killed").rglob("progress.pt")):
        time.sleep(0.05)
    children = Path(f"/proc/{torchrun.pid}/task/{torchrun.pid}/children").read_text().split()
    (victim,) = (int(child) for child in children if rank_of(int(child)) == rank)
    subprocess.run(["kill", f"-{signal.SIGKILL.value}", str(victim)], check=True)
    _, errors = torchrun.communicate()
    assert torchrun.returncode == 1
    (line,) = lines_of_the_bench(errors)
    assert "goes on after the last finished epoch" in line
    (job,) = (tmp_path / "killed").rglob("job.json")
    assert json.loads(job.read_text())["status"] == "training"

    assert bench(*ASKED, *SIX_EPOCHS, "--results", "killed", "--workers", "1")[0] == 0
    assert bench(*ASKED, *SIX_EPOCHS, "--results", "whole", "--workers", "1")[0] == 0
    (weights,) = (tmp_path / "whole").rglob("weights.safetensors")
    resumed = tmp_path / "killed" / weights.relative_to(tmp_path / "whole")
    assert difference(load_file(weights), load_file(resumed)) < 1e-3  # single precision, six epochs


@pytest.mark.slow
@pytest.mark.long
def test_a_loss_that_raises_in_another_process_is_a_failed_training_and_the_next_one_is_shared(tmp_path):
    (tmp_path / "raising.py").write_text(RAISING)
    recipes = ["--methods", "Raising,Standard", "--plugin", "raising.py"]
    torchrun = start(tmp_path, 2, *recipes, "--epochs", "2", "--results", "shared")
    torchrun.communicate()
    assert torchrun.returncode == 1  # as a training failed
    (failed,) = (tmp_path / "shared").glob("digits/cnn/Raising/*/job.json")
    assert "not in this process" in json.loads(failed.read_text())["status"]
    (trained,) = (tmp_path / "shared").glob("digits/cnn/Standard/*/job.json")
    assert json.loads(trained.read_text())["environment"]["processes"] == 2


@pytest.mark.slow
@pytest.mark.long
def test_the_first_process_alone_writes_and_prints(tmp_path):
    torchrun = start(tmp_path, 2, "--methods", "Standard", "--epochs", "2", "--results", "shared")
    out, errors = torchrun.communicate()
    assert torchrun.returncode == 0
    assert out.count("results: shared") == 1
    (trained,) = (tmp_path / "shared").glob("digits/cnn/Standard/*/job.json")
    assert json.loads(trained.read_text())["status"] == "trained"
    assert json.loads(trained.read_text())["environment"]["processes"] == 2
    assert len([line for line in errors.splitlines() if line.startswith("Standard s0 training")]) == 1


REFUSED = {
    "run --engine ray": "--engine ray: torchrun has started 2 processes",
    "run --workers 2": "--workers 2: torchrun has started 2 processes",
    "eval --model x.py:f": "torchrun has started 2 processes, which share the trainings of bench run and nothing else",
}


@pytest.mark.parametrize("arguments", REFUSED)
@pytest.mark.parametrize("rank", [0, 1])
def test_what_several_processes_cannot_share_is_refused_by_the_first(bench, monkeypatch, arguments, rank):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    for name, value in {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # restored afterwards, as a process that is not the first is silent
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    code, out, errors = bench(*arguments.split())
    assert (code, out) == (2, "")
    assert (REFUSED[arguments] in errors) == (rank == 0)
    assert len(errors.splitlines()) == (rank == 0)


def test_more_processes_than_gpus_or_images_of_a_batch_are_refused(monkeypatch):
    place, options = Torchrun(0, 4, 0, 4), RunOptions(Path(), Path(), Path(), torch.device("cuda"), CellOptions(8))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(BadInput, match="4 of them here, and there are 2 GPUs"):
        device_of(place, options)
    with pytest.raises(BadInput, match="give --device cuda"):
        device_of(place, replace(options, device=torch.device("cuda", 1)))
    asked = Request(methods=("Standard",), attacks=(), settings=("plan.batch_size=12", "plan.accumulate=2"))
    experiment = plan_experiment(asked, Path(), torch.device("cpu"))
    check_batches([experiment], 3)
    with pytest.raises(BadInput, match=r"4 processes share a part of 6 images.*start 3 at most"):
        check_batches([experiment], 4)
