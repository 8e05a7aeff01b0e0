"""The command line: options and help of each command. torch is imported only inside commands that need it."""

import io
import os
import signal
import sys
from importlib import import_module
from pkgutil import iter_modules

from bench.core.foreign.interrupt import CTRL_C_EXIT_CODE, exit_at_ctrl_c, is_ctrl_c_pressed, watch_ctrl_c

with exit_at_ctrl_c():  # as long as nothing has started
    import click

    from bench.cli.group import cli
    from bench.core.errors import BadInput, Failed, ProcessLost, Stopped
    from bench.training.shared.torchrun import torchrun

    for _verb in iter_modules(__path__):
        import_module(f"{__name__}.{_verb.name}")

COMPLETION_VARIABLE = "_BENCH_COMPLETE"  # variable that shells set to ask for completions
MAX_MESSAGE_LENGTH = 1000  # characters; the middle of a longer message, such as one that quotes a file, is cut out


def main() -> None:
    """Run the command line; exit 0 on success, 1 if a check or cell failed, 2 on bad input (one line on stderr)."""
    replace_unprintable(sys.stdout, sys.stderr)
    if (place := torchrun()) is not None and place.rank:  # the first process speaks for all
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    with watch_ctrl_c():
        code = _run()
        stopped = is_ctrl_c_pressed()
    if stopped:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # ignore another Ctrl-C while Python exits
    sys.exit(code)


def _run() -> int:
    try:
        code = cli.main(standalone_mode=False)
    except BaseException as error:
        if isinstance(error, SystemExit) and COMPLETION_VARIABLE in os.environ:
            raise  # click ends so after it has printed completions
        if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):
            return leave_closed_pipe()
        status = exit_code(error)
        if status is None or (status == 2 and "--debug" in sys.argv):
            raise
        click.echo(f"bench: {one_line(message_of(error))}", err=True)
        if isinstance(error, BadInput) and error.example:
            click.echo(error.example, err=True)
        return status
    return code if isinstance(code, int) else 0


def leave_closed_pipe() -> int:
    """The exit code where the reader of the output has ended, as `head` does; the rest of the output is discarded."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
    return 1


def exit_code(error: BaseException) -> int | None:
    """The exit code for an error; None if it is a bug, whose traceback must be shown."""
    if is_ctrl_c_pressed() or isinstance(error, KeyboardInterrupt | click.Abort):
        return CTRL_C_EXIT_CODE
    if isinstance(error, BadInput | click.ClickException | OSError | MemoryError):
        return 2
    return 1 if isinstance(error, Failed | ProcessLost | SystemExit) else None


def message_of(error: BaseException) -> str:
    """The message of an error for the user."""
    if exit_code(error) == CTRL_C_EXIT_CODE:
        return f"stopped; {advice(error)}"
    if isinstance(error, SystemExit):
        return f"code of a plug-in or package has ended the command by SystemExit: {error}"
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename or ''}"
    if isinstance(error, MemoryError):
        return f"memory ran out ({error or 'it does not say where'}); give fewer images by --limit or --limit-train"
    return str(error)


def one_line(message: str) -> str:
    """Put a message on one line of bounded length, without control characters of terminals."""
    line = "".join(sign if sign.isprintable() else "?" for sign in " ".join(message.split()))
    half = MAX_MESSAGE_LENGTH // 2
    return line if len(line) <= MAX_MESSAGE_LENGTH else f"{line[:half]} ... {line[-half:]}"


def replace_unprintable(*streams: object) -> None:
    """Make streams print a question mark for characters that their encoding lacks, instead of raising an error."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def advice(stop: BaseException) -> str:
    """What the user can do after Ctrl-C: the message of `Stopped`, which click may have wrapped, or a general one."""
    if message := next((str(error) for error in (stop, stop.__cause__) if isinstance(error, Stopped)), ""):
        return message
    if "--retrain" in sys.argv:
        return "with --retrain the same command trains all anew, without it it goes on from here"
    return "the same command goes on from here"
