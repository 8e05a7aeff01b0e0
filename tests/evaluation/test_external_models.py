"""Models from outside: how they are loaded, errors for those that break the contract, their rows."""

import json
import os
import re
import socket
import sys
from dataclasses import replace
from enum import Enum
from pathlib import Path

import pandas as pd
import pytest
import torch
from outside_models import BESIDE, DIGITS, MEANS, TEST, write
from registered import register_for_test
from safetensors.torch import save_file
from torch import nn

from bench import ATTACKS, BadInput, benchmark, dataset, load_model
from bench.commands.evaluate.candidate import NO_BUDGET
from bench.commands.evaluate.model_info import KEY_ORDER, MeasuredAccuracies, model_info
from bench.data.images import Images
from bench.data.loader import to_float
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.corruption_conditions import corruption_conditions
from bench.evaluation.external.access import Access
from bench.evaluation.external.external_run import ExternalRun
from bench.evaluation.external.load import identity, load
from bench.evaluation.external.model_checks import model_warnings
from bench.evaluation.external.restricted_loading import ONLY_WEIGHTS, restrict_loading
from bench.evaluation.external.spec import parse_spec
from bench.evaluation.identity import SEPARATOR, is_same_model, logits_digest, trained_identity
from bench.evaluation.row import ModelRef
from bench.models.build import build
from bench.models.checkpoint import fingerprint
from bench.models.normalise import Normalise
from bench.report.audit.thresholds import INDICATORS
from bench.report.cards.card import measurements
from bench.report.transfer.table import matrices
from bench.results.load import load_results
from bench.results.run_folder import RunFolder
from bench.results.store import read_job, read_outcomes, read_rows
from bench.results.survey import run_folders
from bench.runner.cells import CellPlan
from bench.runner.model_evaluation import ModelEvaluation
from bench.runner.options import CellOptions

ASKED = ["--attacks", "FGSM,PGD-5", "--limit", "30"]

WRAPPED = """
import torch
from torch import nn
from torch.nn import functional as F

class Wrapped(nn.Module):
    def __init__(self, change=lambda x: x):
        super().__init__()
        self.net, self.change = nearest(), change
    def forward(self, x):
        {body}

class Stuck(Wrapped):
    def train(self, mode=True):
        return super().train(True)
"""

BROKEN = {  # body of forward -> what is said
    "return self.net(x).softmax(1)": "the outputs are probabilities, .* return logits, without the softmax",
    "return F.dropout(self.net(x))": "the same images get logits that differ by .* call eval, so that dropout ends",
    "return F.batch_norm(self.net(x), None, None, training=True)": "an image alone cannot be classified, .* call eval",
    "z = self.net(x); return z - z.mean(0)": "an image's logits change by .* with the batch around it",
    "return self.net((x - 0.3055) / 0.3761) * (x.amin() > 0.2)": "right in .* with mean and std undone; the model",
    "return self.net((x + 1) / 2) * (x.amin() < -0.9)": "right in .* in -1, 1; give --normalise pm1, or let",
    "return self.net(x / 255)": "in 0, 255; give --normalise 0,1/255, or let .* first layer multiply",
    "return self.net(x * 0.3761 + 0.3055)": "by mean and std; give --normalise meanstd, or let",
    "return self.net(x.detach())": "the logits carry no gradient to the image, .* or evaluate with --attacks none",
    "return self.net((x > 0.5).float())": "the logits carry no gradient to the image",
    "return F.one_hot(self.net(x).argmax(1), 10).float()": "the logits carry no gradient to the image",
    "return self.net(torch.round(x))": "the gradient is exactly 0 for 16 of 16 images; remove the rounding",
    "return self.net(x)[:, :9]": "the model gives 9 logits an image, and digits has 10 classes; return those",
    "return self.net(x).argmax(1)": "the model returned 16, for 16 images; logits of shape",
    "return self.net(x) / 0": "NaN or infinite logits",
    "return F.linear(x.flatten(1), torch.ones(10, 784))": "does not take images of 1x8x8 pixels in 0, 1, RuntimeError",
    "return self.net(x.sub_(0.1))": "the model writes into the images it is given; leave out in-place operations",
}


def wrapped(body: str) -> str:
    return MEANS + WRAPPED.format(body=body)


