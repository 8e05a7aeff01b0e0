"""The group of all commands, and checks that all of them make."""

from pathlib import Path
from typing import Any

import click

from bench.core.errors import BadInput


class Strict(click.Command):
    """A command that refuses an option given twice, of which click would keep only the last, or with an empty value.

    An empty value is mostly an unset variable of a shell; as a path it would be the working directory.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for parameter in self.params:
            spelling = parameter.get_error_hint(ctx)
            if order.count(parameter) > 1 and not parameter.multiple and not getattr(parameter, "is_flag", False):
                raise click.UsageError(f"{spelling} is given {order.count(parameter)} times; give it once", ctx)
            if any(not text.strip() for text in texts(given.get(parameter.name or ""))):
                raise click.UsageError(f"{spelling} is given as nothing; name something, or leave it out", ctx)
        return super().parse_args(ctx, args)


def texts(given: Any) -> list[str]:
    """The texts that were given for an option or argument."""
    every = given if isinstance(given, list | tuple) else [given]
    return [text for text in every if isinstance(text, str)]


def show_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    """Print the versions that a bug report needs, and exit."""
    if not value or context.resilient_parsing:
        return
    import platform

    from bench.core.version import PROTOCOL, __version__

    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    click.echo(f"bench {__version__}, protocol {PROTOCOL}, torch {torch_version()}, {python}")
    context.exit()


def torch_version() -> str:
    """The version of torch with that of CUDA, such as `2.9.0+cu128`, read from its file: importing it takes seconds."""
    from importlib.util import find_spec
    from runpy import run_path

    torch = find_spec("torch")
    if torch is None or torch.origin is None:
        return "not installed"
    return str(run_path(str(Path(torch.origin).with_name("version.py")))["__version__"])


FIRST_COMMANDS = """\
The commonest:

  bench run                                           train and attack five recipes on digits
  bench run --plugin FILE.py --methods NAME,PGD-AT    a recipe of yours beside adversarial training
  bench eval --model FILE.py:FUNCTION@WEIGHTS         attack a model of yours

bench --help names all commands, and bench COMMAND --help all options of one."""


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=show_version,
    help="Show the versions of the bench, its protocol, torch and Python.",
)  # fmt: skip
@click.pass_context
def cli(context: click.Context) -> None:
    """Train robust-training recipes in the same way, evaluate them in the same way, and report the results."""
    if context.invoked_subcommand is None:
        raise BadInput("say what to do").with_example(FIRST_COMMANDS)


cli.command_class = Strict
