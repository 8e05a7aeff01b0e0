"""The command that has all the others."""

import click


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="robust-recipe-bench")
def cli() -> None:
    """Train robust-training recipes alike, judge them alike, and report what can be believed."""
