"""Tables of papers: printed numbers, and the measurements that each is compared with."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from bench.core import parsing as numbers
from bench.core.parsing import format_count
from bench.report.files import Content, file_name
from bench.report.studies.ledger import Entry, entries
from bench.report.studies.ledger_table import frame
from bench.report.studies.printed.numbers import DATASETS, MODELS, printed_numbers
from bench.report.studies.printed_number import Kind, MetricSpec, Number, parts_of
from bench.report.studies.scale_data import ScaleData
from bench.report.studies.setup import TrainingSetup
from bench.report.studies.study import Item, ItemSection
from bench.report.studies.table_text import latex, layout, markdown
from bench.report.table_formats import table_text as plain

TRANSPOSED_NOTE = "Lines and columns of the printed table are exchanged, so that what it compares stands in one column."
FIELD_TITLES = {
    "dataset": "Data set",
    "architecture": "Network",
    "method": "Method",
    "variant": "Setting",
    "metric": "Of seeds",
}
COLUMN_TITLES = {"none": "Clean", "clean": "Clean", "clean_mean": "mean", "clean_std": "std"}
COLUMN_TITLES |= {"cosine_similarity_running_mean": "Running mean", "cosine_similarity_running_var": "Running variance"}
COLUMN_TITLES |= {
    "cosine_similarity_weight": "Scale",
    "cosine_similarity_bias": "Shift",
    "seconds_per_epoch": "Seconds",
}
COLUMN_TITLES |= {f"grad_sq_l2_{name}": name for name in ("min", "mean", "max")}


@dataclass(frozen=True, eq=False)
class Table:
    """Layout of one printed table, and how its numbers are read.

    lines, columns: fields of the printed numbers (`bench.report.studies.printed`) that name its lines and columns.
    """

    paper: str  # name of the CSV file of its numbers
    name: str
    about: str
    attacks: Mapping[str, str] = field(default_factory=dict)  # attacks in the syntax of --attacks, by printed name
    second: Mapping[str, tuple[str, str]] = field(
        default_factory=dict
    )  # title and attack of one more column, by printed name of the attack
    lines: tuple[str, ...] = ("dataset", "architecture", "method", "variant")
    columns: tuple[str, ...] = ("attack", "epsilon")
    tag: str = ""  # how the paper normalises images, as in names of models
    epochs: int | None = None  # if it is not that of the paper's plan
    eps: float = 8.0  # in 1/255, if none is printed
    crafter: str = ""
    seeds: int = 1
    epoch: Literal["last", "best"] = "last"  # of the models that the paper reports
    # lines quoted from another paper, by method and variant: that paper, and how it normalises images
    quotes: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    @cached_property
    def item(self) -> Item:
        return Item(self.name, self.about, tuple(parts_of(self.numbers, self.seeds)), self)

    def section(self, item: Item, found: ScaleData, home: str) -> ItemSection:
        """Our numbers beside the printed ones; with files if any number was measured."""
        ledger, name = self._entries(item, found, home), found.file_of(file_name(item.name))
        names = (f"{name}.csv", f"{name}.tex") if any(entry.ours.is_measured for entry in ledger) else ()

        def make() -> tuple[str, dict[str, Content]]:
            table, caption = layout(ledger), f"{item.name} of {self.paper}, measured anew: {found.scale.title}."
            label, files = f"tab:{self.paper}-{name.replace('/', '-')}", dict[str, Content]()
            if names:
                contents = (plain.csv(frame(ledger)), latex(table, caption, label, item.about))
                files = dict(zip(names, contents, strict=True))
            return f"### {item.name}\n\n{item.about}\n\n{markdown(table)}", files

        return ItemSection(make, names, ledger)

    def count(self, item: Item, found: ScaleData, home: str) -> str:
        """How many of the numbers were measured; empty if none."""
        ledger = self._entries(item, found, home)
        known = sum(entry.ours.is_measured for entry in ledger)
        return f"{known} of {format_count(len(ledger), 'number')}" if known else ""

    def _entries(self, item: Item, found: ScaleData, home: str) -> list[Entry]:
        return entries(self, found.lookup, item.paper_setup(found.scale.dataset, home))

    @cached_property
    def heads(self) -> list[str]:
        """Heads of the columns that name a line."""
        return [FIELD_TITLES[name] for name in self._distinguishing_fields(self.lines)]

    @cached_property
    def numbers(self) -> list[Number]:
        """The printed numbers in the order of the table."""
        return [number for row in self._rows for number in self._read(row)]

    @cached_property
    def _rows(self) -> list[dict[str, str]]:
        rows = printed_numbers(self.paper)
        return [{str(k): v for k, v in row.items()} for row in rows[rows["table"] == self.name].to_dict("records")]

    def _distinguishing_fields(self, names: Sequence[str]) -> list[str]:
        """The fields that differ between lines of the table; if none does, the last but one, or all."""
        apart = [name for name in names if len({row[name] for row in self._rows}) > 1]
        return apart or [*names[-2:-1]] or [*names]

    def _read(self, row: dict[str, str]) -> Iterator[Number]:
        line = tuple(
            COLUMN_TITLES.get(row[name], row[name]) if name == "metric" else row[name]
            for name in self._distinguishing_fields(self.lines)
        )
        if row["note"].startswith("inferred"):
            line = (*line[:-1], f"{line[-1]}, inferred to be {row['recipe']}")
        made: dict[str, Any] = {"text": row["value"], "recipe": row["recipe"], "view": row["view"] or "main"}
        made |= {"source": row["source"], "where": self._where(row), "mark": printed_mark(row["note"])}
        made |= {"epoch": "last" if self._quoted_from(row) else self.epoch}
        yield Number(line=line, column=self._column(row), reading=self._metric(row, row["attack"]), **made)
        if row["attack"] in self.second and not self._quoted_from(row):  # quoted numbers have no second column
            title, attack = self.second[row["attack"]]
            yield Number(line=line, column=title, reading=MetricSpec("accuracy", attack, self._eps(row)), **made)

    def _column(self, row: dict[str, str]) -> str:
        named = [COLUMN_TITLES.get(row[name], row[name]) for name in self.columns if name != "epsilon"]
        radii = {other["epsilon"] for other in self._rows if other["attack"] == row["attack"]}
        several = "epsilon" in self.columns and len(radii) > 1
        return ", ".join([*filter(None, named), *([row["epsilon"]] if several else [])])

    def _where(self, row: dict[str, str]) -> TrainingSetup:
        model = MODELS[row["architecture"]]
        if row["dataset"] == "ImageNet":
            model += "-imagenet"
        paper, tag = self._quoted_from(row) or (self.paper, self.tag)
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

    def _quoted_from(self, row: dict[str, str]) -> tuple[str, str] | None:
        """The paper that a line is quoted from, and how it normalises images; None if it is the table's own."""
        return self.quotes.get((row["method"], row["variant"]))

    def _eps(self, row: dict[str, str]) -> float:
        try:
            return round(255 * numbers.parse_number(row["epsilon"]), 6) or self.eps  # 0 for clean images
        except ValueError:
            return self.eps

    def _metric(self, row: dict[str, str], attack: str) -> MetricSpec:
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
        return MetricSpec(kind, self.attacks[attack], eps, crafter=crafter, other_seed="another" in attack)


def printed_mark(note: str) -> str:
    """The sign + or - beside a number of M-TLAT's tables, from the note of its row; empty if there is none."""
    found = re.search(r'index printed "([+-])"', note)
    return found[1] if found else ""
