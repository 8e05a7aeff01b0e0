"""`bench eval --report`: a page about one model, which changes no number."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from outside_models import MEANS, write

from bench import Images, Linf, dataset
from bench.evaluation.worst_images import worst_images
from bench.results.report_file import read_report_file

ASKED = ["--model", "net.py:nearest", "--attacks", "FGSM,PGD-5", "--limit", "30"]


def test_a_report_is_written_and_no_number_changes(bench: Any, tmp_path: Path) -> None:
    write(tmp_path, MEANS, "net.py")
    assert bench("eval", *ASKED)[0] == 0
    (folder,) = tmp_path.glob("results/digits/external/*")
    rows = (folder / "results.csv").read_bytes()
    assert not (folder / "report.npz").exists()
    code, out, _ = bench("eval", *ASKED, "--report")
    assert code == 0
    assert (folder / "results.csv").read_bytes() == rows
    for ending in ("html", "pdf"):
        assert f"report: reports/models/net-nearest/report.{ending}" in out.splitlines()
        assert (tmp_path / f"reports/models/net-nearest/report.{ending}").stat().st_size > 10_000
    facts, pictures = read_report_file(folder)
    assert facts.commands == (f"bench eval {' '.join(ASKED)} --report",)
    assert (facts.results, facts.test_images, facts.attack, facts.norm) == ("results", 300, "PGD-20", "Linf")
    assert {"AutoAttack", "PGD-k"} <= set(facts.attacks)
    assert {"fog"} <= set(facts.corruptions)
    test = dataset("digits", Path()).load("test", Path())
    for example, clean, change in zip(facts.examples, pictures.clean, pictures.change, strict=True):
        assert np.array_equal(clean, test.x[example.image].numpy())
        assert str(int(test.y[example.image])) == example.label == example.before != example.after
        assert np.abs(change).max() <= example.eps + 1e-6
        assert example.broken_by == example.measurements == 2
    assert [example.eps for example in facts.examples] == sorted(example.eps for example in facts.examples)


def test_a_share_of_the_images_has_no_report(bench: Any, tmp_path: Path) -> None:
    write(tmp_path, MEANS, "net.py")
    code, _, err = bench("eval", *ASKED, "--report", "--shard", "1/2")
    assert code == 2
    assert "--report needs all images" in err


def test_the_nearest_images_to_a_border_are_the_worst() -> None:
    """The class is which of two pixels is brighter, so a perturbation of half their difference breaks an image."""
    x = torch.tensor([[0.9, 0.1], [0.55, 0.45], [0.7, 0.3], [0.51, 0.49], [0.2, 0.8]]).view(5, 1, 1, 2)
    images = Images(x, torch.tensor([0, 0, 0, 0, 1]))
    found = worst_images(torch.nn.Flatten(), images, [0, 1, 2, 4], Linf(0.4), 2)
    assert found.ids == [1, 2]
    assert found.radii == pytest.approx([0.1, 0.25])
    assert (found.before, found.after) == ([0, 0], [1, 1])
    assert (np.abs(found.changed - found.clean).reshape(2, -1).max(1) <= np.array(found.radii) + 1e-6).all()
