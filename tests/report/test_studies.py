"""Studies: a grid carried out by one command, and claims that are read off its rows alone."""

import math
import re
from itertools import product

import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from result_files import measure
from small import images, net

import methods  # noqa: F401
from bench import RECIPES
from bench.attacks.parse import parse_attack
from bench.cli import cli
from bench.commands.study_requests import add_seeds
from bench.core.errors import BadInput
from bench.core.registry import Registry
from bench.data.images import Images
from bench.evaluation.conditions.diagnostic import Diagnosed
from bench.evaluation.diagnostics import DIAGNOSTICS, gradient
from bench.evaluation.evaluator import outcomes
from bench.evaluation.row import value_of
from bench.report.studies.claims.bat import LONGER
from bench.report.studies.claims.checks import Finding, verdict
from bench.report.studies.claims.m2at import ABLATIONS, CRAFTERS, OF_TRADES, RECIPES_AT_WIDER, WIDER_RADII
from bench.report.studies.claims.mtlat import MTLAT_FAR, MTLAT_NEAR, RECIPES_OF_MTLAT
from bench.report.studies.claims.page import list_findings
from bench.report.studies.claims.robmask import NARROWER_RADII, VIEWS_AT_NARROWER
from bench.report.studies.page import StudyPage, started_studies
from bench.report.studies.papers import claims
from bench.report.studies.papers.claims import CLAIMS
from bench.report.studies.scales import resolve_step
from bench.report.studies.setup import StudyRun
from bench.report.studies.study import STUDIES, Item, Study

ANY = ("", "FGSM.last", "PGD-7.last", "PGD-20.last", "CW-20.last", "MC.last", "LL.last", "PGD-100.last")
VIEWS = ("main", "p0.8", "p0.6", "p0.4", "p0.2", "adv", "aux1")
BLACK_BOX = "MI-FGSM.last of resnet8/Standard"


@pytest.fixture(params=STUDIES)
def study(request):
    return STUDIES[request.param]


def test_every_name_in_a_study_is_registered(study):
    for part in study.parts:
        assert set(part.methods) <= set(RECIPES)
        assert set(part.diagnostics) <= set(DIAGNOSTICS)
        for attack in part.attacks:
            parse_attack(resolve_step(attack, part.eps, 0.2))


# claims


EPS = 0.1
COMMON = {"epoch": "last", "status": "ok", "source": "", "seed": 0, "view": "main", "metric": "accuracy"}
COMMON |= {"model": "cnn", "params": ""}


def told(rows):
    """The lines of the claims page."""
    return list_findings(claims.findings(rows, EPS))


def made(changes: dict[tuple[str, str, str], float] | None = None, n: int = 1000) -> pd.DataFrame:
    """Rows of everything the claims read, all alike but for the changes: (recipe, attack, view) -> value.

    An attack at a multiple of the radius has that behind its name, as `FGSM.last x2`; on images made on another model
    its recipe, as `PGD-20.last of Standard`, and before it its network, if it is another one. A corruption has the
    name of one, a longer training a + behind its recipe.
    """
    changes = changes or {}
    asked = set(product(sorted(STUDIES["claims"].methods), ANY, VIEWS))
    asked |= {(f"{recipe}+", "PGD-20.last", "main") for recipe in LONGER}
    asked |= {("AVmixup", f"PGD-20.last of {source}", "main") for source in ("Standard", "PGD-AT.avmixup")}
    asked |= {("PGD-AT.avmixup", "PGD-20.last of Standard", "main")}
    asked |= {(recipe, "R-FGSM.last", "main") for recipe in ("R-FGSM", "R-LL", "R-MC")}
    asked |= {
        (r, f"{a} x{f:g}", "main") for r, a, f in product(RECIPES_AT_WIDER, ("FGSM.last", "PGD-10.last"), WIDER_RADII)
    }
    asked |= {(r, f"PGD-20.last of {source}", "main") for r, source in product(("M2AT", *CRAFTERS), CRAFTERS)}
    asked |= {(r, f"PGD-20.last x{f:g}", view) for (r, view), f in product(VIEWS_AT_NARROWER.items(), NARROWER_RADII)}
    asked |= {(r, f"{a} x{MTLAT_NEAR:g}", "main") for r, a in product(RECIPES_OF_MTLAT, ("PGD-10.last", "PGD-LL.last"))}
    asked |= {(r, f"{BLACK_BOX} x{f:g}", "main") for r, f in product(RECIPES_OF_MTLAT, (MTLAT_NEAR, MTLAT_FAR))}
    asked |= {(r, "CW-L2", "main") for r in RECIPES_OF_MTLAT}
    rows = [one(*place, changes.get(place, 0.5), n) for place in sorted(asked)]
    for recipe, corruption, severity in product(("Standard", "M-TLAT"), ("fog", "snow"), range(1, 6)):
        value = changes.get((recipe, corruption, "main"), 0.25)
        cell = {"recipe": recipe, "name": corruption, "value": value, "severity": severity, "n": n}
        rows.append(COMMON | cell | {"kind": "corruption"})
    norms = [("Standard", 1.0, 20.0, 0.5), ("PGD-AT.7x2", 0.01, 0.2, 0.005)]
    for recipe, *numbers in norms:
        for group, value in zip(("all", "wrong", "right"), numbers, strict=True):
            cell = {"recipe": recipe, "name": "gradient", "metric": f"mean {group}", "value": value, "n": n}
            rows.append(COMMON | cell | {"kind": "diagnostic"})
    return pd.DataFrame(rows)


