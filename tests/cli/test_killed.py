"""`kill -9` at any moment, then the same command: the numbers of a run that was never disturbed."""

import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

ASKED = ["run", "--methods", "Standard,Mixup", "--attacks", "PGD-20,APGD-CE[block=4]", "--limit-train", "300"]
ASKED += ["--epochs", "4", "--limit", "8"]  # two blocks of the attack
WITHOUT_FIGURES = """
import sys
from bench import cli
import bench.report.files
bench.report.files.draw_all = lambda figures, processes=1: None
if __name__ == "__main__":
    sys.argv[0] = "bench"
    cli.main()
"""
MOMENTS = ["progress.pt", "partial-*.json"]  # in training, between two blocks


@pytest.fixture
def start(tmp_path):
    """Start the command in a process of its own, with two workers."""
    (tmp_path / "command.py").write_text(WITHOUT_FIGURES)

    def call() -> "subprocess.Popen[bytes]":
        command = [sys.executable, "command.py", *ASKED, "--results", "killed", "--workers", "2"]
        return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    return call


@pytest.mark.slow
def test_a_killed_run_ends_like_one_that_was_not(bench, start, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert bench(*ASKED, "--results", "whole", "--workers", "1")[0] == 0
    kills = 0
    for moment in MOMENTS:
        process = start()
        while process.poll() is None and not any(killed.rglob(moment)):
            time.sleep(0.02)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            time.sleep(1)  # for its workers to notice
    assert kills >= 1
    assert bench(*ASKED, "--results", "killed", "--workers", "1")[0] == 0

    found = {path.relative_to(whole) for path in whole.rglob("*.*") if path.name not in (".lock", "bench.log")}
    assert found == {
        path.relative_to(killed) for path in killed.rglob("*.*") if path.name not in (".lock", "bench.log")
    }
    for name in found:
        if name.name == "results.csv":
            one, two = (
                pd.read_csv(root / name, keep_default_na=False).drop(columns="seconds") for root in (whole, killed)
            )
            pd.testing.assert_frame_equal(one, two)
        elif name.name == "outcomes.npz":
            with np.load(whole / name) as one, np.load(killed / name) as two:
                assert one.files == two.files
                assert all((one[key] == two[key]).all() for key in one.files)
        elif name.suffix == ".safetensors":
            assert (whole / name).read_bytes() == (killed / name).read_bytes()
