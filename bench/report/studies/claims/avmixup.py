"""Claims of AVmixup, each a sentence and below it the comparisons that bear it out, and the runs that they need."""

from collections.abc import Iterator

from bench.report.studies.claims.checks import NumberComparison, has_smaller_gap, is_greater
from bench.report.studies.claims.claim import Claim, claim
from bench.report.studies.claims.reader import Reader
from bench.report.studies.setup import StudyRun

RUNS = (StudyRun(("Standard", "PGD-AT.avmixup", "AVmixup"), ("PGD-20.last",), transfer=True),)
CLAIMS: dict[str, Claim] = {}  # by sentence


@claim(CLAIMS, "AVmixup: clean and PGD-20 accuracy above PGD-AT's")
def vertices(m: Reader) -> Iterator[NumberComparison]:
    yield is_greater(m("AVmixup"), m("PGD-AT.avmixup"))
    yield is_greater(m("AVmixup", "PGD-20.last"), m("PGD-AT.avmixup", "PGD-20.last"))


@claim(CLAIMS, "AVmixup: smoothed labels raise accuracy, clean and under every attack")
def label_smoothing(m: Reader) -> Iterator[NumberComparison]:
    for trained in ("PGD-AT-LS0.8", "PGD-AT-LS0.9"):
        for attack in ("", "FGSM.last", "PGD-20.last", "CW-20.last"):
            yield is_greater(m(trained, attack), m("PGD-AT", attack))


@claim(CLAIMS, "AVmixup: with feature scattering above feature scattering alone")
def feature_scattering(m: Reader) -> Iterator[NumberComparison]:
    for attack in ("", "PGD-20.last", "CW-20.last"):
        yield is_greater(m("FS-AVmixup", attack), m("FS", attack))


@claim(CLAIMS, "AVmixup: images made on other models fool it less than its own")
def images_of_others(m: Reader) -> Iterator[NumberComparison]:
    for source in ("Standard", "PGD-AT.avmixup"):
        yield is_greater(m("AVmixup", "PGD-20.last", source=source), m("AVmixup", "PGD-20.last"))


@claim(CLAIMS, "AVmixup: less gain over PGD-AT under CW-20 than under PGD-20")
def gain_by_loss(m: Reader) -> Iterator[NumberComparison]:
    margin, entropy = ([m(r, f"{a}-20.last") for r in ("AVmixup", "PGD-AT.avmixup")] for a in ("CW", "PGD"))
    yield has_smaller_gap(*margin, *entropy)


@claim(CLAIMS, "AVmixup: in the code of TRADES above TRADES, clean and under PGD-20")
def vertices_in_code_of_trades(m: Reader) -> Iterator[NumberComparison]:
    for other in ("TRADES-1", "TRADES-6"):
        for attack in ("", "PGD-20.last"):
            yield is_greater(m("AVmixup.trades", attack), m(other, attack))


@claim(CLAIMS, "AVmixup: above PGD-AT on images made on a standard model")
def black_box(m: Reader) -> Iterator[NumberComparison]:
    one, other = (m(trained, "PGD-20.last", source="Standard") for trained in ("AVmixup", "PGD-AT.avmixup"))
    yield is_greater(one, other)