def one(recipe: str, attack: str, view: str, value: float, n: int) -> dict[str, object]:
    attack, _, factor = attack.partition(" x")
    attack, _, source = attack.partition(" of ")
    place = f"digits/{source if '/' in source else f'cnn/{source}'}/s0-aaaa" if source else ""
    radius = math.inf if attack == "CW-L2" else EPS * float(factor or 1)
    cell = {"recipe": recipe, "name": attack, "view": view, "value": value, "n": n, "source": place}
    return COMMON | cell | {"kind": "attack" if attack else "clean", "eps": radius if attack else None}


def verdicts(rows: pd.DataFrame) -> dict[str, str]:
    """The verdict of each claim."""
    found = re.findall(r"^\d+\. \*\*(.*?)\.\*\* (.*)\.$", told(rows), re.M)
    return {claim: verdict for verdict, claim in found}


def verdict_on(beginning: str, changes: dict[tuple[str, str, str], float] | None = None, n: int = 1000) -> str:
    (found,) = [word for claim, word in verdicts(made(changes, n)).items() if claim.startswith(beginning)]
    return found


TLAT = "M-TLAT: TLAT keeps"
KEEPS_CLEAN = {("TLAT", "", "main"): 0.9, ("TFGSM-AT", "", "main"): 0.8}


def test_equal_numbers_hold_no_claim_that_is_about_a_difference():
    words = verdicts(made())
    assert {claim for claim, word in words.items() if word == "held"} == {
        "BAT: squared gradients are much larger without adversarial training, and on wrong images",
        "BAT: training on two steps of 8/255 is about as robust as on seven of 2/255",
    }
    assert words.pop(next(iter(words))) == "not held"  # it is about numbers near 0, too
    assert set(words.values()) == {"held", "not held, within chance"}


def test_chance_of_a_score_is_that_of_the_images_that_are_right_when_clean():
    """Of 1,000 images 500 are right when clean, and of those the score is the share that stay right.

    Two scores near 0.55 are apart by more than chance from 0.062, as sqrt(2) * 1.96 * sqrt(0.55 * 0.45 / 500) = 0.062.
    All severities show the same images, which count once.
    """
    claim, better = "M-TLAT: more robust than standard training under every", {("M-TLAT", "snow", "main"): 0.3}
    assert verdict_on(claim, better | {("Standard", "fog", "main"): 0.28}) == "not held, within chance"
    assert verdict_on(claim, better | {("Standard", "fog", "main"): 0.285}) == "not held"
    assert verdict_on(claim, better | {("M-TLAT", "fog", "main"): 0.28}) == "held, in part within chance"
    none_stays = dict.fromkeys((("M-TLAT", "fog", "main"), ("Standard", "fog", "main")), 0.0)
    assert verdict_on(claim, better | none_stays) == "not held, within chance"


