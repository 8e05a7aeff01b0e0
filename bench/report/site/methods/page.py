"""A page for each recipe and external model: description, trainings and accuracies."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from bench.report.boards import Board
from bench.report.corruptions.page import find_tables
from bench.report.corruptions.table import Scores
from bench.report.labels import labels
from bench.report.site.data import SiteData
from bench.report.site.heat.cells import HeatMap
from bench.report.site.methods.attacked_images import attacked_images
from bench.report.site.methods.command import command
from bench.report.site.methods.elsewhere import corruption_tables_of, transfer_maps, transfer_tables_of
from bench.report.site.methods.recipe_lines import other_numbers, printed_lines
from bench.report.site.methods.results import BoardResults, results_of
from bench.report.site.methods.training import training_charts, trainings
from bench.report.site.site import LinkTarget, Site, unique_paths
from bench.report.site.sources import LENGTH_NOTE
from bench.report.studies.papers.plans import describe_paper_plan
from bench.report.studies.printed.numbers import printed_numbers


class MethodPages:
    """The pages `methods/*.html`, and pictures of adversarial images."""

    menu = ""

    def paths(self, data: SiteData) -> dict[LinkTarget, str]:
        names = {recipe: recipe for recipe in data.recipes}
        return {LinkTarget("method", recipe): path for recipe, path in unique_paths("methods", names).items()}

    def pages(self, data: SiteData, site: Site) -> Iterator[tuple[str, str | bytes]]:
        maps, tables, rows = transfer_maps(data), find_tables(data.results), printed_numbers()
        for recipe in data.recipes:
            path = site.paths[LinkTarget("method", recipe)]
            images = list(attacked_images(data, recipe, path))
            yield from (picture for one in images for picture in one.pictures)
            values = _about(data, recipe, rows[rows["recipe"] == recipe]) | _results(data, recipe, maps, tables)
            yield path, site.render(path, "method.html", recipe, recipe=recipe, attacked_images=images, **values)


def _about(data: SiteData, recipe: str, printed: pd.DataFrame) -> dict[str, Any]:
    """Values of the template from the recipe's files, and printed accuracies."""
    text = data.sources.recipe_text(recipe)
    jobs = [data.job(run) for run in data.runs(recipe)]
    lines = printed_lines(printed)
    return {
        "text": text,
        "lengths": LENGTH_NOTE if text and text.scales_lengths else "",
        "plans": describe_paper_plan(recipe) if text else [],
        "is_external": any("spec" in job for job in jobs),
        "printed": lines,
        "has_autoattack": any(line.autoattack for line in lines),
        "also_printed": other_numbers(printed),
    }


def _results(
    data: SiteData, recipe: str, maps: Mapping[tuple[Board, str], HeatMap], tables: Mapping[tuple[Board, str], Scores]
) -> dict[str, Any]:
    """Values of the template from run folders."""
    found = results_of(recipe, data)
    attacked = [results for results in found if results.columns != ("Clean",)] or found
    logs = _logs(data, recipe)
    return {
        "recipe_of": data.recipe_of,
        "results": [(results, _command(data, recipe, results)) for results in attacked],
        "clean_alone": [results.board for results in found if results not in attacked],
        "trainings": trainings(data, data.runs(recipe)),
        "charts": [(name, charts) for name, own in logs.items() if (charts := training_charts(own))],
        "transfers": list(transfer_tables_of(data, maps, recipe)),
        "corruptions": list(corruption_tables_of(data, tables, recipe)),
    }


def _command(data: SiteData, recipe: str, results: BoardResults) -> str:
    """The command of the configuration with the highest rank."""
    rows = data.boards[results.board].rows
    own = rows[rows["recipe"] == recipe]
    own = own[labels(own) == results.lines[0].label]  # labels depend on all rows of the recipe
    return "" if own.empty else command(data.job(own["run"].iloc[0]), own, data.sources.attack_text)


def _logs(data: SiteData, recipe: str) -> dict[str, dict[str, pd.DataFrame]]:
    """The train.csv of each seed, by configuration."""
    found: dict[str, dict[str, pd.DataFrame]] = {}
    for run in data.runs(recipe):
        *where, last = run.split("/")
        seed, _, digest = last.partition("-")
        found.setdefault(f"{', '.join(where[:2])}, {digest}", {})[f"seed {seed.removeprefix('s')}"] = data.log(run)
    return found
