"""The page of model cards: writes reports/cards/ with a card and BibTeX for each model."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.errors import BadInput
from bench.report import cache as stored
from bench.report.boards import scale_of
from bench.report.cards.card import Model, card, measurements
from bench.report.cards.citations import Citation, bibtex
from bench.report.files import Content
from bench.report.folder_names import Identity, folder_names
from bench.report.labels import columns
from bench.report.table_formats import table_text as plain
from bench.report.verdicts import doubts_by_board, verdict
from bench.results.row import model_id
from bench.results.store import read_job

if TYPE_CHECKING:
    from rich.console import Console

CitationsOf = Callable[[str], Sequence[Citation]]  # the papers of a recipe, by its name


def _no_citations(recipe: str) -> Sequence[Citation]:
    return ()


@dataclass(frozen=True)
class CardsPage:
    """The topic `cards` of a report: model cards. citations_of: the papers of a recipe."""

    citations_of: CitationsOf = _no_citations
    folder: str = "cards"

    def files(self, results: Path) -> dict[str, Content]:
        """cards.md with a line for each model, and for each a folder with its card (README.md) and cite.bib.

        BadInput if there are none.
        """
        models = [*find_models(results)]
        if not models:
            raise BadInput(f"no results under {results}; run `bench run` first, or name another folder with --results")
        folders = folder_names({model_id(model.run, model.epoch, model.view): _identity(model) for model in models})
        made, lines = dict[str, Content](), list[str]()
        for model in models:
            folder = folders[model_id(model.run, model.epoch, model.view)]
            papers = self.citations_of(model.recipe)
            made |= {f"{folder}/README.md": card(model, papers), f"{folder}/cite.bib": bibtex(papers)}
            lines.append(
                f"- [{plain.escape(model.title)}]({folder}/README.md): {plain.escape(_lowest_accuracy(model))}"
            )
        return {"cards.md": "\n".join(["# Model cards\n", *lines, ""]), **made}

    def show(self, results: Path, console: "Console", only: frozenset[str] | None = None) -> None:
        """Print nothing, as cards are files."""


def find_models(results: Path) -> Iterator[Model]:
    """Find all models with a clean accuracy or an accuracy under attack."""
    every = stored.rows(results)
    outcomes = stored.outcomes(results, every["run"].unique())
    for (run, epoch, view), rows in every.groupby(["run", "epoch", "view"], sort=False):
        if measurements(rows).empty:
            continue
        own = rows[rows["source"] == ""]
        verdicts = zip(columns(own), own["verdict"], strict=True)
        first = rows.iloc[0]
        yield Model(
            run=str(run),
            recipe=str(first["recipe"]),
            dataset=str(first["dataset"]),
            network=str(first["model"]),
            seed=int(first["seed"]),
            epoch=str(epoch),
            view=str(view),
            job=read_job(results / str(run)),
            rows=rows,
            verdict=verdict(verdicts, doubts_by_board(own, rows, outcomes)),
        )


def _identity(model: Model) -> Identity:
    """The words that the name of a card's folder is made of."""
    seed = () if model.is_from_outside else (f"s{model.seed}",)
    budget = str(model.job.get("budget", ""))
    which, digest = (model.epoch, model.view), (model.run.rpartition("-")[2],)
    distinguishing_words = (which, (scale_of(budget),), tuple(budget.split(", ")), digest)
    return Identity((model.dataset, model.network, model.recipe, *seed), distinguishing_words)


def _lowest_accuracy(model: Model) -> str:
    """The lowest accuracy of a card as text."""
    measured = measurements(model.rows)
    there = measured[measured["value"].notna()]
    if there.empty:
        return "no accuracy"
    lowest = min(there.to_dict("records"), key=lambda line: float(line["value"]))
    return f"{100 * lowest['value']:.1f} % right, {lowest['condition']}"