def test_chance_of_a_score_under_an_attack_is_that_of_the_images_that_are_right_when_clean():
    attack = f"PGD-10.last x{MTLAT_NEAR:g}"
    claim, base = "M-TLAT: more robust than standard training and IAT", {("M-TLAT", attack, "main"): 0.3}
    better = {(r, a, "main"): 0.45 for r in ("M-TLAT", "TLAT") for a in (f"PGD-LL.last x{MTLAT_NEAR:g}", "CW-L2")}
    better |= {(r, f"{BLACK_BOX} x{f:g}", "main"): 0.45 for r in ("M-TLAT", "TLAT") for f in (MTLAT_NEAR, MTLAT_FAR)}
    others = {(r, a, "main"): 0.3 for r in ("Standard", "IAT") for _, a, _ in better}
    for other, word in ((0.325, "not held, within chance"), (0.335, "not held")):
        changes = better | others | base | {("TLAT", attack, "main"): 0.45} | {("IAT", attack, "main"): other}
        assert verdict_on(claim, changes | {("Standard", attack, "main"): 0.25}) == word


def test_a_claim_holds_where_all_its_comparisons_do():
    assert verdict_on(TLAT, KEEPS_CLEAN) == "held"
    assert verdict_on(TLAT, KEEPS_CLEAN | {("FGSM-AT", "", "main"): 0.95}) == "not held"
    assert verdict_on(TLAT, {("TLAT", "", "main"): 0.7}, n=10) == "held, in part within chance"
    assert verdict_on(TLAT, KEEPS_CLEAN | {("LS-adv", "", "main"): 0.91}) == "not held, within chance"
    way = [("PGD-AT.robmask", "main"), *(("BN-std", f"p{p}") for p in (0.8, 0.6, 0.4, 0.2)), ("BN-std", "main")]
    changes = {(r, "", view): 0.5 + i / 20 for i, (r, view) in enumerate(way)}
    changes |= {(r, "PGD-20.last", view): 0.5 - i / 10 for i, (r, view) in enumerate(way)}
    assert verdict_on("RobMask: from", changes) == "held"
    assert verdict_on("RobMask: from", changes | {("BN-std", "", "p0.4"): 0.1}) == "not held"


