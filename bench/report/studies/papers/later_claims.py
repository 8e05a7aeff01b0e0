"""Claims of RobMask, M2AT and M-TLAT as comparisons of measured numbers. A function checks the sentence above it."""

from collections.abc import Iterator
from itertools import pairwise

from bench.report.studies.claims.checks import (
    Comparison,
    Value,
    has_smaller_gap,
    is_about_equal,
    is_at_most,
    is_greater,
)
from bench.report.studies.claims.claim import Claim, claim
from bench.report.studies.claims.reader import Reader

ABLATIONS = ("PGD-AT-LS", "M2AT.mix", "M2AT.mix-ls", "M2AT.mask", "M2AT.mask-ls", "M2AT.mask-mix")  # of M2AT
CRAFTERS = ("PGD-AT.m2at", "PGD-AT-LS", "AVmixup")  # of the images in M2AT's Table 4
OF_TRADES = ("TRADES-1", "TRADES-6", "AVmixup.trades", "M2AT.trades")  # inside the code of TRADES
RECIPES_AT_WIDER = ("PGD-AT.m2at", "AVmixup", "M2AT")  # recipes attacked beyond the radius of their training
WIDER_RADII = (2.0, 3.0, 4.0)  # multiples of that radius
# recipes attacked below it, and views
VIEWS_AT_NARROWER = {"PGD-AT.robmask": "main", "AdvProp": "aux1", "RobMask": "adv"}
NARROWER_RADII = (0.25, 0.5, 0.75)  # multiples of that radius
RECIPES_OF_MTLAT = ("Standard", "IAT", "TLAT", "M-TLAT")  # recipes attacked at the radii of M-TLAT's paper
MTLAT_NEAR, MTLAT_FAR = 0.04 * 255 / 8, 0.08 * 255 / 8  # 0.04 and 0.08, as multiples of 8/255
# recipes by the multiple of the radius at which they are attacked
AT_OTHER_RADII = (
    dict.fromkeys(WIDER_RADII, RECIPES_AT_WIDER)
    | dict.fromkeys(NARROWER_RADII, tuple(VIEWS_AT_NARROWER))
    | dict.fromkeys((MTLAT_NEAR, MTLAT_FAR), RECIPES_OF_MTLAT)
)
LATER_PAPERS_CLAIMS: dict[str, Claim] = {}  # by sentence


@claim(
    LATER_PAPERS_CLAIMS,
    "M2AT: FGSM, PGD-20 and CW-20 accuracy above those of PGD-AT and AVmixup, clean accuracy as AVmixup's",
)
def masks_and_mixtures(m: Reader) -> Iterator[Comparison]:
    for attack in ("FGSM.last", "PGD-20.last", "CW-20.last"):
        for other in ("PGD-AT.m2at", "AVmixup"):
            yield is_greater(m("M2AT", attack), m(other, attack))
    yield is_about_equal(m("M2AT"), m("AVmixup"))


@claim(LATER_PAPERS_CLAIMS, "M2AT: hardly any gap from FGSM to PGD-20, where PGD-AT and AVmixup have one")
def from_one_step_to_many(m: Reader) -> Iterator[Comparison]:
    yield is_about_equal(m("M2AT", "PGD-20.last"), m("M2AT", "FGSM.last"))
    for other in ("PGD-AT.m2at", "AVmixup"):
        ours, theirs = ([m(trained, attack) for attack in ("FGSM.last", "PGD-20.last")] for trained in ("M2AT", other))
        yield has_smaller_gap(*ours, *theirs)


@claim(LATER_PAPERS_CLAIMS, "M2AT: above PGD-AT and AVmixup at radii beyond that of the training too")
def beyond_the_radius(m: Reader) -> Iterator[Comparison]:
    for factor in WIDER_RADII:
        for attack in ("FGSM.last", "PGD-10.last"):
            for other in ("PGD-AT.m2at", "AVmixup"):
                yield is_greater(m("M2AT", attack, radius=factor), m(other, attack, radius=factor))


@claim(LATER_PAPERS_CLAIMS, "M2AT: above BAT, clean and under FGSM and PGD-20")
def bilateral_training(m: Reader) -> Iterator[Comparison]:
    for attack in ("", "FGSM.last", "PGD-20.last"):
        yield is_greater(m("M2AT", attack), m("R-MC-LA", attack))


@claim(
    LATER_PAPERS_CLAIMS,
    "M2AT: in the code of TRADES above TRADES and AVmixup under PGD-20, and losing less from clean than AVmixup",
)
def code_of_trades(m: Reader) -> Iterator[Comparison]:
    for other in OF_TRADES[:-1]:
        yield is_greater(m("M2AT.trades", "PGD-20.last"), m(other, "PGD-20.last"))
    ours, theirs = ([m(trained, attack) for attack in ("", "PGD-20.last")] for trained in ("M2AT.trades", OF_TRADES[2]))
    yield has_smaller_gap(*ours, *theirs)


