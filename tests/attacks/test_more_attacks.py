"""MultiTarget, MI-FGSM, suites, AutoAttack's parts against the official package; which requests are refused."""

import warnings
from pathlib import Path

import pyautoattack
import pytest
import torch
from linear_models import Wavy, check, linear
from torch import nn

from bench.attacks.parse import parse_attack
from bench.attacks.suites import SUITES, attacks_of
from bench.core.errors import BadInput, UnknownName
from bench.core.rng import fixed_seed
from bench.core.threats.l2 import L2
from bench.core.threats.linf import Linf
from bench.data.images import Images
from bench.data.loader import to_float
from bench.data.lookup import dataset
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.evaluator import outcomes
from bench.models.build import build

BALLS = pytest.mark.parametrize("threat", [Linf(0.006), L2(0.06)], ids=["Linf", "L2"])


@pytest.fixture(scope="module")
def wavy():
    torch.manual_seed(0)
    model = Wavy().double()
    x = torch.rand(40, 1, 8, 8, dtype=torch.float64)
    return model, Images(x, model(x).argmax(1))


@pytest.fixture(scope="module")
def small():
    """An untrained cnn, and images labelled with its own predictions."""
    data = dataset("digits", Path())
    with fixed_seed("small"):
        model = build("cnn", data).eval().requires_grad_(False)
    x = data.load("test", Path(), 100).x
    return model, Images(x, model(to_float(x)).argmax(1))


@pytest.mark.parametrize("threat", [Linf(0.006), L2(0.03)], ids=["Linf", "L2"])
@pytest.mark.parametrize("attack", ["MultiTarget", "MultiTarget.last", "MultiTarget[start=clean]"])
def test_every_wrong_class_in_turn_is_exact_with_many_classes(attack, threat):
    model, images = linear(6, 200)
    outcome, robust = check(model, images, attack, threat)
    assert 20 < robust.sum() < 150
    assert outcome.verdict == "ok"


@BALLS
def test_momentum_is_exact_with_two_classes(threat):
    _, robust = check(*linear(2, 200), "MI-FGSM", threat)
    assert 20 < robust.sum() < 150


def test_multi_target_goes_on_with_images_still_right_alone(wavy):
    model, images = wavy
    broken_first = outcomes(model, images, Attacked(parse_attack("MultiTarget[steps=3]"), Linf(0.2)))
    assert not broken_first.right.any()
    assert broken_first.forwards < 40 * 3  # of 3 classes and 3 steps
    model, images = linear(4, 10)
    model.bias.data[0] += 1000
    images = Images(images.x, torch.zeros(10, dtype=torch.int64))
    held = outcomes(model, images, Attacked(parse_attack("MultiTarget[steps=3,restarts=2]"), Linf(0.01)))
    assert held.right.all()
    assert held.forwards == 10 * (1 + 5 * 4 + 3)  # to sort the classes; each try but the last is looked at when it ends


@pytest.mark.parametrize("attack", ["MultiTarget[steps=4,restarts=2]", "MI-FGSM", "MI-FGSM.last"])
def test_batch_size_changes_nothing_in_float64(wavy, attack):
    model, images = wavy
    condition = Attacked(parse_attack(attack), Linf(0.004))
    one, other = (outcomes(model, images, condition, batch_size=size) for size in (7, 64))
    assert (one.right == other.right).all()
    assert (one.forwards, one.backwards) == (other.forwards, other.backwards)


def test_momentum_equals_that_of_torchattacks_image_by_image(small):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        from torchattacks import MIFGSM
    model, images = small
    x = to_float(images.x)
    theirs = MIFGSM(model, eps=0.2, alpha=0.02, steps=10, decay=1.0)(x, images.y)
    ours = parse_attack("MI-FGSM.last")(model, x, images.y, Linf(0.2))
    assert (ours - theirs).abs().flatten(1).amax(1).gt(1e-6).sum() == 0
    no_memory = parse_attack("MI-FGSM.last[decay=0]")(model, x, images.y, Linf(0.2))
    pgd = parse_attack("PGD-10.last[start=clean,step=0.1eps]")(model, x, images.y, Linf(0.2))
    assert torch.equal(no_memory, pgd)
    assert not torch.equal(no_memory, ours)


def test_any_iterate_never_weakens_momentum(wavy):
    model, images = wavy
    last, any_ = (
        outcomes(model, images, Attacked(parse_attack(name), Linf(0.05))).right for name in ("MI-FGSM.last", "MI-FGSM")
    )
    assert (any_ <= last).all()
    assert any_.sum() < last.sum()


PARTS = {"APGD-CE": "apgd-ce", "APGD-DLR": "apgd-dlr", "APGD-T": "apgd-t", "FAB-T": "fab-t", "Square": "square"}


