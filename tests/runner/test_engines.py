"""What travels to another machine and back, and what is refused before a cluster is used."""

import errno
import os
import pickle
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from result_files import ROW
from torch import nn

import methods  # noqa: F401  registers the recipes
from bench.core.errors import BadInput, Failed
from bench.core.foreign import plugins
from bench.core.stats import wilson
from bench.evaluation.external.external_run import ExternalRun
from bench.models.build import MODELS
from bench.results.run_folder import RunFolder
from bench.results.shards import WHOLE_SET, Shard
from bench.results.store import read_rows
from bench.runner.engines import ray_cluster, ray_engine, remote
from bench.runner.engines.parcel import _store_row, files_to_send, store_evaluation, store_training
from bench.runner.engines.ray_engine import RayRun, run_on_ray
from bench.runner.engines.remote import UnitOrder, do_order
from bench.runner.experiment import plan_experiment
from bench.runner.external_runner import ExternalRunner
from bench.runner.job_runner import Runner
from bench.runner.options import CellOptions
from bench.runner.pool import disk_failure
from bench.runner.request import Request
from bench.runner.units import Unit
from bench.training.run_folder import lock_folder, status

CPU = torch.device("cpu")
PLUGIN = """
from bench import MODELS
from torch import nn

MODELS.add("travels", lambda classes, channels: nn.Sequential(nn.Flatten(), nn.Linear(64 * channels, classes)))
"""


@pytest.fixture
def planned(tmp_path):
    asked = Request(methods=("Standard",), attacks=("PGD-3",), limit=290, settings=("plan.epochs=1",), limit_train=64)
    return Runner(plan_experiment(asked, Path(), CPU), tmp_path, CPU, CellOptions(64))


def test_units_that_are_done_elsewhere_are_stored_here(planned, tmp_path):
    (job,) = planned.experiment.jobs
    folder, told = tmp_path / job.run, []
    done, files = do_order(planned, UnitOrder(Unit(job, None), {}, {}), 1, told.append)
    assert (done.failed, done.is_lost) == (0, False)
    assert not folder.exists()
    assert {news.order for news in told} == {1}
    assert {*files} == {"job.json", "train.csv", "weights.safetensors", "best.safetensors"}
    with lock_folder(folder) as run_folder:
        (folder / "part-of-older-weights.json").write_text("{}")
        store_training(folder, files)
        assert status(folder) == "trained"
        assert not (folder / "part-of-older-weights.json").exists()
        for index in (1, 2):
            unit = Unit(job, Shard(index, 2))
            done, found = do_order(planned, UnitOrder(unit, files_to_send(folder, unit), {}), 2, told.append)
            assert done.failed == 0
            assert "weights.safetensors" not in found
            store_evaluation(run_folder, unit, found)
    assert sorted(row.kind for row in read_rows(folder)) == ["attack", "clean"]
    assert not list(folder.glob("part-*"))
    assert planned.todo() == []
    assert not {name for name in files_to_send(folder, Unit(job, WHOLE_SET)) if name.startswith((".", "part"))}


def test_what_a_unit_has_measured_is_stored_while_it_goes_on(planned, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "SAVE_SECONDS", 0.0)
    (job,) = planned.experiment.jobs
    planned.train(job, lambda event: None)
    whole, halves = Unit(job, WHOLE_SET), [Unit(job, Shard(index, 2)) for index in (1, 2)]
    with ExitStack() as locks:
        run = RayRun(None, planned, [job], lambda event: None, locks)
        run.folders[job.run] = locks.enter_context(lock_folder(tmp_path / job.run))
        seen = {}
        for unit in (halves[1], whole):

            def store(news, unit=unit):
                run._store_news(unit, news.files)
                seen[unit] = (
                    sorted(row.kind for row in read_rows(tmp_path / job.run)),
                    [path.name[-9:] for path in (tmp_path / job.run).glob("part-*")],
                )

            do_order(planned, UnitOrder(unit, files_to_send(tmp_path / job.run, unit), {}), 1, store)
    assert seen == {halves[1]: ([], ["2of2.json"]), whole: (["attack", "clean"], ["2of2.json"])}


