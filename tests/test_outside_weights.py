"""Files of weights as people have them: filled into a model whole, or refused in a line that says what the file is."""

import io
import pickle
import sys
import tarfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel

from bench import BadInput
from bench.outside.file import File
from bench.outside.spec import parse_spec
from bench.outside.weights import fill, read_weights


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        self.fc = nn.Linear(2, 10)

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))


def net(seed: int) -> Net:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Net()
    model.features[1].running_mean.fill_(seed)
    return model


RIGHT, OTHER = net(1).state_dict(), net(2).state_dict()
OLD = {name: tensor for name, tensor in RIGHT.items() if not name.endswith("num_batches_tracked")}
OPTIMIZER = torch.optim.SGD(net(1).parameters(), 0.1, momentum=0.9)


def prefixed(prefix: str, state: dict = RIGHT) -> dict:
    return {prefix + name: tensor for name, tensor in state.items()}


def averaged() -> dict:
    return AveragedModel(net(1)).state_dict()


def half_parallel() -> dict:
    """As the ImageNet example of PyTorch saves VGG: its features alone are DataParallel."""
    model = net(1)
    model.features = nn.DataParallel(model.features)
    return model.state_dict()


WHOLE: dict[str, Callable[[], object]] = {
    "as it is": lambda: RIGHT,
    "DataParallel": lambda: nn.DataParallel(net(1)).state_dict(),
    "DataParallel twice": lambda: prefixed("module.module."),
    "DataParallel of a part": half_parallel,
    "torch.compile": lambda: prefixed("_orig_mod."),
    "torch.compile of DataParallel": lambda: prefixed("_orig_mod.module."),
    "Lightning": lambda: {"epoch": 3, "state_dict": prefixed("model."), "optimizer_states": [OPTIMIZER.state_dict()]},
    "Lightning with a weighted loss": lambda: {"state_dict": {**prefixed("model."), "loss.weight": torch.ones(10)}},
    "stochastic weight averaging": averaged,
    "ema": lambda: {"ema": RIGHT, "epoch": 1},
    "weights": lambda: {"weights": RIGHT, "rng": torch.get_rng_state()},
    "model_ema": lambda: {"model_ema": {"module": RIGHT}, "optimizer": OPTIMIZER.state_dict()},
    "nested": lambda: {"net": {"state_dict": RIGHT}},
    "arguments and numpy's numbers beside it": lambda: {
        "args": Namespace(lr=0.1, out=Path("x")),
        "best": np.float64(0.9),
        "model": RIGHT,
    },
    "epoch among the tensors": lambda: {**RIGHT, "epoch": 3},
    "half precision": lambda: {n: t.half().float().half() if t.is_floating_point() else t for n, t in RIGHT.items()},
    "sparse": lambda: {**RIGHT, "fc.weight": RIGHT["fc.weight"].to_sparse()},
    "old batch norms": lambda: OLD,
}


@pytest.mark.parametrize("kind", WHOLE)
def test_checkpoints_of_common_training_scripts_fill_a_model(tmp_path, kind):
    content = WHOLE[kind]()
    torch.save(content, tmp_path / "w.pt")
    model = net(0)
    model.features[1].num_batches_tracked.zero_()
    said = fill(model, read_weights(tmp_path / "w.pt"), tmp_path / "w.pt")
    for name, tensor in model.state_dict().items():
        wanted = RIGHT[name].half().to(tensor.dtype) if kind == "half precision" else RIGHT[name]
        assert torch.equal(tensor, wanted), name
    assert bool(said) == ("loss" in kind)
    assert all("have besides 1 tensors such as loss.weight, not used" in clause for clause in said)


def test_names_are_taken_as_they_are_where_the_model_has_them_so():
    """A network with a part of its own named module, beside one of the same shape named model."""
    parts = nn.ModuleDict({"module": net(0), "model": net(0)})
    state = {**prefixed("module."), **prefixed("model.", OTHER)}
    assert fill(parts, state, Path("w.pt")) == []
    assert all(torch.equal(parts["module"].state_dict()[name], tensor) for name, tensor in RIGHT.items())
    assert all(torch.equal(parts["model"].state_dict()[name], tensor) for name, tensor in OTHER.items())


