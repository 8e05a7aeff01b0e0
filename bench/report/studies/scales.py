"""Scales of trainings: the paper's own, or a smaller one that stands in for it."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from bench.core.plan import LONG
from bench.report.boards import scale_of
from bench.report.folder_names import Identity
from bench.report.rows import COMPARABLE
from bench.report.studies.papers.plans import plan_of_paper
from bench.report.studies.setup import TrainingSetup
from bench.results.kinds import ATTACK, CLEAN, DIAGNOSTIC
from bench.results.store import read_job

REFERENCE_RADIUS = 8.0  # in 1/255
RadiusOf = Callable[[str], float]  # of a data set, by name, in [0, 1] pixel units
PAPER_BUDGET = "paper"  # the budget of the papers' scale
# sizes of the data sets as published
TRAIN_IMAGES = {
    "cifar10": 50_000,
    "cifar100": 50_000,
    "svhn": 73_257,
    "tiny-imagenet": 100_000,
    "imagenet": 1_281_167,
}
TEST_IMAGES = {"cifar10": 10_000, "cifar100": 10_000, "svhn": 26_032, "tiny-imagenet": 10_000, "imagenet": 50_000}
TEST_IMAGES |= {"imagenet-100": 10_000}  # in M-TLAT's paper
OTHER_RADIUS_DATASETS = ("imagenet",)  # their radius is not 8/255, at which the papers train on all data sets
# budgets as `bench run` writes them at the paper's scale without settings of the user
PAPER_BUDGET_TEXT = re.compile(
    rf"{PAPER_BUDGET}, (?P<length>\d+ \w+), (?P<images>\d+) training images, watched on [\w ]+"
    rf"(?P<radius>, train-eps={REFERENCE_RADIUS / 255:g})?(?P<long>, {LONG})?"
)


class Scale(NamedTuple):
    """What the rows of one section share; at the papers' scale data set, model and data are empty, as they differ."""

    protocol: int
    dataset: str
    model: str
    budget: str
    n: int  # number of test images; 0 at the papers' scale if it is all
    data: str
    radius: float = REFERENCE_RADIUS / 255  # of the data set, in [0, 1] units; at the papers' scale that of CIFAR-10

    @property
    def papers(self) -> bool:
        return self.budget == PAPER_BUDGET

    @property
    def title(self) -> str:
        if self.papers:
            return f"the papers' own scale{f', first {self.n} test images' if self.n else ''}"
        return f"{self.dataset}, {self.model}, {self.budget}, n={self.n}"

    @property
    def identity(self) -> Identity:
        """The words that the name of its folder is made of."""
        shown = tuple(filter(None, (self.dataset, self.model, scale_of(self.budget))))
        n = (f"n{self.n}",) if self.n else ()
        return Identity(shown, (n, tuple(self.budget.split(", ")), (f"p{self.protocol}",), (self.data[:6],)))

    def eps(self, reference: float) -> float:
        """A radius at this scale in [0, 1] pixel units. reference: the radius in 1/255 on CIFAR-10."""
        return scale_radius(reference, self.radius)

    def holds(self, row: dict[str, Any], where: TrainingSetup, paper_setup: TrainingSetup | None) -> bool:
        """Whether a row of this scale is of the training `where` that a printed number is about, or stands in for it.

        paper_setup: the setup that trainings of a smaller scale stand in for; None: for no setup of the table.
        """
        if not self.papers:
            return where.is_like(paper_setup)
        budget = PAPER_BUDGET_TEXT.fullmatch(row["budget"])
        if (row["dataset"], row["model"]) != (where.dataset, where.model) or budget is None:
            return False
        long = where.plan == "long"
        plan = plan_of_paper(row["recipe"], where.dataset, long, where.paper)
        length = f"{where.epochs} epochs" if where.epochs else plan.length_in_words
        images = where.images or TRAIN_IMAGES.get(
            where.dataset, int(budget["images"])
        )  # the size of ImageNet-100 is not published
        if bool(budget["radius"]) != (where.dataset in OTHER_RADIUS_DATASETS):
            return False
        return (budget["length"], int(budget["images"]), bool(budget["long"])) == (length, images, long)


def scale_radius(reference: float, radius: float) -> float:
    """Scale a radius in 1/255 on CIFAR-10 to a data set with another radius; both results in [0, 1] pixel units."""
    return reference / REFERENCE_RADIUS * radius


def usual_radius(dataset: str) -> float:
    """The radius of CIFAR-10 for every data set."""
    return REFERENCE_RADIUS / 255


def scales(
    rows: pd.DataFrame, results: Path, registered: RadiusOf = usual_radius
) -> Iterator[tuple[Scale, pd.DataFrame]]:
    """Split the rows of `results.load()` by scale, the papers' own first.

    registered: gives the radius of a data set for runs without it in job.json, as older versions wrote them.
    """
    papers, evaluated = rows["budget"].str.fullmatch(PAPER_BUDGET_TEXT), rows["n"].where(rows["partial"], 0)
    diagnostic = rows["kind"] == DIAGNOSTIC  # rows whose n is the size of a group of images
    counted = rows["kind"].isin([CLEAN, ATTACK]) & (rows["metric"] == "accuracy")
    shared: Any  # the key of a group is only Hashable to the type checker
    for shared, _ in rows[papers & counted].groupby(["protocol", evaluated], sort=False):
        n = int(shared[1])
        same = papers & (rows["protocol"] == shared[0])
        yield (
            Scale(shared[0], "", "", PAPER_BUDGET, n, ""),
            rows[same & ((evaluated == n) | (diagnostic & (rows["partial"] == (n > 0))))],
        )
    smaller = rows[~papers & counted]
    for shared, _ in smaller.groupby(COMPARABLE, sort=False):
        scale = Scale(*shared)
        same = ~papers
        for name in ("protocol", "dataset", "model", "budget", "data"):
            same &= rows[name] == getattr(scale, name)
        part = rows[same & ((rows["n"] == scale.n) | diagnostic)]
        stored = _read_radius(results, part["run"].unique())
        yield scale._replace(radius=registered(scale.dataset) if stored is None else stored), part


def _read_radius(results: Path, runs: Iterable[str]) -> float | None:
    """The radius of the data set in the first job.json that has it; None if none has."""
    for run in runs:
        eps: Any = read_job(results / run).get("eps")  # validated by `read_job`
        if eps is not None:
            return float(eps)
    return None


def resolve_step(attack: str, share: float | None, radius: float) -> str:
    """Replace a step size in pixels (`step=2px`) by one in the syntax of --attacks.

    share: eps in 1/255, if the step is to be written as a multiple of eps; None: it is scaled to `radius`.
    """

    def step(match: re.Match[str]) -> str:
        pixels = float(match[1])
        return f"step={pixels / share!r}eps" if share else f"step={scale_radius(pixels, radius)!r}"

    return re.sub(r"step=([\d.]+)px", step, attack)