PAPERS_CLAIM = {  # the beginning of a claim: what makes it hold, and one number that then makes it fail
    "AVmixup: clean and": (
        {("AVmixup", "", "main"): 0.9, ("AVmixup", "PGD-20.last", "main"): 0.9},
        {("PGD-AT.avmixup", "PGD-20.last", "main"): 0.95},
    ),
    "AVmixup: smoothed": (
        {
            (recipe, attack, "main"): 0.7
            for recipe in ("PGD-AT-LS0.8", "PGD-AT-LS0.9")
            for attack in ("", "FGSM.last", "PGD-20.last", "CW-20.last")
        },
        {("PGD-AT", "", "main"): 0.8},
    ),
    "AVmixup: with feature": (
        {("FS-AVmixup", a, "main"): 0.7 for a in ("", "PGD-20.last", "CW-20.last")},
        {("FS", "CW-20.last", "main"): 0.8},
    ),
    "AVmixup: images made": (
        {("AVmixup", f"PGD-20.last of {source}", "main"): 0.7 for source in ("Standard", "PGD-AT.avmixup")},
        {("AVmixup", "PGD-20.last", "main"): 0.8},
    ),
    "M2AT: FGSM": (
        {("M2AT", a, "main"): 0.7 for a in ("FGSM.last", "PGD-20.last", "CW-20.last")},
        {("M2AT", "", "main"): 0.3},
    ),
    "M2AT: hardly": (
        {(r, "FGSM.last", "main"): 0.7 for r in ("PGD-AT.m2at", "AVmixup")},
        {("M2AT", "PGD-20.last", "main"): 0.2},
    ),
    "M2AT: above PGD-AT and": (
        {("M2AT", f"{a} x{f:g}", "main"): 0.7 for a in ("FGSM.last", "PGD-10.last") for f in WIDER_RADII},
        {("AVmixup", "FGSM.last x4", "main"): 0.8},
    ),
    "M2AT: above BAT": (
        {("M2AT", a, "main"): 0.7 for a in ("", "FGSM.last", "PGD-20.last")},
        {("R-MC-LA", "", "main"): 0.8},
    ),
    "M2AT: in the code": (
        {("M2AT.trades", "PGD-20.last", "main"): 0.7, ("AVmixup.trades", "", "main"): 0.6},
        {(OF_TRADES[1], "PGD-20.last", "main"): 0.8},
    ),
    "M2AT: masks": (
        {("M2AT", a, "main"): 0.7 for a in ("FGSM.last", "PGD-20.last")},
        {(ABLATIONS[-1], "FGSM.last", "main"): 0.8},
    ),
    "M2AT: above PGD-AT, with": (
        {("M2AT", f"PGD-20.last of {source}", "main"): 0.7 for source in CRAFTERS},
        {("AVmixup", "PGD-20.last of PGD-AT-LS", "main"): 0.8},
    ),
    "RobMask: batch norms": (
        {("BN-adv", "PGD-20.last", "main"): 0.7, ("BN-std", "", "main"): 0.7},
        {("Standard", "PGD-20.last", "main"): 0.8},
    ),
    "RobMask: its": (
        {("RobMask", a, "adv"): 0.7 for a in ("", *(f"PGD-20.last x{f:g}" for f in NARROWER_RADII))},
        {("AdvProp", "PGD-20.last x0.5", "aux1"): 0.8},
    ),
    "M-TLAT: more robust than standard training and": (
        {
            (recipe, attack, "main"): 0.6
            for recipe, attack in product(
                ("TLAT", "M-TLAT"),
                (
                    f"PGD-10.last x{MTLAT_NEAR:g}",
                    f"PGD-LL.last x{MTLAT_NEAR:g}",
                    "CW-L2",
                    *(f"{BLACK_BOX} x{f:g}" for f in (MTLAT_NEAR, MTLAT_FAR)),
                ),
            )
        },
        {("IAT", f"{BLACK_BOX} x{MTLAT_FAR:g}", "main"): 0.7},
    ),
    "M-TLAT: Mixup": (
        {("Mixup", "", "main"): 0.6, ("TLAT", "", "main"): 0.4, ("IAT", "", "main"): 0.4},
        {("TLAT", "", "main"): 0.6},
    ),
    "RobMask: clean": ({("RobMask", "", "main"): 0.7}, {("AdvProp.2aux", "", "main"): 0.8}),
    "M-TLAT: more robust than standard training under": (
        {("M-TLAT", c, "main"): 0.4 for c in ("fog", "snow")} | {("M-TLAT", "", "main"): 0.6},
        {("M-TLAT", "snow", "main"): 0.2},
    ),
    "BAT: of trainings": (
        {("R-MC-LA.eps4", "PGD-100.last", "main"): 0.7},
        {("R-MC-LA.eps1", "PGD-100.last", "main"): 0.8},
    ),
    "BAT: training on two": ({}, {("PGD-AT.2x8", "PGD-20.last", "main"): 0.4}),
    "BAT: a random": (
        {(recipe, "R-FGSM.last", "main"): 0.7 for recipe in ("R-FGSM", "R-LL", "R-MC")},
        {("R-LL", "FGSM.last", "main"): 0.8},
    ),
    "BAT: among": (
        {("R-MC", a, "main"): 0.7 for a in ("FGSM.last", "PGD-7.last")}
        | {("R-LL", a, "main"): 0.3 for a in ("FGSM.last", "PGD-7.last")},
        {("R-LL", "PGD-7.last", "main"): 0.6},
    ),
    "BAT: smoothed": (
        {
            ("R-MC-LS", "PGD-20.last", "main"): 0.7,
            ("R-MC-LA", "PGD-20.last", "main"): 0.8,
            ("PGD-AT.7x2-LA", "PGD-20.last", "main"): 0.6,
        },
        {("PGD-AT.7x2-LA", "PGD-20.last", "main"): 0.9},
    ),
    "BAT: adversarial labels": (
        {("R-MC-LA", "PGD-20.last", "main"): 0.7},
        {("R-MC-LA.sup", "PGD-20.last", "main"): 0.8},
    ),
    "AVmixup: less": (
        {("AVmixup", "CW-20.last", "main"): 0.6, ("AVmixup", "PGD-20.last", "main"): 0.8},
        {("AVmixup", "PGD-20.last", "main"): 0.5},
    ),
    "AVmixup: in": (
        {("AVmixup.trades", a, "main"): 0.7 for a in ("", "PGD-20.last")},
        {("TRADES-1", "", "main"): 0.8},
    ),
    "AVmixup: above": (
        {("AVmixup", "PGD-20.last of Standard", "main"): 0.7},
        {("PGD-AT.avmixup", "PGD-20.last of Standard", "main"): 0.8},
    ),
    "BAT: longer": (
        {(f"{r}+", "PGD-20.last", "main"): 0.7 for r in LONGER},
        {("R-MC-LS", "PGD-20.last", "main"): 0.8},
    ),
}


