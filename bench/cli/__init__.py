"""The command line. Parses, calls, prints; imports torch only inside the commands that need it."""

import io
import sys

import click

from bench.cli import check, judge, look
from bench.cli.group import cli
from bench.errors import BadInput, Failed

STOPPED = 130  # what a shell reports for Ctrl-C
LONGEST = 1000  # characters of a message; of a longer one, such as one that quotes a whole file, the middle is cut out


def main() -> None:
    """Exit 0 on success, 1 when a check or a cell failed, 2 on bad input, which is one line on stderr."""
    show_what_can_be_shown(sys.stdout, sys.stderr)
    try:
        code = cli.main(standalone_mode=False)
    except (BadInput, click.ClickException, OSError, MemoryError) as error:
        if "--debug" in sys.argv:
            raise
        click.echo(f"bench: {one_line(told(error))}", err=True)
        sys.exit(2)
    except Failed as error:
        click.echo(f"bench: {one_line(str(error))}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("bench: stopped; the same command (without --retrain) goes on from here", err=True)
        sys.exit(STOPPED)
    sys.exit(code if isinstance(code, int) else 0)


def told(error: Exception) -> str:
    """What an error says to whoever gave the command."""
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


__all__ = ["check", "cli", "judge", "look", "main"]
