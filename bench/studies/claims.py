"""Do the qualitative claims of the five papers hold here? Each is a few comparisons of measured numbers.

The claims are about directions, so they can be asked of small models and few images. Accuracies under attack are those
of the last iterate, as the papers print them. What does not hold is a finding.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import pandas as pd

from bench.studies.items import STUDIES, Item, Part, Study
from bench.studies.measured import ALIKE, Comparison, Measured, above, alike, few, mark, no_more, reader, times, verdict

MUCH = 10.0  # how many times larger a gradient norm "much larger" is


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
        found = list(comparisons(reader(rows)))
        lines.append(f"{number}. **{verdict(found)}.** {claim}.")
        lines += [f"    - {mark(comparison)}: {comparison.text}" for comparison in found]
    return "\n".join(lines) + "\n"


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
