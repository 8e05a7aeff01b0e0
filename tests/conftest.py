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
    """Square at 100 queries, for tests that are not about its strength."""

    n_queries = property(lambda self: 100, lambda self, queries: None)


@pytest.fixture
def short_square(monkeypatch):
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