def test_the_units_of_an_external_model_have_its_numbers(planned, tmp_path):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    model, cells = ExternalRun("linear", "digits", "identity"), planned.cells
    here = ExternalRunner(cells, tmp_path / "here", "last", "main", net, "identity")
    assert here.evaluate(model, lambda event: None) == 0
    there = here.with_results(tmp_path / "there")
    with lock_folder(tmp_path / "there" / model.run) as run_folder:
        for index in (1, 2):
            unit = Unit(model, Shard(index, 2))
            done, files = do_order(
                there, UnitOrder(unit, files_to_send(run_folder.path, unit), {}), 1, lambda news: None
            )
            assert done == (0, False)
            store_evaluation(run_folder, unit, files)
    rows, same = (
        [replace(row, seconds=0) for row in read_rows(tmp_path / place / model.run)] for place in ("here", "there")
    )
    assert sorted(rows, key=lambda row: row.kind) == sorted(same, key=lambda row: row.kind)


def test_a_unit_that_fails_elsewhere_is_told_of_and_changes_nothing(planned, tmp_path):
    (job,) = planned.experiment.jobs
    told = []
    done, _ = do_order(planned, UnitOrder(Unit(job, WHOLE_SET), {}, {}), 1, told.append)  # nothing is trained
    assert done.is_lost
    assert "failed: " in told[-1].event.word
    assert not (tmp_path / job.run).exists()


@pytest.mark.slow
def test_a_plugin_is_imported_where_its_file_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(plugins, "_outside", [])
    file = tmp_path / "travels.py"
    file.write_text(PLUGIN)
    plugins.load_file(file)
    parcel = pickle.dumps(plugins.TravellingPlugins())
    home = MODELS.home("travels")
    file.unlink()
    code = (
        "import pickle, sys; from bench.models.build import MODELS; "
        "pickle.load(sys.stdin.buffer); print(MODELS.home('travels'))"
    )
    there = subprocess.run([sys.executable, "-c", code], input=parcel, capture_output=True)
    assert there.stdout.decode().strip() == home, there.stderr
    for registry in (MODELS._items, MODELS._homes._modules):
        registry.pop("travels")


@pytest.mark.parametrize("address", ["here", "host:", "host:99999", ":"])
def test_an_address_has_a_host_and_a_port(address):
    with pytest.raises(BadInput, match=r"the form is HOST:PORT"), ray_cluster.connect(address, 1, CPU, 1):
        pass


def test_an_address_that_does_not_answer_is_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refused = pytest.raises(BadInput, match=rf"--ray-address {address} does not answer")
        with refused, ray_cluster.connect(address, 1, CPU, 1):
            pass


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # as where it is not installed
    with pytest.raises(BadInput, match=r"Ray is not installed .*; pip install 'robust-recipe-bench\[ray\]'"):
        ray_cluster.load_ray()


def test_an_address_is_of_the_engine_ray(bench):
    code, out, err = bench("run", "--ray-address", "host:6379")
    assert (code, out) == (2, "")
    assert err == "bench: --ray-address host:6379 is of --engine ray; give that too\n"


def nodes(*resources):
    """A cluster of nodes with these resources, as Ray describes it."""
    return type("Ray", (), {"nodes": staticmethod(lambda: [{"Alive": True, "Resources": r} for r in resources])})


def test_a_cluster_that_is_too_small_is_refused():
    with pytest.raises(BadInput, match=r"--threads 3: no node of the cluster has more than 2 processors"):
        ray_cluster._check_size(nodes({"CPU": 2.0}, {"CPU": 1.0}), CPU, 3)
    with pytest.raises(BadInput, match=r"--device cuda: no node of the cluster has a GPU"):
        ray_cluster._check_size(nodes({"CPU": 2.0}), torch.device("cuda"), 1)


