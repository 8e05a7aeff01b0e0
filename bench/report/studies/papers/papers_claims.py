"""What the five papers claim, each as comparisons of measured numbers.

The claims are about directions, so they can be asked of small models and few images. Accuracies under attack are those
of the last iterate, as the papers print them. What does not hold is a finding.
"""

from collections.abc import Callable, Iterator

from bench.report.studies.claim_checks import ALIKE, Comparison, Reader, above, alike, few, times
from bench.report.studies.papers.later_claims import LATER

MUCH = 10.0  # how many times larger a gradient norm "much larger" is
RADII = {eps: f"R-MC-LA.eps{eps}" for eps in (1, 2, 4, 12)} | {8: "R-MC-LA"}  # of BAT's trainings, in 1/255
LONGER = ("R-MC-LA", "R-MC-LS", "PGD-AT.7x2-LA")  # whose longer training is a + in BAT's tables


def label_leaking(m: Reader) -> Iterator[Comparison]:
    for trained in ("FGSM", "LL"):
        yield above(m(trained, "FGSM.last"), m(trained))
        yield few(m(trained, "PGD-7.last"))
    for trained in ("FGSM", "LL"):
        yield above(m(f"R-{trained}"), m(f"R-{trained}", "FGSM.last"))
        yield above(m(f"R-{trained}", "PGD-7.last"), m(trained, "PGD-7.last"))


def strength_of_one_step(m: Reader) -> Iterator[Comparison]:
    for trained in ("R-FGSM", "R-LL", "R-MC"):
        yield alike(m(trained, "MC.last"), m(trained, "FGSM.last"))
        yield above(m(trained, "LL.last"), m(trained, "FGSM.last"), by=ALIKE)


def gradients(m: Reader) -> Iterator[Comparison]:
    yield times(m("Standard", gradient="all"), m("PGD-AT.7x2", gradient="all"), MUCH)
    for trained in ("Standard", "PGD-AT.7x2"):
        yield times(m(trained, gradient="wrong"), m(trained, gradient="right"), 1)


def label_adversary(m: Reader) -> Iterator[Comparison]:
    yield above(m("R-MC-LA", "PGD-20.last"), m("R-MC-LA", "CW-20.last"))
    yield alike(m("PGD-AT.7x2", "CW-20.last"), m("PGD-AT.7x2", "PGD-20.last"))


def radius_of_training(m: Reader) -> Iterator[Comparison]:
    for eps, other in RADII.items():
        if eps != 4:
            yield above(m(RADII[4], "PGD-100.last"), m(other, "PGD-100.last"))


def longer_training(m: Reader) -> Iterator[Comparison]:
    for trained in LONGER:
        yield above(m(f"{trained}+", "PGD-20.last"), m(trained, "PGD-20.last"))


def vertices(m: Reader) -> Iterator[Comparison]:
    yield above(m("AVmixup"), m("PGD-AT.avmixup"))
    yield above(m("AVmixup", "PGD-20.last"), m("PGD-AT.avmixup", "PGD-20.last"))


def smoothing(m: Reader) -> Iterator[Comparison]:
    for trained in ("PGD-AT-LS0.8", "PGD-AT-LS0.9"):
        for attack in ("", "FGSM.last", "PGD-20.last", "CW-20.last"):
            yield above(m(trained, attack), m("PGD-AT", attack))


def scattering(m: Reader) -> Iterator[Comparison]:
    for attack in ("", "PGD-20.last", "CW-20.last"):
        yield above(m("FS-AVmixup", attack), m("FS", attack))


def images_of_others(m: Reader) -> Iterator[Comparison]:
    for source in ("Standard", "PGD-AT.avmixup"):
        yield above(m("AVmixup", "PGD-20.last", source=source), m("AVmixup", "PGD-20.last"))


CLAIMS: dict[str, Callable[[Reader], Iterator[Comparison]]] = {
    "BAT: one-step training without a random start leaks labels (FGSM above clean, PGD-7 near 0); the start cures it": (
        label_leaking
    ),
    "BAT: the one-step attack MC is about as strong as FGSM, LL much weaker": strength_of_one_step,
    "BAT: squared gradients are much larger without adversarial training, and larger on wrong images": gradients,
    "BAT: CW-20 below PGD-20 with label adversaries, about equal without": label_adversary,
    "BAT: of trainings at radii from 1 to 12 of 255, that at 4 is the most robust at 8": radius_of_training,
    "BAT: longer training is more robust": longer_training,
    "AVmixup: clean and PGD-20 accuracy above PGD-AT's": vertices,
    "AVmixup: smoothed labels raise accuracy, clean and under every attack": smoothing,
    "AVmixup: with feature scattering above feature scattering alone": scattering,
    "AVmixup: images made on other models fool it less than its own": images_of_others,
} | LATER