@pytest.mark.usefixtures("short_autoattack")
@pytest.mark.parametrize("threat", [Linf(0.02), L2(0.1)], ids=["Linf", "L2"])
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n.endswith("-T") else ()) for n in PARTS])
def test_a_part_of_autoattack_is_that_of_the_package(small, name, threat):
    model, images = small
    x, y = to_float(images.x[:6]), images.y[:6]
    with fixed_seed("here"):
        ours = parse_attack(name)(model, x, y, threat)
    with fixed_seed("here"):
        direct = pyautoattack.AutoAttack(
            model, eps=threat.eps, norm=type(threat).__name__, seed=int(torch.randint(2**31, ()))
        )
        direct.attacks_to_run = [PARTS[name]]
        theirs, _ = direct.run_standard_evaluation(x, y, batch_size=6)
    same, broken = (ours - theirs).flatten(1).abs().amax(1) < 1e-5, model(theirs).argmax(1) != y
    assert ((model(ours).argmax(1) != y) == broken).all()
    assert (same | (broken & name.startswith("APGD"))).all()  # APGD ends at an image's third misclassified iterate
    assert threat.distance(ours, x).max() <= threat.eps + 1e-6
    assert (ours != x).any()


@pytest.mark.parametrize("name", ["APGD-CE", "APGD-DLR", "APGD-T"])
def test_apgd_computes_no_image_again_that_it_has_broken(small, name):
    model, images = small
    x, y, computed = to_float(images.x[:6]), images.y[:6], []
    hook = model.register_forward_pre_hook(lambda module, inputs: computed.append(len(inputs[0])))
    with hook, fixed_seed("here"):
        adversarial = parse_attack(name)(model, x, y, Linf(0.3))
    assert (model(adversarial).argmax(1) != y).all()
    assert max(computed) == 6
    assert sum(computed) < 6 * 30  # the package's would compute each at 101 iterates


