"""The audit on stored outcomes, and on models that mask their gradients in known ways."""

import json
import logging
import re
from dataclasses import asdict, replace
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from registered import register_for_test
from result_files import ROW, measure
from scipy.stats import binom
from torch import nn

from bench.attacks.parse import parse_attack
from bench.attacks.spec import ATTACKS, AttackSpec
from bench.core.errors import Failed
from bench.core.threats.l2 import L2
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS
from bench.data.images import Images
from bench.data.loader import to_float
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.conditions.probe import Probed
from bench.evaluation.evaluator import outcomes
from bench.evaluation.outcome import Outcome
from bench.evaluation.probes.binarization_test import misses_planted
from bench.evaluation.probes.indicator import ball_of_all_images, measure_indicator
from bench.evaluation.probes.model_probes import has_flat_loss, has_zero_gradient
from bench.evaluation.row import ModelRef, row_of
from bench.evaluation.sample import Sample
from bench.evaluation.target import Target
from bench.models.build import build
from bench.models.checkpoint import load_views
from bench.models.freeze import frozen
from bench.report.audit import thresholds as limits
from bench.report.audit.attack_outcome import exceeds_limit
from bench.report.audit.audit import audit, lines
from bench.report.audit.thresholds import INDICATORS, visible_share
from bench.report.leaderboard.page import boards
from bench.report.row_text import describe_row as described
from bench.report.verdicts import doubts_by_board
from bench.results.load import load_results
from bench.results.store import read_outcomes
from bench.runner.grid import conditions_of
from bench.runner.request import Request

DIGITS = DATASETS["digits"]
BASELINE = Path(__file__).parents[1] / "baseline/digits/cnn/PGD-AT/s0-6bee601e"
N = 300


# stored outcomes


def first(right: int, spoilt: int = 0) -> str:
    """Bits of the first images, the very first few of which are wrong after all."""
    return "0" * spoilt + "1" * (right - spoilt) + "0" * (N - right)


def verdict(tmp_path: Path, cells: dict[str, str]) -> str:
    """Of a model with these outcomes: "clean", or an attack with its settings."""
    for text, right in cells.items():
        spec = AttackSpec("", ()) if text == "clean" else parse_attack(text) if text != "Square" else None
        params = spec.params if spec and spec.name else "{}"
        measure(tmp_path, "" if text == "clean" else spec.name if spec else text, right, params=params)
    return said(tmp_path)


def said(results: Path) -> str:
    report = boards(results)
    (of_attacks,) = (report for board, report in report.items() if board.eps is not None and board.eps < 0.05)
    return of_attacks.table["verdict"].item()


HONEST = {
    "clean": first(294),
    "FGSM": first(236),
    "PGD-20": first(216),
    "CW-20": first(219),
    "AutoAttack": first(197),
}


@pytest.mark.parametrize(
    ("change", "want"),
    [
        ({}, "ok"),
        ({"AutoAttack": first(180)}, "ok"),  # 36 of 300 are above 10 %, within chance
        ({"AutoAttack": first(153)}, "suspect: AutoAttack breaks 63 of 300 images that PGD-20 leaves"),
        ({"CW-20": first(150)}, "suspect: CW-20 breaks 66 of 300 images that PGD-20 leaves"),
        (
            {"FGSM": first(218), "AutoAttack": first(100)},
            "suspect: AutoAttack breaks 116 of 300 images that PGD-20 leaves, which does no more than FGSM",
        ),
        ({"Square": first(230)}, "ok"),
        ({"Square": first(200)}, "suspect: Square breaks 16 of 300 images that PGD-20 leaves"),
        (
            {"Square": first(140)},
            "suspect: Square breaks 76 of 300 images that PGD-20 leaves",
        ),
        (
            {"Square": first(140), "FGSM": first(218)},
            "suspect: Square breaks 76 of 300 images that PGD-20 leaves, which does no more than FGSM",
        ),
        ({"Square": first(200), "CW-20": first(198)}, "ok"),  # one attack with the gradient is as good
        ({"PGD-100": first(212)}, "ok"),
        ({"PGD-100": first(232)}, "suspect: PGD-20 breaks 16 of 300 images that PGD-100 leaves, for all its steps"),
        ({"PGD-20[restarts=5]": first(232)}, "suspect: PGD-20 [restarts=1] breaks 16 of 300 ..."),
        (
            {"PGD-100": first(170), "AutoAttack": first(165)},
            "suspect: PGD-20 had not converged: PGD-100 breaks 46 of 300 images that PGD-20 leaves",
        ),
        ({"FGSM": first(200)}, "suspect: FGSM breaks 16 of 300 images that PGD-20 leaves, for all its steps"),
        ({"clean": first(294, spoilt=3)}, "ok"),
        (
            {"clean": first(294, spoilt=12)},
            "invalid: FGSM: 12 of 300 clean images are right in one call only; PGD-20: 12 of 300 ...",
        ),
        ({"FGSM.last": first(294)}, "ok"),
        (
            {"FGSM.last": "1" * N, "clean": first(285)},
            "suspect: FGSM.last mends 15 of 300 images that are wrong when clean",
        ),
    ],
)
def test_outcomes_are_read_by_exact_paired_tests(tmp_path, change, want):
    found = verdict(tmp_path, HONEST | change)
    assert found == want or (want.endswith(" ...") and found.startswith(want.removesuffix(" ...")))


