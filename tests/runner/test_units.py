"""Units of work: what waits for what, and that an evaluation that is cut into shards has the numbers of a whole one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import methods  # noqa: F401  registers the recipes
from bench.results.shards import WHOLE_SET, Shard
from bench.results.store import read_outcomes, read_rows
from bench.results.survey import run_folders
from bench.runner import units
from bench.runner.experiment import plan_experiment
from bench.runner.job_runner import Runner
from bench.runner.options import CellOptions
from bench.runner.pool import run_here
from bench.runner.request import Request
from bench.runner.shards.joining import begun_shards
from bench.runner.units import Unit, count_shards, first_units, next_units, run_unit

CPU = torch.device("cpu")


def quiet(event):
    """Progress that nobody looks at."""


@pytest.fixture
def planned(tmp_path):
    """A recipe that trains on the model of another one, and that one."""
    asked = Request(
        methods=("BN-adv",), attacks=("FGSM", "PGD-3"), limit=290, settings=("plan.epochs=1",), limit_train=64
    )
    return Runner(plan_experiment(asked, Path(), CPU), tmp_path, CPU, CellOptions(64))


def test_a_training_is_followed_by_its_evaluation_and_by_what_is_trained_on_it(planned):
    base, tuned = planned.experiment.jobs
    assert first_units(planned, [tuned, base], split=False) == [Unit(base, None)]
    after = next_units(planned, [tuned, base], Unit(base, None), has_failed=False, split=False)
    assert after == [Unit(base, WHOLE_SET), Unit(tuned, None)]
    assert next_units(planned, [tuned, base], Unit(base, WHOLE_SET), has_failed=False, split=False) == []
    lost = next_units(planned, [tuned, base], Unit(base, None), has_failed=True, split=False)
    assert lost == [Unit(tuned, None)]  # it says that it cannot be trained


def test_an_evaluation_is_cut_by_its_passes_and_never_finer_than_blocks(planned, monkeypatch):
    assert count_shards(planned) == 1
    passes = sum(condition.cost(290) for condition in planned.experiment.conditions if condition.sharded)
    for share, count in ((passes / 2, 2), (passes / 2.9, 3), (1.0, 3)):
        monkeypatch.setattr(units, "SHARD_PASSES", share)
        assert count_shards(planned) == count
    base, _ = planned.experiment.jobs
    after = next_units(planned, [base], Unit(base, None), has_failed=False, split=True)
    assert after == [Unit(base, Shard(index, 3)) for index in (1, 2, 3)]
    second = replace(planned, options=replace(planned.options, shard=Shard(2, 3)))
    assert next_units(second, [base], Unit(base, None), has_failed=False, split=True) == [Unit(base, Shard(2, 3))]


def test_shards_have_the_numbers_of_the_whole_and_are_gone_on_with(planned, tmp_path, monkeypatch):
    jobs = planned.experiment.jobs
    assert [done.failed for done in run_here(planned, jobs, quiet)] == [0, 0, 0, 0]
    whole = read_all(tmp_path)
    for path in (path for folder in run_folders(tmp_path) for path in folder.iterdir()):
        if path.name in ("results.csv", "outcomes.npz"):
            path.unlink()
    monkeypatch.setattr(units, "SHARD_PASSES", 1.0)
    for _ in range(2):
        run_unit(planned, first_units(planned, jobs, split=True)[0], quiet)
    folder = tmp_path / jobs[0].run
    assert begun_shards(folder) == 3
    monkeypatch.setattr(units, "SHARD_PASSES", 1e9)
    assert sum(done.failed for done in run_here(planned, jobs, quiet)) == 0
    assert begun_shards(folder) == 0
    assert read_all(tmp_path) == whole
    assert first_units(planned, jobs, split=False) == [Unit(job, WHOLE_SET) for job in jobs]


def read_all(results: Path) -> dict:
    """Rows and outcomes of all runs, but for the seconds."""
    found = {}
    for folder in run_folders(results):
        bits = read_outcomes(folder)
        for row in read_rows(folder):
            found[row.run, row.cell] = (replace(row, seconds=None), bits[row.key].tolist())
    assert found
    assert all(np.mean(right) == row.value for row, right in found.values())
    return found


def test_what_was_begun_with_more_images_does_not_cut_fewer(planned):
    job = planned.experiment.jobs[0]
    planned.train(job, quiet)
    run_unit(planned, Unit(job, Shard(1, 3)), quiet)
    assert first_units(planned, [job], split=False) == [Unit(job, Shard(index, 3)) for index in (1, 2, 3)]
    fewer = replace(planned, experiment=replace(planned.experiment, n=100))
    assert first_units(fewer, [job], split=True) == [Unit(job, WHOLE_SET)]
    assert [done.failed for done in run_here(fewer, [job], quiet)] == [0]


def test_shards_of_whole_cells_do_not_stay(planned):
    """Of another number of shards, of a killed process, and of an epoch with the same weights as one that is whole."""
    job = planned.experiment.jobs[0]
    both = replace(planned, experiment=replace(planned.experiment, epochs=("last", "best")))
    planned.train(job, quiet)
    folder = planned.results / job.run
    run_unit(both, Unit(job, Shard(1, 3)), quiet)
    run_unit(both, Unit(job, Shard(1, 2)), quiet)
    left = {path: path.read_bytes() for path in folder.glob("part-*")}
    assert len(left) == 8  # two attacks, two epochs, two cuts
    run_unit(both, Unit(job, Shard(2, 2)), quiet)
    assert len(read_rows(folder)) == 6
    assert begun_shards(folder) == 0
    for path, content in left.items():
        path.write_bytes(content)
    assert [done.failed for done in run_here(both, [job], quiet)] == [0, 0, 0]
    assert not list(folder.glob("part-*"))
