"""What a user sees of the work that goes on: lines in a log, bars and a line for each model on a terminal."""

import io
import re

import pytest
from rich.console import Console

from bench.core.progress import Event, Progress, Step

NAME = "M2AT.mask-mix.long-name s0 last"


def show(progress: Progress) -> None:
    for attack in ("FGSM", "PGD-20 Linf 0.2"):
        step = Step(progress, f"{NAME} {attack}", 2, 1.0)
        step.advance(1, "50.0% so far")
        step.end("40.0% of 300 right")
    Step(progress, f"{NAME} CW-20", 1, 1.0).end("failed: no memory", has_failed=True)
    progress(Event(NAME, 1, 1, 0.0, "FGSM 40.0%, PGD-20 40.0%", "model"))


def test_a_log_has_a_line_for_each_cell(capsys):
    with Progress(3.0) as progress:
        show(progress)
    assert capsys.readouterr().err.splitlines() == [
        f"{NAME} FGSM: 40.0% of 300 right",
        f"{NAME} PGD-20 Linf 0.2: 40.0% of 300 right",
        f"{NAME} CW-20: failed: no memory",
    ]


def without_codes(text: str) -> list[str]:
    """Lines as a terminal shows them, without its codes for colours and places."""
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).splitlines()]


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 80 columns, as text."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    monkeypatch.setattr("bench.core.progress.Console", lambda **_: console)
    return console


def test_a_terminal_has_a_line_for_each_model_and_each_failure(terminal):
    with Progress(3.0) as progress:
        progress.bars.live.auto_refresh = False
        show(progress)
    lines = without_codes(terminal.file.getvalue())
    assert [line for line in lines if ": " in line] == [
        f"{NAME} CW-20: failed: no memory",
        f"{NAME}: FGSM 40.0%, PGD-20 40.0%",
    ]


def test_long_names_leave_room_for_the_bar_and_the_time_left(terminal):
    progress = Progress(9e5)  # never started, so it renders only when it is asked to
    progress(Event(f"{NAME} PGD-20 Linf 0.2", 1, 20000, 9e5, "a word that is much longer than there is room for it"))
    progress.bars.columns[3].render = lambda task: "99:59:59"
    with terminal.capture() as capture:
        terminal.print(progress.bars.get_renderable())
    lines = without_codes(capture.get())
    assert len(lines) == 2
    for line in lines:
        assert len(line) <= 80
        assert line.count("━") >= 10
        assert "99:59:59" in line
    assert lines[1].startswith("M2AT.mask-mix")
