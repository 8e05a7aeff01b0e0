"""The page of a recipe on the terminal: paper, settings, source, cost, and printed and measured accuracies."""

import textwrap
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from rich import box
from rich.console import Console, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from bench.commands.code_facts import Fact, recall
from bench.commands.recipe_facts import recall_recipe
from bench.core.errors import BadInput, UnknownName
from bench.report.site.methods.recipe_lines import RecipeLine, measured_lines, other_numbers, printed_lines
from bench.report.site.sources import LENGTH_NOTE, RecipeText
from bench.report.studies.papers.plans import describe_paper_plan
from bench.report.studies.printed.numbers import printed_numbers


def show(name: str, results: Path, console: Console) -> None:
    """Print the page of a recipe; its runs are looked up below `results`. BadInput if no one recipe has this name."""
    if name == "all" or any(sign in name for sign in "*?,"):
        raise BadInput(f"show takes one name, not {name!r}; `bench list methods` names them all")
    cost = recall("cost", name, partial(_find_cost, name))
    text = recall_recipe(name)
    assert text is not None  # as it has a cost
    console.print(Text(name, "bold"))
    sections = {
        "Paper": paper(text),
        "Settings": chain(setting_table(text), map(Text, describe_paper_plan(name))),
        "Source": source(text),
        "Cost": iter([Text(cost)]),
        "Printed": printed_section(name),
        "Measured by this bench": runs_section(name, results),
    }
    for title, parts in sections.items():
        console.print(Text(f"\n{title}", "bold cyan"))
        for part in parts:
            console.print(part, soft_wrap=isinstance(part, Text) and part.no_wrap)


def _find_cost(name: str) -> Fact:
    """The sentence on the cost of a recipe; UnknownName if there is none of this name."""
    from bench.commands.show.recipe_cost import describe_cost
    from bench.core.foreign.plugins import load_plugins
    from bench.training.recipe import RECIPES

    load_plugins()
    try:
        recipe = RECIPES[name]
    except UnknownName as error:
        raise UnknownName(f"{error} (one of your own is found by --plugin FILE.py)") from error
    return Fact(describe_cost(recipe), RECIPES.homes(name))


def paper(text: RecipeText) -> Iterator[RenderableType]:
    """The docstrings of the recipe's files and classes."""
    for place, passage in text.paper:
        yield Text.assemble((f"{place}\n", "dim"), passage, "\n")
    for name, passage in text.classes:
        if passage:
            yield Text(f"{name}: {passage}")


def setting_table(text: RecipeText) -> Iterator[RenderableType]:
    """A table of settings, a line for each field as `--set` names it."""
    table = plain_table("Field", "Value", "Meaning")
    table.columns[0].no_wrap = True  # so that it can be copied
    for setting in text.settings:
        table.add_row(*map(Text, setting))
    yield table
    if text.scales_lengths:
        yield Text(LENGTH_NOTE, "dim")


def source(text: RecipeText) -> Iterator[RenderableType]:
    """The code of each class, below its path."""
    for number, (place, lines) in enumerate(text.source):
        yield Text("\n" * (number > 0) + place, "dim")
        code = Syntax("", "python", theme="ansi_dark").highlight(lines)
        code.rstrip()
        code.no_wrap = True  # code is not wrapped
        yield code


def printed_section(name: str) -> Iterator[RenderableType]:
    """Accuracies printed in papers, READMEs and on RobustBench."""
    rows = printed_numbers()
    rows = rows[rows["recipe"] == name]
    if lines := printed_lines(rows):
        yield line_table("Printed in", lines)
    else:
        yield Text("No accuracy of it is printed in the five papers.")
    if lines and not any(line.autoattack for line in lines):
        yield Text("No AutoAttack accuracy of it has been published that this bench knows of.", "dim")
    if others := other_numbers(rows):
        yield Text(f"Also printed: {others}.", "dim")


def runs_section(name: str, results: Path) -> Iterator[RenderableType]:
    """Accuracies of runs in the results folder, or the command that makes one."""
    if lines := measured_lines(name, results):
        yield line_table("Run", lines)
    else:
        where = "" if results == Path("results") else f" --results {results}"
        yield Text(f"No run of it under {results}. This makes one:")
        yield Text(f"bench run --methods {name}{where}", no_wrap=True)


def line_table(title: str, lines: list[RecipeLine]) -> Table:
    """A table of lines; empty columns are left out."""
    heads = {"Clean": "clean", "Attacked": "attacked", "AutoAttack": "autoattack", "Verdict": "verdict"}
    used = {head: field for head, field in heads.items() if any(getattr(line, field) for line in lines)}
    table = plain_table(title, *used)
    for line in lines:
        what = Text.assemble(line.head, "\n", (textwrap.indent(line.detail, "  "), "dim"))
        table.add_row(what, *(Text(getattr(line, field)) for field in used.values()))
    return table


def plain_table(*columns: str) -> Table:
    """An empty table with these columns, without a frame."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
