"""The command line. Parses, calls, prints; imports torch only inside the commands that need it."""

import io
import os
import signal
import sys
from importlib import import_module
from pkgutil import iter_modules

from bench.core.foreign.interrupt import STOPPED, exit_at_ctrl_c, is_ctrl_c_pressed, watch_ctrl_c

with exit_at_ctrl_c():  # nothing has begun
    import click

    from bench.cli.group import cli
    from bench.core.errors import BadInput, Failed, Stopped

    for _verb in iter_modules(__path__):
        import_module(f"{__name__}.{_verb.name}")

COMPLETING = "_BENCH_COMPLETE"  # variable by which shells ask for completions
LONGEST = 1000  # characters of a message; of a longer one, such as one that quotes a whole file, the middle is cut out


def main() -> None:
    """Exit 0 on success, 1 when a check or a cell failed, 2 on bad input, which is one line on stderr."""
    show_what_can_be_shown(sys.stdout, sys.stderr)
    with watch_ctrl_c():
        code = _run()
        stopped = is_ctrl_c_pressed()
    if stopped:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # pressed once more while Python ends
    sys.exit(code)


def _run() -> int:
    try:
        code = cli.main(standalone_mode=False)
    except BaseException as error:
        if isinstance(error, SystemExit) and COMPLETING in os.environ:
            raise  # click ends so once it has printed what a shell asked for
        status = exit_code(error)
        if status is None or (status == 2 and "--debug" in sys.argv):
            raise
        click.echo(f"bench: {one_line(message_of(error))}", err=True)
        if isinstance(error, BadInput) and error.example:
            click.echo(error.example, err=True)
        return status
    return code if isinstance(code, int) else 0


def exit_code(error: BaseException) -> int | None:
    """What an error ends the command with; None where it is a bug, whose traceback is to be seen."""
    if is_ctrl_c_pressed() or isinstance(error, KeyboardInterrupt | click.Abort):
        return STOPPED
    if isinstance(error, BadInput | click.ClickException | OSError | MemoryError):
        return 2
    return 1 if isinstance(error, Failed | SystemExit) else None


def message_of(error: BaseException) -> str:
    """What an error says to whoever gave the command."""
    if exit_code(error) == STOPPED:
        return f"stopped; {advice(error)}"
    if isinstance(error, SystemExit):
        return f"somebody's code has ended the command by SystemExit: {error}"
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename or ''}"
    if isinstance(error, MemoryError):
        return f"memory ran out ({error or 'it does not say where'}); give fewer images by --limit or --limit-train"
    return str(error)


def one_line(message: str) -> str:
    """A message on one line, without what would move a terminal's cursor or colour it, and of bounded length."""
    line = "".join(sign if sign.isprintable() else "?" for sign in " ".join(message.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"


def show_what_can_be_shown(*streams: object) -> None:
    """Print a question mark where a terminal's encoding lacks a sign such as ±, in the place of an error."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def advice(stop: BaseException) -> str:
    """What to do after Ctrl-C. click puts an exception of its own around it."""
    if said := next((str(error) for error in (stop, stop.__cause__) if isinstance(error, Stopped)), ""):
        return said
    if "--retrain" in sys.argv:
        return "with --retrain the same command trains all anew, without it it goes on from here"
    return "the same command goes on from here"