class Flickering(nn.Module):
    """Its logits are multiplied by a number that it draws in every call: its classes are always the same."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return (1 + torch.rand(())) * self.model(x)


@pytest.mark.usefixtures("short_autoattack")
def test_apgd_on_a_model_that_draws_is_the_package_s(small):
    """There, three misclassified iterates may be luck: the package takes all steps, and returns the last of many."""
    model, images = small
    x, y = to_float(images.x[:6]), images.y[:6]
    with fixed_seed("here"):
        ours = parse_attack("APGD-CE")(Flickering(model), x, y, Linf(0.1))
    with fixed_seed("here"):
        direct = pyautoattack.AutoAttack(Flickering(model), eps=0.1, norm="Linf", seed=int(torch.randint(2**31, ())))
        direct.attacks_to_run = ["apgd-ce"]
        theirs, _ = direct.run_standard_evaluation(x, y, batch_size=6)
    assert (ours - theirs).abs().max() < 1e-5
    assert (ours != x).any()


@pytest.mark.slow
@pytest.mark.usefixtures("short_autoattack")
@pytest.mark.parametrize("name", ["AutoAttack.screened", "AutoAttack+", "AutoAttack-rand"])
def test_versions_are_exact(name):
    model, images = linear(5, 20, torch.float32)
    outcome, robust = check(model, images, f"{name}[block=20]", Linf(0.006))
    assert 0 < robust.sum() < 20
    assert outcome.verdict == "ok"


@pytest.mark.slow
@pytest.mark.usefixtures("short_autoattack")
def test_screening_saves_passes_and_draws_the_same_in_any_batch():
    model, images = linear(5, 20, torch.float32)
    whole = outcomes(model, images, Attacked(parse_attack("AutoAttack[block=20]"), Linf(0.006)))
    one, other = (
        outcomes(model, images, Attacked(parse_attack("AutoAttack.screened[block=20]"), Linf(0.006)), batch_size=size)
        for size in (3, 20)
    )
    assert (one.right == whole.right).all()
    assert one.forwards == other.forwards < whole.forwards


class Steep(nn.Module):
    def __init__(self, model, factor):
        super().__init__()
        self.model, self.factor = model, factor

    def forward(self, x):
        return self.factor * self.model(x)


@pytest.mark.parametrize("attack", ["PGD-5", "FGSM", "MI-FGSM", "PGD-5.last", "PGD-5[restarts=2]"])
def test_gradients_that_vanish_are_doubted(small, attack):
    model, images = small
    condition = Attacked(parse_attack(attack), Linf(0.001))
    assert outcomes(model, images, condition).verdict == "ok"
    steep = outcomes(Steep(model, 1e7), images, condition)
    assert steep.verdict.startswith("suspect: zero gradients (")
    assert outcomes(Steep(model, 1e7), images, Attacked(parse_attack("CW-5"), Linf(0.001))).verdict == "ok"


class Constant(nn.Module):
    def forward(self, x):
        return torch.eye(5, dtype=x.dtype)[:1] + 0 * x.flatten(1)[:, :5]


@pytest.mark.parametrize(
    ("attack", "threat"), [("MultiTarget[steps=2]", Linf(0.1)), ("CW-L2[steps=3,searches=2]", L2(float("inf")))]
)
def test_a_model_without_any_slope_is_doubted(attack, threat):
    images = Images(torch.full((8, 1, 8, 8), 0.5), torch.zeros(8, dtype=torch.int64))
    outcome = outcomes(Constant(), images, Attacked(parse_attack(attack), threat))
    assert outcome.right.all()
    assert outcome.verdict == "suspect: zero gradients (8 of 8 images)"


@pytest.mark.usefixtures("short_autoattack")
def test_the_ratio_of_logits_is_blind_to_their_scale_and_the_cross_entropy_is_not(small):
    model, images = small
    images, steep = images.first(16), Steep(model, 1e7)
    right = {
        (name, which): int(outcomes(m, images, Attacked(parse_attack(f"{name}[block=16]"), Linf(0.04))).right.sum())
        for name in ("APGD-CE", "APGD-DLR")
        for which, m in {"plain": model, "steep": steep}.items()
    }
    assert right["APGD-DLR", "steep"] == right["APGD-DLR", "plain"] < right["APGD-CE", "steep"]


class Detached(Steep):
    def forward(self, x):
        return self.model(x.detach())


@pytest.mark.parametrize("attack", ["FGSM", "MC", "MultiTarget", "MI-FGSM", "APGD-CE", "AutoAttack", "CW-L2"])
def test_a_detached_model_is_refused_with_a_way_out(small, attack):
    model, images = small
    threat = L2(1.0) if attack == "CW-L2" else Linf(0.1)
    condition = Attacked(parse_attack(attack), threat)
    with pytest.raises(
        BadInput, match=f"attack {attack}: the model gives its images no gradient .* with Square"
    ) as why:
        outcomes(Detached(model, 1), images, condition)
    assert "\n" not in str(why.value)


@pytest.mark.usefixtures("short_autoattack")
def test_square_needs_no_gradient(small):
    model, images = small
    condition = Attacked(parse_attack("Square[block=20]"), Linf(0.05))
    right = [outcomes(m, images.first(20), condition).right for m in (model, Detached(model, 1))]
    assert (right[0] == right[1]).all()


def test_too_few_classes_are_refused_where_nothing_is_left():
    for name, needed in {"APGD-T": 4, "APGD-DLR": 3}.items():
        spec = parse_attack(name)
        spec.check_classes(needed)
        with pytest.raises(BadInput, match=f"attack {name} needs {needed} classes and there are {needed - 1}; leave"):
            spec.check_classes(needed - 1)
        model, images = linear(needed - 1, 5, torch.float32)
        with pytest.raises(BadInput, match=f"attack {name}: it needs {needed} classes and the model has {needed - 1}"):
            outcomes(model, images, Attacked(spec, Linf(0.01)))
    for name in ("AutoAttack", "AutoAttack+", "FAB-T", "MultiTarget", "CW-L2"):
        parse_attack(name).check_classes(2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("CW-L2[rate=0]", "rate=0 is not a number above 0"),
        ("CW-L2[c=inf]", "c=inf is not a number"),
        ("CW-L2[kappa=-1]", "kappa=-1 is not a number from 0 up"),
        ("MI-FGSM[decay=nan]", "decay=nan is not a number"),
        ("CW-L2[searches=0]", "searches=0 is below 1"),
        ("CW-L2.20x5[steps=3]", "has no setting 'steps' to change"),
        ("Square.last", "Square has no last iterate"),
    ],
)
def test_settings_out_of_range_are_refused(text, why):
    with pytest.raises(BadInput, match=why):
        parse_attack(text)


def test_suites_name_attacks_that_there_are():
    for name, suite in SUITES.items():
        assert attacks_of([name]) == [parse_attack(text) for text in suite.attacks]
    assert attacks_of(["standard", "FGSM", "PGD-7"]) == [*attacks_of(["standard"]), parse_attack("PGD-7")]
    (trades,) = [
        spec for spec in attacks_of(["avmixup"]) if ("start", "unclipped") in spec.settings and spec.name[0] == "P"
    ]
    assert {"steps": 20, "step": "0.003", "last": True}.items() <= dict(trades.settings).items()


def test_a_misspelt_suite_is_suggested():
    with pytest.raises(UnknownName, match="no attack or suite named 'standrd'; did you mean standard"):
        attacks_of(["standrd"])


def test_the_command_takes_and_lists_suites(bench):
    code, out, _ = bench("list", "suites")
    assert code == 0
    assert {"quick", "standard", "m2at", "avmixup", "bat", "mtlat", "robmask", "masking-audit"} == {
        line.split(":")[0] for line in out.splitlines()
    }
    code, out, err = bench("run", "--methods", "Standard", "--attacks", "quick,CW-L2", "--dry-run")
    assert "of 7 cells to do" in out, err
    code, _, err = bench("run", "--attacks", "mtlatt", "--dry-run")
    assert code == 2
    assert "no attack or suite named 'mtlatt'; did you mean mtlat" in err