@pytest.mark.parametrize("claim", PAPERS_CLAIM)
def test_claims_are_those_of_the_papers(claim):
    held, broken = PAPERS_CLAIM[claim]
    assert verdict_on(claim, held) == "held"
    assert verdict_on(claim, held | broken).startswith("not held")


def test_every_paper_claims_something_and_none_speaks_of_autoattack():
    assert {claim.partition(":")[0] for claim in CLAIMS} == {"BAT", "AVmixup", "M2AT", "RobMask", "M-TLAT"}
    assert "AutoAttack" not in told(made())


def test_what_was_not_measured_is_said_and_never_held():
    rows = made({("TLAT", "", "main"): 0.9, ("TFGSM-AT", "", "main"): math.nan})
    (word,) = [word for claim, word in verdicts(rows).items() if claim.startswith(TLAT)]
    assert word == "not measured"
    assert "not measured: TLAT clean 90.0 > TFGSM-AT clean not measured" in told(rows)
    assert set(verdicts(made().head(0)).values()) == {"not measured"}


def test_numbers_of_two_settings_are_not_mixed():
    rows = made(KEEPS_CLEAN)
    twice = pd.concat([rows, rows[rows["recipe"] == "TLAT"].assign(params="other", value=0.1)])
    (word,) = [word for claim, word in verdicts(twice).items() if claim.startswith(TLAT)]
    assert word == "not measured"


def test_a_longer_training_stands_in_the_section_of_the_shorter_one(tmp_path):
    for epochs, bits in ((2, "1100"), (4, "1110")):
        where = {"budget": f"quick, {epochs} epochs, 9 training images", "run": f"digits/cnn/R-MC-LA/s0-{epochs:08}"}
        measure(tmp_path, "PGD-20.last", bits, recipe="R-MC-LA", eps=0.2, **where)
    text = StudyPage("claims").text(tmp_path)
    assert len(re.findall("^## ", text, re.M)) == 1
    assert "R-MC-LA+ under PGD-20.last 75.0 > R-MC-LA under PGD-20.last 50.0" in text


def test_radii_beyond_the_training_are_no_section(tmp_path):
    for eps, bits in ((0.2, "1110"), (0.4, "1100")):
        for recipe in ("M2AT", "PGD-AT.m2at"):
            measure(tmp_path, "FGSM.last", bits, recipe=recipe, eps=eps)
    text = StudyPage("claims").text(tmp_path)
    assert len(re.findall("^## ", text, re.M)) == 1
    assert "M2AT under FGSM.last at 2 eps 50.0 > PGD-AT.m2at under FGSM.last at 2 eps 50.0" in text
    assert "M2AT under FGSM.last at 2 eps 50.0 > AVmixup under FGSM.last at 2 eps not measured" in text


def test_of_a_claim_without_a_measured_comparison_only_the_verdict_is_printed(tmp_path):
    for recipe in ("FS", "FS-AVmixup"):
        measure(tmp_path, "CW-20.last", "1110", recipe=recipe)
    text = StudyPage("claims").text(tmp_path)
    shown = re.findall(r"^    - (?!not measured)(.*)$", text, re.M)
    assert shown == ["no (within chance): FS-AVmixup under CW-20.last 75.0 > FS under CW-20.last 75.0"]
    assert len(re.findall(r"^    - not measured", text, re.M)) == 2, "the two others of this claim"
    total = len(STUDIES["claims"].findings(made(), EPS))
    assert f"1 not held, within chance; {total - 1} not measured." in text


