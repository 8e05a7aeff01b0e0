"""The toy model of adversarial feature overfitting (`bench.report.studies.toy.model`) as a page of reports/avmixup/."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.report.files import Content, figure
from bench.report.plotting.style import COLOURS, TWO_COLUMNS, grid, with_house_style
from bench.report.studies.toy import model as toy
from bench.report.table_formats import table_text as plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZES, SPREAD = (25, 4, 1), 1.0  # n and s of the standard classifier's sample
LABELS = {"hard labels": 1.0, "sm(y, 0.9)": 0.9}
POINTS = 51


def radii() -> pd.DataFrame:
    """Theorem 1's radii over nu: the exact one (eps*) and the paper's (equation 5), for several n."""
    return pd.DataFrame(
        {
            "n": n,
            "s": SPREAD,
            "nu": nu,
            "eps*": toy.radius_of_equal_bounds(n, SPREAD, nu),
            "equation 5": toy.radius_of_theorem_1(n, SPREAD, nu),
        }
        for n in SIZES
        for nu in np.linspace(0, 1, POINTS).tolist()
    )


def trainings(weak: toy.Weak) -> pd.DataFrame:
    """Mean weight on the honest weak features and true robust error, step by step, for each kind of labels."""
    parts = []
    for labels, keep in LABELS.items():
        history = weak.train(keep, np.random.default_rng(0))
        weight, error = history[:, weak.c + 1 :].mean(1), [weak.robust_error(w) for w in history]
        parts.append(pd.DataFrame({"labels": labels, "step": range(len(history)), "wb": weight, "error": error}))
    return pd.concat(parts, ignore_index=True)


@with_house_style
def draw(curves: pd.DataFrame, walks: pd.DataFrame, weak: toy.Weak) -> "Figure":
    """Three panels: theorem 1's radii, the weak weight over training, and the true robust error over training."""
    figure, (left, middle, right) = grid(3, 3, TWO_COLUMNS, (1.9, 0.35), "Adversarial feature overfitting, toy models")
    for (n, lines), colour in zip(curves.groupby("n", sort=False), COLOURS, strict=False):
        left.plot(lines["nu"], lines["eps*"], color=colour, label=f"n = {n}")
        left.plot(lines["nu"], lines["equation 5"], "--", color=colour)
    left.plot([], [], "--", color="#666666", label="equation 5")
    left.set(title="Where the bounds cross (s = 1)", xlabel="nu", ylabel="eps*", ylim=(0, None))
    for (labels, walk), colour, style in zip(walks.groupby("labels", sort=False), COLOURS, ("-", "--"), strict=False):
        middle.plot(walk["step"], walk["wb"], style, color=colour, label=str(labels))
        right.plot(walk["step"], 100 * walk["error"], style, color=colour, label=str(labels))
    best = weak.best()
    look: dict[str, Any] = {"color": "#444444", "linestyle": ":", "linewidth": 0.9, "label": "best (weights tied)"}
    middle.axhline(best, **look)
    right.axhline(100 * weak.robust_error(weak.tie_weights(best)), **look)
    middle.set(title="Weight of an honest weak feature", xlabel="Step", ylabel="w", ylim=(0, None))
    right.set(title=f"True error within eps = {weak.eps:g}", xlabel="Step", ylabel="Error (%)")
    left.legend(loc="upper right")
    middle.legend(loc="upper right")
    return figure


def files() -> dict[str, Content]:
    """toy.md with its figure and numbers."""
    weak = toy.Weak()
    curves, walks = radii(), trainings(weak)
    numbers = plain.csv(pd.concat([curves, walks]))
    return {"toy.md": _page(weak, walks), "toy.csv": numbers, **figure("toy", partial(draw, curves, walks, weak))}


def _page(weak: toy.Weak, walks: pd.DataFrame) -> str:
    lines = [_line(labels, walk["wb"].iloc[-1], walk["error"].iloc[-1]) for labels, walk in walks.groupby("labels")]
    best = weak.best()
    lines.append(_line("best, weights tied", best, weak.robust_error(weak.tie_weights(best))))
    limits = ", ".join(
        f"{name} {weight(weak.d, weak.c, weak.ratio):.4f}"
        for name, weight in (("theorem 2 (sample)", toy.weight_in_sample), ("theorem 3 (truth)", toy.weight_in_truth))
    )
    return f"""# Adversarial feature overfitting, toy models

![toy models](toy.png)

Left: theorem 1. Learned from n images of less spread (nu s in the place of s), a classifier errs within eps* no more
than the one of spread s does on clean images, by the bounds of both; dashed, the paper's sufficient radius
(equation 5).

Middle and right: example 3, {weak.d} weak features (mean {weak.eta:g}, std {weak.sb:g}) of which {weak.c} look strong
(mean 1, std {weak.sa:g}) in the sample; a nonnegative linear model with weights that sum to 1 is trained adversarially
within {weak.eps:g}, logit {weak.scale:g} w.x. With hard labels the honest weak features lose all weight, and the true
error within {weak.eps:g}, at first the lower, rises again; soft labels sm(y, 0.9) stop short of that.

{plain.markdown(pd.DataFrame(lines), ("Labels",))}
Weights of the least variance: {limits}. Beyond eps = eta = {weak.eta:g} the best weight is 0 in truth, too.
"""


def _line(labels: object, weight: float, error: float) -> dict[str, str]:
    return {"Labels": str(labels), "Weight": f"{weight:.4f}", "True robust error (%)": f"{100 * error:.1f}"}
