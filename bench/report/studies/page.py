"""The page of a study, and the files beside it, from what a results folder holds."""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bench.core.errors import BadInput
from bench.report import cache as stored
from bench.report import table_text as plain
from bench.report.files import Content
from bench.report.folder_names import folder_names
from bench.report.labels import label_rows
from bench.report.rows import accuracies, of_kind, white_box
from bench.report.seeds import collapses
from bench.report.studies import claims_page
from bench.report.studies.ledger_table import brief, frame
from bench.report.studies.orderings import comparison_table
from bench.report.studies.scale_data import ScaleData
from bench.report.studies.scales import RadiusOf, scales, usual_radius
from bench.report.studies.setup import StudyRun
from bench.report.studies.study import STUDIES, Study
from bench.report.studies.summary import ScaleResults, measure_scale, overview, sentences
from bench.report.studies.table_text import LEGEND

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class StudyPage:
    """What became of a study.

    registered: as of `scales`; n: the number of test images, where rows of several are there; chosen: the study with
    some of its items alone.
    """

    folder: str  # the study's name
    registered: RadiusOf = usual_radius
    n: int | None = None
    chosen: Study | None = None

    def files(self, results: Path) -> dict[str, Content]:
        """The page, its tables and figures, and what of the study needs no results. BadInput where no row is of it."""
        text, files = _page(results, self.folder, self.registered, None, self.n, self.chosen)
        return {f"{self.folder}.md": text, **files, **(STUDIES[self.folder].beside or dict)()}

    def show(self, results: Path, console: "Console", only: frozenset[str] | None = None) -> None:
        """Print the page as it is in Markdown. only: the runs to read."""
        console.out(self.text(results, only), highlight=False)

    def text(self, results: Path, only: frozenset[str] | None = None) -> str:
        """Markdown. only: the runs to read."""
        return _page(results, self.folder, self.registered, only, self.n, self.chosen)[0]


@stored.cached_by_folder(1)
def _page(
    results: Path,
    name: str,
    registered: RadiusOf,
    only: frozenset[str] | None,
    n: int | None,
    chosen: Study | None,
) -> tuple[str, dict[str, Content]]:
    study, rows = chosen or STUDIES[name], stored.rows(results)
    if only is not None:
        rows = rows[rows["run"].isin(only)]
    rows = rows[rows["recipe"].isin(study.methods)]
    if rows.empty:
        trainings, cells = (
            sum(part) for part in zip(*(study.size(item, "quick") for item in study.items), strict=True)
        )
        raise BadInput(
            f"no results of study {name} under {results}; `bench run --study {name}` makes them, of {trainings} "
            f"trainings and {cells} measurements at most, and with --dry-run says what that takes here"
        )
    sections, beside = [f"# {name}: {study.about}\n"], dict[str, Content]()
    if study.chosen_here:
        sections.append(f"**Not in the paper, and guessed here.** {study.chosen_here}\n")
    if study.findings is not None:
        sections += [claims_page.markdown(title, found) for title, found in claims_page.places(study, rows, n)]
    else:
        for data in shown_scales(rows, results, registered, n):
            text, more = _section(measure_scale(study, STUDIES[name].home, data))
            sections.append(text)
            beside |= more
        sections.append(f"\n{LEGEND}\n")
    return "\n".join(sections), beside


def shown_scales(rows: pd.DataFrame, results: Path, registered: RadiusOf, n: int | None = None) -> Iterator[ScaleData]:
    """What there is at each scale that shows anything.

    n: the number of test images, where rows of several are there.
    """
    found = [(scale, part) for scale, part in scales(rows, results, registered) if n is None or scale.n in (0, n)]
    several = [(scale, part) for scale, part in found if part["recipe"].nunique() > 1]
    shown = several or found  # one recipe alone, such as what crafts images for others, shows nothing
    folders = folder_names({scale: scale.identity for scale, _ in shown})
    for scale, part in shown:
        yield ScaleData(scale, part, results, folders[scale])


def started_studies(results: Path) -> list[str]:
    """The studies of which there are rows: of most methods of the claims, of some table or figure of a paper."""
    recipes = set(stored.rows(results)["recipe"])
    return [name for name, study in STUDIES.items() if _is_started(study, recipes)]


def _is_started(study: Study, recipes: Set[str]) -> bool:
    if study.findings:
        return 2 * len(study.methods & recipes) > len(study.methods)
    return any(_there(part, recipes) for part in study.parts)


def _there(part: StudyRun, recipes: Set[str]) -> bool:
    """Whether all its methods were trained, and there are two at least: one recipe is in many papers."""
    return len(part.methods) > 1 and set(part.methods) <= recipes


def _section(found: ScaleResults) -> tuple[str, dict[str, Content]]:
    """Markdown, and the files beside it."""
    made = {path: content for section in found.sections.values() for path, content in section.files.items()}
    name, title = found.data.file_of("ledger"), plain.escape(found.data.scale.title)
    made[f"{name}.csv"] = plain.csv(frame(found.entries))
    numbers = plain.markdown(brief(found.entries), ("Item", "Number", "Status"))
    made[f"{name}.md"] = f"# {found.study.about}\n\n{title}\n\n{numbers}"
    made[found.data.file_of("comparisons.csv")] = plain.csv(comparison_table(found.orders))
    head = [f"## {title}\n", *(f"**{word}.** {text}\n" for word, text in sentences(found).items())]
    trouble = "".join(f"- {line}\n" for line in collapsed_seeds(found.data.rows))
    items = plain.markdown(overview(found), ("Item", "At the paper's scale"))
    more = f"Every printed number, one by one: [ledger]({name}.md).\n"
    body = [section.text for section in found.sections.values()]
    return "\n".join([*head, *filter(None, [trouble]), items, more, *body]), made


def collapsed_seeds(rows: pd.DataFrame) -> list[str]:
    """Seeds that collapsed, a line a recipe."""
    rows = white_box(accuracies(of_kind(rows, "clean", "attack")))
    return [
        f"{label}: {'; '.join(said)}"
        for label, part in label_rows(rows).groupby("label", sort=False)
        if (said := collapses(part))
    ]
