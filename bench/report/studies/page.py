"""The page of a study and its files, from a results folder."""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bench.core.errors import BadInput
from bench.core.parsing import format_count
from bench.report import cache as stored
from bench.report.files import Content
from bench.report.folder_names import folder_names
from bench.report.labels import label_rows
from bench.report.rows import accuracy_rows, clean_and_attack_rows, white_box_rows
from bench.report.seeds import collapses
from bench.report.studies.claims import page as claims_page
from bench.report.studies.ledger_table import brief, frame
from bench.report.studies.orderings import comparison_table
from bench.report.studies.scale_data import ScaleData
from bench.report.studies.scales import RadiusOf, scales, usual_radius
from bench.report.studies.setup import StudyRun
from bench.report.studies.study import STUDIES, Study
from bench.report.studies.summary import ScaleResults, measure_scale, overview, sentences
from bench.report.studies.table_text import LEGEND
from bench.report.table_formats import table_text as plain

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class StudyPage:
    """The report of a study.

    registered: as for `scales`. n: number of test images, if rows with different numbers exist. study: the study with
    only some of its items; None: with all.
    """

    folder: str  # the study's name
    registered: RadiusOf = usual_radius
    n: int | None = None
    study: Study | None = None

    def files(self, results: Path) -> dict[str, Content]:
        """The page, its tables and figures, and files that need no results. BadInput if no row is of the study."""
        text, files = _page(results, self.folder, self.registered, None, self.n, self.study)
        return {f"{self.folder}.md": text, **files, **(STUDIES[self.folder].beside or dict)()}

    def show(self, results: Path, console: "Console", only: frozenset[str] | None = None) -> None:
        """Print the page in Markdown. only: the runs to include; None for all."""
        console.out(self.text(results, only), highlight=False)

    def text(self, results: Path, only: frozenset[str] | None = None) -> str:
        """The page in Markdown. only: the runs to include; None for all."""
        return _page(results, self.folder, self.registered, only, self.n, self.study)[0]


@stored.cached_by_folder(1)
def _page(
    results: Path,
    name: str,
    registered: RadiusOf,
    only: frozenset[str] | None,
    n: int | None,
    selected: Study | None,
) -> tuple[str, dict[str, Content]]:
    study, rows = selected or STUDIES[name], stored.rows(results)
    if only is not None:
        rows = rows[rows["run"].isin(only)]
    rows = rows[rows["recipe"].isin(study.methods)]
    if rows.empty:
        sizes = [study.size(item, "quick") for item in study.items]
        trainings, cells = (sum(part) for part in zip(*sizes, strict=True))
        raise BadInput(
            f"no results of study {name} under {results}; `bench run --study {name}` makes them, of "
            f"{format_count(trainings, 'training')} and {format_count(cells, 'measurement')} at most, and with "
            "--dry-run says what that takes here"
        )
    sections, beside = [f"# {name}: {study.about}\n"], dict[str, Content]()
    if study.chosen_here:
        sections.append(f"**Not in the paper, and guessed here.** {study.chosen_here}\n")
    if study.findings is not None:
        sections += [claims_page.markdown(title, found) for title, found in claims_page.find_sections(study, rows, n)]
    else:
        for data in shown_scales(rows, results, registered, n):
            text, more = _section(measure_scale(study, STUDIES[name].home, data))
            sections.append(text)
            beside |= more
        sections.append(f"\n{LEGEND}\n")
    return "\n".join(sections), beside


def shown_scales(rows: pd.DataFrame, results: Path, registered: RadiusOf, n: int | None = None) -> Iterator[ScaleData]:
    """The data at each scale that a page shows: those with two recipes or more, or all if there is none.

    n: number of test images, if rows with different numbers exist.
    """
    found = [(scale, part) for scale, part in scales(rows, results, registered) if n is None or scale.n in (0, n)]
    several = [(scale, part) for scale, part in found if part["recipe"].nunique() > 1]
    shown = several or found  # a single recipe, such as one that images were crafted on, compares with nothing
    folders = folder_names({scale: scale.identity for scale, _ in shown})
    for scale, part in shown:
        yield ScaleData(scale, part, results, folders[scale])


def started_studies(results: Path) -> list[str]:
    """Names of studies with enough rows for a page: most recipes of the claims, or all of one request of a paper."""
    recipes = set(stored.rows(results)["recipe"])
    return [name for name, study in STUDIES.items() if _is_started(study, recipes)]


def _is_started(study: Study, recipes: Set[str]) -> bool:
    if study.findings:
        return 2 * len(study.methods & recipes) > len(study.methods)
    return any(_is_trained(part, recipes) for part in study.parts)


def _is_trained(part: StudyRun, recipes: Set[str]) -> bool:
    """Whether all recipes of a request were trained, two or more; a single recipe may belong to several papers."""
    return len(part.methods) > 1 and set(part.methods) <= recipes


def _section(found: ScaleResults) -> tuple[str, dict[str, Content]]:
    """Markdown of one scale, and its files."""
    made = {path: content for section in found.sections.values() for path, content in section.files.items()}
    name, title = found.data.file_of("ledger"), plain.escape(found.data.scale.title)
    made[f"{name}.csv"] = plain.csv(frame(found.entries))
    numbers = plain.markdown(brief(found.entries), ("Item", "Number", "Status"))
    made[f"{name}.md"] = f"# {found.study.about}\n\n{title}\n\n{numbers}"
    made[found.data.file_of("comparisons.csv")] = plain.csv(comparison_table(found.orders))
    head = [f"## {title}\n", *(f"**{word}.** {text}\n" for word, text in sentences(found).items())]
    collapsed = "".join(f"- {line}\n" for line in collapsed_seeds(found.data.rows))
    items = plain.markdown(overview(found), ("Item", "At the paper's scale"))
    more = f"Every printed number, one by one: [ledger]({name}.md).\n"
    body = [section.text for section in found.sections.values()]
    return "\n".join([*head, *filter(None, [collapsed]), items, more, *body]), made


def collapsed_seeds(rows: pd.DataFrame) -> list[str]:
    """Sentences on seeds that collapsed, one for each recipe that has any."""
    rows = clean_and_attack_rows(white_box_rows(accuracy_rows(rows)))
    return [
        f"{label}: {'; '.join(seeds)}"
        for label, part in label_rows(rows).groupby("label", sort=False)
        if (seeds := collapses(part))
    ]
