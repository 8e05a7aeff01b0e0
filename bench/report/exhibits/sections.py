"""The sections of the page of exhibits: the table of each exhibit, and its figure."""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from bench.report.drawing import Draw
from bench.report.exhibits.exhibit_files import first_seeds
from bench.report.exhibits.overfitting import overfitting_table
from bench.report.exhibits.table import STATISTICS, channel_gains, cosines, gradients, losses_at_radius
from bench.report.files import Content, figure
from bench.report.folder_names import Identity, folder_names
from bench.report.table_formats import table_text as plain
from bench.report.table_formats.table_text import MISSING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_MODELS = 12  # models in a figure of panels; the tables have them all
NOTES = {
    "gradient": "Squared L2 norm of the gradient of each clean test image's cross-entropy, in the coordinates [-1, 1].",
    "batchnorm": "Cosine over the channels of a layer between its batch norm before and after the fine-tuning; "
    "1 of two zero vectors.",
    "features": "Maps behind the first batch norm and ReLU for the first test image. Blocked: all zero after, not so "
    "before; magnified: more than twice the mean.",
    "loss": "Loss at steps from the clean images: at 1 along the attack lies what PGD-10 found. Where gradients are "
    "masked, the loss does not rise there. Negative steps go against the attack. Shaded: the middle 80 % of images.",
    "overfitting": "Accuracy in percent under PGD-10 on the hold-out, means over seeds; gap: best epoch minus last.",
}
NUMBER_FORMATS = {"batchnorm": "{:.3f}", "overfitting": "{:.1f}"}  # of numbers that are no counts
LEFT_COLUMNS = ("Model", "Group", "State")  # columns set flush left


class ExhibitTable(NamedTuple):
    """One section of the page: the table of one exhibit, and its figure if it has one."""

    head: str
    kind: str
    place: str  # path of its files below reports/exhibits/, without suffix
    shown: pd.DataFrame
    draw: Draw | None
    numbers: pd.DataFrame | None = None  # for the CSV, where it has more than the table shows
    remark: str = ""  # before the caption of the kind

    @property
    def display(self) -> pd.DataFrame:
        """The table with numbers formatted as text."""
        texts = self.shown.map(lambda cell: _text(cell, NUMBER_FORMATS.get(self.kind, "{:.3g}"))).rename(
            columns=STATISTICS
        )
        return texts.rename(columns=lambda column: column[:1].upper() + column[1:])

    @property
    def caption(self) -> str:
        """What the numbers are."""
        return self.remark + NOTES[self.kind]

    @property
    def section(self) -> str:
        """Markdown."""
        table = plain.markdown(self.display, LEFT_COLUMNS) if len(self.shown) else ""
        picture = f"\n![{self.head}]({self.place}.png)\n" if self.draw else ""
        return f"### {self.head}\n\n{table}\n{self.caption}\n{picture}"

    @property
    def files(self) -> dict[str, Content]:
        """CSV and figure by path."""
        made: dict[str, Content] = {
            f"{self.place}.csv": plain.csv(self.shown if self.numbers is None else self.numbers)
        }
        return made | (figure(self.place, self.draw) if self.draw else {})


def exhibit_tables(rows: pd.DataFrame, watched: pd.DataFrame, title: str, folder: str) -> Iterator[ExhibitTable]:
    """One section for each kind of exhibit; for kinds that compare two models, one for each main model."""
    from bench.report.exhibits import figures as figures

    mine = {str(kind): part for kind, part in rows.groupby("kind")}
    if "gradient" in mine:
        tables = first_seeds(mine["gradient"])
        yield ExhibitTable(
            "Gradients", "gradient", f"{folder}/gradient", gradients(tables), _panels(figures.histograms, tables, title)
        )
    if "loss" in mine:
        tables = first_seeds(mine["loss"])
        numbers = pd.concat([table.assign(model=name) for name, table in tables.items()])
        yield ExhibitTable(
            "Loss", "loss", f"{folder}/loss", losses_at_radius(tables), _panels(figures.slices, tables, title), numbers
        )
    for kind in [kind for kind in ("batchnorm", "features") if kind in mine]:
        tables = first_seeds(mine[kind][mine[kind]["view"] == "main"])
        files = folder_names({name: Identity((kind, name)) for name in tables})
        for name, table in tables.items():
            where, headed = f"{folder}/{files[name]}", f"{name}: {title}"
            if kind == "batchnorm":
                yield ExhibitTable(
                    f"Batch norms of {name}", kind, where, cosines(table), partial(figures.overlay, table, headed)
                )
            else:
                gains = channel_gains(table)
                shown, draw = gains[gains["state"] != ""], partial(figures.feature_maps, table, headed)
                yield ExhibitTable(f"Feature maps of {name}", kind, where, shown, draw, gains, _zeros(gains))
    if len(watched):
        yield ExhibitTable(
            "Robust overfitting", "overfitting", f"{folder}/overfitting", overfitting_table(watched), None
        )


def _text(cell: Any, form: str) -> str:
    if isinstance(cell, float):
        return MISSING if math.isnan(cell) else form.format(cell)
    return str(cell)


def _zeros(gains: pd.DataFrame) -> str:
    before, after = (int((gains[when] == 0).sum()) for when in ("before", "after"))
    return f"All zero: {before} of {len(gains)} maps before, {after} after. "


def _panels(
    draw: Callable[[Mapping[str, pd.DataFrame], str], "Figure"], tables: dict[str, pd.DataFrame], title: str
) -> Draw:
    note = f" (first {MAX_MODELS} of {len(tables)})" if len(tables) > MAX_MODELS else ""
    return partial(draw, dict(list(tables.items())[:MAX_MODELS]), title + note)