@pytest.mark.parametrize("command", [["run"], ["eval", "--model", "nowhere.py:net"]])
def test_a_cluster_shares_the_images_out_itself(bench, command):
    code, out, err = bench(*command, "--engine", "ray", "--shard", "1/2")
    assert (code, out) == (2, "")
    assert err == "bench: --shard 1/2 is one machine's share of the images, and --engine ray shares them out itself\n"


def test_a_cluster_that_is_refused_changes_nothing(bench, tmp_path):
    pytest.importorskip("ray")
    small = ("--attacks", "FGSM", "--limit", "16", "--results", str(tmp_path / "results"))
    trained = ("run", "--methods", "Standard", "--epochs", "1", "--limit-train", "64", *small)
    assert bench(*trained)[0] == 0
    before = {path: path.read_bytes() for path in (tmp_path / "results").rglob("*.*") if path.is_file()}
    nowhere = ("--engine", "ray", "--ray-address", "nowhere")
    model = tmp_path / "flat.py"
    model.write_text("from torch import nn\ndef net():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n")
    for words in ((*trained, "--retrain"), ("eval", "--model", f"{model}:net", "--anyway", *small)):
        code, _, err = bench(*words, *nowhere)
        assert code == 2
        assert "--ray-address nowhere: the form is HOST:PORT" in err
    assert {path: path.read_bytes() for path in (tmp_path / "results").rglob("*.*") if path.is_file()} == before


def test_a_full_disk_of_the_driver_ends_the_run_in_one_line(planned, tmp_path, monkeypatch):
    def run(self, shared):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "results.csv")

    monkeypatch.setattr(RayRun, "run", run)
    monkeypatch.setattr(ray_engine, "share_runner", lambda ray, runner: None)
    with pytest.raises(Failed, match=r"No space left on device: results.csv; make room and run again"):
        run_on_ray(None, planned, [], print, tmp_path / "bench.log")
    assert str(disk_failure(OSError(errno.EROFS, "Read-only", "rows"), tmp_path)) == (
        "Read-only: rows; make it writable and run again"
    )


def with_value(row, right):
    low, high = wilson(right, row.n)
    return replace(row, value=right / row.n, ci_low=low, ci_high=high)


def test_units_that_attack_again_change_the_outcomes_of_their_images_alone(tmp_path):
    base = replace(ROW, name="FGSM", kind="attack", norm="Linf", eps=0.1, n=256, key="again")
    measured, later = (with_value(base, right) for right in (256, 255))
    bits, folder = np.ones(256, bool), RunFolder(tmp_path)
    folder.add(measured, bits)
    failed = replace(base, status="failed: no value", value=None, key="other")
    folder.add(replace(measured, key="other"), bits)
    for shard, wrong in ((Shard(1, 2), 3), (Shard(2, 2), 200)):  # each has seen the row as it was before both
        seen = bits.copy()
        seen[wrong] = False
        _store_row(folder, shard, later, seen)
        _store_row(folder, shard, failed, None)
    assert np.flatnonzero(~folder.outcomes["again"]).tolist() == [3, 200]
    assert {row.key: (row.status, row.value) for row in folder.rows} == {
        "again": ("ok", 254 / 256),
        "other": ("ok", 1.0),
    }


def test_what_waits_for_a_unit_that_cannot_be_sent_is_told_of(tmp_path):
    """Its run folder is in use; the job that trains on it cannot be sent either, and news of both is no other's."""
    asked = Request(methods=("BN-adv",), attacks=("FGSM",), limit=10, settings=("plan.epochs=1",), limit_train=64)
    planned, told = Runner(plan_experiment(asked, Path(), CPU), tmp_path, CPU, CellOptions(64)), []
    base, tuned = planned.experiment.jobs
    with lock_folder(tmp_path / base.run), ExitStack() as locks:
        run = RayRun(None, planned, planned.experiment.jobs, told.append, locks)
        refused = run._submit(Unit(base, None), 1, None, None)
        assert refused == (1, True)
        assert run._follow(Unit(base, None), refused) == [(Unit(tuned, None), 1)]
    assert "another process works on" in told[0].word
