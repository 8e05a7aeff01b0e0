"""From a results folder to reports/exhibits/: what was measured of models beside their accuracy."""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.report import table_text as plain
from bench.report.drawing import Draw
from bench.report.exhibits.table import (
    STATISTICS,
    cosines,
    curves,
    ends,
    find_exhibits,
    first_seeds,
    gradients,
    masking,
    overfitting,
)
from bench.report.files import Content, figure, file_name
from bench.report.table_text import MISSING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWN = 12  # models in a figure of panels; the tables have them all
SHARED = ["dataset", "model", "budget"]
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
FORMATS = {"batchnorm": "{:.3f}", "overfitting": "{:.1f}"}  # of numbers that are no counts
TEXT = ("Model", "Group", "State")  # columns set flush left
Part = tuple[str, dict[str, Content]]  # a section's text, and the files that it speaks of


def files(results: Path) -> dict[str, Content]:
    """exhibits.md with tables, figures and the numbers behind them.

    Of several seeds the first is shown. Nothing where no exhibit was made and no training watched.
    """
    found, watched = find_exhibits(results), curves(results)
    sections, made = ["# Exhibits\n"], dict[str, Content]()
    whose: Any
    for whose in dict.fromkeys((*_groups(found), *_groups(watched))):
        title, slug = ", ".join(whose), file_name(*whose)
        sections.append(f"## {plain.escape(title)}\n")
        for part in _parts(_of(found, whose), _of(watched, whose), title, slug):
            sections.append(part[0])
            made |= part[1]
    return {"exhibits.md": "\n".join(sections), **made} if made else {}


def _parts(rows: pd.DataFrame, watched: pd.DataFrame, title: str, slug: str) -> Iterator[Part]:
    """A section an exhibit; those that compare two models have one for each main model."""
    from bench.report.exhibits import figures as figures

    mine = {str(kind): part for kind, part in rows.groupby("kind")}
    if "gradient" in mine:
        tables = first_seeds(mine["gradient"])
        yield _part("Gradients", "gradient", slug, gradients(tables), _panels(figures.histograms, tables, title))
    if "loss" in mine:
        tables = first_seeds(mine["loss"])
        numbers = pd.concat([table.assign(model=name) for name, table in tables.items()])
        yield _part("Loss", "loss", slug, ends(tables), _panels(figures.slices, tables, title), numbers)
    for kind in [kind for kind in ("batchnorm", "features") if kind in mine]:
        for name, table in first_seeds(mine[kind][mine[kind]["view"] == "main"]).items():
            where, headed = f"{slug}-{file_name(name)}", f"{name}: {title}"
            if kind == "batchnorm":
                yield _part(
                    f"Batch norms of {name}", kind, where, cosines(table), partial(figures.overlay, table, headed)
                )
            else:
                gains = masking(table)
                shown, draw = gains[gains["state"] != ""], partial(figures.feature_maps, table, headed)
                yield _part(f"Feature maps of {name}", kind, where, shown, draw, gains, _zeros(gains))
    if len(watched):
        yield _part("Robust overfitting", "overfitting", slug, overfitting(watched), None)


def _part(
    head: str,
    kind: str,
    slug: str,
    shown: pd.DataFrame,
    draw: Draw | None,
    numbers: pd.DataFrame | None = None,
    said: str = "",
) -> Part:
    """numbers: what goes to the CSV, where that is more than the table shows."""
    name = f"{slug}-{kind}"
    made: dict[str, Content] = {f"{name}.csv": plain.csv(shown if numbers is None else numbers)}
    made |= figure(name, draw) if draw else {}
    texts = shown.map(lambda cell: _text(cell, FORMATS.get(kind, "{:.3g}"))).rename(columns=STATISTICS)
    table = plain.markdown(texts.rename(columns=lambda column: column[:1].upper() + column[1:]), TEXT)
    picture = f"\n![{head}]({name}.png)\n" if draw else ""
    return f"### {head}\n\n{table if len(shown) else ''}\n{said}{NOTES[kind]}\n{picture}", made


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
    said = f" (first {DRAWN} of {len(tables)})" if len(tables) > DRAWN else ""
    return partial(draw, dict(list(tables.items())[:DRAWN]), title + said)


def _groups(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    return [*rows[SHARED].drop_duplicates().itertuples(index=False, name=None)]


def _of(rows: pd.DataFrame, whose: tuple[str, ...]) -> pd.DataFrame:
    return rows[(rows[SHARED] == list(whose)).all(axis=1)]
