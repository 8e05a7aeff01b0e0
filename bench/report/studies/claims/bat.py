"""Claims of BAT, each a sentence and below it the comparisons that bear it out, and the runs that they need."""

from collections.abc import Iterator

from bench.report.studies.claims.checks import (
    MAX_EQUAL_DIFFERENCE,
    NumberComparison,
    is_about_equal,
    is_greater,
    is_greater_than_multiple,
    is_near_zero,
)
from bench.report.studies.claims.claim import Claim, claim
from bench.report.studies.claims.reader import Reader
from bench.report.studies.setup import StudyRun

MUCH_LARGER_FACTOR = 10.0  # factor of a "much larger" gradient norm
RADII = {eps: f"R-MC-LA.eps{eps}" for eps in (1, 2, 4, 12)} | {8: "R-MC-LA"}  # of BAT's trainings, in 1/255
LONGER = ("R-MC-LA", "R-MC-LS", "PGD-AT.7x2-LA")  # recipes with a longer training, marked + in BAT's tables
RUNS = (
    StudyRun(("R-FGSM", "R-LL", "R-MC"), ("R-FGSM.last", "MC.last", "LL.last")),
    StudyRun(tuple(RADII.values()), ("PGD-100.last",)),
    StudyRun(LONGER, ("PGD-20.last",), longer=True),
    StudyRun(("Standard", "PGD-AT.7x2"), diagnostics=("gradient",)),
)
CLAIMS: dict[str, Claim] = {}  # by sentence


@claim(
    CLAIMS,
    "BAT: one-step training without a random start leaks labels (FGSM above clean, PGD-7 near 0); the start cures it",
)
def label_leaking(m: Reader) -> Iterator[NumberComparison]:
    for trained in ("FGSM", "LL"):
        yield is_greater(m(trained, "FGSM.last"), m(trained))
        yield is_near_zero(m(trained, "PGD-7.last"))
    for trained in ("FGSM", "LL"):
        yield is_greater(m(f"R-{trained}"), m(f"R-{trained}", "FGSM.last"))
        yield is_greater(m(f"R-{trained}", "PGD-7.last"), m(trained, "PGD-7.last"))


@claim(CLAIMS, "BAT: the one-step attack MC is about as strong as FGSM, LL much weaker")
def strength_of_one_step(m: Reader) -> Iterator[NumberComparison]:
    for trained in ("R-FGSM", "R-LL", "R-MC"):
        yield is_about_equal(m(trained, "MC.last"), m(trained, "FGSM.last"))
        yield is_greater(m(trained, "LL.last"), m(trained, "FGSM.last"), by=MAX_EQUAL_DIFFERENCE)


@claim(CLAIMS, "BAT: squared gradients are much larger without adversarial training, and on wrong images")
def gradients(m: Reader) -> Iterator[NumberComparison]:
    for group in ("all", "right", "wrong"):
        yield is_greater_than_multiple(
            m("Standard", gradient=group), m("PGD-AT.7x2", gradient=group), MUCH_LARGER_FACTOR
        )
    for trained in ("Standard", "PGD-AT.7x2"):
        yield is_greater_than_multiple(m(trained, gradient="wrong"), m(trained, gradient="right"), MUCH_LARGER_FACTOR)


@claim(CLAIMS, "BAT: CW-20 below PGD-20 with label adversaries, about equal without")
def label_adversary(m: Reader) -> Iterator[NumberComparison]:
    yield is_greater(m("R-MC-LA", "PGD-20.last"), m("R-MC-LA", "CW-20.last"))
    yield is_about_equal(m("PGD-AT.7x2", "CW-20.last"), m("PGD-AT.7x2", "PGD-20.last"))


@claim(CLAIMS, "BAT: of trainings at radii from 1 to 12 of 255, that at 4 is the most robust at 8")
def radius_of_training(m: Reader) -> Iterator[NumberComparison]:
    for eps, other in RADII.items():
        if eps != 4:
            yield is_greater(m(RADII[4], "PGD-100.last"), m(other, "PGD-100.last"))


@claim(CLAIMS, "BAT: longer training is more robust")
def longer_training(m: Reader) -> Iterator[NumberComparison]:
    for trained in LONGER:
        yield is_greater(m(f"{trained}+", "PGD-20.last"), m(trained, "PGD-20.last"))


@claim(CLAIMS, "BAT: training on two steps of 8/255 is about as robust as on seven of 2/255")
def strength_in_training(m: Reader) -> Iterator[NumberComparison]:
    for attack in ("PGD-7.last", "PGD-20.last"):
        yield is_about_equal(m("PGD-AT.2x8", attack), m("PGD-AT.7x2", attack))


@claim(CLAIMS, "BAT: a random start weakens FGSM")
def random_start(m: Reader) -> Iterator[NumberComparison]:
    for trained in ("R-FGSM", "R-LL", "R-MC"):
        yield is_greater(m(trained, "R-FGSM.last"), m(trained, "FGSM.last"))


@claim(CLAIMS, "BAT: among trainings on one step from a random start MC is the most robust and LL the least")
def target_of_training(m: Reader) -> Iterator[NumberComparison]:
    for attack in ("FGSM.last", "PGD-7.last"):
        yield is_greater(m("R-MC", attack), m("R-FGSM", attack))
        yield is_greater(m("R-FGSM", attack), m("R-LL", attack))


@claim(
    CLAIMS,
    "BAT: smoothed labels are more robust than hard ones, adversarial labels than smoothed ones, R-MC-LA than PGD-AT",
)
def perturbed_labels(m: Reader) -> Iterator[NumberComparison]:
    better = [("R-MC-LS", "R-MC"), ("R-MC-LA", "R-MC-LS"), ("PGD-AT.7x2-LA", "PGD-AT.7x2")]
    for one, other in [*better, ("R-MC-LA", "PGD-AT.7x2"), ("R-MC-LA", "PGD-AT.7x2-LA")]:
        yield is_greater(m(one, "PGD-20.last"), m(other, "PGD-20.last"))


@claim(CLAIMS, "BAT: adversarial labels by the rule of the text are more robust than by that of the appendix")
def rules_of_the_label(m: Reader) -> Iterator[NumberComparison]:
    yield is_greater(m("R-MC-LA", "PGD-20.last"), m("R-MC-LA.sup", "PGD-20.last"))