def test_an_attack_of_a_plug_in_that_ascends_is_tested_for_more_steps_that_do_less(tmp_path, monkeypatch):
    def climb(model, x, y, threat, *, steps: int = 10):
        return x

    climb.ascent = True
    register_for_test(monkeypatch, ATTACKS, "climb", climb)
    spec = parse_attack("climb[steps=20]")
    assert json.loads(spec.params) == {"ascent": True, "steps": 20}
    found = verdict(tmp_path, HONEST | {"climb[steps=20]": first(216), "climb[steps=50]": first(232)})
    assert "climb [steps=20] breaks 16 of 300 images that climb [steps=50] leaves, for all its steps" in found
    assert [name for name in ATTACKS if '"ascent"' in parse_attack(name).params] == ["climb"]


def test_nothing_is_masked_where_nothing_is_robust(tmp_path):
    measure_signs(tmp_path, "zero-gradient", 1.0)
    measure_signs(tmp_path, "unbounded", 1.0)
    masked = {"clean": first(294), "FGSM": first(200), "PGD-20": first(216), "AutoAttack": first(5)}
    assert verdict(tmp_path, masked) == "ok"
    measure_signs(tmp_path, "noise", 1.0)  # of clean accuracy
    assert said(tmp_path) == f"suspect: 294 of 294 images {INDICATORS['noise'].says}"
    measure_signs(tmp_path, "changing", 1.0)
    assert said(tmp_path).startswith("invalid: 294 of 294 images give other logits when asked twice")


def test_transferred_images_that_do_more_than_white_box_ones_are_told(tmp_path):
    assert verdict(tmp_path, HONEST) == "ok"
    params = parse_attack("PGD-20.last").params
    measure(tmp_path, "PGD-20.last", first(230), params=params, source="digits/cnn/FS/s0-aaaa")
    assert said(tmp_path) == "ok"
    measure(tmp_path, "PGD-20.last", first(190), params=params, source="digits/cnn/FS/s1-aaaa")
    assert (
        said(tmp_path) == "suspect: PGD-20.last from digits/cnn/FS/s1-aaaa breaks 26 of 300 images that PGD-20 leaves"
    )


@pytest.mark.parametrize(("right", "want"), [(first(60), "60 of 300"), (first(12), "")])
def test_an_attack_that_reaches_nothing_is_told_in_a_ball_that_holds_every_image(tmp_path, right, want):
    ball = {"norm": "L2", "eps": float("inf")}
    measure(tmp_path, "", first(294))
    measure(tmp_path, "CW-L2", right, params=parse_attack("CW-L2").params, **ball)
    (board,) = [report for board, report in boards(tmp_path).items() if board.eps == float("inf")]
    reason = f"suspect: CW-L2 leaves {want} images in a ball that holds every image"
    assert board.table["verdict"].item() == (reason if want else "ok")


def test_a_larger_ball_that_protects_is_told(tmp_path):
    assert verdict(tmp_path, HONEST) == "ok"
    measure(tmp_path, "PGD-20", first(100), params=parse_attack("PGD-20").params, eps=16 / 255)
    assert said(tmp_path) == "ok"
    measure(tmp_path, "PGD-20", first(240), params=parse_attack("PGD-20").params, eps=32 / 255)
    assert said(tmp_path).startswith("suspect: PGD-20 is weaker at a larger eps: PGD-20 breaks 24 of 300")


