"""A paper's table as a value: its printed numbers, and what of ours each is to be compared with."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from bench.numbers import number
from bench.papers import printed
from bench.studies.items import Item, Part, Where

Kind = Literal["accuracy", "mean", "spread", "score", "gradient", "cosine", "seconds"]

DATASETS = {
    "CIFAR-10": "cifar10",
    "CIFAR-100": "cifar100",
    "SVHN": "svhn",
    "Tiny ImageNet": "tiny-imagenet",
    "ImageNet": "imagenet",
    "ImageNet-100": "imagenet-100",
}
MODELS = {
    "WRN-16-8": "wrn-16-8",
    "WRN-28-10": "wrn-28-10",
    "WRN-34-10": "wrn-34-10",
    "ResNet-18": "resnet18",
    "DenseNet-121": "densenet121",
    "Preact-18": "preact-resnet18",
    "PreActResNet18": "preact-resnet18",
    "ResNeXt-29": "resnext29-2x64d",
    "ResNet-50": "resnet50",
    "ResNeXt-50 32x4d": "resnext50-32x4d",
}
HEADS = {
    "dataset": "Data set",
    "architecture": "Network",
    "method": "Method",
    "variant": "Setting",
    "metric": "Of seeds",
}
SPOKEN = {"none": "Clean", "clean": "Clean", "clean_mean": "mean", "clean_std": "std"}
SPOKEN |= {f"grad_sq_l2_{name}": name for name in ("min", "mean", "max")}


@dataclass(frozen=True)
class Reading:
    """What of ours a printed number stands beside."""

    kind: Kind
    attack: str = ""  # as --attacks takes it, a step as `step=2px`; empty: clean images
    eps: float = 8.0  # in 1/255, of CIFAR-10
    corruption: str = ""
    statistic: str = ""  # of a gradient: `mean all`; of a cosine: `running_mean 3`, layers counted from 0
    crafter: str = ""  # the images are crafted on another architecture: which one the paper takes
    twin: bool = False  # they are crafted on the recipe itself, trained with another seed


@dataclass(frozen=True)
class Number:
    """One printed number and its place in a table."""

    line: tuple[str, ...]
    column: str
    text: str  # as printed; empty where a dash is, or where it is not readable
    recipe: str  # empty where it is none of ours
    view: str
    source: str  # recipe that the images were crafted on
    where: Where
    reading: Reading

    @property
    def printed(self) -> float:
        return float(self.text) if self.text else math.nan


@dataclass(frozen=True, eq=False)
class Table:
    """Layout and reading of one printed table.

    lines, columns: the fields of the printed numbers (`bench.papers`) that tell them apart.
    """

    paper: str  # file of its numbers
    name: str
    about: str
    attacks: Mapping[str, str] = field(default_factory=dict)  # as printed -> ours
    second: Mapping[str, tuple[str, str]] = field(
        default_factory=dict
    )  # as printed -> title and attack of a column more
    lines: tuple[str, ...] = ("dataset", "architecture", "method", "variant")
    columns: tuple[str, ...] = ("attack", "epsilon")
    tag: str = ""  # how the paper normalises images, a tag of model names
    epochs: int | None = None  # where the paper's plan has another number
    eps: float = 8.0  # in 1/255, where none is printed
    crafter: str = ""
    seeds: int = 1
    epoch: Literal["last", "best"] = "last"  # which of a run's models the paper reports

    @cached_property
    def item(self) -> Item:
        return Item(self.name, self.about, tuple(_parts(self.numbers, self.seeds)), self)

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
        rows = printed(self.paper)
        return [{str(k): v for k, v in row.items()} for row in rows[rows["table"] == self.name].to_dict("records")]

    def _telling(self, names: Sequence[str]) -> list[str]:
        """Those of the fields that are not the same all over the table; all of them, if they all are."""
        apart = [name for name in names if len({row[name] for row in self._rows}) > 1]
        return apart or [*names[-2:-1]] or [*names]

    def _read(self, row: dict[str, str]) -> Iterator[Number]:
        line = tuple(row[name] for name in self._telling(self.lines))
        made: dict[str, Any] = {"text": row["value"], "recipe": row["recipe"], "view": row["view"] or "main"}
        made |= {"source": row["source"], "where": self._where(row)}
        yield Number(line=line, column=self._column(row), reading=self._reading(row, row["attack"]), **made)
        if row["attack"] in self.second:
            title, attack = self.second[row["attack"]]
            yield Number(line=line, column=title, reading=Reading("accuracy", attack, self._eps(row)), **made)

    def _column(self, row: dict[str, str]) -> str:
        named = [SPOKEN.get(row[name], row[name]) for name in self.columns if name != "epsilon"]
        radii = {other["epsilon"] for other in self._rows if other["attack"] == row["attack"]}
        several = "epsilon" in self.columns and len(radii) > 1
        return ", ".join([*filter(None, named), *([row["epsilon"]] if several else [])])

    def _where(self, row: dict[str, str]) -> Where:
        model = MODELS[row["architecture"]]
        if row["dataset"] == "ImageNet":
            model += "-imagenet"
        epochs, images = re.search(r"(\d+) epochs", row["variant"]), re.search(r"per class=([\d.]+)K", row["variant"])
        share = 10_000 * float(images[1]) if images else math.nan
        return Where(
            DATASETS[row["dataset"]],
            f"{model}.{self.tag}" if self.tag else model,
            row["plan"],
            int(epochs[1]) if epochs else self.epochs,
            int(share) if share < 50_000 else None,  # of CIFAR-10, whose 50,000 are all
        )

    def _eps(self, row: dict[str, str]) -> float:
        try:
            return round(255 * number(row["epsilon"]), 6) or self.eps  # of clean images 0
        except ValueError:
            return self.eps

    def _reading(self, row: dict[str, str], attack: str) -> Reading:
        metric, eps = row["metric"], self._eps(row)
        if metric in ("clean", "clean_mean", "clean_std"):
            return Reading({"clean": "accuracy", "clean_mean": "mean", "clean_std": "spread"}[metric])  # type: ignore[arg-type]
        if metric.startswith("grad_sq_l2_"):
            group = {"correct": "right"}.get(row["variant"], row["variant"])
            return Reading("gradient", statistic=f"{metric.removeprefix('grad_sq_l2_')} {group}")
        if metric.startswith("cosine_similarity_"):
            layer = row["variant"].rpartition(" ")[2]
            return Reading("cosine", statistic=f"{metric.removeprefix('cosine_similarity_')} {layer}")
        if metric == "seconds_per_epoch":
            return Reading("seconds")
        if metric == "robustness_score" and attack not in self.attacks:
            return Reading("score", corruption={"color": "color_shift"}.get(attack, attack))
        kind: Kind = "score" if metric == "robustness_score" else "accuracy"
        crafter = self.crafter if row["source"] else ""
        return Reading(kind, self.attacks[attack], eps, crafter=crafter, twin="another" in attack)


def any_iterate(attack: str) -> str:
    """The same attack, judged on every image it visits: no `.last`."""
    return attack.replace(".last", "", 1)


def _parts(numbers: Sequence[Number], seeds: int) -> Iterator[Part]:
    """What has to be run for these numbers: a request for each place, and each way of judging that needs its own."""
    for where in dict.fromkeys(number.where for number in numbers if number.recipe):
        here = [number for number in numbers if number.where == where and number.recipe]
        told: dict[str, Any] = {"seeds": seeds, "where": where}
        attacked = [n for n in here if n.reading.attack and not n.source]
        farthest = max((n.reading.eps for n in attacked), default=0.0)
        for eps in dict.fromkeys(n.reading.eps for n in attacked):
            some = [n for n in attacked if n.reading.eps == eps]
            asked = [n.reading.attack for n in some]
            beside = [*map(any_iterate, asked), *(["AutoAttack"] if eps == farthest else [])]
            yield Part(_recipes(some), tuple(dict.fromkeys([*asked, *beside])), eps, **told)
        moved = [n for n in here if n.source]
        for eps, crafter in dict.fromkeys((n.reading.eps, n.reading.crafter) for n in moved):
            some = [n for n in moved if (n.reading.eps, n.reading.crafter) == (eps, crafter)]
            sources = () if crafter else tuple(dict.fromkeys(n.source for n in some))
            methods = tuple(dict.fromkeys([*sources, *_recipes(some)]))
            least = max(seeds, 2 if any(n.reading.twin for n in some) else 1)
            attacks = tuple(dict.fromkeys(n.reading.attack for n in some))
            yield Part(methods, attacks, eps, transfer=True, crafter=crafter, seeds=least, where=where)
        if corrupted := [n for n in here if n.reading.corruption]:
            yield Part(
                _recipes(corrupted), corruptions=tuple(dict.fromkeys(n.reading.corruption for n in corrupted)), **told
            )
        if norms := [n for n in here if n.reading.kind == "gradient"]:
            yield Part(_recipes(norms), diagnostics=("gradient",), **told)
        if cosines := [n for n in here if n.reading.kind == "cosine"]:
            yield Part(_recipes(cosines), exhibits=("batchnorm",), **told)
        judged = {n.recipe for n in [*attacked, *moved, *corrupted, *norms, *cosines]}
        if left := [n for n in here if n.recipe not in judged]:
            yield Part(_recipes(left), **told)


def _recipes(numbers: Sequence[Number]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(number.recipe for number in numbers))