def test_the_readme_s_model_is_evaluated_once_and_again_when_its_code_changes(bench, tmp_path):
    asked = ["eval", "--model", f"{write(tmp_path)}:nearest", *ASKED]
    code, out, err = bench(*asked)
    assert code == 0, err
    assert "digits, external, Linf 0.2, not trained here, n=30" in out
    (folder,) = run_folders(tmp_path / "results")
    assert folder.relative_to(tmp_path / "results").parts[:2] == ("digits", "external")
    assert folder.name.startswith("means.nearest-")
    rows = load_results(tmp_path / "results")
    assert (set(rows["recipe"]), set(rows["budget"])) == ({"means.nearest"}, {NO_BUDGET})
    assert list(rows["name"]) == ["", "FGSM", "PGD-5"]
    assert rows["value"][0] > 0.8

    files = {path: path.read_bytes() for path in folder.iterdir()}
    code, _, err = bench(*asked)
    assert (code, err) == (0, "")
    assert {path: path.read_bytes() for path in files} == files

    write(tmp_path, MEANS.replace("nn.Flatten(), linear", "nn.Flatten(), linear, nn.LeakyReLU(0.5)"))
    assert bench(*asked)[0] == 0  # the same weights, but not the same model
    rows = load_results(tmp_path / "results")
    assert len(rows) == 6
    assert rows["key"].is_unique
    assert (tmp_path / "reports/leaderboard/leaderboard.md").read_text().count("means.nearest (") >= 2


@pytest.mark.parametrize("body", BROKEN)
def test_a_model_that_breaks_the_contract_is_told_what_to_do(tmp_path, body):
    net = load_model(f"{tmp_path / write(tmp_path, wrapped(body))}:Wrapped", DIGITS)
    try:
        said = "; ".join(model_warnings(net, DIGITS, TEST, attacked=True))
    except BadInput as error:
        said = str(error)
    assert re.search(BROKEN[body], re.sub(r"[][()]", "", said))


def test_train_mode_that_eval_does_not_reach_is_noticed(tmp_path):
    net = load_model(f"{tmp_path / write(tmp_path, wrapped('return self.net(x)'))}:Stuck", DIGITS)
    assert model_warnings(net, DIGITS, TEST, attacked=True) == [
        "train mode outlives eval() in Stuck, Sequential, Flatten, Linear; let train() and eval() reach every layer"
    ]


def test_a_model_in_order_raises_no_doubt(tmp_path):
    assert (
        model_warnings(load_model(f"{tmp_path / write(tmp_path)}:nearest", DIGITS), DIGITS, TEST, attacked=True) == []
    )


def test_a_doubt_stops_the_command_before_anything_is_written(bench, tmp_path):
    asked = ["eval", "--model", f"{write(tmp_path, wrapped('return self.net(x).softmax(1)'))}:Wrapped", *ASKED]
    code, _, err = bench(*asked)
    assert (code, err.count("\n")) == (2, 1)
    assert "return logits, without the softmax. To evaluate it as it is, give --anyway" in err
    assert not (tmp_path / "results").exists()

    code, out, err = bench(*asked, "--anyway")
    assert code == 0, err
    assert "the outputs are probabilities" in " ".join(out.split())


def test_a_model_without_gradient_is_evaluated_on_clean_images(bench, tmp_path):
    model = f"{write(tmp_path, wrapped('return self.net(x.detach())'))}:Wrapped"
    assert bench("eval", "--model", model, "--attacks", "FGSM")[0] == 2
    assert bench("eval", "--model", model, "--attacks", "none", "--limit", "30")[0] == 0


