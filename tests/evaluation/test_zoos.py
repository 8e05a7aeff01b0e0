"""The real packages RobustBench and timm, with random weights; skipped where they are not installed."""

import importlib.metadata
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from jinja2 import Environment, Template
from torch import nn

from bench import BadInput, dataset, load_model
from bench.commands.evaluate.model_info import MeasuredAccuracies, model_info, parse_facts
from bench.evaluation.external.access import Access
from bench.evaluation.external.load import load
from bench.evaluation.external.robustbench_zoo import network_class
from bench.evaluation.external.spec import parse_spec


def lacking(package: str) -> bool:
    """Whether the package is not installed; other wheels may bring a folder of its name."""
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return True
    return False


robustbench = pytest.mark.skipif(lacking("robustbench"), reason="robustbench is not installed (the extra robustbench)")
timm = pytest.mark.skipif(lacking("timm"), reason="timm is not installed (the extra timm)")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the packages' own code
CIFAR = dataset("cifar10", Path())


def put(data_dir: Path, threat: str, name: str, state: Callable[[nn.Module], object]) -> nn.Module:
    """A network of RobustBench's, with random weights in the file that it would download."""
    from bench.evaluation.external.robustbench_zoo import _provide_removed_modules

    with _provide_removed_modules():
        from robustbench.model_zoo import model_dicts
        from robustbench.model_zoo.enums import BenchmarkDataset, ThreatModel
    net: nn.Module = model_dicts[BenchmarkDataset("cifar10")][ThreatModel(threat)][name]["model"]()
    path = data_dir / f"robustbench/cifar10/{threat}/{name}.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state(net), path)
    return net.eval()


def parallel(net: nn.Module) -> object:
    return {"state_dict": nn.DataParallel(net).state_dict()}


@robustbench
def test_robustbench_s_models_are_those_of_the_files(tmp_path):
    """Fast adversarial training's, a WideResNet whose names begin with "module.", and one of the L2 board."""
    x = torch.rand(2, 3, 32, 32)
    for spec, threat, state in (
        ("Linf/Wong2020Fast", "Linf", nn.Module.state_dict),
        (
            "corruptions/Hendrycks2020AugMix_WRN",
            "corruptions",
            lambda n: {"state_dict": nn.DataParallel(n).state_dict()},
        ),
        ("L2/Rice2020Overfitting", "L2", nn.Module.state_dict),
    ):
        own = put(tmp_path, threat, spec.partition("/")[2], state)
        net = load_model(f"robustbench:{spec}", CIFAR, data_dir=tmp_path)
        with torch.no_grad():
            assert torch.equal(net(x), own(x)), spec
        assert not net.training


@robustbench
def test_robustbench_s_boards_are_told_apart(tmp_path):
    name = "Ding2020MMA"
    with pytest.raises(BadInput, match=rf"needs .*cifar10/Linf/{name}.pt, which is not there; put it there"):
        load_model(f"robustbench:{name}", CIFAR, data_dir=tmp_path)
    put(tmp_path, "L2", name, parallel)
    with pytest.raises(BadInput, match=f"its weights of L2 are: robustbench:L2/{name}"):
        load_model(f"robustbench:{name}", CIFAR, data_dir=tmp_path)
    put(tmp_path, "Linf", name, parallel)
    with pytest.warns(
        UserWarning, match="weights of Linf, L2 are there; Linf is evaluated, robustbench:THREAT/Ding2020"
    ):
        load_model(f"robustbench:{name}", CIFAR, data_dir=tmp_path)
    (tmp_path / f"robustbench/cifar10/Linf/{name}.pt").write_text("<html>")
    with pytest.raises(BadInput, match="are a web page and no checkpoint"):
        load_model(f"robustbench:Linf/{name}", CIFAR, data_dir=tmp_path)


NAMES = {  # that RobustBench does not have
    "L2/Wong2020Fast": "no L2 model 'Wong2020Fast' for cifar10; .*; on another board there is robustbench:Linf/Wong",
    "Wong2020Fst": "RobustBench has no Linf model 'Wong2020Fst' for cifar10; did you mean Wong2020Fast",
    "L1/Wong2020Fast": "robustbench:L1/Wong2020Fast on cifar10: it has models for cifar10, cifar100, imagenet, and",
}


@robustbench
@pytest.mark.parametrize("name", NAMES)
def test_names_that_robustbench_lacks_are_one_line(tmp_path, name):
    with pytest.raises(BadInput, match=NAMES[name]) as caught:
        load_model(f"robustbench:{name}", CIFAR, data_dir=tmp_path)
    assert len(str(caught.value)) < 400


