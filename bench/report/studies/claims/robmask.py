"""Claims of RobMask, each a sentence and below it the comparisons that bear it out, and the runs that they need."""

from collections.abc import Iterator
from itertools import pairwise

from bench.report.studies.claims.checks import NumberComparison, is_greater
from bench.report.studies.claims.claim import Claim, claim
from bench.report.studies.claims.reader import Reader
from bench.report.studies.setup import StudyRun

VIEWS_AT_NARROWER = {"PGD-AT.robmask": "main", "AdvProp": "aux1", "RobMask": "adv"}  # by recipe attacked there
NARROWER_RADII = (0.25, 0.5, 0.75)  # multiples of the radius of the training
RUNS = (
    StudyRun(("BN-adv",), ("PGD-20.last",)),
    StudyRun(("AdvProp.rand", "AdvProp.2aux")),
    *(StudyRun(tuple(VIEWS_AT_NARROWER), ("PGD-20.last",), 8.0 * factor) for factor in NARROWER_RADII),
)
CLAIMS: dict[str, Claim] = {}  # by sentence


@claim(
    CLAIMS,
    "RobMask: batch norms, tuned alone, make a standard model more robust and a robust one more accurate",
)
def tuned_batch_norms(m: Reader) -> Iterator[NumberComparison]:
    yield is_greater(m("BN-adv", "PGD-20.last"), m("Standard", "PGD-20.last"))
    yield is_greater(m("BN-std"), m("PGD-AT.robmask"))


@claim(
    CLAIMS,
    "RobMask: from the robust model's batch norms to the fine-tuned ones, clean rises and robust falls",
)
def interpolation(m: Reader) -> Iterator[NumberComparison]:
    way = [("PGD-AT.robmask", "main"), *(("BN-std", f"p{p}") for p in (0.8, 0.6, 0.4, 0.2)), ("BN-std", "main")]
    for (before, here), (after, there) in pairwise(way):
        yield is_greater(m(after, view=there), m(before, view=here))
        yield is_greater(m(before, "PGD-20.last", view=here), m(after, "PGD-20.last", view=there))


@claim(CLAIMS, "RobMask: clean accuracy above that of AdvProp, its variants and standard training")
def masks_by_strength(m: Reader) -> Iterator[NumberComparison]:
    for other in ("AdvProp", "AdvProp.rand", "AdvProp.2aux", "Standard"):
        yield is_greater(m("RobMask"), m(other))


@claim(
    CLAIMS,
    "RobMask: its adversarial mask above PGD-AT and AdvProp's adversarial batch norms, clean and below the radius",
)
def trade_off(m: Reader) -> Iterator[NumberComparison]:
    for other in ("PGD-AT.robmask", "AdvProp"):
        yield is_greater(m("RobMask", view=VIEWS_AT_NARROWER["RobMask"]), m(other, view=VIEWS_AT_NARROWER[other]))
        for factor in NARROWER_RADII:
            ours, theirs = (m(r, "PGD-20.last", view=VIEWS_AT_NARROWER[r], radius=factor) for r in ("RobMask", other))
            yield is_greater(ours, theirs)