@claim(LATER_PAPERS_CLAIMS, "M2AT: masks, mixtures and smoothed labels together above each of them and every two")
def parts_of_m2at(m: Reader) -> Iterator[Comparison]:
    for attack in ("FGSM.last", "PGD-20.last"):
        for other in ABLATIONS:
            yield is_greater(m("M2AT", attack), m(other, attack))


@claim(LATER_PAPERS_CLAIMS, "M2AT: above PGD-AT, with smoothed labels too, and AVmixup on images made on these models")
def images_of_others(m: Reader) -> Iterator[Comparison]:
    for source in CRAFTERS:
        for other in CRAFTERS:
            if other != source:
                yield is_greater(m("M2AT", "PGD-20.last", source=source), m(other, "PGD-20.last", source=source))


@claim(
    LATER_PAPERS_CLAIMS,
    "RobMask: batch norms, tuned alone, make a standard model more robust and a robust one more accurate",
)
def tuned_batch_norms(m: Reader) -> Iterator[Comparison]:
    yield is_greater(m("BN-adv", "PGD-20.last"), m("Standard", "PGD-20.last"))
    yield is_greater(m("BN-std"), m("PGD-AT.robmask"))


@claim(
    LATER_PAPERS_CLAIMS,
    "RobMask: from the robust model's batch norms to the fine-tuned ones, clean rises and robust falls",
)
def interpolation(m: Reader) -> Iterator[Comparison]:
    way = [("PGD-AT.robmask", "main"), *(("BN-std", f"p{p}") for p in (0.8, 0.6, 0.4, 0.2)), ("BN-std", "main")]
    for (before, here), (after, there) in pairwise(way):
        yield is_greater(m(after, view=there), m(before, view=here))
        yield is_greater(m(before, "PGD-20.last", view=here), m(after, "PGD-20.last", view=there))


@claim(LATER_PAPERS_CLAIMS, "RobMask: clean accuracy above that of AdvProp, its variants and standard training")
def masks_by_strength(m: Reader) -> Iterator[Comparison]:
    for other in ("AdvProp", "AdvProp.rand", "AdvProp.2aux", "Standard"):
        yield is_greater(m("RobMask"), m(other))


@claim(
    LATER_PAPERS_CLAIMS,
    "RobMask: its adversarial mask above PGD-AT and AdvProp's adversarial batch norms, clean and below the radius",
)
def trade_off(m: Reader) -> Iterator[Comparison]:
    for other in ("PGD-AT.robmask", "AdvProp"):
        yield is_greater(m("RobMask", view=VIEWS_AT_NARROWER["RobMask"]), m(other, view=VIEWS_AT_NARROWER[other]))
        for factor in NARROWER_RADII:
            ours, theirs = (m(r, "PGD-20.last", view=VIEWS_AT_NARROWER[r], radius=factor) for r in ("RobMask", other))
            yield is_greater(ours, theirs)


@claim(LATER_PAPERS_CLAIMS, "M-TLAT: TLAT keeps more clean accuracy than other adversarial trainings on one step")
def targeted_labels(m: Reader) -> Iterator[Comparison]:
    for other in ("TFGSM-AT", "LS-adv", "FGSM-AT"):
        yield is_greater(m("TLAT"), m(other))


@claim(LATER_PAPERS_CLAIMS, "M-TLAT: Mixup alone raises clean accuracy, TLAT alone and IAT lower it")
def parts_of_mtlat(m: Reader) -> Iterator[Comparison]:
    yield is_greater(m("Mixup"), m("Standard"))
    for other in ("TLAT", "IAT"):
        yield is_greater(m("Standard"), m(other))


@claim(
    LATER_PAPERS_CLAIMS,
    "M-TLAT: more robust than standard training under every corruption, and no less accurate when clean",
)
def every_corruption(m: Reader) -> Iterator[Comparison]:
    yield is_at_most(m("Standard"), m("M-TLAT"))
    for corruption in m.corruptions:
        yield is_greater(m("M-TLAT", corruption=corruption), m("Standard", corruption=corruption))


@claim(
    LATER_PAPERS_CLAIMS,
    "M-TLAT: more robust than standard training and IAT under five attacks, two black-box; TLAT than standard",
)
def every_attack(m: Reader) -> Iterator[Comparison]:
    for trained, other in (("M-TLAT", "Standard"), ("M-TLAT", "IAT"), ("TLAT", "Standard")):
        for attack in ("PGD-10.last", "PGD-LL.last", "CW-L2"):
            ours, theirs = (m(recipe, attack, radius=MTLAT_NEAR, is_score=True) for recipe in (trained, other))
            yield is_greater(ours, theirs)
        for radius in (MTLAT_NEAR, MTLAT_FAR):
            yield is_greater(black_box(m, trained, radius), black_box(m, other, radius))


def black_box(m: Reader, trained: str, radius: float) -> Value:
    """The score of a recipe on images made on a Standard model of another architecture."""
    return m(trained, "MI-FGSM.last", source="Standard", other_network=True, radius=radius, is_score=True)
