"""Questions of anybody's: properties in VNN-LIB, networks in ONNX."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bench.attacks.parse import parse_attack
from bench.core.errors import BadInput
from bench.evaluation.exam.examine import examine
from bench.evaluation.exam.instances import load_instances
from bench.evaluation.exam.onnx_model import image_shape
from bench.evaluation.exam.scores import score
from bench.evaluation.exam.vnnlib import read_property

CENTER, EPS, LABEL, CLASSES = np.array([0.0, 0.3, 0.5, 0.95]), 0.1, 1, 3


def property_text(center=CENTER, eps=EPS, label=LABEL, classes=CLASSES, swapped=False) -> str:
    low, high = (center - eps).clip(0, 1), (center + eps).clip(0, 1)
    lines = ["; a comment (with brackets)"]
    lines += [f"(declare-const X_{i} Real)" for i in range(len(center))]
    lines += [f"(declare-const Y_{i} Real)" for i in range(classes)]
    for i, (a, b) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        lines += [f"(assert (>= {b} X_{i}))", f"(assert (>= X_{i} {a}))"] if swapped else [
            f"(assert (<= X_{i} {b}))\n(assert (>= X_{i} {a}))"
        ]  # fmt: skip
    pair = "(and (<= Y_{1} Y_{0}))" if swapped else "(and (>= Y_{0} Y_{1}))"
    cases = " ".join(pair.format(i, label) for i in range(classes) if i != label)
    return "\n".join([*lines, f"(assert (or {cases}))", ""])


@pytest.fixture
def write(tmp_path):
    def to(text: str) -> Path:
        path = tmp_path / "p.vnnlib"
        path.write_text(text, encoding="utf-8")
        return path

    return to


@pytest.mark.parametrize("swapped", [False, True])
def test_a_ball_cut_off_at_0_and_1_gets_its_centre_and_radius_back(write, swapped):
    found = read_property(write(property_text(swapped=swapped)))
    assert (found.label, found.classes) == (LABEL, CLASSES)
    assert found.eps == pytest.approx(EPS)
    assert np.allclose(found.center, CENTER)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("X_1 0.4", "X_1 0.45"), r"its inputs lie in \[0, 1\], and in no Linf ball of images"),
        (("(<= X_0 0.1)", "(<= X_0 1.1)"), "in no Linf ball"),
        (("(>= Y_0 Y_1)", "(>= Y_0 Y_2)"), "outputs are not `any class but one`"),
        (("(and (>= Y_2 Y_1))", ""), "outputs are not `any class but one`"),
        (("(and (>= Y_2 Y_1))", "(and (>= Y_2 Y_1) (>= Y_2 Y_0))"), "does not compare two outputs"),
        (("(>= Y_0 Y_1)", "(>= Y_0 0.5)"), r"\(>= Y_0 0.5\) does not compare two outputs"),
        (("(assert (or", "(assert (>= Y_0 Y_1))\n(assert (or"), "several conditions on its outputs hold at once"),
        (("(assert (<= X_2 0.6))", ""), "an input has no lower or no upper bound"),
        (("(<= X_2 0.6)", "(<= X_2 X_3)"), r"\(<= X_2 X_3\) is no bound of one input"),
        (("(<= X_2 0.6)", "(<= X_2 much)"), "could not convert string to float"),
        (("(declare-const X_2 Real)", ""), "does not declare inputs X_0, X_1"),
        (("(declare-const X_2 Real)", "(check-sat)"), r"it has the statement \(check-sat\)"),
        (("(assert (or", "(assert (or ("), "a bracket is not closed"),
        (("(assert (or", ") (assert (or"), "a bracket closes that was not opened"),
    ],
)
def test_what_is_no_ball_or_no_wrong_class_is_refused_by_name(write, change, message):
    text = property_text()
    assert change[0] in text
    with pytest.raises(BadInput, match=message) as refusal:
        read_property(write(text.replace(*change, 1)))
    assert "p.vnnlib is no question of the exam" in str(refusal.value)


def test_a_file_that_is_not_there_is_bad_input(tmp_path):
    with pytest.raises(BadInput, match="No such file"):
        read_property(tmp_path / "none.vnnlib")


@pytest.mark.parametrize(
    ("shape", "image"),
    [((3, 32, 32), (3, 32, 32)), ((784,), (1, 28, 28)), ((784, 1), (1, 28, 28)), ((3072,), (3, 32, 32)),
     ((5,), (1, 1, 5)), ((1, 28, 28, 1), (1, 28, 28))],
)  # fmt: skip
def test_inputs_are_seen_as_images(shape, image):
    assert image_shape(shape) == image


# networks in ONNX


@pytest.fixture(scope="module")
def linear():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, CLASSES)).eval()
    wanted = 0.02 * nn.functional.one_hot(torch.tensor(LABEL), CLASSES)  # logits of the centre
    net[3].bias.data += wanted - net(torch.from_numpy(CENTER).float().view(1, 1, 2, 2))[0].detach()
    return net


@pytest.fixture
def onnx_file(tmp_path, linear):
    """A network in ONNX, its centre's class, and a function that saves others."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnx2torch")
    from onnx import TensorProto, helper, numpy_helper

    def save(activation: str = "Relu", domain: str = "") -> Path:
        tensors = {"a": linear[1].weight, "b": linear[1].bias, "c": linear[3].weight, "d": linear[3].bias}
        nodes = [
            helper.make_node("Flatten", ["x"], ["f"]),
            helper.make_node("Gemm", ["f", "a", "b"], ["h"], transB=1),
            helper.make_node(activation, ["h"], ["r"], domain=domain),
            helper.make_node("Gemm", ["r", "c", "d"], ["y"], transB=1),
        ]
        graph = helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 2, 2])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, CLASSES])],
            [numpy_helper.from_array(tensor.detach().numpy(), name) for name, tensor in tensors.items()],
        )
        opsets = [helper.make_opsetid("", 13)] + ([helper.make_opsetid(domain, 1)] if domain else [])
        path = tmp_path / "net.onnx"
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
        return path

    return save


