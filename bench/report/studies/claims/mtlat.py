"""Claims of M-TLAT, each a sentence and below it the comparisons that bear it out, and the runs that they need."""

from collections.abc import Iterator

from bench.report.studies.claims.checks import NumberComparison, Value, is_at_most, is_greater
from bench.report.studies.claims.claim import Claim, claim
from bench.report.studies.claims.reader import Reader
from bench.report.studies.papers.mtlat import CORRUPTIONS, CRAFTER
from bench.report.studies.setup import StudyRun

RECIPES_OF_MTLAT = ("Standard", "IAT", "TLAT", "M-TLAT")  # recipes attacked at the radii of the paper
MTLAT_NEAR, MTLAT_FAR = 0.04 * 255 / 8, 0.08 * 255 / 8  # 0.04 and 0.08, as multiples of 8/255
RUNS = (
    StudyRun(("Mixup",)),
    StudyRun(RECIPES_OF_MTLAT, ("PGD-10.last", "PGD-LL.last", "CW-L2[steps=40,kappa=50]"), 8.0 * MTLAT_NEAR),
    *(
        StudyRun(RECIPES_OF_MTLAT, ("MI-FGSM.last",), 8.0 * factor, transfer=True, crafter=CRAFTER)
        for factor in (MTLAT_NEAR, MTLAT_FAR)
    ),
    StudyRun(("Standard", "M-TLAT"), corruptions=CORRUPTIONS),
)
CLAIMS: dict[str, Claim] = {}  # by sentence


@claim(CLAIMS, "M-TLAT: TLAT keeps more clean accuracy than other adversarial trainings on one step")
def targeted_labels(m: Reader) -> Iterator[NumberComparison]:
    for other in ("TFGSM-AT", "LS-adv", "FGSM-AT"):
        yield is_greater(m("TLAT"), m(other))


@claim(CLAIMS, "M-TLAT: Mixup alone raises clean accuracy, TLAT alone and IAT lower it")
def parts_of_mtlat(m: Reader) -> Iterator[NumberComparison]:
    yield is_greater(m("Mixup"), m("Standard"))
    for other in ("TLAT", "IAT"):
        yield is_greater(m("Standard"), m(other))


@claim(
    CLAIMS,
    "M-TLAT: more robust than standard training under every corruption, and no less accurate when clean",
)
def every_corruption(m: Reader) -> Iterator[NumberComparison]:
    yield is_at_most(m("Standard"), m("M-TLAT"))
    for corruption in m.corruptions:
        yield is_greater(m("M-TLAT", corruption=corruption), m("Standard", corruption=corruption))


@claim(
    CLAIMS,
    "M-TLAT: more robust than standard training and IAT under five attacks, two black-box; TLAT than standard",
)
def every_attack(m: Reader) -> Iterator[NumberComparison]:
    for trained, other in (("M-TLAT", "Standard"), ("M-TLAT", "IAT"), ("TLAT", "Standard")):
        for attack in ("PGD-10.last", "PGD-LL.last", "CW-L2"):
            ours, theirs = (m(recipe, attack, radius=MTLAT_NEAR, is_score=True) for recipe in (trained, other))
            yield is_greater(ours, theirs)
        for radius in (MTLAT_NEAR, MTLAT_FAR):
            yield is_greater(black_box(m, trained, radius), black_box(m, other, radius))


def black_box(m: Reader, trained: str, radius: float) -> Value:
    """The score of a recipe on images made on a Standard model of another architecture."""
    return m(trained, "MI-FGSM.last", source="Standard", other_network=True, radius=radius, is_score=True)
