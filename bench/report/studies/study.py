"""Studies and their registry: requests to run, and items (tables, figures, claims) computed from their rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import pandas as pd

from bench.core.errors import BadInput
from bench.core.registration.checks import instance_check
from bench.core.registry import Registry
from bench.report.files import Content
from bench.report.studies.claims.checks import Finding
from bench.report.studies.ledger import Entry
from bench.report.studies.scale_data import ScaleData
from bench.report.studies.setup import StudyRun, TrainingSetup


@dataclass(frozen=True, eq=False)
class ItemSection:
    """The section of an item at one scale. make: its Markdown and files, made when one of both is asked for."""

    make: Callable[[], tuple[str, Mapping[str, Content]]]
    file_names: tuple[str, ...] = ()
    entries: Sequence[Entry] | None = None  # ledger of a table, None for other items
    is_there: bool = True  # whether there is anything to show

    @cached_property
    def _made(self) -> tuple[str, Mapping[str, Content]]:
        return self.make()

    @property
    def text(self) -> str:
        """Markdown."""
        return self._made[0]

    @property
    def files(self) -> Mapping[str, Content]:
        """Contents by the names of `file_names`."""
        return self._made[1]


class ItemContent(Protocol):
    """How an item is shown. home: the main data set of its paper."""

    def section(self, item: "Item", found: ScaleData, home: str) -> ItemSection:
        """The section of the page, and its files."""

    def count(self, item: "Item", found: ScaleData, home: str) -> str:
        """How much of it was measured, as text; empty if nothing."""


@dataclass(frozen=True)
class Prose:
    """An item without data: only a text."""

    def section(self, item: "Item", found: ScaleData, home: str) -> ItemSection:
        """The text, the same at every scale."""
        return ItemSection(lambda: (f"### {item.name}\n\n{item.about}\n", {}))

    def count(self, item: "Item", found: ScaleData, home: str) -> str:
        """Empty, as nothing is measured."""
        return ""


@dataclass(frozen=True)
class Item:
    """A table, a figure, or a list of claims.

    parts: requests whose rows it needs; the setup of the first may be replaced by a smaller data set and model.
    """

    name: str  # in the paper, such as Table 3
    about: str
    parts: tuple[StudyRun, ...]
    content: ItemContent = Prose()

    def paper_setup(self, dataset: str, home: str) -> TrainingSetup | None:
        """The paper's setup that a smaller training on a data set stands in for.

        It is the first one on that data set, else the first on the paper's main data set (home); None if the item has
        neither.
        """
        places = [part.where for part in self.parts if part.where]
        own = [where for where in places if where.dataset == dataset]
        return next(iter(own or [where for where in places if where.dataset == home]), None)

    def at(self, budget: str, dataset: str, home: str) -> tuple[StudyRun, ...]:
        """The requests to run: all at budget `paper`; at others those that trainings on `dataset` can stand in for."""
        if budget == "paper":
            return self.parts
        paper_setup = self.paper_setup(dataset, home)
        here = [part for part in self.parts if part.where is None or part.where.is_like(paper_setup)]
        return tuple(replace(part, where=None, seeds=min(part.seeds, 2 if part.transfer else 1)) for part in here)


@dataclass(frozen=True)
class Study:
    """A paper or a question, with the items that it is made of."""

    about: str
    items: tuple[Item, ...]
    findings: Callable[[pd.DataFrame, float], list[Finding]] | None = (
        None  # checks claims in rows of one data set, architecture and budget, at a radius
    )
    paper: str = ""  # name of its printed numbers in `bench.report.studies.printed`; empty if it has none
    beside: Callable[[], Mapping[str, Content]] | None = None  # files that need no results
    chosen_here: str = ""  # sentences for the head of the page on choices that the paper leaves open

    @property
    def parts(self) -> tuple[StudyRun, ...]:
        return tuple(part for item in self.items for part in item.parts)

    @property
    def home(self) -> str:
        """The main data set of the paper."""
        return next((part.where.dataset for part in self.parts if part.where), "")

    def size(self, item: Item, budget: str) -> tuple[int, int]:
        """Number of trainings and measurements of an item at a budget, on the main data set."""
        parts = item.at(budget, self.home, self.home)
        trained = {(p.where, method, seed) for p in parts for method in p.methods for seed in range(p.seeds)}
        return len(trained), sum(part.cells for part in parts)

    @property
    def methods(self) -> set[str]:
        return {method for part in self.parts for method in part.methods}

    def of(self, items: Sequence[Item]) -> "Study":
        """The study with only some of its items."""
        return replace(self, items=tuple(items))

    def select(self, kind: str, number: str) -> "Study":
        """The study with only the items of `--table NUMBER` or `--figure NUMBER`; 1 includes 1(a), 1(b) and 1(c).

        BadInput if there is none.
        """
        wanted = f"{kind} {number}".lower()
        found = [
            i
            for i in self.items
            if i.name.lower() in (wanted, number.lower()) or i.name.lower().startswith(f"{wanted}(")
        ]
        if not found:
            raise BadInput(f"no {wanted} in this study; it has {', '.join(item.name for item in self.items)}")
        return self.of(found)


STUDIES: Registry[Study] = Registry(
    "study", instance_check(Study, "wanted: a Study"), folder="bench.report.studies.papers"
)