def measure_signs(results: Path, sign: str, share: float, n: int = 294, **changes: object) -> None:
    how = {"kind": "diagnostic", "metric": "share", "params": ""} | changes
    measure(results, sign, None, value=share, n=n, **how)


@pytest.mark.parametrize("sign", INDICATORS)
def test_a_sign_counts_beyond_its_limit_and_chance(tmp_path, sign):
    few, all_of_them = round(INDICATORS[sign].share * 294) + 1, 294
    params = json.dumps({"attack": "CW-20"}) if sign == "planted" else ""
    measure_signs(tmp_path, sign, few / 294, params=params)
    assert verdict(tmp_path, HONEST) == "ok"
    measure_signs(tmp_path, sign, 1.0, params=params, key="measured again")
    assert said(tmp_path).startswith(f"{INDICATORS[sign].level}: {all_of_them} of 294 images {INDICATORS[sign].says}")
    assert ("under CW-20, too weak for this model" in said(tmp_path)) == (sign == "planted")


def test_each_seed_is_audited_by_itself(tmp_path):
    for seed, right in ((0, first(197)), (1, first(153))):
        for text, bits in (HONEST | {"AutoAttack": right}).items():
            params = "{}" if text == "clean" else parse_attack(text).params
            measure(tmp_path, "" if text == "clean" else text, bits, params=params, seed=seed)
    assert said(tmp_path) == "suspect: seed 1: AutoAttack breaks 63 of 300 images that PGD-20 leaves"


def test_what_was_not_kept_has_no_indicator():
    assert audit(lines(pd.DataFrame([asdict(ROW)])), [], {}) == []


@pytest.mark.parametrize(
    ("n", "seen"),
    [
        (26, {"zero-gradient": 0.23, "flat": 0.41, "unbounded": 0.28, "squashed": 0.41, "noise": 0.32}),
        (48, {"zero-gradient": 0.13, "flat": 0.29, "unbounded": 0.19, "squashed": 0.29, "noise": 0.21}),
        (300, {"zero-gradient": 0.04, "flat": 0.13, "unbounded": 0.06, "squashed": 0.13, "noise": 0.08}),
    ],
)
def test_it_is_known_what_share_of_images_a_sign_must_have_to_be_seen(n, seen):
    for sign, share in seen.items():
        least = next(images for images in range(n) if exceeds_limit(images, n, INDICATORS[sign]))
        assert visible_share(n, INDICATORS[sign]) == share
        assert binom.sf(least - 1, n, share) > limits.POWER >= binom.sf(least - 1, n, share - 0.01)


def test_five_of_26_images_that_withstand_everything_are_too_many():
    assert exceeds_limit(5, 26, INDICATORS["unbounded"])
    assert next(least for least in range(48) if exceeds_limit(least, 48, INDICATORS["unbounded"])) == 5
    assert next(least for least in range(48) if exceeds_limit(least, 48, limits.MAX_LEFT_UNBOUNDED)) == 9
    assert visible_share(1, INDICATORS["unbounded"]) == 1.0, "one image shows nothing"


@pytest.mark.parametrize(
    "limit",
    [
        *INDICATORS.values(),
        limits.REMAINING_ACCURACY,
        limits.MAX_CHANGED_CLEAN,
        limits.MAX_MISSED_BY_LONGEST,
        limits.MAX_NOT_CONVERGED,
    ],
)
@pytest.mark.parametrize("n", [32, 300, 10_000])
def test_the_expected_number_is_never_too_many_and_all_of_them_always(limit, n):
    assert not exceeds_limit(round(limit.share * n), n, limit)
    assert exceeds_limit(n, n, limit)
    assert not exceeds_limit(0, 0, limit)


def test_the_line_of_a_sign_says_what_it_cannot_see():
    row = replace(ROW, kind="diagnostic", name="unbounded", metric="share", value=0.0, n=48)
    assert described(row) == "0.0% of 48 images; what fewer than 19% of all images show may go unseen"
    assert described(replace(row, value=None, n=0)) == "no answer: no image could be looked at for it"


# signs, where it is known who shows them