def test_an_audit_probes_a_model_from_outside_too(bench, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.evaluation.probes.indicator.PLANTED_IMAGES", 2)
    model = f"{write(tmp_path)}:nearest"
    code, _, err = bench("eval", "--model", model, "--attacks", "PGD-2", "--limit", "20", "--audit")
    assert code == 0, err
    rows = load_results(tmp_path / "results")
    assert sorted(rows.loc[rows["metric"] == "share", "name"]) == sorted(INDICATORS)


SPECS = {
    "nowhere": "there is no folder nowhere, and the other forms are FOLDER",
    "means.py": "say which function of it returns the model, means.py:FUNCTION",
    "other.py:nearest": "other.py is not there",
    "means.py:nearst": "means.py has no 'nearst'; did you mean nearest?",
    "means.py:KMEANS": "is a int; name a function",
    "means.py:number": "gave a int; return a torch.nn.Module",
    "means.py:failing": "failing() raised ZeroDivisionError: division by zero (",
    "means.py:nearest@none.pt": "weights none.pt are not there",
    "means.py:nearest@broken.safetensors": "weights broken.safetensors are a text file and no checkpoint",
    "means.py:nearest@list.pt": "weights list.pt hold a list, and no state dict; save model.state_dict()",
    "means.py:nearest@other.safetensors": "do not fit the model: the file lacks 2 tensors such as 1.bias, has",
    "means.py:nearest@shape.safetensors": "has in another shape 1 tensor such as 1.weight",
    "means.py:nearest@module.pt": "hold more than tensors (torch.nn.modules.linear.Linear), and unpickling runs its",
    "wrong.py:net": "wrong.py is not Python",
    "empty": "empty has no job.json; name the folder of one run",
    "torchvision:nope": "named 'nope'; known: alexnet, convnext_base, convnext_large, ",
    "torchvision:resnet81": "torchvision has no classifier named 'resnet81'; did you mean resnet18",
    "torchvision:squeezenet1_1": "squeezenet1_1-b8a52dc0.pth, which is not there; put it there, or give --download",
    "timm:resnet18": "needs the package timm, which is not installed; pip install timm",
    "robustbench:Standard": "not installed; pip install 'robustbench==1.1.1' 'setuptools<81'",
}


@pytest.mark.parametrize("spec", SPECS)
def test_a_model_that_cannot_be_had_is_one_line(bench, tmp_path, monkeypatch, spec):
    monkeypatch.setattr("bench.evaluation.external.zoo._is_installed", lambda package: package == "torchvision")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    write(tmp_path, MEANS + "\nKMEANS = 1\nnumber = lambda: 1\nfailing = lambda: 1 / 0\n")
    write(tmp_path, "def net(:", "wrong.py")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    save_file({"1.weight": torch.zeros(1), "1.bias": torch.zeros(10)}, tmp_path / "shape.safetensors")
    torch.save([1], tmp_path / "list.pt")
    torch.save(nn.Linear(2, 2), tmp_path / "module.pt")
    code, _, err = bench("eval", "--model", spec, *ASKED)
    assert (code, err.count("\n")) == (2, 1), err
    assert SPECS[spec] in err
    assert len(err) < 400
    assert not (tmp_path / "results").exists()


def identified(spec: str) -> str:
    source = parse_spec(spec)
    return identity(source, load(source, DIGITS, Access(Path()), "cpu").net, TEST)


def test_an_identity_holds_what_a_model_computes(tmp_path, monkeypatch):
    """It changes with all that changes the logits: a file beside it, a non-persistent buffer, the environment."""
    spec = f"{tmp_path / write(tmp_path, MEANS + BESIDE)}:Scaled"
    (tmp_path / "scale.json").write_text("1.0")
    first = identified(spec)
    assert identified(spec) == first
    (tmp_path / "scale.json").write_text("1.00001")
    second = identified(spec)
    monkeypatch.setenv("SCALE", "1.00001")
    assert len({first, second, identified(spec)}) == 3
    monkeypatch.setenv("SCALE", "1")
    (tmp_path / "scale.json").write_text("1.0")
    assert identified(spec) == first
    assert not is_same_model(first, second)


def test_an_identity_depends_on_no_threads_and_changes_no_weight(tmp_path):
    net = build("resnet8", dataset("cifar10", Path())).eval()
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.uniform_(-1, 1)
    images = Images(torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8), torch.zeros(4, dtype=torch.int64))
    before, threads = {name: tensor.clone() for name, tensor in net.state_dict().items()}, torch.get_num_threads()
    digits = {}
    for count in (1, 3):
        torch.set_num_threads(count)
        digits[count] = logits_digest(net, images)
        assert torch.get_num_threads() == count
    torch.set_num_threads(threads)
    assert digits[1] == digits[3] != ""
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(p.dtype == torch.float32 and p.requires_grad for p in net.parameters())


