"""Summary of a ledger: three sentences, and a line for each item."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from bench.core.parsing import format_count
from bench.report.studies.ledger import NOT_AUTOATTACK, REPRODUCED, Entry, counts
from bench.report.studies.orderings import PairOrder, orders
from bench.report.studies.scale_data import ScaleData
from bench.report.studies.scales import Scale
from bench.report.studies.study import Item, ItemSection, Study

MAX_EXAMPLES = 3  # most examples in a sentence


@dataclass(frozen=True)
class ScaleResults:
    """The results of a study at one scale: the section of each item, and the ledger of all printed numbers."""

    study: Study
    data: ScaleData
    sections: Mapping[Item, ItemSection]

    @cached_property
    def ledger(self) -> dict[Item, Sequence[Entry]]:
        """The ledger of each table."""
        return {item: section.entries for item, section in self.sections.items() if section.entries is not None}

    @cached_property
    def pictures(self) -> dict[Item, bool]:
        """Whether there is any data, for each item that is not a table."""
        return {item: section.is_there for item, section in self.sections.items() if section.entries is None}

    @cached_property
    def entries(self) -> list[Entry]:
        """Every printed number."""
        return [entry for part in self.ledger.values() for entry in part]

    @cached_property
    def orders(self) -> list[PairOrder]:
        """Comparisons of any two lines of a column."""
        return list(orders(self.entries))


def measure_scale(study: Study, home: str, data: ScaleData) -> ScaleResults:
    """Compute all sections of a study at one scale. home: the main data set of the paper."""
    return ScaleResults(study, data, {item: item.content.section(item, data, home) for item in study.items})


def sentences(found: ScaleResults) -> dict[str, str]:
    """What was reproduced at this scale, what was not, and what was not run, a paragraph each."""
    return {
        "Held": _describe_held(found.entries, found.orders, found.data.scale),
        "Did not": _describe_failed(found.entries, found.orders),
        "Not run": _describe_missing(found.study, found.entries, found.pictures),
    }


def overview(results: ScaleResults) -> pd.DataFrame:
    """A line for each item: how many of its numbers were measured, and how many were reproduced."""
    study, ledger, compared, pictures = results.study, results.ledger, results.orders, results.pictures
    lines, drawn = [], {True: "drawn", False: "not run"}
    for item in study.items:
        part = ledger.get(item, ())
        found, here = counts(part), [order for order in compared if order.item == item.name]
        known = sum(entry.ours.is_measured for entry in part)
        trainings, cells = study.size(item, "paper")
        lines.append(
            {
                "Item": item.name,
                "Numbers here": f"{known} of {len(part)}" if item in ledger else drawn[pictures.get(item, False)],
                "Orders as printed": f"{sum(order.same for order in here)} of {len(here)}" if here else "",
                "Reproduced": str(found.get(REPRODUCED, 0)),
                "Above": str(found.get("above", 0)),
                "Short or off": str(found.get("short", 0) + found.get("off", 0)),
                "Not AutoAttack": str(found.get(NOT_AUTOATTACK, 0)),
                "At the paper's scale": f"{format_count(trainings, 'training')}, {format_count(cells, 'measurement')}",
            }
        )
    shown = pd.DataFrame(lines)
    sizes = (
        [] if results.data.scale.papers else ["Reproduced", "Above", "Short or off"]
    )  # they say nothing of models of another size
    return shown.drop(columns=sizes)


def _describe_held(ledger: Sequence[Entry], compared: Sequence[PairOrder], scale: Scale) -> str:
    if not compared:
        return "Nothing printed can be compared yet."
    same = [order for order in compared if order.same]
    text = (
        f"Of {format_count(len(compared), 'comparison')} between two lines of one "
        f"column, {len(same)} come out as printed, "
        f"{_describe_significance(same)}: {_by_item(same, compared)}."
    )
    if not scale.papers:
        return f"{text} Sizes are not compared: these models were not trained as the paper's were."
    found = counts(ledger)
    return (
        f"{text} {found.get(REPRODUCED, 0)} of {len(ledger)} printed numbers are reproduced; ours are above "
        f"{found.get('above', 0)}, and short of {found.get('short', 0)}."
    )


def _describe_failed(ledger: Sequence[Entry], compared: Sequence[PairOrder]) -> str:
    other = sorted((order for order in compared if not order.same), key=lambda order: order.ours)
    sure = [order for order in other if order.sure]
    are = "is" if len(other) == 1 else "are"
    text = f"{len(other)} {are} the other way round or equal, {_describe_significance(other)}"
    if shown := (sure or other)[:MAX_EXAMPLES]:
        text += ": " + "; ".join(
            f"{order.item} {order.column}, {order.above} is {_size(order.ours)} below {order.below} where "
            f"{_size(order.printed)} above is printed"
            for order in shown
        )
    if gaps := sorted(
        (e for e in ledger if e.number.reading.kind == "accuracy" and e.ours.value > e.autoattack.value),
        key=lambda e: e.autoattack.value - e.ours.value,
    ):
        worst = gaps[0]
        text += (
            f". AutoAttack leaves {worst.ours.value - worst.autoattack.value:.1f} points less than the printed attack "
            f"at worst ({worst.table.name}, {worst.place})"
        )
    return f"{text}."


def _describe_significance(some: Sequence[PairOrder]) -> str:
    """Text: how many comparisons are significant, among those that can be tested by images."""
    tested = [order for order in some if not math.isnan(order.p)]
    if some and not tested:
        return "untested, as none counts images"
    of = "" if len(tested) == len(some) else f" of {len(tested)} that count images"
    return f"{sum(order.sure for order in tested)}{of} beyond chance (McNemar's exact test, 5 %)"


def _describe_missing(study: Study, ledger: Sequence[Entry], pictures: Mapping[Item, bool]) -> str:
    missing = [entry for entry in ledger if entry.ours.status == "missing" and entry.number.text]
    failed = sum(entry.ours.status.startswith("failed") for entry in ledger)
    whole = [item.name for item in study.items if not _is_begun(item, ledger, pictures)]
    text = f"{len(missing)} of {sum(bool(entry.number.text) for entry in ledger)} printed numbers"
    text += f", with all of {', '.join(whole)}" if whole else ""
    text += f"; {failed} more failed" if failed else ""
    return f"{text}; `bench run --study {study.paper} --budget paper --dry-run` says what they take."


def _is_begun(item: Item, ledger: Sequence[Entry], pictures: Mapping[Item, bool]) -> bool:
    return pictures.get(item, False) or any(e.ours.status != "missing" for e in ledger if e.table.name == item.name)


def _by_item(same: Sequence[PairOrder], compared: Sequence[PairOrder]) -> str:
    items = list(dict.fromkeys(order.item for order in compared))
    return ", ".join(
        f"{item} {sum(order.item == item for order in same)} of {sum(order.item == item for order in compared)}"
        for item in items
    )


def _size(points: float) -> str:
    return f"{abs(points):.3g}"
