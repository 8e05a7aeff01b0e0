"""A Ray cluster on this machine has the numbers of one process, whatever dies meanwhile."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from bench.results.store import read_outcomes, read_rows
from bench.results.survey import run_folders

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.ray,
    pytest.mark.filterwarnings("ignore"),  # Ray leaves sockets and files open
]

ASKED = ["--methods", "Standard,BN-adv", "--attacks", "FGSM,AutoAttack", "--epochs", "3", "--limit-train", "300"]
START = [sys.executable, "-c", "from bench.cli import main; main()", "run", "--limit", "290"]
SETTINGS = os.environ | {"RAY_TMPDIR": "/tmp", "OMP_NUM_THREADS": "1"}
PLUGIN = """
from bench import MODELS
from torch import nn

MODELS.add("flat", lambda classes, channels: nn.Sequential(nn.Flatten(), nn.Linear(64 * channels, classes)))
"""


def start(place, *options):
    return subprocess.Popen(
        [*START, *options], cwd=place, env=SETTINGS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def read_all(place):
    """Rows and outcomes of all runs, but for the seconds, and their weights."""
    found = {}
    for folder in run_folders(place / "results"):
        bits, weights = read_outcomes(folder), (folder / "weights.safetensors").read_bytes()
        for row in read_rows(folder):
            found[row.run, row.cell] = (replace(row, seconds=None), bits[row.key].tolist(), weights)
    assert found
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What one process on this machine comes to."""
    place = tmp_path_factory.mktemp("whole")
    process = start(place, *ASKED, "--workers", "1")
    _, err = process.communicate()
    assert process.returncode == 0, err
    return read_all(place)


@pytest.fixture
def cluster(monkeypatch):
    """A head that does no work, and two nodes of one processor each."""
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    size = {"include_dashboard": False, "object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **size})
    cluster.nodes_of_work = [cluster.add_node(num_cpus=1, **size) for _ in range(2)]
    cluster.another = lambda: cluster.add_node(num_cpus=1, **size)
    yield cluster
    cluster.shutdown()


def wait_for(place, text, count=1, seconds=200):
    """Wait until the log of the driver has a text so many times."""
    log, until = place / "results" / "bench.log", time.monotonic() + seconds
    while not log.exists() or log.read_text().count(text) < count:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_cluster_that_is_started_here(tmp_path, whole):
    process = start(tmp_path, *ASKED, "--engine", "ray", "--workers", "2")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "AutoAttack" in out
    assert read_all(tmp_path) == whole


def test_nodes_die_in_a_training_and_in_an_attack(tmp_path, whole, cluster):
    process = start(tmp_path, *ASKED, "--engine", "ray", "--ray-address", cluster.address)
    first, second = cluster.nodes_of_work
    wait_for(tmp_path, "Standard s0 training")
    cluster.remove_node(first, allow_graceful=False)
    cluster.another()
    wait_for(tmp_path, "AutoAttack")
    cluster.remove_node(second, allow_graceful=False)
    _, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    assert read_all(tmp_path) == whole


def test_a_driver_that_is_killed_goes_on_by_the_same_command(tmp_path, whole, cluster):
    asked = [*ASKED, "--engine", "ray", "--ray-address", cluster.address]
    process = start(tmp_path, *asked)
    wait_for(tmp_path, "AutoAttack")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    again = start(tmp_path, *asked)
    _, err = again.communicate(timeout=400)
    assert again.returncode == 0, err
    assert "Standard s0 training" not in err
    assert read_all(tmp_path) == whole


def test_ctrl_c_leaves_a_folder_that_the_same_command_goes_on_with(tmp_path, cluster):
    asked = ["--methods", "Standard", "--attacks", "AutoAttack", "--epochs", "1", "--limit-train", "100"]
    asked += ["--engine", "ray", "--ray-address", cluster.address]
    process = start(tmp_path, *asked)
    wait_for(tmp_path, "Standard s0 training")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("bench: stopped")
    again = start(tmp_path, *asked)
    _, err = again.communicate(timeout=300)
    assert again.returncode == 0, err


def test_plugins_travel(tmp_path, cluster):
    (tmp_path / "flat.py").write_text(PLUGIN)
    asked = ["--plugin", "flat.py", "--model", "flat", "--methods", "Standard", "--attacks", "FGSM", "--epochs", "1"]
    process = start(tmp_path, *asked, "--engine", "ray", "--ray-address", cluster.address)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert len(read_all(tmp_path)) == 2