def test_radii_of_other_claims_and_attacks_without_a_bound_are_no_section(tmp_path):
    for recipe, eps in (("PGD-AT", 0.2), ("RobMask", 0.1), *product(("M-TLAT", "Standard"), [0.2 * MTLAT_NEAR])):
        measure(tmp_path, "", "1111", recipe=recipe)
        measure(tmp_path, "PGD-10.last", "1110", recipe=recipe, eps=eps)
    source = {"source": "digits/resnet8/Standard/s0-aaaa", "eps": 0.2 * MTLAT_NEAR}
    for recipe in ("M-TLAT", "Standard"):
        measure(tmp_path, "CW-L2", "1100", recipe=recipe, norm="L2", eps=math.inf)
        measure(tmp_path, "MI-FGSM.last", "1000", recipe=recipe, **source)
    text = StudyPage("claims").text(tmp_path)
    assert re.findall("^## .*, Linf (.*?),", text, re.M) == ["0.2"]
    assert "M-TLAT score under PGD-10.last at 1.275 eps 0.75 > Standard" in text
    assert "M-TLAT score under CW-L2 0.5 > Standard" in text
    assert "M-TLAT score under MI-FGSM.last at 1.275 eps of Standard on another network 0.25 > Standard" in text


def test_every_radius_has_a_section_of_its_own(tmp_path):
    for eps, value in ((0.1, "1111000000"), (0.3, "1000000000")):
        for recipe in ("PGD-AT", "PGD-AT-LS0.8"):
            measure(tmp_path, "PGD-20.last", value, recipe=recipe, eps=eps)
    text = StudyPage("claims").text(tmp_path)
    assert "Linf 0.1, " in text
    assert "Linf 0.3, " in text
    assert "PGD-AT under PGD-20.last 40.0" in text
    assert "PGD-AT under PGD-20.last 10.0" in text


def test_a_failed_comparison_decides_even_where_another_is_missing():
    assert verdict_on(TLAT, {("TLAT", "", "main"): 0.1, ("FGSM-AT", "", "main"): math.nan}) == "not held"


@pytest.mark.parametrize(("n", "word"), [(1000, "yes: TLAT"), (10, r"yes (within chance): TLAT")])
def test_differences_that_chance_makes_are_marked(n, word):
    assert word in told(made({("TLAT", "", "main"): 0.7}, n))


def test_no_claim_is_empty():
    assert verdict([]) == "held"  # so that it would not be noticed below
    lines = told(made()).splitlines()
    heads = [i for i, line in enumerate(lines) if not line.startswith(" ")]
    assert len(heads) == len(CLAIMS)
    assert all(lines[i + 1].startswith("    - ") for i in heads)


# diagnostics


def test_squared_gradients_of_a_softmax_of_a_linear_model():
    """g = |W'(p - e_y)|^2 in [0, 1] coordinates, a quarter of it in [-1, 1]."""
    x, y = images(), torch.arange(5)
    weight = torch.randn(5, 3 * 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 64, 5, bias=False)).double()
    model[1].weight.data = weight
    p = model(x).softmax(1).detach()
    want = ((p - torch.eye(5)[y]) @ weight).square().sum(1) / 4
    assert torch.allclose(gradient(model, x, y), want)


def test_statistics_are_those_of_their_group():
    model, x = net().eval(), images().repeat(4, 1, 1, 1)
    y = model(x).argmax(1)
    y[:3] = (y[:3] + 1) % 10  # wrong
    values = gradient(model, x, y)
    for statistic, group in product(("min", "mean", "max"), ("all", "right", "wrong")):
        condition = Diagnosed("gradient", statistic, group)
        outcome = outcomes(model, Images(x, y), condition, batch_size=7)
        chosen = {"all": values, "right": values[3:], "wrong": values[:3]}[group]
        value, low, high, n = value_of(condition, outcome, len(x))
        assert value == pytest.approx(getattr(chosen, statistic)().item(), rel=1e-12)
        assert (n, low, high) == (len(chosen), None, None)
    nothing = outcomes(model, Images(x[3:], y[3:]), Diagnosed("gradient", "mean", "wrong"))
    assert value_of(Diagnosed("gradient", "mean", "wrong"), nothing, 17) == (None, None, None, 0)


