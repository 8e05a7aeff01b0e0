"""What a study is made of: parts to carry out, and items to be read off their rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import pandas as pd

from bench.core.errors import BadInput
from bench.core.registrable import instance_check
from bench.core.registry import Registry
from bench.report.files import Content
from bench.report.studies.claim_checks import Finding
from bench.report.studies.ledger import Entry
from bench.report.studies.scale_data import ScaleData
from bench.report.studies.setup import StudyRun, TrainingSetup


class Section(NamedTuple):
    """What a page has of an item at one scale. entries: of a table's numbers."""

    text: str
    files: Mapping[str, Content]
    entries: Sequence[Entry] | None = None
    is_there: bool = True  # whether there is anything to show


class ItemContent(Protocol):
    """What an item shows. home: the main data set of its paper."""

    def section(self, item: "Item", found: ScaleData, home: str) -> Section:
        """Markdown, and the files that it speaks of."""

    def count(self, item: "Item", found: ScaleData, home: str) -> str:
        """How much of it is there, in a word; nothing if it is nothing."""


@dataclass(frozen=True)
class Prose:
    """Nothing but what the item is about."""

    def section(self, item: "Item", found: ScaleData, home: str) -> Section:
        """The same at every scale."""
        return Section(f"### {item.name}\n\n{item.about}\n", {})

    def count(self, item: "Item", found: ScaleData, home: str) -> str:
        """Nothing of it is run."""
        return ""


@dataclass(frozen=True)
class Item:
    """A table, a figure, or a list of claims.

    parts: the first one's `where` is what a smaller data set and model may stand in for.
    """

    name: str  # as the paper has it: Table 3, Figure 2
    about: str
    parts: tuple[StudyRun, ...]
    content: ItemContent = Prose()

    def stood_for(self, dataset: str, home: str) -> TrainingSetup | None:
        """Of what a smaller training on a data set stands in the place: the first network on that data set, or at home.

        home: the main data set of the paper. None: on neither has the item anything.
        """
        places = [part.where for part in self.parts if part.where]
        own = [where for where in places if where.dataset == dataset]
        return next(iter(own or [where for where in places if where.dataset == home]), None)

    def at(self, budget: str, dataset: str, home: str) -> tuple[StudyRun, ...]:
        """The parts to carry out: all of them at `paper`, and at others those that `dataset` can stand in for."""
        if budget == "paper":
            return self.parts
        stood_for = self.stood_for(dataset, home)
        here = [part for part in self.parts if part.where is None or part.where.is_like(stood_for)]
        return tuple(replace(part, where=None, seeds=min(part.seeds, 2 if part.transfer else 1)) for part in here)


@dataclass(frozen=True)
class Study:
    """A grid by items."""

    about: str
    items: tuple[Item, ...]
    findings: Callable[[pd.DataFrame, float], list[Finding]] | None = None  # of the rows of one place, at a radius
    paper: str = ""  # whose printed numbers it has, as `bench.report.studies.printed` names them
    beside: Callable[[], Mapping[str, Content]] | None = None  # files that need no results
    chosen_here: str = ""  # sentences for the head of the page: what the paper does not say, and what it is here

    @property
    def parts(self) -> tuple[StudyRun, ...]:
        return tuple(part for item in self.items for part in item.parts)

    @property
    def home(self) -> str:
        """The main data set of the paper."""
        return next((part.where.dataset for part in self.parts if part.where), "")

    def size(self, item: Item, budget: str) -> tuple[int, int]:
        """Trainings and measurements of an item at a budget, on the main data set."""
        parts = item.at(budget, self.home, self.home)
        trained = {(p.where, method, seed) for p in parts for method in p.methods for seed in range(p.seeds)}
        return len(trained), sum(part.cells for part in parts)

    @property
    def methods(self) -> set[str]:
        return {method for part in self.parts for method in part.methods}

    def of(self, items: Sequence[Item]) -> "Study":
        """The same with some of its items alone."""
        return replace(self, items=tuple(items))

    def chosen(self, kind: str, number: str) -> "Study":
        """The same with the items alone that `--table 1` or `--figure 2` name: 1 is 1(a), 1(b) and 1(c) too."""
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