def test_a_model_that_is_wrapped_itself_takes_names_without_a_prefix():
    wrapped = nn.DataParallel(net(0))
    assert fill(wrapped, RIGHT, Path("w.pt")) == []
    assert torch.equal(wrapped.module.fc.weight, RIGHT["fc.weight"])


def test_integer_keys_are_names_too():
    model = nn.ParameterList([nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))])
    assert fill(model, {0: torch.ones(2), 1: torch.zeros(2)}, Path("w.pt")) == []
    assert torch.equal(model[0], torch.ones(2))


SEVERAL: dict[str, tuple[object, dict[str | None, dict]]] = {  # a file, and what each choice takes from it
    "timm": ({"state_dict": RIGHT, "state_dict_ema": OTHER}, {None: RIGHT, "ema": OTHER, "state_dict": RIGHT}),
    "ema first": ({"ema": OTHER, "model": RIGHT}, {None: RIGHT, "ema": OTHER, "model": RIGHT}),
    "deeper": ({"a": {"x": RIGHT, "y": OTHER}}, {None: RIGHT, "y": OTHER, "a.y": OTHER}),
    "by prefix": (
        {"state_dict": prefixed("model.") | prefixed("ema_model.", OTHER)},
        {"ema_model": OTHER, "ema": OTHER, "state_dict.model": RIGHT},
    ),
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_of_several_models_in_a_file_one_is_chosen_or_named(kind):
    content, choices = SEVERAL[kind]
    for choice, state in choices.items():
        model = net(0)
        said = fill(model, content, Path("w.pt"), choice)
        assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items()), choice
        assert len(said) == (choice is None)
        assert all("weights w.pt hold 2 models (" in clause and "w.pt@NAME chooses" in clause for clause in said)
    with pytest.raises(BadInput, match=r"weights w.pt hold no model named 'emma'; those that fit: "):
        fill(net(0), content, Path("w.pt"), "emma")


def test_a_spec_names_the_file_and_the_model_in_it(tmp_path):
    folder = tmp_path / "me@home"
    folder.mkdir()
    (folder / "w@1.pt").touch()
    model = f"{folder}/model.py:net"
    assert parse_spec(f"{model}@w.pt@ema") == File(folder / "model.py", "net", Path("w.pt"), "ema")
    assert parse_spec(f"{model}@{folder}/w@1.pt") == File(folder / "model.py", "net", folder / "w@1.pt")
    assert parse_spec(f"{model}@{folder}/w@1.pt@ema").name == "model.net@w@1@ema"
    assert parse_spec(model) == File(folder / "model.py", "net")
    with pytest.raises(BadInput, match=r"'e/\.\./x' is no name of a model in w\.pt"):
        parse_spec(f"{model}@w.pt@e/../x")


UNFIT = {
    "the file lacks 1 tensors such as fc.bias": lambda: {n: t for n, t in RIGHT.items() if n != "fc.bias"},
    "has besides 1 tensors such as head.bias": lambda: {**RIGHT, "head.bias": torch.zeros(1)},
    "has in another shape 1 tensors such as fc.bias": lambda: prefixed("module.", {**RIGHT, "fc.bias": torch.ones(1)}),
    "has as whole numbers 1 tensors such as fc.bias": lambda: {**RIGHT, "fc.bias": torch.ones(10, dtype=torch.int8)},
    "has quantised 1 tensors such as fc.bias": lambda: {
        **RIGHT,
        "fc.bias": torch.quantize_per_tensor(torch.ones(10), 1.0, 0, torch.qint8),
    },
    "hold a dict of epoch, and no state dict": lambda: {"epoch": 1},
    "hold a list, and no state dict": lambda: [1],
}


@pytest.mark.parametrize("said", UNFIT)
@pytest.mark.filterwarnings("ignore:.*quantize:DeprecationWarning", "ignore:.*quantiz:UserWarning")
def test_weights_of_another_model_are_refused(said):
    with pytest.raises(BadInput, match=f"^weights w.pt .*{said}") as caught:
        fill(net(0), UNFIT[said](), Path("w.pt"))
    assert "\n" not in str(caught.value)