# the command


def test_seeds_that_are_too_few_for_a_part_stay_among_those_that_it_takes():
    assert add_seeds((0,), 1) == (0,)
    assert add_seeds((0,), 3) == (0, 1, 2)
    assert add_seeds((5, 1), 4) == (5, 1, 0, 2)
    assert add_seeds((7, 8, 9), 2) == (7, 8, 9)


@pytest.fixture
def tiny(monkeypatch):
    """A study that trains two recipes and diagnoses one."""
    parts = (
        StudyRun(("Standard", "TLAT"), ("PGD-5",)),
        StudyRun(("Standard",), diagnostics=("gradient",)),
    )
    registry = Registry("study")
    item = Item("counts", "how many rows", parts)
    registry.add("tiny", Study("two recipes", (item,), lambda rows, eps: [Finding(f"{len(rows)} rows", [])]))
    commands = ("bench.commands.run_study", "bench.commands.study_requests")
    for module in (*commands, "bench.report.studies.page", "bench.report.site.papers.page"):
        monkeypatch.setattr(f"{module}.STUDIES", registry)


@pytest.mark.parametrize(("option", "value"), [("--set", "lr=1"), ("--dataset", "nowhere"), ("--limit", "1000000")])
def test_a_dry_run_of_which_nothing_can_be_priced_is_refused(tiny, bench, option, value):
    code, out, err = bench("run", "--study", "tiny", "--dry-run", option, value)
    assert (code, out.count("cannot be priced"), err.count("\n")) == (2, 1, 1)
    assert value in err


@pytest.mark.slow
def test_one_command_carries_a_study_out_and_the_report_repeats_its_page(tiny, tmp_path):
    places = ["--results", str(tmp_path / "results"), "--reports", str(tmp_path / "reports")]
    asked = ["run", "--study", "tiny", "--limit-train", "100", "--epochs", "1", "--limit", "30", "--workers", "1"]

    def call(*arguments: str) -> str:
        found = CliRunner().invoke(cli, [*arguments, *places], standalone_mode=False)
        assert found.exception is None
        return found.output

    assert "2 trainings, 14 of 14 cells to do" in call(*asked, "--dry-run")
    first = call(*asked)
    title = "## digits, cnn, Linf 0.2, quick, 1 epochs, 100 training images, n=30, seeds 0"
    assert f"{title}\n\n1 held.\n\n1. **held.** 13 rows" in first
    assert f"site: {tmp_path / 'reports/index.html'}" in first
    assert "[index.html](index.html)" in (tmp_path / "reports/README.md").read_text()
    assert "0 trainings, 0 of 14 cells" in call(*asked, "--dry-run")
    assert "13 rows" in call("report", "--study", "tiny")
    assert "13 rows" in (tmp_path / "reports/tiny/tiny.md").read_text()
    assert started_studies(tmp_path / "results") == ["tiny"]
    assert "13 rows" in call("report", "--study", "all")
    assert "13 rows" not in call("report")


def test_a_study_without_results_says_which_command_makes_them(tmp_path):
    with pytest.raises(BadInput, match="`bench run --study claims` makes them"):
        StudyPage("claims").text(tmp_path)


@pytest.mark.parametrize("option", ["--methods", "--attacks"])
def test_a_study_brings_its_own_methods_and_attacks(option):
    found = CliRunner().invoke(cli, ["run", "--study", "claims", option, "PGD-AT"], standalone_mode=False)
    assert isinstance(found.exception, BadInput)
    assert f"brings a grid of its own; leave {option} out" in str(found.exception)


def test_an_unknown_study_is_named(tmp_path):
    found = CliRunner().invoke(cli, ["run", "--study", "claim"], standalone_mode=False)
    assert isinstance(found.exception, BadInput)
    assert "did you mean claims?" in str(found.exception)
