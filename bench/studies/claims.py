"""Do the qualitative claims of the five papers hold here? Each is a few comparisons of measured numbers.

The claims are about directions, so they can be asked of small models and few images. Accuracies under attack are those
of the last iterate, as the papers print them. What does not hold is a finding.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from bench.studies.items import STUDIES, Item, Part, Study

ALIKE = 0.05  # accuracies "about as strong" as one another are within five points
FEW = 0.05  # an accuracy "near 0"
MUCH = 10.0  # how many times larger a gradient norm "much larger" is

Measured = Callable[..., "Value"]


@dataclass(frozen=True)
class Value:
    """A measured number: its name, its value (NaN where it is missing), the images it is of."""

    name: str
    number: float
    n: int = 0

    def __str__(self) -> str:
        if math.isnan(self.number):
            return f"{self.name} not measured"
        return f"{self.name} {100 * self.number:.1f}" if self.n else f"{self.name} {self.number:.3g}"


@dataclass(frozen=True)
class Comparison:
    """That one number is above another."""

    text: str
    holds: bool
    measured: bool
    sure: bool = True  # the difference is more than chance makes of that many images (5 %, unpaired)


def above(a: Value, b: Value, by: float = 0.0) -> Comparison:
    """a > b, by more than so much."""
    return Comparison(f"{a} > {b}{_by(by)}", a.number - b.number > by, _known(a, b), _sure(a, b))


def no_more(a: Value, b: Value) -> Comparison:
    return Comparison(f"{a} <= {b}", a.number <= b.number, _known(a, b), _sure(a, b))


def alike(a: Value, b: Value) -> Comparison:
    return Comparison(f"{a} ~ {b}", abs(a.number - b.number) <= ALIKE, _known(a, b))


def times(a: Value, b: Value, factor: float) -> Comparison:
    return Comparison(
        f"{a} > {factor:g} x {b}" if factor != 1 else f"{a} > {b}", a.number > factor * b.number, _known(a, b)
    )


def few(a: Value) -> Comparison:
    return Comparison(f"{a} <= {100 * FEW:g}", a.number <= FEW, _known(a))


def _known(*values: Value) -> bool:
    return not any(math.isnan(value.number) for value in values)


def _by(by: float) -> str:
    return f" + {100 * by:g}" if by else ""


def _sure(a: Value, b: Value) -> bool:
    if not (a.n and b.n and _known(a, b)):
        return True
    p = (a.number * a.n + b.number * b.n) / (a.n + b.n)
    return abs(a.number - b.number) > 1.96 * math.sqrt(p * (1 - p) * (1 / a.n + 1 / b.n))


def label_leaking(m: Measured) -> Iterator[Comparison]:
    for trained in ("FGSM", "LL"):
        yield above(m(trained, "FGSM.last"), m(trained))
        yield few(m(trained, "PGD-7.last"))
    for trained in ("FGSM", "LL"):
        yield above(m(f"R-{trained}"), m(f"R-{trained}", "FGSM.last"))
        yield above(m(f"R-{trained}", "PGD-7.last"), m(trained, "PGD-7.last"))


def strength_of_one_step(m: Measured) -> Iterator[Comparison]:
    for trained in ("R-FGSM", "R-LL", "R-MC"):
        yield alike(m(trained, "MC.last"), m(trained, "FGSM.last"))
        yield above(m(trained, "LL.last"), m(trained, "FGSM.last"), by=ALIKE)


def vertices(m: Measured) -> Iterator[Comparison]:
    yield above(m("AVmixup"), m("PGD-AT.avmixup"))
    yield above(m("AVmixup", "PGD-20.last"), m("PGD-AT.avmixup", "PGD-20.last"))
    yield no_more(m("AVmixup", "AutoAttack"), m("PGD-AT.avmixup", "AutoAttack"))


def smoothing(m: Measured) -> Iterator[Comparison]:
    for trained in ("PGD-AT-LS0.8", "PGD-AT-LS0.9"):
        yield above(m(trained, "PGD-20.last"), m("PGD-AT", "PGD-20.last"))


def scattering(m: Measured) -> Iterator[Comparison]:
    yield above(m("FS-AVmixup", "PGD-20.last"), m("PGD-AT", "PGD-20.last"))
    yield above(m("FS-AVmixup", "PGD-20.last"), m("FS-AVmixup", "CW-20.last"))


def interpolation(m: Measured) -> Iterator[Comparison]:
    way = [("PGD-AT.robmask", "main"), *(("BN-std", f"p{p}") for p in (0.8, 0.6, 0.4, 0.2)), ("BN-std", "main")]
    for (before, here), (after, there) in pairwise(way):
        yield above(m(after, view=there), m(before, view=here))
        yield above(m(before, "PGD-20.last", view=here), m(after, "PGD-20.last", view=there))


def targeted_labels(m: Measured) -> Iterator[Comparison]:
    yield above(m("TLAT"), m("TFGSM-AT"))
    yield above(m("TFGSM-AT"), m("FGSM-AT"))


def gradients(m: Measured) -> Iterator[Comparison]:
    yield times(m("Standard", gradient="all"), m("PGD-AT.7x2", gradient="all"), MUCH)
    for trained in ("Standard", "PGD-AT.7x2"):
        yield times(m(trained, gradient="wrong"), m(trained, gradient="right"), 1)


def label_adversary(m: Measured) -> Iterator[Comparison]:
    yield above(m("R-MC-LA", "PGD-20.last"), m("R-MC-LA", "CW-20.last"))
    yield alike(m("PGD-AT.7x2", "CW-20.last"), m("PGD-AT.7x2", "PGD-20.last"))


CLAIMS: dict[str, Callable[[Measured], Iterator[Comparison]]] = {
    "BAT: one-step training without a random start leaks labels (FGSM above clean, PGD-7 near 0); the start cures it": (
        label_leaking
    ),
    "BAT: the one-step attack MC is about as strong as FGSM, LL much weaker": strength_of_one_step,
    "AVmixup: clean and PGD-20 accuracy above PGD-AT's, AutoAttack accuracy not": vertices,
    "Smoothed labels raise PGD-20 accuracy": smoothing,
    "FS-AVmixup: PGD-20 accuracy above PGD-AT's, and its own CW-20 accuracy lower": scattering,
    "RobMask: from the robust model's batch norms to the fine-tuned ones, clean rises and robust falls": interpolation,
    "M-TLAT: clean accuracy falls from TLAT to targeted FGSM to FGSM": targeted_labels,
    "BAT: squared gradients are much larger without adversarial training, and larger on wrong images": gradients,
    "BAT: CW-20 below PGD-20 with label adversaries, about equal without": label_adversary,
}


def findings(rows: pd.DataFrame) -> str:
    """A Markdown list: each claim, held or not held or not measured, with every comparison."""
    lines = []
    for number, (claim, comparisons) in enumerate(CLAIMS.items(), start=1):
        found = list(comparisons(_reader(rows)))
        lines.append(f"{number}. **{verdict(found)}.** {claim}.")
        lines += [f"    - {_mark(comparison)}: {comparison.text}" for comparison in found]
    return "\n".join(lines) + "\n"


def verdict(comparisons: list[Comparison]) -> str:
    """Held if every comparison holds; it says so where no difference, or not every one, is more than chance."""
    measured = [comparison for comparison in comparisons if comparison.measured]
    if against := [comparison for comparison in measured if not comparison.holds]:
        return "not held" if any(comparison.sure for comparison in against) else "not held, within chance"
    if len(measured) < len(comparisons):
        return "not measured"
    return "held" if all(comparison.sure for comparison in comparisons) else "held, in part within chance"


def _mark(comparison: Comparison) -> str:
    if not comparison.measured:
        return "not measured"
    return ("yes" if comparison.holds else "no") + ("" if comparison.sure else " (within chance)")


def _reader(rows: pd.DataFrame) -> Measured:
    """Looks numbers up; the mean over seeds, last epoch."""
    known = rows[(rows["status"] == "ok") & (rows["epoch"] == "last") & rows["value"].notna()]

    def read(recipe: str, attack: str = "", *, view: str = "main", gradient: str = "") -> Value:
        here = known[(known["recipe"] == recipe) & (known["view"] == view)]
        if gradient:
            here = here[(here["name"] == "gradient") & (here["metric"] == f"mean {gradient}")]
            return Value(f"{recipe} ({gradient})", here["value"].mean())
        here = here[(here["metric"] == "accuracy") & (here["name"] == attack) & (here["source"] == "")]
        if here["params"].nunique() > 1:  # their mean would be a number of neither
            here = here.head(0)
        name = f"{recipe}{'' if view == 'main' else f' {view}'}{f' under {attack}' if attack else ' clean'}"
        return Value(name, here["value"].mean(), int(here["n"].sum()))

    return read


TRAINED = (
    "Standard", "PGD-AT", "PGD-AT.avmixup", "PGD-AT.7x2", "PGD-AT.robmask", "PGD-AT-LS0.8", "PGD-AT-LS0.9",
    "FGSM", "LL", "R-FGSM", "R-LL", "R-MC", "R-MC-LA", "AVmixup", "FS-AVmixup", "BN-std", "TLAT", "TFGSM-AT", "FGSM-AT",
)  # fmt: skip

STUDIES.add(
    "claims",
    Study(
        "qualitative claims of the five papers, each held or not",
        (
            Item(
                "claims",
                "nine claims about directions",
                (
                    Part(TRAINED, ("FGSM.last", "PGD-7.last", "PGD-20.last", "CW-20.last")),
                    Part(("R-FGSM", "R-LL", "R-MC"), ("MC.last", "LL.last")),
                    Part(("PGD-AT.avmixup", "AVmixup"), ("AutoAttack",)),
                    Part(("Standard", "PGD-AT.7x2"), diagnostics=("gradient",)),
                ),
            ),
        ),
        findings,
    ),
)
