"""`bench run --extra`: the identity of trainings with extra images, and what is said of them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bench.commands.compare.rerun import plan_again
from bench.commands.evaluate.model_info import MeasuredAccuracies, model_info, unknown_facts
from bench.core.errors import BadInput
from bench.core.foreign.plugins import load_plugins
from bench.data.lookup import dataset
from bench.evaluation.external.finished_run import FinishedRun
from bench.report.labels import labels
from bench.report.site.methods.command import command
from bench.results.load import load_results
from bench.runner.budgets import describe_extra
from bench.runner.experiment import plan_experiment
from bench.runner.request import Request
from bench.training.run_folder import describe_job

load_plugins()

CPU = torch.device("cpu")
TRAIN = dataset("digits", Path()).load("train", Path())
IMAGES, LABELS = TRAIN.x[-100:].permute(0, 2, 3, 1).numpy(), TRAIN.y[-100:].numpy()
ASKED = Request(methods=("HAT",), attacks=(), limit_train=100, epochs=1, limit=20)


@pytest.fixture
def archive(tmp_path):
    np.savez(tmp_path / "more.npz", image=IMAGES, label=LABELS)
    return tmp_path / "more.npz"


def plan(request, data_dir=Path()):
    return plan_experiment(request, data_dir, CPU)


def test_the_images_and_their_share_are_part_of_every_run_and_the_file_is_not(archive, tmp_path):
    plain, one = plan(ASKED), plan(replace(ASKED, extra=archive))
    (tmp_path / "other.npz").write_bytes(archive.read_bytes())
    moved, half = (plan(replace(ASKED, extra=tmp_path / "other.npz", extra_share=share)) for share in (0.7, 0.5))
    np.savez(archive, image=255 - IMAGES, label=LABELS)
    changed = plan(replace(ASKED, extra=archive))
    runs = [tuple(job.run for job in found.jobs) for found in (plain, one, half, changed, moved)]
    assert len({*runs}) == 4
    assert runs[1] == runs[4]
    assert all(len({*same}) == 4 for same in zip(*runs, strict=True))  # of the helper's training too
    assert {(job.extra, job.extra_share) for job in one.jobs} == {(one.extra.fingerprint, 0.7)}
    assert {(job.extra, job.extra_share) for job in plain.jobs} == {("", 0.0)}
    words = f", 100 training images, 70 % extra data {one.extra.fingerprint[:8]}"
    assert [words in job.budget for job in one.jobs] == [True] * len(one.jobs)
    assert torch.equal(one.train.x, plain.train.x)
    assert torch.equal(one.holdout.x, plain.holdout.x)  # none of the extra images


def test_a_share_without_images_of_one_kind_is_refused(archive):
    for share, message in ((0.005, "no extra image in a batch of 64"), (0.995, "no image of the data set in a batch")):
        with pytest.raises(BadInput, match=message):
            plan(replace(ASKED, extra=archive, extra_share=share))
    with pytest.raises(BadInput, match=r"no share of a batch"):
        plan(replace(ASKED, extra=archive, extra_share=float("nan")))
    with pytest.raises(BadInput, match=r"give that too"):
        plan(replace(ASKED, extra_share=0.5))


def test_a_run_says_that_it_used_extra_data(bench, archive, tmp_path):
    asked = ["run", "--methods", "Standard", "--attacks", "FGSM", "--limit-train", "100", "--epochs", "1"]
    asked += ["--limit", "20", "--workers", "1", "--extra", "more.npz", "--extra-share", "1/2"]
    out = bench(*asked, "--dry-run")[1]
    line = (
        "extra data: a share of 0.5 of each batch is taken from the 100 images in more.npz; an epoch has as many steps"
    )
    assert out.startswith(line)
    assert not (tmp_path / "results").exists()
    code, out, err = bench(*asked)
    assert code == 0, err
    assert "Standard (extra data)" in out
    rows = load_results(tmp_path / "results")
    assert {*labels(rows)} == {"Standard (extra data)"}
    folder = tmp_path / "results" / rows["run"][0]
    job = json.loads((folder / "job.json").read_text())
    assert (job["extra_share"], job["extra_file"], job["extra_images"]) == (0.5, "more.npz", 100)
    assert job["budget"].endswith(describe_extra(job["extra"], 0.5))
    assert "--extra more.npz --extra-share 0.5" in command(job, rows, lambda name, settings: name)
    assert bench("report", "--cards")[0] == 0
    (card,) = (tmp_path / "reports/cards").rglob("README.md")
    assert f"| extra data | 50 % of each batch, of 100 images (fingerprint {job['extra']}) |" in card.read_text()
    assert FinishedRun(folder).extra_images == 100
    code, out, err = bench("eval", "--model", str(folder), "--attacks", "FGSM", "--limit", "20", "--results", "outside")
    assert code == 0, err
    assert "Standard.extra.s0" in out
    _, again = plan_again(folder, job, Path(), CPU, is_retrained=True)
    archive.unlink()
    _, kept = plan_again(folder, job, Path(), CPU, is_retrained=False)  # evaluates stored weights: needs no archive
    assert again.run == kept.run == job["run"]
    with pytest.raises(BadInput, match=r"--extra more\.npz: there is no such file"):
        plan_again(folder, job, Path(), CPU, is_retrained=True)


def test_a_label_tells_extra_data_from_other_settings(archive, tmp_path):
    for request in (ASKED, replace(ASKED, extra=archive), replace(ASKED, extra=archive, extra_share=0.5)):
        for job in plan(replace(request, methods=("Standard",))).jobs:
            describe_job(tmp_path / job.run, job, CPU, "trained")
    budgets = [json.loads(path.read_text())["budget"] for path in tmp_path.rglob("job.json")]
    runs = [path.parent.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("job.json")]
    rows = pd.DataFrame({"run": runs, "budget": budgets, "recipe": "Standard", "view": "main", "epoch": "last"})
    found = dict(zip(budgets, labels(rows), strict=True))
    assert found[next(text for text in budgets if "extra" not in text)] == "Standard"
    marked = [found[text] for text in budgets if "extra" in text]
    assert all(label.startswith("Standard (extra data, ") for label in marked)
    assert len({*marked}) == 2


def test_robustbench_is_told_how_many_images_and_people_whether_they_count_as_additional():
    """RobustBench has `additional_data: false` and such a footnote where images were generated."""
    measured = MeasuredAccuracies("PGD-AT.s0", "cnn", "digits", 0.2, 0.9, 0.5, 300, False, "ok", True, 1000)
    entry = model_info(measured, {})
    assert (entry["additional_data"], entry["footnote"]) == (None, "It uses 1,000 additional images in training.")
    assert "additional_data" in unknown_facts(entry)
    assert model_info(measured, {"additional_data": True})["additional_data"] is True
    assert model_info(replace(measured, extra_images=0), {})["additional_data"] is False
