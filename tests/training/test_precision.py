"""Which number format a training and a search compute in, and what is said where that is a slow one."""

import re
from pathlib import Path

import pytest
import torch

import methods  # noqa: F401
from bench.core.errors import BadInput
from bench.evaluation.evaluator import outcomes
from bench.runner.experiment import plan_experiment
from bench.runner.request import Request
from bench.training import precision
from bench.training.precision import choose_precision, is_bf16_native, slowdown

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture
def emulated(monkeypatch):
    """A device that only emulates bf16, `times` as slowly as it computes fp32."""
    forget_timings()
    monkeypatch.setattr(precision, "is_bf16_native", lambda device: False)
    yield lambda times: monkeypatch.setattr(precision, "slowdown", lambda device: times)
    forget_timings()


def forget_timings() -> None:
    precision._warn_of_slow_bf16.cache_clear()
    slowdown.cache_clear()


def test_a_processor_is_native_exactly_where_it_has_instructions_for_bf16():
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        pytest.skip("the flags of the processor are read from Linux")
    flags = set(re.findall(r"\w+", cpuinfo.read_text()))
    assert is_bf16_native(CPU) == bool(flags & {"avx512_bf16", "amx_bf16", "bf16", "svebf16"})
    assert slowdown(CPU) > 0


@pytest.mark.parametrize(("times", "chosen", "warnings"), [(0.6, "bf16", 0), (1.0, "fp32", 0), (1.5, "fp32", 1)])
def test_auto_takes_the_instructions_of_a_processor_only_where_they_are_faster(
    times, chosen, warnings, emulated, monkeypatch, capsys
):
    emulated(times)
    monkeypatch.setattr(precision, "is_bf16_native", lambda device: True)
    assert choose_precision("auto", CPU) == chosen
    assert choose_precision("bf16", CPU) == "bf16"
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == warnings
    assert all("cpu computes in bf16, 1.5 times as slowly as in fp32" in line for line in lines)


def test_bf16_that_is_emulated_is_warned_of_once_with_how_slow_it_is(emulated, capsys):
    emulated(9.76)
    assert choose_precision("auto", CPU) == "fp32"
    assert [choose_precision("bf16", CPU) for _ in range(2)] == ["bf16", "bf16"]
    (line,) = capsys.readouterr().err.splitlines()
    assert "emulates it, 9.8 times as slowly as in fp32" in line


def test_bf16_that_is_emulated_at_no_cost_needs_no_warning(emulated, capsys):
    emulated(0.9)
    assert choose_precision("bf16", CPU) == "bf16"
    assert capsys.readouterr().err == ""


def test_a_card_without_bf16_is_refused_in_one_line(emulated, monkeypatch):
    monkeypatch.setattr(precision, "_has_bf16", lambda device, including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla K80")
    with pytest.raises(BadInput, match="Tesla K80 has no bf16; give --precision fp32, or auto"):
        choose_precision("bf16", GPU)
    assert choose_precision("auto", GPU) == "fp32"


def test_jobs_and_rows_name_the_precision_that_was_used():
    """`auto` gives the same run as the precision that it chooses."""
    used = choose_precision("auto", CPU)
    auto, own = (
        plan_experiment(Request(methods=("Standard",), limit_train=40, precision=asked), Path(), CPU)
        for asked in ("auto", used)
    )
    assert auto.precision == auto.jobs[0].precision == used
    assert auto.jobs[0].run == own.jobs[0].run


def test_a_precision_that_is_none_is_refused():
    images = plan_experiment(Request(methods=("Standard",), limit_train=40), Path(), CPU)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    attacked = images.conditions[1]
    with pytest.raises(BadInput, match="'fp16' is none of auto, fp32, bf16"):
        outcomes(model, images.test, attacked, n=2, precision="fp16")