def test_a_model_of_single_precision_alone_has_an_identity_too(tmp_path):
    spec = f"{tmp_path / write(tmp_path, wrapped('return self.net(x.float() * 1.0)'))}:Wrapped"
    assert identified(spec) == identified(spec)
    assert SEPARATOR in identified(spec)


def test_logits_that_change_from_call_to_call_are_left_out_of_an_identity(tmp_path):
    (tmp_path / "scale.json").write_text("1.0")
    spec = f"{tmp_path / write(tmp_path, MEANS + BESIDE)}:Drawing"
    assert SEPARATOR not in identified(spec)
    assert identified(spec) == identified(spec)
    assert is_same_model(identified(spec), identified(spec) + f"{SEPARATOR}0123")  # as from where it did not draw


def test_what_a_model_was_measured_at_before_is_shown_again_when_it_is_again_what_it_was(tmp_path):
    """Rows of several states of a model lie in one folder; each state is measured once."""
    which = ModelRef(ExternalRun("net", "digits", "identity"), "last", "main")
    cells = CellPlan(TEST, 40, (Clean(),), torch.device("cpu"), "fp32", CellOptions(40))
    net, values = load_model(f"{tmp_path / write(tmp_path)}:nearest", DIGITS), []
    for identity_now, sign in (("one", 1), ("other", -1), ("one", 1), ("one", 1)):
        run = RunFolder(tmp_path)
        missing = cells.missing_conditions(run, which, identity_now)
        assert bool(missing) == (len(values) < 3)
        signed = nn.Sequential(net, Signed(sign)).eval()
        ModelEvaluation(cells, run, which, signed, identity_now, lambda event: None).fill()
        run.merge_added()
        values.append(read_rows(tmp_path)[-1].value)
    assert values[0] == values[2] == values[3] != values[1]
    assert len(read_rows(tmp_path)) == 2


class Signed(nn.Module):
    def __init__(self, sign):
        super().__init__()
        self.sign = sign

    def forward(self, x):
        return self.sign * x


class Scaling(nn.Module):
    """A layer that is not the bench's, with a factor that is not in the state dict."""

    def forward(self, x):
        if (factor := os.environ["FACTOR"]) == "none":
            raise ValueError("no factor")
        return x * float(factor)


def test_a_model_trained_here_is_named_by_its_weights_unless_a_plugin_s_layers_are_in_it(monkeypatch):
    net = build("cnn", DIGITS).eval()
    assert trained_identity(net, TEST) == fingerprint(net)
    mixed, found = nn.Sequential(net, Scaling()), set()
    for factor in ("1", "2", "none"):
        monkeypatch.setenv("FACTOR", factor)
        found.add(trained_identity(mixed, TEST))
        assert (SEPARATOR in trained_identity(mixed, TEST)) == (factor != "none")
    assert len(found) == 3


def test_a_model_is_evaluated_anew_when_a_file_beside_it_changes(bench, tmp_path):
    model = f"{write(tmp_path, MEANS + BESIDE)}:Scaled"
    asked = ["eval", "--model", model, "--attacks", "none", "--limit", "30"]
    for scale in ("1.0", "-1.0", "1.0"):
        (tmp_path / "scale.json").write_text(scale)
        assert bench(*asked)[0] == 0
    rows = load_results(tmp_path / "results")
    assert len(rows) == 2
    assert {value > 0.5 for value in rows["value"]} == {True, False}


def test_of_several_models_in_a_file_the_one_that_is_evaluated_is_said_and_kept(bench, tmp_path):
    net = load_model(f"{tmp_path / write(tmp_path)}:nearest", DIGITS)
    worse = {name: -tensor for name, tensor in net.state_dict().items()}
    torch.save({"state_dict": worse, "state_dict_ema": net.state_dict()}, tmp_path / "w.pt")
    asked = ["--attacks", "none", "--limit", "30"]
    code, _, err = bench("eval", "--model", "means.py:nearest@w.pt", *asked)
    said = "weights w.pt hold 2 models (state_dict, state_dict_ema); state_dict is evaluated, w.pt@NAME chooses"
    assert code == 0
    assert err.count(said) == 1
    (folder,) = run_folders(tmp_path / "results")
    assert read_job(folder)["choices"] == [said]
    code, out, err = bench("eval", "--model", "means.py:nearest@w.pt@ema", *asked)
    assert (code, said in err) == (0, False), err
    assert "means.nearest@w@ema" in out
    rows = load_results(tmp_path / "results").set_index("recipe")["value"]
    assert rows["means.nearest@w"] < 0.5 < rows["means.nearest@w@ema"]
    with pytest.warns(UserWarning, match=re.escape(said).replace("w\\.pt", ".*w.pt")):
        load_model(f"{tmp_path}/means.py:nearest@{tmp_path}/w.pt", DIGITS)


