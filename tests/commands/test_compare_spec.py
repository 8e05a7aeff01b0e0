"""`bench compare` with a model in place of a results folder; it is measured under the other side's conditions."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from outside_models import DIGITS, MEANS, write

from bench import load_model
from bench.commands.compare.comparison import is_spec

NET = "from torch import nn\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
ASKED = ["--attacks", "FGSM,PGD-5", "--eps", "0.05", "--limit", "100"]


@pytest.fixture
def nets(bench, tmp_path) -> None:
    """net.py, the weights of the class means (good.pt), these shuffled (bad.pt), and a baseline of the good ones."""
    write(tmp_path, NET, "net.py")
    state = load_model(f"{tmp_path / write(tmp_path, MEANS)}:nearest", DIGITS).state_dict()
    torch.save({"state_dict": state}, tmp_path / "good.pt")
    torch.save({name: tensor.roll(1, 0) if "weight" in name else tensor for name, tensor in state.items()}, "bad.pt")
    code, _, err = bench("eval", "--model", "net.py:build@good.pt", *ASKED, "--results", "baseline")
    assert code == 0, err


def test_the_same_weights_pass_and_worse_ones_fail(bench, nets, tmp_path):
    code, out, err = bench(
        "compare", "baseline", "net.py:build@good.pt", "--markdown", "gate.md", "--junit", "gate.xml"
    )
    assert code == 0, err
    assert "no regression in 3 cells" in out
    assert "flips: the same weights" in out
    assert "<details>" not in (tmp_path / "gate.md").read_text()
    (suite,) = ElementTree.parse(tmp_path / "gate.xml").getroot()
    assert len(suite) == 3
    assert sum(float(case.get("time", 0)) for case in suite) == pytest.approx(float(suite.get("time", 0)), abs=0.01)
    assert float(suite.get("time", 0)) > 0

    code, out, err = bench("compare", "baseline", "net.py:build@bad.pt", "--level", "1", "--markdown", "gate.md")
    assert code == 1, err
    assert "3 of 3 cells regressed" in out
    assert "images: new weights, fewer than 3 seeds on a side" in " ".join(out.split())
    assert "Flipped images" in (tmp_path / "gate.md").read_text()
    assert {path.name for path in tmp_path.iterdir()} >= {"baseline", "gate.md"}
    assert not (tmp_path / "results").exists()


def test_the_model_may_be_the_baseline(bench, nets):
    code, out, _ = bench("compare", "net.py:build@bad.pt", "baseline")
    assert (code, "no regression in 3 cells" in out) == (0, True)  # better is no regression


def test_a_model_takes_the_place_of_a_training_of_this_bench(bench, nets, tmp_path):
    committed = Path(__file__).parents[1] / "baseline"
    (tmp_path / "short").mkdir()
    rows = (committed / "digits/cnn/PGD-AT/s0-6bee601e/results.csv").read_text().splitlines()
    for name in ("job.json", "outcomes.npz"):
        (tmp_path / "short" / name).write_bytes((committed / "digits/cnn/PGD-AT/s0-6bee601e" / name).read_bytes())
    (tmp_path / "short/results.csv").write_text("\n".join([*rows[:3], ""]))  # clean and FGSM
    code, out, err = bench("compare", "short", "net.py:build@good.pt")
    assert code == 1, err
    assert "2 of 2 cells regressed" in out


def test_what_a_model_cannot_repeat_is_named_without_an_option_that_nobody_gave(bench, nets, tmp_path):
    code, _, err = bench(
        "eval", "--model", "net.py:build@good.pt", *ASKED, "--source", "net.py:build@bad.pt", "--results", "moved"
    )
    assert code == 0, err
    code, _, err = bench("compare", "moved", "net.py:build@good.pt")
    assert code == 0, err
    assert "transfer cells of moved, which cannot be measured again" in err


REFUSED = {
    ("net.py:build@good.pt", "net.py:build@bad.pt"): "make a baseline of one by `bench eval --model net.py:build@good",
    ("baseline", "net.py:build@bad.pt", "--level", "2"): "--level 2 retrains, and a model from outside has no training",
    ("baseline", "net.py:build@none.pt"): "weights none.pt are not there",
    ("both", "net.py:build@bad.pt"): "both holds 2 models (digits/external/net.build@bad-",
    (
        "baseline",
        "new",
        "--level",
        "1",
    ): "name the model in the place of CURRENT: bench compare baseline/digits/external/",
    ("baseline", "baseline", "--normalise", "pm1"): "--normalise pm1 is of a model, and baseline and baseline are",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_what_cannot_be_compared_is_one_line(bench, nets, arguments):
    if "both" in arguments:
        for weights in ("good", "bad"):
            bench(
                "eval",
                "--model",
                f"net.py:build@{weights}.pt",
                "--attacks",
                "none",
                "--limit",
                "40",
                "--results",
                "both",
            )
    code, _, err = bench("compare", *arguments)
    assert (code, err.count("\n")) == (2, 1), err
    assert REFUSED[arguments] in err


def test_a_file_of_weights_alone_is_described(bench, nets):
    code, _, err = bench("compare", "baseline", "bad.pt", "--normalise", "pm1")
    assert code == 2
    assert "bad.pt is a file of weights, and no model by itself" in err
    assert "def build():" in err


def test_folders_are_no_models():
    assert not is_spec(Path("results"))
    assert not is_spec(Path("C:\\results"))
    assert all(is_spec(Path(text)) for text in ("C:\\net.py:build@C:\\w.pt", "timm:resnet18", "net.py:build"))
