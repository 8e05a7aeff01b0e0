"""Claims of M2AT, each a sentence and below it the comparisons that bear it out, and the runs that they need."""

from collections.abc import Iterator

from bench.report.studies.claims.checks import NumberComparison, has_smaller_gap, is_about_equal, is_greater
from bench.report.studies.claims.claim import Claim, claim
from bench.report.studies.claims.reader import Reader
from bench.report.studies.setup import StudyRun

ABLATIONS = ("PGD-AT-LS", "M2AT.mix", "M2AT.mix-ls", "M2AT.mask", "M2AT.mask-ls", "M2AT.mask-mix")
CRAFTERS = ("PGD-AT.m2at", "PGD-AT-LS", "AVmixup")  # of the images in Table 4
OF_TRADES = ("TRADES-1", "TRADES-6", "AVmixup.trades", "M2AT.trades")  # inside the code of TRADES
RECIPES_AT_WIDER = ("PGD-AT.m2at", "AVmixup", "M2AT")  # recipes attacked beyond the radius of their training
WIDER_RADII = (2.0, 3.0, 4.0)  # multiples of that radius
RUNS = (
    *(StudyRun(RECIPES_AT_WIDER, ("FGSM.last", "PGD-10.last"), 8.0 * factor) for factor in WIDER_RADII),
    StudyRun(ABLATIONS, ("FGSM.last", "PGD-20.last")),
    StudyRun(OF_TRADES, ("PGD-20.last",)),
    StudyRun((*CRAFTERS, "M2AT"), ("PGD-20.last",), transfer=True),
)
CLAIMS: dict[str, Claim] = {}  # by sentence


@claim(
    CLAIMS,
    "M2AT: FGSM, PGD-20 and CW-20 accuracy above those of PGD-AT and AVmixup, clean accuracy as AVmixup's",
)
def masks_and_mixtures(m: Reader) -> Iterator[NumberComparison]:
    for attack in ("FGSM.last", "PGD-20.last", "CW-20.last"):
        for other in ("PGD-AT.m2at", "AVmixup"):
            yield is_greater(m("M2AT", attack), m(other, attack))
    yield is_about_equal(m("M2AT"), m("AVmixup"))


@claim(CLAIMS, "M2AT: hardly any gap from FGSM to PGD-20, where PGD-AT and AVmixup have one")
def from_one_step_to_many(m: Reader) -> Iterator[NumberComparison]:
    yield is_about_equal(m("M2AT", "PGD-20.last"), m("M2AT", "FGSM.last"))
    for other in ("PGD-AT.m2at", "AVmixup"):
        ours, theirs = ([m(trained, attack) for attack in ("FGSM.last", "PGD-20.last")] for trained in ("M2AT", other))
        yield has_smaller_gap(*ours, *theirs)


@claim(CLAIMS, "M2AT: above PGD-AT and AVmixup at radii beyond that of the training too")
def beyond_the_radius(m: Reader) -> Iterator[NumberComparison]:
    for factor in WIDER_RADII:
        for attack in ("FGSM.last", "PGD-10.last"):
            for other in ("PGD-AT.m2at", "AVmixup"):
                yield is_greater(m("M2AT", attack, radius=factor), m(other, attack, radius=factor))


@claim(CLAIMS, "M2AT: above BAT, clean and under FGSM and PGD-20")
def bilateral_training(m: Reader) -> Iterator[NumberComparison]:
    for attack in ("", "FGSM.last", "PGD-20.last"):
        yield is_greater(m("M2AT", attack), m("R-MC-LA", attack))


@claim(
    CLAIMS,
    "M2AT: in the code of TRADES above TRADES and AVmixup under PGD-20, and losing less from clean than AVmixup",
)
def code_of_trades(m: Reader) -> Iterator[NumberComparison]:
    for other in OF_TRADES[:-1]:
        yield is_greater(m("M2AT.trades", "PGD-20.last"), m(other, "PGD-20.last"))
    ours, theirs = ([m(trained, attack) for attack in ("", "PGD-20.last")] for trained in ("M2AT.trades", OF_TRADES[2]))
    yield has_smaller_gap(*ours, *theirs)


@claim(CLAIMS, "M2AT: masks, mixtures and smoothed labels together above each of them and every two")
def parts_of_m2at(m: Reader) -> Iterator[NumberComparison]:
    for attack in ("FGSM.last", "PGD-20.last"):
        for other in ABLATIONS:
            yield is_greater(m("M2AT", attack), m(other, attack))


@claim(CLAIMS, "M2AT: above PGD-AT, with smoothed labels too, and AVmixup on images made on these models")
def images_of_others(m: Reader) -> Iterator[NumberComparison]:
    for source in CRAFTERS:
        for other in CRAFTERS:
            if other != source:
                yield is_greater(m("M2AT", "PGD-20.last", source=source), m(other, "PGD-20.last", source=source))
