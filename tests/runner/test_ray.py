"""A Ray cluster on this machine has the numbers of one process, whatever dies meanwhile."""

import os
import re
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

SMALL = ["--epochs", "2", "--limit-train", "200", "--limit", "200"]
CONTINUED = ["--methods", "Standard,BN-adv", "--attacks", "FGSM", *SMALL]  # one trains on the other's model
ATTACKED = ["--methods", "Standard", "--attacks", "FGSM,AutoAttack", *SMALL[:-1], "290"]  # in two shards
BENCH = [sys.executable, "-c", "from bench.cli import main; main()"]
OF_RAY = {"RAY_TMPDIR": "/tmp", "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
SETTINGS = os.environ | OF_RAY | {"OMP_NUM_THREADS": "1"}
PLUGIN = """
from bench import MODELS
from torch import nn

MODELS.add("flat", lambda classes, channels: nn.Sequential(nn.Flatten(), nn.Linear(64 * channels, classes)))
"""
MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        return self.linear(x.flatten(1))


def build():
    torch.manual_seed(0)
    return Net()
"""


def start(place, *words, command="run", **settings):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*BENCH, command, *words], cwd=place, env=SETTINGS | settings, **pipes)


def read_all(place):
    """Rows and outcomes of all runs, but for the seconds, and their weights where they are trained here."""
    found = {}
    for folder in run_folders(place / "results"):
        bits, file = read_outcomes(folder), folder / "weights.safetensors"
        weights = file.read_bytes() if file.exists() else b""
        for row in read_rows(folder):
            found[row.run, row.cell] = (replace(row, seconds=None), bits[row.key].tolist(), weights)
    assert found
    return found


@pytest.fixture(autouse=True)
def _all_cores():
    """Nodes share all cores of this machine, where other tests have one each."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    yield
    os.sched_setaffinity(0, before)


def run_here(place, asked):
    """What one process on this machine comes to."""
    place.mkdir()
    process = start(place, *asked, "--workers", "1")
    _, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    return read_all(place)


@pytest.fixture(scope="module")
def continued(tmp_path_factory):
    """What one process on this machine comes to where one recipe trains on the other's model."""
    return run_here(tmp_path_factory.mktemp("continued") / "here", CONTINUED)


@pytest.fixture(scope="module")
def cluster():
    """A head that does no work, and two nodes of one processor each."""
    os.environ.update(OF_RAY)
    from ray.cluster_utils import Cluster

    size = {"include_dashboard": False, "object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **size})
    nodes = [cluster.add_node(num_cpus=1, **size) for _ in range(2)]

    def lose_a_node():
        cluster.remove_node(nodes.pop(0), allow_graceful=False)
        nodes.append(cluster.add_node(num_cpus=1, **size))

    cluster.lose_a_node = lose_a_node
    yield cluster
    cluster.shutdown()


def wait_for(process, place, text, count=1, seconds=300):
    """Wait until the log of the driver has a text so many times."""
    log, until = place / "results" / "bench.log", time.monotonic() + seconds
    while not log.exists() or log.read_text().count(text) < count:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_cluster_that_is_started_here(tmp_path, continued):
    (tmp_path / "there").mkdir()
    process = start(tmp_path / "there", *CONTINUED, "--engine", "ray", "--workers", "2")
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    assert "BN-adv (p0.8)" in out
    assert read_all(tmp_path / "there") == continued


def test_nodes_and_the_driver_die_and_nothing_changes(tmp_path, cluster):
    """A node dies in a training; the driver is killed in AutoAttack; a node dies in AutoAttack. Then all is equal."""
    asked = [*ATTACKED, "--engine", "ray", "--ray-address", cluster.address]
    process = start(tmp_path, *asked)
    wait_for(process, tmp_path, " training: ")
    cluster.lose_a_node()
    wait_for(process, tmp_path, "AutoAttack")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=400)
    process = start(tmp_path, *asked)
    wait_for(process, tmp_path, "AutoAttack", count=2)
    cluster.lose_a_node()
    _, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    assert " training: " not in err
    assert read_all(tmp_path) == run_here(tmp_path / "here", ATTACKED)


def test_a_driver_that_is_stopped_leaves_what_the_same_command_goes_on_from(tmp_path, cluster, continued):
    asked = [*CONTINUED, "--engine", "ray", "--ray-address", cluster.address]
    process = start(tmp_path, *asked)
    while not [*tmp_path.rglob(".lock")]:
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("bench: stopped")
    cluster.lose_a_node()  # the head still lists it when the next driver asks all nodes for their versions
    process = start(tmp_path, *asked)
    _, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    assert read_all(tmp_path) == continued


def test_code_travels(tmp_path, cluster):
    """Of files of a plug-in and of an outside model that other hosts lack; the numbers are those of one process."""
    found = {}
    for engine in (["--workers", "1"], ["--engine", "ray", "--ray-address", cluster.address]):
        place = tmp_path / engine[1]
        place.mkdir()
        (place / "flat.py").write_text(PLUGIN)
        (place / "net.py").write_text(MODEL)
        ours = ["--plugin", "flat.py", "--model", "flat", "--methods", "Standard", "--epochs", "1", *SMALL[2:]]
        theirs = ["--model", "net.py:build", "--anyway", *SMALL[4:], *engine[2 if engine[0] == "--workers" else 0 :]]
        for command, words in (("run", [*ours, *engine]), ("eval", theirs)):
            process = start(place, *words, "--attacks", "FGSM,PGD-20", command=command)
            _, err = process.communicate(timeout=300)
            assert process.returncode == 0, err
        found[engine[0]] = read_all(place)
    assert found["--workers"] == found["--engine"]
    assert len(found["--engine"]) == 6


def test_a_module_that_other_hosts_lack_is_refused(tmp_path, cluster):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/flat_module.py").write_text(PLUGIN)
    asked = ["--plugin", "flat_module", "--model", "flat", "--methods", "Standard", "--epochs", "1", *SMALL[2:]]
    path = os.pathsep.join([str(tmp_path / "elsewhere"), *sys.path])
    process = start(tmp_path, *asked, "--engine", "ray", "--ray-address", cluster.address, PYTHONPATH=path)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2
    assert re.search(r"^bench: --engine ray: node \S+ cannot import what --plugin names: .*flat_module", err, re.M), err
    assert not (tmp_path / "results").exists()
