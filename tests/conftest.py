import os
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is loaded: threads that wait leave their core

import pyautoattack.autoattack
import pytest
import torch
from small import images

from bench import cli


def pytest_configure():
    """Pin each pytest worker to one core; a command that uses all cores would otherwise slow the others down."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


@pytest.fixture(autouse=True)
def _no_figures(request, monkeypatch):
    """Without the mark `figures`, commands write empty files instead of figures, which would take most of the time."""
    if request.node.get_closest_marker("figures") is None:
        monkeypatch.setattr("bench.report.files.draw_all", lambda figures, processes=1: touch(figures.values()))


def touch(groups):
    for path in (path for group in groups for path in group):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)  # tests are small and run beside each other; a run in a test may have asked for more


@pytest.fixture
def x() -> torch.Tensor:
    return images()


class ShortSquare(pyautoattack.autoattack.SquareAttack):
    n_queries = property(lambda self: 100, lambda self, queries: None)


@pytest.fixture
def short_autoattack(monkeypatch):
    """20 iterations instead of 100 and 100 queries instead of 5,000, for tests that are not about its strength."""

    def shortened(attack):
        return lambda *arguments, **settings: attack(*arguments, **(settings | {"n_iter": 20}))

    for name in ("APGDAttack", "APGDAttack_targeted", "FABAttack_PT"):
        monkeypatch.setattr(pyautoattack.autoattack, name, shortened(getattr(pyautoattack.autoattack, name)))
    monkeypatch.setattr(pyautoattack.autoattack, "SquareAttack", ShortSquare)


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    """Call `bench ...` in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return call
