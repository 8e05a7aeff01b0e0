"""The study `claims`: checks of qualitative claims of the five papers."""

import pandas as pd

from bench.report.studies.claims.checks import Finding
from bench.report.studies.claims.reader import Reader
from bench.report.studies.papers.later_claims import (
    ABLATIONS,
    CRAFTERS,
    MTLAT_FAR,
    MTLAT_NEAR,
    NARROWER_RADII,
    OF_TRADES,
    RECIPES_AT_WIDER,
    RECIPES_OF_MTLAT,
    VIEWS_AT_NARROWER,
    WIDER_RADII,
)
from bench.report.studies.papers.mtlat import CORRUPTIONS, CRAFTER
from bench.report.studies.papers.papers_claims import CLAIMS, LONGER, RADII
from bench.report.studies.setup import StudyRun
from bench.report.studies.study import STUDIES, Item, Study


def findings(rows: pd.DataFrame, eps: float) -> list[Finding]:
    """Check every claim.

    rows: of one data set, architecture and budget; recipes trained twice as long have a + behind their names.
    eps: the radius of the section, in [0, 1] pixel units.
    """
    read = Reader(rows, eps)
    return [Finding(claim, list(comparisons(read))) for claim, comparisons in CLAIMS.items()]


TRAINED = (
    "Standard", "PGD-AT", "PGD-AT.avmixup", "PGD-AT.m2at", "PGD-AT.7x2", "PGD-AT.robmask", "PGD-AT-LS0.8",
    "PGD-AT-LS0.9", "FGSM", "LL", "R-FGSM", "R-LL", "R-MC", "R-MC-LA", "AVmixup", "M2AT", "FS", "FS-AVmixup", "BN-std",
    "TLAT", "TFGSM-AT", "FGSM-AT", "R-MC-LS", "PGD-AT.7x2-LA", "PGD-AT.2x8",
    "R-MC-LA.sup",
)  # fmt: skip

STUDIES.add(
    "claims",
    Study(
        "qualitative claims of the five papers, each held or not",
        (
            Item(
                "claims",
                f"{len(CLAIMS)} claims about directions",
                (
                    StudyRun(TRAINED, ("FGSM.last", "PGD-7.last", "PGD-20.last", "CW-20.last")),
                    StudyRun(("LS-adv", "M-TLAT", "AdvProp", "RobMask")),
                    StudyRun(("R-FGSM", "R-LL", "R-MC"), ("R-FGSM.last", "MC.last", "LL.last")),
                    StudyRun(tuple(RADII.values()), ("PGD-100.last",)),
                    StudyRun(LONGER, ("PGD-20.last",), longer=True),
                    StudyRun(("Standard", "PGD-AT.avmixup", "AVmixup"), ("PGD-20.last",), transfer=True),
                    *(StudyRun(RECIPES_AT_WIDER, ("FGSM.last", "PGD-10.last"), 8.0 * factor) for factor in WIDER_RADII),
                    StudyRun(ABLATIONS, ("FGSM.last", "PGD-20.last")),
                    StudyRun((*OF_TRADES, "BN-adv"), ("PGD-20.last",)),
                    StudyRun((*CRAFTERS, "M2AT"), ("PGD-20.last",), transfer=True),
                    StudyRun(("AdvProp.rand", "AdvProp.2aux", "Mixup")),
                    *(StudyRun(tuple(VIEWS_AT_NARROWER), ("PGD-20.last",), 8.0 * factor) for factor in NARROWER_RADII),
                    StudyRun(
                        RECIPES_OF_MTLAT, ("PGD-10.last", "PGD-LL.last", "CW-L2[steps=40,kappa=50]"), 8.0 * MTLAT_NEAR
                    ),
                    *(
                        StudyRun(RECIPES_OF_MTLAT, ("MI-FGSM.last",), 8.0 * f, transfer=True, crafter=CRAFTER)
                        for f in (MTLAT_NEAR, MTLAT_FAR)
                    ),
                    StudyRun(("Standard", "M-TLAT"), corruptions=CORRUPTIONS),
                    StudyRun(("Standard", "PGD-AT.7x2"), diagnostics=("gradient",)),
                ),
            ),
        ),
        findings,
    ),
)