class Linear(nn.Module):
    def __init__(self, classes: int, pixels: int) -> None:
        super().__init__()
        self.head = nn.Linear(pixels, classes).double()
        generator = torch.Generator().manual_seed(0)
        self.head.weight.data = torch.randn(classes, pixels, dtype=torch.float64, generator=generator)
        self.head.bias.data.zero_()

    def forward(self, x):
        return self.head(x.flatten(1))


@pytest.fixture
def linear():
    """A linear model of 4 x 4 pixels, and images that it gets right."""
    model = Linear(3, 16).requires_grad_(False)
    x = torch.rand(12, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return model, x, model(x).argmax(1)


def shown(model, x, y, sign, threat, attack=None) -> list[float]:
    with frozen(model):
        condition = Probed(sign, threat, parse_attack(attack) if attack else None)
        target = Target(model, model, 5, 0)
        return measure_indicator(
            target, condition, Sample(range(len(x)), x, y), y == y, Outcome(np.zeros(len(x), bool))
        ).tolist()


@pytest.mark.parametrize("threat", [Linf(0.1), L2(0.3)])
@pytest.mark.parametrize("sign", [sign for sign in INDICATORS if sign != "planted"])
def test_a_linear_model_shows_no_sign(linear, sign, threat):
    assert shown(*linear, sign, threat) == [0.0] * 12


def test_the_ball_of_everything_holds_black_and_white():
    x = torch.zeros(1, 3, 4, 4)
    assert (
        ball_of_all_images(Linf(0.1), x).distance(torch.ones_like(x), x).item()
        == ball_of_all_images(Linf(0.1), x).eps
        == 1
    )
    assert ball_of_all_images(L2(0.1), x).distance(torch.ones_like(x), x).item() == pytest.approx(
        ball_of_all_images(L2(0.1), x).eps
    )


def test_images_without_a_gradient_are_counted_exactly(linear):
    """Below one half the first layer is dead."""
    model, x, _ = linear
    x[:5] *= 0.5
    behind = nn.Sequential(nn.Threshold(0.5, 0.0), model)
    assert has_zero_gradient(behind, x, behind(x).argmax(1), Linf(0.1)).tolist() == [True] * 5 + [False] * 7


def test_a_model_that_hands_no_gradient_back_has_none(linear):
    model, x, y = linear
    assert has_zero_gradient(Around(model, lambda z: z.detach()), x, y, Linf(0.1)).all()


class Reversed(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, grad):
        return -grad


def test_a_gradient_that_leads_the_wrong_way_is_told_from_one_that_is_there(linear):
    model, x, y = linear
    behind = nn.Sequential(Around(nn.Identity(), Reversed.apply), model)
    assert has_flat_loss(behind, x, y, Linf(0.1)).all()
    assert not has_zero_gradient(behind, x, y, Linf(0.1)).any()


@pytest.mark.parametrize("threat", [Linf(0.1), L2(0.3)])
def test_in_a_linear_model_one_step_finds_what_is_planted_and_no_step_never(linear, threat, monkeypatch):
    """The features are the pixels, so the step of length eps along the gradient goes farther than any other."""
    monkeypatch.setattr("bench.evaluation.probes.indicator.PLANTED_IMAGES", 10)
    looked_at = shown(*linear, "planted", threat, "FGSM")
    assert looked_at[:10] == [0.0] * 10
    assert np.isnan(looked_at[10:]).all()
    register_for_test(monkeypatch, ATTACKS, "nothing", lambda model, x, y, threat: x)
    assert shown(*linear, "planted", threat, "nothing")[:10] == [1.0] * 10


def test_a_planted_problem_is_as_confident_as_the_model(linear, monkeypatch):
    model, x, _ = linear
    kept = []

    def keep(model, x, y, threat):
        kept.append(model(x))
        return x

    register_for_test(monkeypatch, ATTACKS, "nothing", keep)
    for factor in (1.0, 1e4):
        louder = Around(model, lambda z, factor=factor: factor * z)
        target = Target(louder, louder, 5, 0)
        misses_planted(
            target, Attacked(parse_attack("nothing"), Linf(0.1)), range(1), x[:1], Outcome(np.zeros(1, bool))
        )
        top = louder(x[:1]).topk(2).values[0]
        assert (kept[-1][0, 0] - kept[-1][0, 1]).item() == pytest.approx((top[0] - top[1]).item())


def test_nothing_is_planted_without_a_linear_layer(linear):
    _, x, y = linear
    model = nn.Sequential(nn.Conv2d(1, 3, 4).double(), nn.Flatten())
    assert np.isnan(shown(model, x, y, "planted", Linf(0.1), "FGSM")).all()


@pytest.mark.parametrize("attack", [None, "FGSM"], ids=["squashed", "planted"])
def test_a_sign_has_no_answer_where_features_are_not_one_vector_an_image(linear, attack, caplog):
    """Test-time mirroring by a batch that is twice as large, the last layer used twice, and none at all."""
    model, x, y = linear
    mirrored = Around(model, lambda z: sum(z.chunk(2)), lambda z: torch.cat([z, z.flip(3)]))
    y = mirrored(x).argmax(1)
    sign = "planted" if attack else "squashed"
    with caplog.at_level(logging.INFO, "bench"):
        assert np.isnan(shown(mirrored, x, y, sign, Linf(0.1), attack)).all()
    assert caplog.text.count("no answer, as its last linear layer is given (10, 16) for 5 images") == 1
    assert not np.isnan(shown(mirrored, x, y, "unbounded", Linf(0.1))).any()


class Decoy(nn.Module):
    """A model that predicts as one model and has the gradient of another."""

    def __init__(self, model, decoy):
        super().__init__()
        self.model, self.decoy = model, decoy

    def forward(self, x):
        slope = self.decoy(x)
        with torch.no_grad():
            logits = self.model(x)
        return logits + slope - slope.detach()


def test_a_planted_example_behind_features_without_a_gradient_is_missed(linear, monkeypatch):
    monkeypatch.setattr("bench.evaluation.probes.indicator.PLANTED_IMAGES", 3)
    model, x, y = linear
    other = nn.Sequential(nn.Conv2d(1, 3, 4).double(), nn.Flatten()).requires_grad_(False)
    for attack in ("FGSM", "PGD-2", "CW-2"):
        assert shown(Decoy(model, other), x, y, "planted", Linf(0.1), attack)[:3] == [1.0] * 3
    assert np.isnan(shown(Decoy(model, other), x, y, "squashed", Linf(0.1))).all()
    constant = Around(model, lambda z: z.detach())
    assert np.isnan(shown(constant, x, y, "unbounded", Linf(0.1))).all()


def test_a_model_that_raises_fails_the_sign_and_no_more(linear):
    model, x, y = linear

    def whole(z):
        assert len(z) == len(x), "odd batch"
        return z

    with pytest.raises(Failed, match="audit: flat stopped, AssertionError: odd batch"):
        shown(Around(model, before=whole), x, y, "flat", Linf(0.1))


@pytest.mark.parametrize(
    ("after", "want"),
    [
        (lambda z: z, [0.0]),
        (lambda z: z.log_softmax(1), [0.0]),
        (lambda z: 3 * z + 1, [0.0]),
        (lambda z: Reversed.apply(z), [1.0]),
        (lambda z: -z, [None]),
        (lambda z: z[:, :2], [None]),
    ],
    ids=["plain", "log-softmax", "scaled", "masked", "reversed", "cut"],
)
def test_what_flattens_the_outputs_is_told_from_what_does_not(linear, after, want):
    """The steps of a linear model are known: at 0.3 every image is broken, whatever monotone function is behind it."""
    model, x, _ = linear
    behind = Around(model, after)
    found = shown(behind, x, behind(x).argmax(1), "squashed", Linf(0.3))
    assert {None if np.isnan(value) else value for value in found} >= set(want)
    assert want == [1.0] or {None if np.isnan(value) else value for value in found} == set(want)


class ByHeart(nn.Module):
    """A model that is right on images it has memorised exactly, and computes another model elsewhere."""

    def __init__(self, model, images):
        super().__init__()
        self.model, self.x, self.y = model, to_float(images.x), images.y

    def forward(self, x):
        logits = self.model(x)
        apart, which = (x[:, None] - self.x).flatten(2).abs().amax(2).min(1)
        return logits + (apart < 1e-5)[:, None] * 100 * nn.functional.one_hot(self.y[which], logits.shape[1])


def test_noise_that_no_file_can_hold_is_the_same_in_any_batch(honest, images):
    model = ByHeart(Around(honest, lambda z: z.roll(1, 1)), images)
    x, y = to_float(images.x), images.y
    right = torch.ones_like(y, dtype=torch.bool)
    found = [
        measure_indicator(
            Target(model, model, size, 0),
            Probed("noise", Linf(0.2)),
            Sample(range(60), x, y),
            right,
            Outcome(np.zeros(60)),
        )
        for size in (7, 60)
    ]
    assert torch.equal(*found)
    assert found[0].sum() > 55


# the verdict on whole models


class Around(nn.Module):
    """A model with a layer before or after it."""

    def __init__(self, model, after=lambda z: z, before=lambda x: x):
        super().__init__()
        self.model, self.after, self.before = model, after, before

    def forward(self, x):
        return self.after(self.model(self.before(x)))


class Quantised(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model((8 * x).round() / 8)


@pytest.fixture(scope="module")
def honest():
    """PGD-AT, 24k parameters."""
    model = build("cnn", DIGITS)
    model.load_state_dict(load_views(BASELINE / "weights.safetensors", "digits/cnn/PGD-AT/s0-6bee601e")["main"])
    return model.eval()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return DIGITS.load("test", tmp_path_factory.mktemp("nothing")).first(60)


def reasons(model: nn.Module, images: Images, attacks: tuple[str, ...]) -> str:
    """The audit's words on a model, from rows such as a run stores."""
    job = SimpleNamespace(run="r", name="made-up", dataset="digits", model="cnn", seed=0)
    rows, bits = [], {}
    for key, condition in enumerate(conditions_of(Request(attacks=attacks, audit=True), DIGITS)):
        outcome = outcomes(model, images, condition)
        where = {"n": len(images), "partial": True, "device": "cpu", "precision": "fp32", "key": str(key)}
        rows.append(asdict(row_of(ModelRef(job, "last", "main"), condition, outcome, **where)))
        bits[str(key)] = outcome.right
    frame = pd.DataFrame(rows)
    of_board = frame["kind"].isin(["clean", "attack"])
    return "; ".join(f"{doubt.level}: {doubt.reason}" for doubt in audit(lines(frame[of_board]), lines(frame), bits))


@pytest.mark.parametrize(
    "make",
    [
        lambda model: model,
        lambda model: Around(model, lambda z: z.log_softmax(1)),
        lambda model: Around(model, lambda z: 30 * torch.tanh(z / 30)),
        lambda model: Around(model, lambda z: sum(z.chunk(2)), lambda x: torch.cat([x, x])),
    ],
    ids=["plain", "log-softmax", "soft cap", "several views"],
)
def test_an_honest_model_is_believed(honest, images, make, monkeypatch):
    monkeypatch.setattr("bench.evaluation.probes.indicator.PLANTED_IMAGES", 8)
    assert reasons(make(honest), images, ("FGSM", "PGD-20", "CW-20")) == ""


def test_a_model_that_knows_the_images_by_heart_is_told_where_nothing_else_tells(honest, images, monkeypatch):
    """The images that the board shows, and no others: a ninth of the digits are the honest model's by chance."""
    monkeypatch.setattr("bench.evaluation.probes.indicator.PLANTED_IMAGES", 8)
    knows = ByHeart(Around(honest, lambda z: z.roll(1, 1)), images)
    assert outcomes(knows, images, Clean()).right.all()
    found = reasons(knows, images, ("PGD-20",))
    assert re.search(r"suspect: \d\d of 60 images are right only without random noise of half an 8-bit step", found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "want"),
    [
        (
            lambda model: Around(model, lambda z: 1e4 * z),
            ["input gradient of exactly zero", "rises nowhere", "withstand PGD", "planted under PGD-20, too weak"],
        ),
        (Quantised, ["input gradient of exactly zero", "rises nowhere", "withstand PGD", "planted under PGD-20"]),
        (lambda model: Around(model, lambda z: z.softmax(1)), ["get probabilities instead of logits"]),
        (
            lambda model: Around(model, before=lambda x: x + 0.1 * torch.randn_like(x)),
            ["invalid: 59 of 59 images give other logits"],
        ),
        (
            lambda model: Around(model, torch.tanh),
            ["suspect: 11 of 59 images withstand PGD that may change them at will"],
        ),
        (
            lambda model: Around(model, lambda z: torch.tanh(5 * z)),
            ["withstand PGD that may change them", "planted under PGD-20"],
        ),
        (
            lambda model: Decoy(model, nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval()),
            ["8 of 8 images keep an adversarial example that was planted under PGD-20, too weak"],
        ),
    ],
    ids=["loud", "quantised", "probabilities", "randomised", "tanh", "tanh of 5", "decoy"],
)
def test_a_model_that_hides_its_gradient_is_found_out(honest, images, make, want, monkeypatch):
    monkeypatch.setattr("bench.evaluation.probes.indicator.PLANTED_IMAGES", 8)
    torch.manual_seed(0)
    found = reasons(make(honest), images, ("PGD-20",))
    assert not [reason for reason in want if reason not in found], found


def test_each_attack_is_told_that_does_not_suffice(honest, images, monkeypatch):
    """The margin has a gradient where the cross-entropy has none."""
    monkeypatch.setattr("bench.evaluation.probes.indicator.PLANTED_IMAGES", 8)
    found = reasons(Around(honest, lambda z: 1e4 * z), images, ("PGD-20", "CW-20"))
    assert "planted under PGD-20, too weak" in found
    assert "under CW-20" not in found


def test_audit_asks_for_every_sign_at_every_radius_and_plants_for_attacks_of_several_steps():
    request = Request(attacks=("FGSM", "PGD-20", "PGD-20.last", "AutoAttack"), eps=(0.1, 0.2), audit=True)
    probed = [condition for condition in conditions_of(request, DIGITS) if isinstance(condition, Probed)]
    assert len(probed) == 2 * (len(INDICATORS) - 1 + 2)
    assert {c.attack.name for c in probed if c.attack} == {"PGD-20", "AutoAttack"}
    assert Clean() in conditions_of(Request(attacks=()), DIGITS)


def test_a_minimum_norm_attack_is_audited_in_its_ball():
    request = Request(attacks=("FMN-Linf",), eps=(0.1,), audit=True)
    probed = [condition for condition in conditions_of(request, DIGITS) if isinstance(condition, Probed)]
    assert {(c.sign, c.threat) for c in probed} == {(s, Linf(0.1)) for s in INDICATORS if s != "planted"}


def test_searches_in_bf16_raise_no_doubt_about_those_in_fp32(tmp_path):
    """PGD-20 is weaker in bf16 at the larger radius; in fp32 it has run at one."""
    measure(tmp_path, "", "1" * 100)
    measure(tmp_path, "PGD-20", "1" * 40 + "0" * 60, eps=0.1)
    measure(tmp_path, "", "1" * 100, precision="bf16")
    last = measure(tmp_path, "PGD-20", "1" * 90 + "0" * 10, eps=0.2, precision="bf16")
    rows, outcomes = load_results(tmp_path), read_outcomes(tmp_path / last.run)
    fine = rows[(rows["precision"] == "fp32") & (rows["eps"].isna() | (rows["eps"] == 0.1))]
    assert doubts_by_board(fine, rows, outcomes) == []
    (doubt,) = doubts_by_board(fine, rows.assign(precision="fp32"), outcomes)
    assert "weaker at a larger eps" in doubt.reason


@pytest.mark.slow
def test_the_command_stores_signs_once_and_keeps_them_off_the_board(bench, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.evaluation.probes.indicator.PLANTED_IMAGES", 2)
    small = ("--methods", "Standard", "--limit-train", "100", "--epochs", "1", "--limit", "20", "--workers", "1")
    code, out, _ = bench("run", *small, "--attacks", "PGD-2", "--audit")
    assert code == 0
    rows = load_results(tmp_path / "results")
    shares = rows[rows["metric"] == "share"]
    assert sorted(shares["name"]) == sorted(INDICATORS)
    assert set(shares["kind"]) == {"diagnostic"}
    assert set(shares["norm"]) == {"Linf"}
    assert json.loads(shares.set_index("name")["params"]["planted"])["attack"] == "PGD-2"
    assert "zero-gradient" not in out
    assert (
        f"0 of {2 + len(INDICATORS)} cells to do"
        in bench("run", *small, "--attacks", "PGD-2", "--audit", "--dry-run")[1]
    )
    copytree(tmp_path / "results", tmp_path / "copy")
    assert bench("compare", "results", "copy")[0] == 0