def test_a_question_about_a_network_in_onnx_is_asked(onnx_file, write, linear):
    for eps in (0.001, 0.4):
        path = write(property_text(eps=eps))
        (group,) = load_instances(onnx_file(), [path], "unknown")
        assert group.eps == pytest.approx(eps, rel=1e-4)
        x = torch.rand(3, 1, 2, 2)
        assert torch.allclose(group.net.model()(x), linear(x), atol=1e-5)
        assert torch.allclose(group.net.exact(x.double()).float(), linear(x), atol=1e-5)
        result = score(examine(parse_attack("MultiTarget"), [group]), "")
        assert (result.found, result.exist, result.proved) == (int(eps == 0.4), 1, 0)
        assert np.isnan(result.radius)
        (certified,) = load_instances(onnx_file(), [path], "unsat")
        told = score(examine(parse_attack("MultiTarget"), [certified]), "")
        assert told.is_valid == (eps == 0.001)
        assert (told.broken, told.proved) == (int(eps == 0.4), 1)


def test_an_operator_that_cannot_be_converted_is_named(onnx_file, write):
    with pytest.raises(BadInput, match="has the operator Mish, which onnx2torch cannot convert"):
        load_instances(onnx_file("Mish"), [write(property_text())], "unknown")
    with pytest.raises(BadInput, match="has the operator Mine, which"):
        load_instances(onnx_file("Mine", "elsewhere"), [write(property_text())], "unknown")


def test_a_network_and_a_property_that_do_not_fit_are_refused(onnx_file, write, tmp_path):
    other = (LABEL + 1) % CLASSES
    with pytest.raises(BadInput, match=rf"of an image of class {other}, which .*net\.onnx takes for {LABEL} already"):
        load_instances(onnx_file(), [write(property_text(label=other))], "unknown")
    with pytest.raises(BadInput, match=r"is of 2 inputs, and .*net\.onnx of 4"):
        load_instances(onnx_file(), [write(property_text(np.array([0.2, 0.4])))], "unknown")
    (tmp_path / "odd.onnx").write_bytes(b"nothing")
    with pytest.raises(BadInput, match=r"odd\.onnx cannot be read as ONNX"):
        load_instances(tmp_path / "odd.onnx", [write(property_text())], "unknown")


def test_without_the_extra_it_is_named(monkeypatch, write):
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(BadInput, match=r"--onnx needs the package onnx; install it by `uv sync --extra onnx`"):
        load_instances(Path("net.onnx"), [write(property_text())], "unknown")
