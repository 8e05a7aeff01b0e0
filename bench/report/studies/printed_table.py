"""A paper's table as a value: its printed numbers, and what of ours each is to be compared with."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from bench.core import parsing as numbers
from bench.report import table_text as plain
from bench.report.files import Content, file_name
from bench.report.studies.ledger import Entry, entries
from bench.report.studies.ledger_table import frame
from bench.report.studies.printed.numbers import DATASETS, MODELS, printed_numbers
from bench.report.studies.printed_number import Kind, MetricSpec, Number, parts_of
from bench.report.studies.scale_data import ScaleData
from bench.report.studies.setup import TrainingSetup
from bench.report.studies.study import Item, Section
from bench.report.studies.table_text import LEGEND, latex, layout, markdown

TURNED = "Lines and columns of the printed table are exchanged, so that what it compares stands in one column."
HEADS = {
    "dataset": "Data set",
    "architecture": "Network",
    "method": "Method",
    "variant": "Setting",
    "metric": "Of seeds",
}
SPOKEN = {"none": "Clean", "clean": "Clean", "clean_mean": "mean", "clean_std": "std"}
SPOKEN |= {"cosine_similarity_running_mean": "Running mean", "cosine_similarity_running_var": "Running variance"}
SPOKEN |= {"cosine_similarity_weight": "Scale", "cosine_similarity_bias": "Shift", "seconds_per_epoch": "Seconds"}
SPOKEN |= {f"grad_sq_l2_{name}": name for name in ("min", "mean", "max")}


@dataclass(frozen=True, eq=False)
class Table:
    """Layout and reading of one printed table.

    lines, columns: the fields of the printed numbers (`bench.report.studies.printed`) that tell them apart.
    """

    paper: str  # file of its numbers
    name: str
    about: str
    attacks: Mapping[str, str] = field(default_factory=dict)  # as printed -> ours
    second: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # as printed -> one more column, its attack
    lines: tuple[str, ...] = ("dataset", "architecture", "method", "variant")
    columns: tuple[str, ...] = ("attack", "epsilon")
    tag: str = ""  # how the paper normalises images, a tag of model names
    epochs: int | None = None  # where the paper's plan has another number
    eps: float = 8.0  # in 1/255, where none is printed
    crafter: str = ""
    seeds: int = 1
    epoch: Literal["last", "best"] = "last"  # which of a run's models the paper reports
    # lines that the paper quotes from another, by method and variant: whose, and how that one normalises images
    quotes: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    @cached_property
    def item(self) -> Item:
        return Item(self.name, self.about, tuple(parts_of(self.numbers, self.seeds)), self)

    def section(self, item: Item, found: ScaleData, home: str) -> Section:
        """Our lines and columns beside the printed ones; files where any of ours is there."""
        ledger, files = self._entries(item, found, home), dict[str, Content]()
        if any(entry.ours.known for entry in ledger):
            table, name = layout(ledger), found.file_of(file_name(item.name))
            caption = f"{item.name}. {item.about} {found.scale.title}. {LEGEND}"
            files = {
                f"{name}.csv": plain.csv(frame(ledger)),
                f"{name}.tex": latex(table, caption, f"tab:{self.paper}-{name.replace('/', '-')}"),
            }
        return Section(f"### {item.name}\n\n{item.about}\n\n{markdown(layout(ledger))}", files, ledger)

    def count(self, item: Item, found: ScaleData, home: str) -> str:
        """How many of the numbers are there."""
        ledger = self._entries(item, found, home)
        known = sum(entry.ours.known for entry in ledger)
        return f"{known} of {len(ledger)} numbers" if known else ""

    def _entries(self, item: Item, found: ScaleData, home: str) -> list[Entry]:
        return entries(self, found.lookup, item.stood_for(found.scale.dataset, home))

    @cached_property
    def heads(self) -> list[str]:
        """What the parts of a line's name are."""
        return [HEADS[name] for name in self._telling(self.lines)]

    @cached_property
    def numbers(self) -> list[Number]:
        """In the order of the table."""
        return [number for row in self._rows for number in self._read(row)]

    @cached_property
    def _rows(self) -> list[dict[str, str]]:
        rows = printed_numbers(self.paper)
        return [{str(k): v for k, v in row.items()} for row in rows[rows["table"] == self.name].to_dict("records")]

    def _telling(self, names: Sequence[str]) -> list[str]:
        """Those of the fields that are not the same all over the table; all of them, if they all are."""
        apart = [name for name in names if len({row[name] for row in self._rows}) > 1]
        return apart or [*names[-2:-1]] or [*names]

    def _read(self, row: dict[str, str]) -> Iterator[Number]:
        line = tuple(
            SPOKEN.get(row[name], row[name]) if name == "metric" else row[name] for name in self._telling(self.lines)
        )
        if row["note"].startswith("inferred"):
            line = (*line[:-1], f"{line[-1]}, inferred to be {row['recipe']}")
        made: dict[str, Any] = {"text": row["value"], "recipe": row["recipe"], "view": row["view"] or "main"}
        made |= {"source": row["source"], "where": self._where(row), "mark": printed_mark(row["note"])}
        made |= {"epoch": "last" if self._quoted(row) else self.epoch}
        yield Number(line=line, column=self._column(row), reading=self._reading(row, row["attack"]), **made)
        if row["attack"] in self.second and not self._quoted(row):  # a quoted number is no other attack than its own
            title, attack = self.second[row["attack"]]
            yield Number(line=line, column=title, reading=MetricSpec("accuracy", attack, self._eps(row)), **made)

    def _column(self, row: dict[str, str]) -> str:
        named = [SPOKEN.get(row[name], row[name]) for name in self.columns if name != "epsilon"]
        radii = {other["epsilon"] for other in self._rows if other["attack"] == row["attack"]}
        several = "epsilon" in self.columns and len(radii) > 1
        return ", ".join([*filter(None, named), *([row["epsilon"]] if several else [])])

    def _where(self, row: dict[str, str]) -> TrainingSetup:
        model = MODELS[row["architecture"]]
        if row["dataset"] == "ImageNet":
            model += "-imagenet"
        paper, tag = self._quoted(row) or (self.paper, self.tag)
        epochs, images = re.search(r"(\d+) epochs", row["variant"]), re.search(r"per class=([\d.]+)K", row["variant"])
        share = 10_000 * float(images[1]) if images else math.nan
        return TrainingSetup(
            DATASETS[row["dataset"]],
            f"{model}.{tag}" if tag else model,
            row["plan"],
            int(epochs[1]) if epochs else self.epochs,
            int(share) if share < 50_000 else None,  # of CIFAR-10, whose 50,000 are all
            paper,
        )

    def _quoted(self, row: dict[str, str]) -> tuple[str, str] | None:
        """Of which paper a line is, and how that paper normalises images; nothing where it is of this one."""
        return self.quotes.get((row["method"], row["variant"]))

    def _eps(self, row: dict[str, str]) -> float:
        try:
            return round(255 * numbers.parse_number(row["epsilon"]), 6) or self.eps  # of clean images 0
        except ValueError:
            return self.eps

    def _reading(self, row: dict[str, str], attack: str) -> MetricSpec:
        metric, eps = row["metric"], self._eps(row)
        if metric in ("clean", "clean_mean", "clean_std"):
            return MetricSpec({"clean": "accuracy", "clean_mean": "mean", "clean_std": "spread"}[metric])  # type: ignore[arg-type]
        if metric.startswith("grad_sq_l2_"):
            group = {"correct": "right"}.get(row["variant"], row["variant"])
            return MetricSpec("gradient", statistic=f"{metric.removeprefix('grad_sq_l2_')} {group}")
        if metric.startswith("cosine_similarity_"):
            layer = row["variant"].rpartition(" ")[2]
            return MetricSpec("cosine", statistic=f"{metric.removeprefix('cosine_similarity_')} {layer}")
        if metric == "seconds_per_epoch":
            return MetricSpec("seconds")
        if metric == "robustness_score" and attack not in self.attacks:
            return MetricSpec("score", corruption={"color": "color_shift"}.get(attack, attack))
        kind: Kind = "score" if metric == "robustness_score" else "accuracy"
        crafter = self.crafter if row["source"] else ""
        return MetricSpec(kind, self.attacks[attack], eps, crafter=crafter, twin="another" in attack)


def printed_mark(note: str) -> str:
    """The sign beside a number of M-TLAT's tables, + or -, as the note of its row has it; empty where there is none."""
    found = re.search(r'index printed "([+-])"', note)
    return found[1] if found else ""