def test_a_file_may_import_the_one_beside_it_whose_code_counts(tmp_path):
    write(tmp_path, "from torch import nn\nclass Layer(nn.Flatten):\n    pass\n", "layer_beside.py")
    text = MEANS.replace("nn.Flatten()", "Layer()") + "\nfrom layer_beside import Layer\n"
    source = parse_spec(f"{tmp_path / write(tmp_path, text)}:nearest")
    net = source.load(DIGITS, Access(tmp_path)).net
    before = source.origin(net)
    write(tmp_path, "# another\n", "layer_beside.py")
    assert source.origin(net) != before
    assert str(tmp_path) not in sys.path


def test_a_finished_run_gets_the_numbers_that_it_has(bench, tmp_path):
    trained = ["--methods", "AdvProp", "--limit-train", "100", "--epochs", "1", "--workers", "1"]
    assert bench("run", *trained, *ASKED)[0] == 0
    (folder,) = run_folders(tmp_path / "results")
    first = load_results(tmp_path / "results")
    views = list(first["view"].unique())
    assert len(views) == 2
    for view in views:
        code, _, err = bench("eval", "--model", f"{folder}@{view}", *ASKED, "--results", "again")
        assert code == 0, err
    again = load_results(tmp_path / "again")
    same = ["view", "epoch", "name", "value", "key", "ci_low", "verdict", "forwards", "n"]
    assert again[same].sort_values("key").values.tolist() == first[same].sort_values("key").values.tolist()

    assert "no view 'man'; did you mean main?" in bench("eval", "--model", f"{folder}@man", *ASKED)[2]
    assert "at most one epoch" in bench("eval", "--model", f"{folder}@last@best", *ASKED)[2]
    (folder / "weights.safetensors").unlink()
    assert "weights.safetensors is not there" in bench("eval", "--model", str(folder), *ASKED)[2]
    record = read_job(folder)
    for status, said in {
        "training": "a training that has not ended",
        "failed: NaN": "its training failed: NaN",
    }.items():
        (folder / "job.json").write_text(json.dumps(record | {"status": status}))
        assert said in bench("eval", "--model", str(folder), *ASKED)[2]