@robustbench
def test_robustbench_s_own_code_shows_model_info(tmp_path, monkeypatch, capsys):
    """Its table, its LaTeX and its bibliography, of a file in which nobody has written anything yet."""
    put(tmp_path, "Linf", "Wong2020Fast", nn.Module.state_dict)
    source = parse_spec("robustbench:Wong2020Fast")
    net = load(source, CIFAR, Access(tmp_path), "cpu").net
    assert source.architecture(net) == network_class(net) == "PreActResNet"
    from robustbench.utils import get_leaderboard_bibtex, get_leaderboard_latex, list_available_models

    measured = MeasuredAccuracies(
        source.name, source.architecture(net), "cifar10", 8 / 255, 0.8334, 0.4321, 10_000, False, "ok"
    )
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model_info/cifar10/Linf/Wong2020Fast.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(model_info(measured, {})))
    list_available_models("cifar10", "Linf")
    shown = capsys.readouterr().out
    assert "| <sub>83.34%</sub> | <sub>43.21%</sub> | <sub>PreActResNet</sub> |" in shown
    shown += get_leaderboard_latex("cifar10", "Linf", sort_by="autoattack_acc")
    assert get_leaderboard_bibtex("cifar10", "Linf") == (set(), "")  # nobody has said where it was published
    assert "None" not in shown.replace("dict_keys", "")

    said = [
        "link=https://a.org",
        "name=A net",
        "authors=A B, C D",
        "venue=ICML 2026",
        "additional_data=false",
    ]
    path.write_text(json.dumps(model_info(measured, parse_facts(said))))
    assert "journal\t= {ICML}" in get_leaderboard_bibtex("cifar10", "Linf")[1]
    fields = ("link", "name", "authors", "venue", "additional_data", "architecture", "clean_acc")
    cells = "|".join(f"{{{{ model.{f} }}}}" for f in fields) + "|{{ model[acc_field] }}"  # all that its own prints
    note = "{% if model.footnote is defined %}|{{ model.footnote }}{% endif %}"
    row = Template(f"{{% for model in models %}}{cells}{note};{{% endfor %}}")
    monkeypatch.setattr(Environment, "get_template", lambda self, name: row)  # its own is not in the wheel
    from robustbench.leaderboard.template import generate_leaderboard

    few = replace(measured, n=100, partial=True, robust=0.5)
    path.with_name("Better.json").write_text(json.dumps(model_info(few, {"additional_data": False})))
    assert generate_leaderboard("cifar10", "Linf").split(";")[:-1] == [
        "|robustbench.Wong2020Fast||N/A|False|PreActResNet|83.34|50.00|First 100 test images only.",
        "https://a.org|A net|A B, C D|ICML 2026|False|PreActResNet|83.34|43.21",
    ]


@timm
def test_timm_s_models_are_those_of_the_hugging_face_cache(tmp_path, monkeypatch):
    import huggingface_hub.constants
    import timm as package

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    own = package.create_model("test_efficientnet", pretrained=False).eval()
    folder = tmp_path / "models--timm--test_efficientnet.r160_in1k"
    (folder / "snapshots/0a").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs/main").write_text("0a")
    torch.save(own.state_dict(), folder / "snapshots/0a/pytorch_model.bin")
    x = torch.rand(2, 3, 160, 160)
    config = package.get_pretrained_cfg("test_efficientnet")
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (config.mean, config.std))
    net = load_model("timm:test_efficientnet.r160_in1k", CIFAR)
    with torch.no_grad():
        assert torch.allclose(net(x), own((x - mean) / std), atol=1e-6)
    with pytest.raises(BadInput, match="timm has no model named 'test_eficientnet'; did you mean test_efficientnet"):
        load_model("timm:test_eficientnet", CIFAR)
    with pytest.raises(BadInput, match=r"timm:resnet18\.tv_in1k has files that are not on this machine.*; give"):
        load_model("timm:resnet18.tv_in1k", CIFAR)


def test_a_package_of_another_name_brings_no_zoo(tmp_path, monkeypatch):
    """torchattacks carries a folder robustbench, of an old release."""

    def version(package):
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr("bench.evaluation.external.zoo.version", version)
    monkeypatch.setitem(sys.modules, "robustbench", sys)
    with pytest.raises(BadInput, match="needs the package robustbench, which is not installed"):
        load_model("robustbench:Standard", CIFAR)
