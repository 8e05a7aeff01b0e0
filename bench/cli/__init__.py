"""The command line. Parses, calls, prints; imports torch only inside the commands that need it."""

import sys

import click

from bench.cli import check, judge, look
from bench.cli.group import cli
from bench.errors import BadInput, Failed

STOPPED = 130  # what a shell reports for Ctrl-C


def main() -> None:
    """Exit 0 on success, 1 when a check or a cell failed, 2 on bad input, which is one line on stderr."""
    try:
        code = cli.main(standalone_mode=False)
    except (BadInput, click.ClickException) as error:
        if "--debug" in sys.argv:
            raise
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"bench: {' '.join(message.split())}", err=True)
        sys.exit(2)
    except OSError as error:
        if "--debug" in sys.argv:
            raise
        click.echo(f"bench: {error.strerror or error}: {error.filename or ''}", err=True)
        sys.exit(2)
    except Failed as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("bench: stopped; the same command (without --retrain) goes on from here", err=True)
        sys.exit(STOPPED)
    sys.exit(code if isinstance(code, int) else 0)


__all__ = ["check", "cli", "judge", "look", "main"]