def test_torchvision_is_given_normalised_images_and_its_own_weights(tmp_path, monkeypatch):
    from torchvision import models

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    own = models.squeezenet1_1().eval()
    path = tmp_path / "hub/checkpoints/squeezenet1_1-b8a52dc0.pth"
    path.parent.mkdir(parents=True)
    torch.save(own.state_dict(), path)
    x = torch.rand(2, 3, 64, 64)
    normal = Normalise((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    net = load_model("torchvision:squeezenet1_1", DIGITS)
    with torch.no_grad():
        assert torch.equal(net(x), own(normal(x)))
    torch.save(own, path)
    with pytest.raises(BadInput, match=r"torchvision:squeezenet1_1: its weights hold more than tensors \(torchvision"):
        load_model("torchvision:squeezenet1_1", DIGITS)
    path.write_text("<!doctype html>")
    with pytest.raises(BadInput, match="are a web page and no checkpoint"):
        load_model("torchvision:squeezenet1_1", DIGITS)


def test_torchvision_s_several_weights_of_a_model_are_chosen_by_name(tmp_path, monkeypatch):
    from torchvision import models

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub/checkpoints"
    folder.mkdir(parents=True)
    names = {weights.name: Path(weights.url).name for weights in models.MobileNet_V2_Weights}
    assert list(names) == ["IMAGENET1K_V1", "IMAGENET1K_V2"]
    first, second = (models.mobilenet_v2().eval() for _ in range(2))
    torch.save(first.state_dict(), folder / names["IMAGENET1K_V1"])
    there = "of IMAGENET1K_V1 there are files, torchvision:mobilenet_v2@IMAGENET1K_V1 takes them"
    with pytest.raises(BadInput, match=there):
        load_model("torchvision:mobilenet_v2", DIGITS)
    torch.save(second.state_dict(), folder / names["IMAGENET1K_V2"])
    with pytest.warns(UserWarning, match="files of IMAGENET1K_V1, IMAGENET1K_V2 are there; IMAGENET1K_V2 is evaluated"):
        net = load_model("torchvision:mobilenet_v2", DIGITS)
    assert torch.equal(net[1].classifier[1].weight, second.classifier[1].weight)
    net = load_model("torchvision:mobilenet_v2@IMAGENET1K_V1", DIGITS)
    assert torch.equal(net[1].classifier[1].weight, first.classifier[1].weight)
    with pytest.raises(BadInput, match="has no weights 'V3'; known: IMAGENET1K_V1, IMAGENET1K_V2"):
        load_model("torchvision:mobilenet_v2@V3", DIGITS)


def test_nothing_is_fetched_or_unpickled_unless_it_is_allowed(tmp_path, monkeypatch):
    monkeypatch.delenv(ONLY_WEIGHTS, raising=False)
    torch.save(nn.Linear(2, 2), tmp_path / "net.pt")
    lookup = socket.getaddrinfo
    with (
        pytest.raises(BadInput, match=r"x has files that are not on this machine \(at example\.org\); give --download"),
        restrict_loading("x", Access(tmp_path)),
    ):
        socket.create_connection(("example.org", 443))
    with (
        pytest.raises(BadInput, match="x: its weights hold more than tensors"),
        restrict_loading("x", Access(tmp_path)),
    ):
        torch.load(tmp_path / "net.pt", weights_only=False)
    with restrict_loading("x", Access(tmp_path, download=True, unsafe_pickle=True)):
        assert socket.getaddrinfo is lookup
        torch.load(tmp_path / "net.pt", weights_only=False)
    assert socket.getaddrinfo is lookup
    assert ONLY_WEIGHTS not in os.environ


@pytest.fixture
def quick_autoattack(monkeypatch):
    """FGSM under AutoAttack's name, for tests that are not about its strength."""

    def quick(model, x, y, threat, *, block=128):
        return ATTACKS["FGSM"](model, x, y, threat)

    monkeypatch.setitem(ATTACKS._items, "AutoAttack", quick)


def test_model_info_has_robustbench_s_keys_and_keeps_what_people_wrote(bench, tmp_path, quick_autoattack):
    asked = ["eval", "--model", f"{write(tmp_path)}:nearest", "--attacks", "AutoAttack", "--limit", "12"]
    info = ["--model-info", "info.json"]
    code, _, err = bench(*asked, "--eps", "0.1,0.2", *info)
    assert code == 2
    assert "--eps 0.1,0.2 names 2; give one of them: bench eval --model means.py:nearest --attacks AutoAttack" in err
    (tmp_path / "info.json").write_text("[]")
    assert "info.json is not a JSON object" in bench(*asked, *info)[2]
    assert not (tmp_path / "results").exists()

    (tmp_path / "info.json").write_text('{"authors": "A, B"}', encoding="utf-8-sig")  # as Windows' editors write it
    code, _, err = bench(*asked, "--eps", "8/255", *info)
    assert code == 0, err
    written = json.loads((tmp_path / "info.json").read_text())
    assert tuple(written) == tuple(key for key in KEY_ORDER if key != "corruptions_acc")
    values = load_results(tmp_path / "results").set_index("name")["value"]
    assert (written["clean_acc"], written["autoattack_acc"]) == tuple(f"{100 * v:.2f}" for v in values)
    assert (written["eps"], written["dataset"], written["authors"]) == ("8/255", "digits", "A, B")
    assert (written["name"], written["architecture"], written["venue"]) == ("means.nearest", "Sequential", "N/A")
    assert written["footnote"].startswith("First 12 test images only.")


def test_model_info_shows_no_none_and_of_a_training_here_what_the_bench_knows():
    measured = MeasuredAccuracies("net", "ResNet", "cifar10", 8 / 255, 0.5, 0.25, 10_000, False, "ok")
    written = model_info(measured, {"link": None, "venue": "ICML 2026", "autoattack_acc": "99.00", "external": "1.00"})
    assert {key for key, value in written.items() if value is None} == {
        "additional_data",
        "number_forward_passes",
        "reported",
    }
    assert "footnote" not in written
    assert (written["link"], written["venue"], written["external"]) == ("", "ICML 2026", "1.00")
    assert (written["autoattack_acc"], written["unreliable"]) == ("25.00", False)
    written = model_info(replace(measured, trained_here=True, eps=None), {})
    assert (written["additional_data"], written["number_forward_passes"]) == (False, 1)
    assert (written["corruptions_acc"], written.get("autoattack_acc")) == ("25.00", None)


def test_what_the_board_suspects_is_unreliable_in_model_info(bench, tmp_path, monkeypatch, quick_autoattack):
    def weak(model, x, y, threat, *, steps=20):
        return x

    register_for_test(monkeypatch, ATTACKS, "PGD-20", weak)
    asked = ["eval", "--model", f"{write(tmp_path)}:nearest", "--attacks", "PGD-20,AutoAttack", "--limit", "150"]
    code, _, err = bench(*asked, "--eps", "0.1", "--model-info", "info.json")
    assert code == 0, err
    written = json.loads((tmp_path / "info.json").read_text())
    assert written["unreliable"] is True
    assert "images that PGD-20 leaves" in written["footnote"]


def test_benchmark_is_called_as_robustbench_s_and_agrees_with_eval(bench, tmp_path, quick_autoattack):
    spec = f"{write(tmp_path)}:nearest"
    net = load_model(spec, DIGITS).train()
    clean, robust = benchmark(net, n_examples=12, dataset="digits", eps=0.1, batch_size=32)
    assert net.training
    bench("eval", "--model", spec, "--attacks", "AutoAttack", "--limit", "12", "--eps", "0.1")
    assert [clean, robust] == list(load_results(tmp_path / "results")["value"])
    right = (net(to_float(TEST.first(12).x)).argmax(1) == TEST.first(12).y).float().mean()
    assert clean == pytest.approx(float(right))
    with pytest.warns(UserWarning, match="the outputs are probabilities"):
        benchmark(nn.Sequential(net, nn.Softmax(1)), n_examples=1, dataset="digits", eps=0.1)


@pytest.mark.parametrize("name", ["../../evil.s0", "..", ".hidden", "a/b", "a\\b", "two\nlines", "long" * 100])
def test_a_model_from_outside_has_a_folder_of_its_own_whatever_its_name(name):
    run = Path(ExternalRun(name, "digits", "identity").run)
    assert (run.parts[:2], len(run.parts)) == (("digits", "external"), 3)
    assert run.name.isprintable()
    assert len(run.name) <= 160
    assert not run.name.startswith(".")


@pytest.mark.parametrize("text", ["~nobody-of-this-name/net.py:net", "~nobody-of-this-name/run@best"])
def test_the_home_folder_of_nobody_is_one_line(text):
    with pytest.raises(BadInput, match="there is no such user"):
        parse_spec(text)


def test_an_at_sign_belongs_to_the_path_that_has_one(tmp_path):
    folder = tmp_path / "me@host" / "run"
    folder.mkdir(parents=True)
    (folder / "job.json").write_text("{}")
    assert parse_spec(f"{folder}@best@aux").folder == folder
    source = parse_spec(f"{tmp_path}/me@host/net.py:net@{tmp_path}/me@host/weights.pt@ema")
    assert (source.path, source.weights) == (tmp_path / "me@host/net.py", tmp_path / "me@host/weights.pt")


def test_benchmark_s_arguments_stand_in_robustbench_s_order_and_its_file_where_that_looks(
    tmp_path, monkeypatch, quick_autoattack
):
    monkeypatch.chdir(tmp_path)
    net = load_model(f"{write(tmp_path)}:nearest", DIGITS)
    log = tmp_path / "log.txt"
    where = (str(tmp_path), torch.device("cpu"))
    numbers = benchmark(net, 12, Board("digits"), Board("Linf"), True, "Mine2026", *where, 8, None, log, None)
    assert numbers == benchmark(net, n_examples=12, dataset="digits", eps=DIGITS.threat.eps)
    written = json.loads((tmp_path / "model_info/digits/Linf/Mine2026.json").read_text())
    assert (written["clean_acc"], written["autoattack_acc"]) == tuple(f"{100 * value:.2f}" for value in numbers)
    assert (written["name"], written["eps"]) == ("Mine2026", "0.2")
    assert log.read_text() == "Clean accuracy: {:.2%}\nAdversarial accuracy: {:.2%}\n".format(*numbers)


class Board(Enum):
    """As RobustBench's enums."""

    digits = "digits"
    Linf = "Linf"


def test_benchmark_averages_over_corruptions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bench.commands.robustbench_accuracies.CORRUPTIONS", ("gaussian_noise", "contrast"))
    monkeypatch.setattr("bench.commands.robustbench_accuracies.SEVERITIES", (1, 5))
    net = load_model(f"{write(tmp_path)}:nearest", DIGITS)
    clean, corrupted = benchmark(
        net, 40, "digits", "corruptions", to_disk=True, model_name="Mine", data_dir=tmp_path, batch_size=40
    )
    test = TEST.first(40)
    parts = list(corruption_conditions(("gaussian_noise", "contrast"), (1, 5), DIGITS, TEST, tmp_path))
    right = [(net(c.images(to_float(test.x), range(40), 40)).argmax(1) == test.y).float().mean() for c in parts]
    assert corrupted == pytest.approx(float(sum(right)) / 4)
    assert corrupted < clean
    written = json.loads((tmp_path / "model_info/digits/corruptions/Mine.json").read_text())
    assert (written["corruptions_acc"], written["eps"]) == (f"{100 * corrupted:.2f}", None)
    assert "autoattack_acc" not in written


UNCALLABLE = {
    "threat_model 'L1' is none of Linf, L2, corruptions": {"threat_model": "L1"},
    "threat_model L2 on digits has no default radius; give eps": {"threat_model": "L2"},
    "eps=0.2 is of Linf and L2; corruptions have none": {"threat_model": "corruptions", "eps": 0.2},
    "to_disk needs a model_name of letters": {"to_disk": True},
    "and it is '../x'": {"to_disk": True, "model_name": "../x"},
    "n_examples=0: at least one": {"n_examples": 0},
    "0 is not a Linf radius": {"eps": 0.0},
    "preprocessing 'Crop288': ImageNet is cut as by Res256Crop224": {"preprocessing": "Crop288"},
    "model is a list; give one torch.nn.Module": {"model": []},
}


@pytest.mark.parametrize("said", UNCALLABLE)
def test_benchmark_refuses_what_it_cannot_do_in_a_line(tmp_path, monkeypatch, said):
    monkeypatch.chdir(tmp_path)
    call = {"model": nn.Linear(2, 2), "dataset": "digits"} | UNCALLABLE[said]
    with pytest.raises(BadInput, match=re.escape(said)):
        benchmark(**call)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--precision bf16", "--precision is of the search of attacks, and --attacks none asks for none; leave it out"),
        ("--attack-timeout 5", "--attack-timeout names the seconds that attacks may take, and --attacks none"),
    ],
)
def test_without_attacks_nothing_is_said_of_their_search(bench, tmp_path, options, message):
    asked = ["eval", "--model", f"{write(tmp_path)}:nearest", "--attacks", "none"]
    code, _, err = bench(*asked, *options.split())
    assert (code, err.count("\n"), message in err) == (2, 1, True)


def test_searches_in_bf16_have_a_board_of_their_own(bench, tmp_path):
    model = f"{write(tmp_path)}:nearest"
    asked = ["eval", "--model", model, *ASKED, "--source", model]
    assert bench(*asked)[0] == 0
    _, before, _ = bench("report")
    assert bench(*asked, "--precision", "bf16")[0] == 0
    rows = load_results(tmp_path / "results")
    assert rows.groupby("precision")["budget"].unique().map(list).to_dict() == {
        "fp32": [NO_BUDGET],
        "bf16": [f"{NO_BUDGET}, bf16"],
    }
    _, after, _ = bench("report")
    assert "not trained here, bf16, n=30" in after
    assert before.partition("\n\n")[0] in after
    (folder,) = run_folders(tmp_path / "results")
    assert {board.budget for board, _ in matrices(rows, read_outcomes(folder))} == {*rows["budget"]}
    weaker = rows.assign(value=rows["value"].where(rows["precision"] == "fp32", 0.5))
    pd.testing.assert_frame_equal(measurements(weaker), measurements(rows[rows["precision"] == "fp32"]))
