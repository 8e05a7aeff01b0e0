"""Files of weights as people have them: filled into a model whole, or refused in a line that says what the file is."""

import datetime
import io
import os
import pickle
import sys
import tarfile
import zipfile
import zlib
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.package import PackageExporter

from bench import BadInput
from bench.evaluation.external.python_file import File
from bench.evaluation.external.spec import parse_spec
from bench.evaluation.external.weights import fill, read_weights


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
    "arrays, random states, dates and default dicts beside it": lambda: {
        "model": RIGHT,
        "losses": np.arange(3.0),
        "random": np.random.get_state(),
        "by epoch": defaultdict(list, a=[1]),
        "when": datetime.datetime(2020, 1, 1),
    },
    "arrays of NumPy": lambda: {name: tensor.numpy() for name, tensor in RIGHT.items()},
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
    assert all("have besides 1 tensor such as loss.weight, not used" in clause for clause in said)


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
        {None: RIGHT, "ema_model": OTHER, "ema": OTHER, "state_dict.model": RIGHT},
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
    with pytest.raises(BadInput, match=r"w@1\.pt is a file, and no model: weights \S+w@1\.pt are an empty file"):
        parse_spec(f"{folder}/w@1.pt")
    (folder / "job.json").touch()
    with pytest.raises(BadInput, match=rf"w@1\.pt is a file; name a model: {folder} is the run that it is of"):
        parse_spec(f"{folder}/w@1.pt")
    with pytest.raises(BadInput, match=r"'e/\.\./x' is no name of a model in w\.pt"):
        parse_spec(f"{model}@w.pt@e/../x")


UNFIT = {
    "the file lacks 1 tensor such as fc.bias": lambda: {n: t for n, t in RIGHT.items() if n != "fc.bias"},
    "has besides 1 tensor such as head.bias": lambda: {**RIGHT, "head.bias": torch.zeros(1)},
    "has in another shape 1 tensor such as fc.bias": lambda: prefixed("module.", {**RIGHT, "fc.bias": torch.ones(1)}),
    "has as whole or complex numbers 1 tensor such as fc.bias": lambda: {
        **RIGHT,
        "fc.bias": torch.ones(10, dtype=torch.int8),
    },
    "has quantised 1 tensor such as fc.bias": lambda: {
        **RIGHT,
        "fc.bias": torch.quantize_per_tensor(torch.ones(10), 1.0, 0, torch.qint8),
    },
    "has as whole or complex numbers 1 tensor such as fc.weight": lambda: {
        **RIGHT,
        "fc.weight": RIGHT["fc.weight"].to(torch.complex64),
    },
    "has without values .on the device meta. 9 tensors such as fc.bias": lambda: {
        name: tensor.to("meta") for name, tensor in RIGHT.items()
    },
    "lacks 7 tensors such as fc.bias; name the FILE.py:FUNCTION that builds the model": lambda: {
        "fc.weight": RIGHT["fc.weight"]
    },
    "hold the state of an optimizer, and no state dict": OPTIMIZER.state_dict,
    "hold a dict of optimizer, epoch, and no state dict": lambda: {"optimizer": OPTIMIZER.state_dict(), "epoch": 1},
    "hold adversarial images of torchattacks; `bench verify`": lambda: {"adv_inputs": torch.ones(2, 1, 8, 8)},
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
    elif kind == "keras":
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("model.weights.h5", b"")
    elif kind == "package":
        with PackageExporter(buffer) as exporter:
            exporter.save_pickle("model", "model.pkl", [1])
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
    "are a web page and no checkpoint": b"\n<!-- moved -->\n<html lang=en>",
    "are a Git LFS pointer in the place of the file and no checkpoint; fetch the file with `git lfs pull`": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 100\n"
    ),
    "are a text file and no checkpoint": b"hello there\n" * 10,
    "are nothing but zeros and no checkpoint; copy": bytes(2000),
    "are a PNG image and no checkpoint; name the file of weights": b"\x89PNG\r\n\x1a\n" + bytes(range(99)),
    "are an ONNX model and no checkpoint; load it into a torch model": b"\x08\x08\x12\x07pytorch\x1a\x052.1.0:"
    + bytes(9),
    "an ONNX model": b"\x08\x0a:\xa4\x03\n" + bytes(9),
    "are compressed by zlib, as joblib does": zlib.compress(b"weights"),
    "are a Keras model and no checkpoint": "keras",
    "are an archive of torch.package and no checkpoint": "package",
    "are an empty file and no checkpoint; copy or download it again": b"",
    "are a pickle that torch.save has not written": pickle.dumps({"fc.bias": 1}, protocol=0),
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


SHARED_OUT = {  # among several files: what is said of one of them
    "w.index.json": (
        "are the index of a checkpoint in several files",
        b'{"weight_map": {"fc.bias": "w-1-of-2.safetensors"}}',
    ),
    "0.distcp": ("are a part of a distributed checkpoint, .*dcp_to_torch", b"PK"),
    "folder/.metadata": ("are a folder of torch.distributed.checkpoint; .*dcp_to_torch", b""),
}


@pytest.mark.parametrize("name", SHARED_OUT)
def test_checkpoints_in_several_files_are_named_with_what_joins_them(tmp_path, name):
    said, content = SHARED_OUT[name]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(BadInput, match=said):
        read_weights(path.parent if path.parent != tmp_path else path)


def test_a_part_of_the_weights_alone_is_called_one():
    with pytest.raises(BadInput, match=r"lacks 7 tensors such as fc.bias; it is a part of a checkpoint in several"):
        fill(net(0), {"fc.weight": RIGHT["fc.weight"]}, Path("model-00001-of-00002.safetensors"))


class Harmful:
    """Unpickled, it would call the system."""

    def __reduce__(self):
        return os.system, ("exit 3",)


UNREADABLE: dict[str, Callable[[], object]] = {
    "ask for posix.system, which no weights need": Harmful,
    "are of lazy layers that had seen no image yet; run the model once": lambda: nn.LazyLinear(3).state_dict(),
}


@pytest.mark.parametrize("said", UNREADABLE)
def test_no_advice_to_unpickle_what_holds_no_weights(tmp_path, said):
    torch.save(UNREADABLE[said](), tmp_path / "w.pt")
    with pytest.raises(BadInput, match=said) as caught:
        read_weights(tmp_path / "w.pt")
    assert "--unsafe-pickle" not in str(caught.value)


def test_safetensors_are_known_by_their_bytes_and_old_files_of_torch_too(tmp_path):
    for name, kind in (("a.pt", "safetensors"), ("b.safetensors", "legacy")):
        (tmp_path / name).write_bytes(archive_of(tmp_path, kind))
        assert fill(net(0), read_weights(tmp_path / name), tmp_path / name) == []


@pytest.mark.slow
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
    torch.save({"model": nn.Linear(2, 2).state_dict(), "classes": np.array(["cat"])}, tmp_path / "names.pt")
    with pytest.raises(BadInput, match=r"more than tensors \(numpy.dtypes.StrDType\), .*--unsafe-pickle if"):
        read_weights(tmp_path / "names.pt")
    model = nn.Linear(2, 2)
    assert fill(model, read_weights(path, unsafe_pickle=True), path) == []
    del script.Net
    with pytest.raises(BadInput, match=r"objects whose class is gone \(.*'Net'"):
        read_weights(path, unsafe_pickle=True)
    monkeypatch.delitem(sys.modules, script.__name__)
    with pytest.raises(BadInput, match="objects of the module 'train_script_of_last_year', which is not there; put"):
        read_weights(path, unsafe_pickle=True)
