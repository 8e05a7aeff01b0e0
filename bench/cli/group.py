"""The command that has all the others, and what all of them refuse."""

from typing import Any

import click


class Strict(click.Command):
    """A command that refuses an option given twice, of which click keeps the last alone, or given as nothing.

    An empty text is mostly a variable of a shell that is not set; read as a path it would be the working directory.
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
    """What was written for an option or an argument."""
    every = given if isinstance(given, list | tuple) else [given]
    return [text for text in every if isinstance(text, str)]


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="robust-recipe-bench")
def cli() -> None:
    """Train robust-training recipes alike, judge them alike, and report what can be believed."""


cli.command_class = Strict