def archive_of(tmp_path: Path, kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "npz":
        np.savez(buffer, a=np.zeros(2))
    elif kind == "npy":
        np.save(buffer, np.zeros(2))
    elif kind == "tar":
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("weights.pt"))
    elif kind == "whole":
        torch.save(RIGHT, buffer)
    elif kind == "legacy":
        torch.save(RIGHT, buffer, _use_new_zipfile_serialization=False)
    elif kind == "safetensors":
        save_file(RIGHT, tmp_path / "s")
        return (tmp_path / "s").read_bytes()
    return buffer.getvalue()


MISTAKEN = {  # what is said of a file: its bytes
    "are a web page and no checkpoint; download": b"<!DOCTYPE html><html><head><title>Virus scan warning</title>",
    "are a Git LFS pointer in the place of the file and no checkpoint; fetch the file with `git lfs pull`": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 100\n"
    ),
    "are a text file and no checkpoint": b"hello there\n" * 10,
    "are an empty file and no checkpoint; copy or download it again": b"",
    "are a pickle that torch.save has not written and no checkpoint": pickle.dumps({"fc.bias": 1}),
    "are a gzip archive and no checkpoint; unpack it": b"\x1f\x8b\x08\x00" + bytes(20),
    "are a tar archive and no checkpoint; unpack it": "tar",
    "are NumPy arrays and no checkpoint": "npz",
    "are a NumPy array and no checkpoint": "npy",
    "are in no format of torch.save or safetensors": bytes(range(3, 200)),
    "it is damaged or cut short, copy": ("whole", 700),
    "are damaged or cut short": ("legacy", 700),
    "are damaged (": ("safetensors", 200),
}


@pytest.mark.parametrize("said", MISTAKEN)
@pytest.mark.parametrize("unsafe", [False, True], ids=["", "unsafe"])
def test_what_is_no_checkpoint_is_named_and_never_unpickled(tmp_path, said, unsafe):
    content = MISTAKEN[said]
    if isinstance(content, str):
        content = archive_of(tmp_path, content)
    elif isinstance(content, tuple):
        content = archive_of(tmp_path, content[0])[: content[1]]
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read_weights(tmp_path / "w.pt", unsafe)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "--unsafe-pickle" not in str(caught.value)


def test_safetensors_are_known_by_their_bytes_and_old_files_of_torch_too(tmp_path):
    for name, kind in (("a.pt", "safetensors"), ("b.safetensors", "legacy")):
        (tmp_path / name).write_bytes(archive_of(tmp_path, kind))
        assert fill(net(0), read_weights(tmp_path / name), tmp_path / name) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_whole_programs_are_named_with_the_call_that_loads_them(tmp_path):
    example = torch.rand(2, 1, 8, 8)
    torch.jit.trace(net(0).eval(), example).save(tmp_path / "script.pt")
    torch.export.save(torch.export.export(net(0).eval(), (example,)), tmp_path / "program.pt2")
    for name, what, call in (
        ("script.pt", "a TorchScript archive", "torch.jit.load"),
        ("program.pt2", "a program of torch.export", "torch.export.load"),
    ):
        with pytest.raises(BadInput) as caught:
            read_weights(tmp_path / name)
        assert f"are {what}" in str(caught.value)
        assert f"return {call}({str(tmp_path / name)!r})" in str(caught.value)


def test_a_pickle_says_what_it_holds_and_which_module_it_lacks(tmp_path, monkeypatch):
    script = ModuleType("train_script_of_last_year")
    exec("from torch import nn\nclass Net(nn.Linear): ...", script.__dict__)
    monkeypatch.setitem(sys.modules, script.__name__, script)
    path = tmp_path / "w.pt"
    torch.save({"model": script.Net(2, 2), "epoch": 1}, path)
    with pytest.raises(BadInput, match=r"more than tensors \(train_script_of_last_year.Net\), .*--unsafe-pickle if"):
        read_weights(path)
    model = nn.Linear(2, 2)
    assert fill(model, read_weights(path, unsafe_pickle=True), path) == []
    del script.Net
    with pytest.raises(BadInput, match=r"objects whose class is gone \(.*'Net'"):
        read_weights(path, unsafe_pickle=True)
    monkeypatch.delitem(sys.modules, script.__name__)
    with pytest.raises(BadInput, match="objects of the module 'train_script_of_last_year', which is not there; put"):
        read_weights(path, unsafe_pickle=True)
