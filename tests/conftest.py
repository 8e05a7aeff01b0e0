import sys

import pyautoattack.autoattack
import pytest
import torch
from small import images

from bench import cli


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
