"""A file of weights alone, and models that expect normalised images: what is said, and what `--normalise` does."""

import json
from pathlib import Path

import pytest
import torch
from outside_models import DIGITS, MEANS, TEST, write
from torch import nn

from bench import BadInput, dataset, load_model
from bench.data.loader import to_float
from bench.evaluation.external.access import Access
from bench.evaluation.external.load import identity, load
from bench.evaluation.external.normalisation import normaliser
from bench.evaluation.external.python_file import File
from bench.evaluation.external.spec import parse_spec
from bench.results.load import load_results
from bench.results.store import read_job
from bench.results.survey import run_folders

NORMALISED = """
class Undo(nn.Module):
    def forward(self, x):
        return x * 0.3761 + 0.3055

def expecting():
    return nn.Sequential(Undo(), nearest())
"""
ASKED = ["--attacks", "FGSM", "--limit", "40"]


@pytest.fixture
def spec(tmp_path) -> str:
    return f"{tmp_path / write(tmp_path, MEANS + NORMALISED)}:expecting"


def test_the_warning_names_the_option_which_gives_the_numbers_of_the_model_itself(bench, tmp_path, spec):
    code, _, err = bench("eval", "--model", "means.py:expecting", *ASKED)
    assert (code, err.count("\n")) == (2, 1)
    assert "normalised by mean and std; give --normalise meanstd, or let the model's first layer normalise" in err
    for name in ("meanstd", "digits", "0.3055,0.3761"):
        code, _, err = bench("eval", "--model", "means.py:expecting", "--normalise", name, *ASKED)
        assert code == 0, err
    assert bench("eval", "--model", "means.py:nearest", *ASKED)[0] == 0
    rows = load_results(tmp_path / "results")
    named = {name: list(rows.loc[rows["recipe"] == name, "value"]) for name in rows["recipe"].unique()}
    assert list(named) == [
        "means.expecting.digits", "means.expecting.meanstd", "means.expecting.normalised", "means.nearest",
    ]  # fmt: skip
    assert len({tuple(values) for values in named.values()}) == 1
    specs = {read_job(folder)["spec"] for folder in run_folders(tmp_path / "results")}
    assert "means.py:expecting[normalise=0.3055,0.3761]" in specs


def test_another_normalisation_is_another_model_and_none_changes_no_identity(spec):
    def digits(text: str) -> str:
        source = parse_spec(text)
        return identity(source, load(source, DIGITS, Access(Path()), "cpu").net, TEST)

    plain = digits(spec)
    found = {digits(f"{spec}[normalise={text}]") for text in ("meanstd", "pm1", "0.3,0.4")}
    assert len({plain, *found}) == 4
    assert digits(f"{spec}[normalise=none]") == plain
    assert digits(f"{spec}[normalise=digits]") == digits(f"{spec}[normalise=meanstd]")


def test_a_normalisation_is_a_name_a_data_set_or_numbers():
    cifar, x = dataset("cifar10", Path()), torch.rand(2, 3, 4, 4)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (cifar.mean, cifar.std))
    for text in ("meanstd", "cifar10", ",".join(map(str, (*cifar.mean, *cifar.std)))):
        assert torch.equal(normaliser(text, cifar)(x), (x - mean) / std)
    assert torch.equal(normaliser("pm1", cifar)(x), (x - 0.5) / 0.5)
    assert torch.allclose(normaliser("0,1/255", cifar)(x), x * 255)
    assert normaliser("imagenet", cifar).mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])


WRONG = {
    "cifar": "--normalise cifar is no normaliser and no data set; did you mean cifar10",
    "cifar10": "--normalise cifar10 is for 3 channels, and digits has 1",
    "0.5": "--normalise 0.5: 1 number, where each mean needs a std; the form is mean,std",
    "0.5,0": "--normalise 0.5,0: a std of 0 or less",
    "0.5;0.5": "--normalise 0.5;0.5: '0.5;0.5' is neither a number nor a fraction of two",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_normalisation_is_one_line(bench, spec, text):
    code, _, err = bench("eval", "--model", spec, "--normalise", text, *ASKED)
    assert (code, err.count("\n")) == (2, 1)
    assert WRONG[text] in err


def test_models_that_normalise_by_themselves_take_no_normalisation():
    with pytest.raises(BadInput, match="torchvision:resnet18 normalises its images by itself; leave it out"):
        load_model("torchvision:resnet18", DIGITS, normalise="pm1")
    with pytest.raises(BadInput, match="names a normalisation, and --normalise pm1 does; give one of them"):
        load_model("net.py:build[normalise=pm1]", DIGITS, normalise="pm1")


def test_load_model_normalises_too(spec):
    plain, x = load_model(spec.replace("expecting", "nearest"), DIGITS), to_float(TEST.x[:8])
    with torch.no_grad():
        assert torch.allclose(load_model(spec, DIGITS, normalise="meanstd")(x), plain(x), atol=1e-5)


def test_a_file_of_weights_is_described_with_the_file_to_write(bench, tmp_path):
    torch.manual_seed(0)  # random weights may happen to be better on normalised images, which would be refused
    state = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).state_dict()
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, "net.pt")
    code, out, err = bench("eval", "--model", "net.pt")
    first, *rest = err.splitlines()
    assert (code, out) == (2, "")
    assert "it holds 2 tensors under 'state_dict', such as module.1.weight (10x64), and no code" in first
    assert "    def build():" in rest
    assert "and give --model net.py:build@net.pt" in rest
    assert "--normalise cifar10" in err

    code = "from torch import nn\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    write(tmp_path, code, "net.py")  # as it says
    assert bench("eval", "--model", "net.py:build@net.pt", *ASKED)[0] == 0


def test_other_files_in_the_place_of_a_model_are_called_what_they_are(bench, tmp_path):
    (tmp_path / "notes.md").write_text("# notes")
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pt")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/job.json").write_text(json.dumps({}))
    (tmp_path / "run/weights.safetensors").touch()
    assert "are a text file and no checkpoint" in bench("eval", "--model", "notes.md")[2]
    assert "hold more than tensors (torch.nn.modules.linear.Linear)" in bench("eval", "--model", "whole.pt")[2]
    assert "run is the run that it is of" in bench("eval", "--model", "run/weights.safetensors")[2]


@pytest.mark.parametrize("drive", ["C:\\nets", "C:/nets", "d:\\my nets@home"])
def test_a_path_of_windows_keeps_its_colon(drive):
    source = parse_spec(f"{drive}\\net.py:build@{drive}\\net.pt@ema[normalise=pm1]")
    assert source == File(Path(f"{drive}\\net.py"), "build", Path(f"{drive}\\net.pt"), "ema", "pm1")
    with pytest.raises(BadInput, match="say which function of it returns the model"):
        parse_spec(f"{drive}\\net.py")
    with pytest.raises(BadInput, match="there is no folder"):
        parse_spec(f"{drive}\\results\\s0-1a2b3c4d@best")
