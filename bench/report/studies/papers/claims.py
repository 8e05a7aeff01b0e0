"""The study `claims`: checks of qualitative claims of the five papers.

The claims are about directions, so they can be checked on small models and few images. Accuracies under attack are of
the last iterate, as in the papers.
"""

import pandas as pd

from bench.report.studies.claims import avmixup, bat, m2at, mtlat, robmask
from bench.report.studies.claims.checks import Finding
from bench.report.studies.claims.reader import Reader
from bench.report.studies.setup import StudyRun
from bench.report.studies.study import STUDIES, Item, Study

PAPERS = (bat, avmixup, m2at, robmask, mtlat)
CLAIMS = {sentence: claim for paper in PAPERS for sentence, claim in paper.CLAIMS.items()}


def findings(rows: pd.DataFrame, eps: float) -> list[Finding]:
    """Check every claim.

    rows: of one data set, architecture and budget; recipes trained twice as long have a + behind their names.
    eps: the radius of the section, in [0, 1] pixel units.
    """
    read = Reader(rows, eps)
    return [Finding(claim, list(comparisons(read))) for claim, comparisons in CLAIMS.items()]


TRAINED = (  # what the claims of several papers compare
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
                    *(run for paper in PAPERS for run in paper.RUNS),
                ),
            ),
        ),
        findings,
    ),
)
