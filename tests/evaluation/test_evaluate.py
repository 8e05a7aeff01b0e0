"""`outcomes`: independent of batches, checks what attacks return, and reports models that cannot be evaluated."""

import json
import logging
import re
import warnings
from copy import deepcopy
from functools import partial
from shutil import copy

import numpy as np
import pyautoattack.autoattack
import pytest
import torch
import torch.nn.functional as F
from registered import register_for_test
from torch import nn

import bench.evaluation.evaluator
from bench.attacks.parse import parse_attack
from bench.attacks.pgd import pgd
from bench.attacks.spec import ATTACKS, AttackSpec
from bench.core.errors import AttackWarning, BadInput, Failed
from bench.core.rng import fixed_seed
from bench.core.threats.l2 import L2
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS
from bench.data.images import Images
from bench.data.loader import epoch_batches, to_float
from bench.evaluation.adversarial_file import write_adversarial_set
from bench.evaluation.adversarial_set import AdversarialSet
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.evaluator import outcomes
from bench.evaluation.outcome import Outcome, is_correct
from bench.evaluation.sample import Sample
from bench.evaluation.target import OVERSHOOT_FACTORS, Bf16, Target
from bench.evaluation.transfer import transferred
from bench.models.batch_norm.folding import fast_copy
from bench.models.build import build

DIGITS = DATASETS["digits"]
EPS = 0.12  # about half the images withstand it
PGD = Attacked(parse_attack("PGD-10"), Linf(EPS))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return DIGITS.load("test", tmp_path_factory.mktemp("nothing"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """cnn after two epochs of standard training."""
    with fixed_seed("a small model"):
        model = build("cnn", DIGITS).to(memory_format=torch.channels_last)
        weights = list(model.parameters())
        train = DIGITS.load("train", tmp_path_factory.mktemp("nothing"))
        for _ in range(2):
            for x, y in epoch_batches(train, 64, pad=0, flip=False):
                for p, grad in zip(weights, torch.autograd.grad(F.cross_entropy(model(x), y), weights), strict=True):
                    p.data -= 0.2 * grad
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def exact(model, images):
    """The same model in float64, and half of the images."""
    return deepcopy(model).double(), Images(images.x.double() / 255, images.y).first(150)


@pytest.fixture
def attack(monkeypatch):
    """Make a condition of a function (model, x, y, threat) -> x_adv, for the length of a test."""

    def made(function, threat=None, **settings):
        register_for_test(monkeypatch, ATTACKS, "made-up", function)
        return Attacked(AttackSpec("made-up", tuple(settings.items())), threat or Linf(EPS))

    return made


def accuracy(outcome):
    return outcome.right.mean()


def test_the_model_of_these_tests_is_worth_attacking(model, images):
    assert accuracy(outcomes(model, images, Clean())) > 0.9
    assert 0.2 < accuracy(outcomes(model, images, PGD)) < 0.8


# what the numbers do not depend on


@pytest.mark.parametrize("text", ["PGD-10", "PGD-10.last", "CW-5[restarts=2]"])
@pytest.mark.parametrize("threat", [Linf(EPS), L2(6 * EPS)])
def test_batch_size_changes_nothing_in_float64(exact, text, threat):
    model, images = exact
    condition = Attacked(parse_attack(text), threat)
    runs = [outcomes(model, images, condition, batch_size=size) for size in (7, 64, 500)]
    for run in runs[1:]:
        assert (run.right == runs[0].right).all()
        assert (run.forwards, run.backwards) == (runs[0].forwards, runs[0].backwards)


@pytest.mark.parametrize("size", [7, 500])
def test_batch_size_changes_at_most_one_in_two_hundred_in_fp32(model, images, size):
    a, b = (outcomes(model, images, PGD, batch_size=batch_size).right for batch_size in (64, size))
    assert (a != b).mean() <= 0.005


def test_a_limit_changes_nothing_in_float64(exact):
    model, images = exact
    whole, part = outcomes(model, images, PGD).right, outcomes(model, images, PGD, n=50).right
    assert (part == whole[:50]).all()


def test_a_limit_changes_at_most_one_in_two_hundred_in_fp32(model, images):
    whole, part = outcomes(model, images, PGD).right, outcomes(model, images, PGD, n=200).right
    assert (part != whole[:200]).mean() <= 0.005


def test_order_changes_nothing_where_nothing_is_drawn(exact):
    model, images = exact
    mixed = torch.randperm(150, generator=torch.Generator().manual_seed(0))
    condition = Attacked(parse_attack("PGD-10[start=clean]"), Linf(EPS))
    straight = outcomes(model, images, condition).right
    assert (outcomes(model, Images(images.x[mixed], images.y[mixed]), condition).right == straight[mixed]).all()


def test_blocks_between_saves_change_nothing(exact, monkeypatch):
    model, images = exact
    whole = outcomes(model, images, PGD)
    monkeypatch.setattr(bench.evaluation.evaluator, "BLOCK_SIZE", 70)
    blocks = outcomes(model, images, PGD)
    assert (blocks.right == whole.right).all()
    assert (blocks.forwards, blocks.backwards) == (whole.forwards, whole.backwards)


def test_bytes_and_floats_are_the_same_images(model, images):
    floats = Images(to_float(images.x), images.y)
    assert (outcomes(model, images, PGD).right == outcomes(model, floats, PGD).right).all()


def test_the_seed_changes_the_draws(exact, attack):
    model, images = exact
    condition = attack(lambda model, x, y, threat: threat.project(x + threat.noise(x), x), Linf(0.4))
    a, b, other = (outcomes(model, images, condition, seed=seed).right for seed in (0, 0, 1))
    assert (a == b).all()
    assert (a != other).any()


@pytest.mark.slow
@pytest.mark.usefixtures("short_autoattack")
def test_autoattack_with_a_limit_inside_a_block_gives_the_outcomes_of_the_full_run(model, images):
    condition, images = Attacked(parse_attack("AutoAttack[block=8]"), Linf(0.15)), images.first(16)
    whole = outcomes(model, images, condition)
    part = outcomes(model, images, condition, n=11)
    assert (part.right == whole.right[:11]).all()
    assert part.forwards == whole.forwards  # both blocks are attacked whole
    assert 0 < whole.right.sum() < 16


@pytest.mark.slow
@pytest.mark.usefixtures("short_autoattack")
@pytest.mark.parametrize("threat", [Linf(0.15), L2(0.7)], ids=["Linf", "L2"])
def test_autoattack_is_the_package_called_directly(model, images, threat):
    images, condition = images.first(16), Attacked(parse_attack("AutoAttack[block=8]"), threat)
    right = outcomes(model, images, condition, seed=3).right
    copy = fast_copy(model, to_float(images.x))
    assert copy is not model
    wanted = []
    for start in (0, 8):
        x, y = to_float(images.x[start : start + 8]), images.y[start : start + 8]
        with fixed_seed("block", start, 3):
            direct = pyautoattack.AutoAttack(
                copy, eps=threat.eps, norm=type(threat).__name__, seed=int(torch.randint(2**31, ()))
            )
            x_adv, _ = direct.run_standard_evaluation(x, y, batch_size=8)
        wanted.append(is_correct(model, x, y, 8) & is_correct(model, x_adv, y, 8))
    assert (torch.cat(wanted).numpy() == right).all()
    assert 0 < right.sum() < 16


# what is not believed


def test_an_image_that_is_wrong_already_counts_as_wrong(model, images):
    wrong = Images(images.x, (images.y + 1) % 10)
    clean = outcomes(model, wrong, Clean()).right
    for text in ("FGSM", "PGD-10", "CW-5"):
        outcome = outcomes(model, wrong, Attacked(parse_attack(text), Linf(EPS)))
        assert (outcome.right <= clean).all()
        assert outcome.forwards <= 10 * clean.sum()


def test_an_attack_that_changes_nothing_leaves_clean_accuracy(model, images, attack):
    clean = outcomes(model, images, Clean())
    idle = outcomes(model, images, attack(lambda model, x, y, threat: x))
    assert (idle.right == clean.right).all()
    assert idle.verdict == "ok"


def test_an_attack_is_given_only_images_that_are_right_and_all_of_a_block(model, images, attack):
    right, given = outcomes(model, images, Clean()).right, []

    def note(model, x, y, threat, **settings):
        given.append(len(x))
        return x

    outcomes(model, images, attack(note))
    outcomes(model, images, attack(note, block=100), n=150)
    assert given == [right.sum(), 100, 100]


CHEATS = {
    "leaves the ball": (lambda x: (x + 0.3).clamp(0, 1), "are outside, the farthest at 0.30000"),
    "leaves the images": (lambda x: x - 0.01, r"0 of \d+ images are outside, .*; pixels span \[-0.01, "),
    "returns NaN": (lambda x: x * torch.nan, "returned pixels that are not finite numbers"),
    "returns an infinity": (lambda x: x / 0, "returned pixels that are not finite numbers"),
    "loses an image": (lambda x: x[1:], r"returned shape \(\d+, 1, 8, 8\) for images of"),
    "adds a channel": (lambda x: x.expand(-1, 3, -1, -1), r"returned shape \(\d+, 3, 8, 8\) for images of"),
    "moves its own argument": (lambda x: x.add_(0.3).clamp_(0, 1), "are outside, the farthest at 0.30000"),
}  # fmt: skip


@pytest.mark.parametrize("cheat", CHEATS)
@pytest.mark.parametrize("settings", [{}, {"block": 300}], ids=["singly", "whole"])
def test_an_attack_that_cheats_is_refused_by_name(model, images, attack, cheat, settings):
    function, message = CHEATS[cheat]
    condition = attack(lambda model, x, y, threat, **settings: function(x), **settings)
    with pytest.raises(Failed, match=f"attack made-up .*{message}") as caught:
        outcomes(model, images, condition)
    assert "\n" not in str(caught.value)


def test_an_attack_that_leaves_an_l2_ball_is_refused(model, images, attack):
    condition = attack(lambda model, x, y, threat: x * 0.5 + 0.25, L2(0.5))
    with pytest.raises(Failed, match=r"made-up left L2\(eps=0.5\): \d+ of \d+ images are outside"):
        outcomes(model, images, condition)


def test_an_attack_that_raises_is_named(model, images, attack):
    def broken(model, x, y, threat):
        raise RuntimeError("first line\nsecond line")

    with pytest.raises(Failed, match="attack made-up stopped, RuntimeError: first line second line"):
        outcomes(model, images, attack(broken))


class Returns(nn.Module):
    """A model whose logits go through a function."""

    def __init__(self, model, change):
        super().__init__()
        self.model, self.change = model, change

    def forward(self, x):
        return self.change(self.model(x))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda z: (z, z), r"the model returned tuple for \d+ images; logits of shape \(\d+, classes\)"),
        (lambda z: z[:, :1], r"the model returned \(\d+, 1\) for"),
        (lambda z: z[0], r"the model returned \(10,\) for"),
        (lambda z: z[:, :, None], r"the model returned \(\d+, 10, 1\) for"),
        (lambda z: z * torch.nan, r"NaN or infinite logits for \d+ of \d+ images"),
        (lambda z: z / 0, r"NaN or infinite logits for \d+ of \d+ images"),
    ],
    ids=["tuple", "one class", "no batch", "three axes", "NaN", "infinite"],
)
@pytest.mark.parametrize("condition", [Clean(), PGD], ids=["clean", "attacked"])
def test_a_model_that_returns_no_logits_is_refused_in_one_line(model, images, change, message, condition):
    with pytest.raises(BadInput, match=message) as caught:
        outcomes(Returns(model, change), images, condition)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.full((2, 1, 8, 8), 1.5), r"images span \[1.500, 1.500\]; pixels must lie in \[0, 1\]"),
        (torch.full((2, 1, 8, 8), torch.nan), r"images span \[nan, nan\]; pixels must lie in \[0, 1\]"),
        (-np.ones((2, 1, 8, 8)), r"images span \[-1.000, -1.000\]"),
        (torch.ones(2, 1, 8, 8, dtype=torch.int32), "images are int32; uint8 in 0..255 or floating point"),
        (np.ones((2, 1, 8, 8), bool), "images are bool; uint8"),
        (np.array([["a"]]), "images are no numbers that torch knows"),
        (None, "images are a NoneType; a tensor or a NumPy array belongs there"),
        (torch.zeros(2, 8, 8), r"images \(2, 8, 8\) with labels \(2,\): \(N, C, H, W\) and \(N,\)"),
        (torch.zeros(3, 1, 8, 8), r"images \(3, 1, 8, 8\) with labels \(2,\)"),
    ],
)
def test_images_that_are_none_are_refused(x, message):
    with pytest.raises(BadInput, match=message):
        Images(x, torch.zeros(2, dtype=torch.int64))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (torch.tensor([0, 10, 10]), "label 10 of 2 of 3 images is no class of the model, which has 10; .* 0 to 9"),
        (np.array([12, 11, 10]), "labels 10, 11, 12 of 3 of 3 images are no class of the model"),
        (torch.tensor([0, 1, -1]), "label -1 of 1 of 3 images is no class; classes count from 0"),
        (torch.tensor([0.0, 1.0, 2.0]), "labels are float32; give the numbers of the classes as integers"),
        (torch.tensor([True, False, True]), "labels are bool; "),
        (["cat", "dog", "cat"], "labels are no numbers that torch knows"),
    ],
)
def test_labels_that_are_no_class_are_refused_everywhere(y, message):
    model, other = (nn.Sequential(nn.Flatten(), nn.Linear(64, classes)) for classes in (10, 100))
    condition = Attacked(parse_attack("FGSM"), Linf(0.1))
    x = torch.zeros(3, 1, 8, 8)
    for evaluate in (
        lambda images: outcomes(model, images, Clean()),
        lambda images: outcomes(model, images, condition),
        lambda images: transferred(other, [model], images, condition),
        lambda images: transferred(model, [other], images, condition),
    ):
        with pytest.raises(BadInput, match=message):
            evaluate(Images(x, y))


@pytest.mark.parametrize("kind", [np.int32, np.uint8, ">i4", list, torch.int32])
def test_labels_of_any_integer_type_are_the_same(model, images, kind):
    plain = outcomes(model, images, PGD, n=20).right
    y = (
        images.y.tolist()
        if kind is list
        else images.y.to(kind)
        if kind is torch.int32
        else images.y.numpy().astype(kind)
    )
    assert (outcomes(model, Images(images.x, y), PGD, n=20).right == plain).all()


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.uint8, ">f4", torch.float64, torch.float16])
def test_pixels_of_any_plain_type_are_evaluated_by_any_model(exact, model, images, kind):
    whole = np.rint(images.x[:50].numpy() / 255 * 64)  # 64ths are exact in every type
    x = (whole * (255 / 64)).astype(np.uint8) if kind is np.uint8 else whole / 64
    x = torch.from_numpy(x).to(kind) if isinstance(kind, torch.dtype) else x.astype(kind)
    if isinstance(x, np.ndarray):
        x.flags.writeable = False
    found = Images(x, images.y[:50])
    for net in (model, exact[0]):
        assert outcomes(net, found, Clean()).right.mean() > 0.8
        assert outcomes(net, found, PGD).right.mean() < 0.8
        assert outcomes(net, found, Attacked(parse_attack("FGSM"), L2(0.5))).verdict == "ok"


@pytest.mark.parametrize("n", [0, -1, 301])
def test_a_number_of_images_that_is_not_there_is_refused(model, images, n):
    with pytest.raises(BadInput, match=f"{n} test images asked for, 300 are there"):
        outcomes(model, images, Clean(), n=n)


# a kill, and going on


class Kill(Exception):
    pass


def kill_at(done):
    def tick(outcome):
        if outcome.done >= done:
            raise Kill

    return tick


def test_a_killed_evaluation_goes_on_from_its_last_finished_block(exact, attack, tmp_path):
    model, images = exact
    attacked = []

    def noted(model, x, y, threat, *, block):
        attacked.append(len(x))
        warnings.warn(AttackWarning("a doubt", 3), stacklevel=1)
        return pgd(model, x, y, threat, steps=3)

    condition, saved = attack(noted, block=40), tmp_path / "partial.json"
    whole = outcomes(model, images, condition)
    attacked.clear()
    with pytest.raises(Kill):
        outcomes(model, images, condition, saved=saved, tick=kill_at(80))
    assert attacked == [40, 40]
    done = []
    resumed = outcomes(model, images, condition, saved=saved, tick=lambda outcome: done.append(outcome.done))
    assert attacked == [40, 40, 40, 30]
    assert done == [120, 150]
    assert (resumed.right == whole.right).all()
    assert (resumed.forwards, resumed.backwards) == (whole.forwards, whole.backwards)
    assert resumed.doubts == whole.doubts == {"a doubt": 12}
    assert resumed.seconds > 0
    attacked.clear()
    assert (outcomes(model, images, condition, saved=saved).right == whole.right).all()  # killed before it was stored
    assert attacked == []


def test_own_attacks_go_on_with_the_same_draws(exact, monkeypatch, tmp_path):
    model, images = exact
    whole = outcomes(model, images, PGD).right
    monkeypatch.setattr(bench.evaluation.evaluator, "BLOCK_SIZE", 64)
    with pytest.raises(Kill):
        outcomes(model, images, PGD, saved=tmp_path / "partial.json", tick=kill_at(64))
    assert (outcomes(model, images, PGD, saved=tmp_path / "partial.json").right == whole).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "does not say which model, attack and images it is of"),
        ('[{"right": [1], "done": 1}]', "does not say which model, attack and images it is of"),
        ('{"of": {"n": 300}, "outcomes": []}', "does not say which model, attack and images it is of"),
    ],
)
def test_a_damaged_file_of_finished_blocks_is_named(model, images, tmp_path, content, message):
    saved = tmp_path / "partial.json"
    saved.write_text(content)
    with pytest.raises(BadInput, match=rf"partial\.json {message}.*; delete it") as caught:
        outcomes(model, images, Clean(), saved=saved)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "change",
    [
        *({"right": [0] * 300}, {"right": [1]}, {"right": 1}, {"right": [7] * 300}, {"unknown": 2}),
        *({"done": 301}, {"done": -1}, {"done": "3"}, {"done": 1.5}, {"forwards": -5}),
        *({"seconds": "x"}, {"seconds": float("nan")}, {"doubts": [1]}, {"doubts": {"x": "y"}}, {"values": ["x"]}),
    ],
    ids=lambda change: str(change)[:30],
)
def test_finished_blocks_that_were_changed_are_refused(model, images, tmp_path, change):
    saved = tmp_path / "partial.json"
    outcomes(model, images, Clean(), saved=saved)
    content = json.loads(saved.read_text())
    content["outcomes"][0] |= change
    saved.write_text(json.dumps(content))
    with pytest.raises(BadInput, match=r"partial\.json was changed after it was written: .*; delete it"):
        outcomes(model, images, Clean(), saved=saved)


class Adds(nn.Module):
    """A model whose logits depend on a number that is in no state dict."""

    def __init__(self, model, number):
        super().__init__()
        self.model, self.number = model, number

    def forward(self, x):
        return self.model(x) + self.number * x.mean((1, 2, 3))[:, None] * torch.arange(10).to(x)


OTHERS = {
    "other weights": {"model": lambda model: Adds(deepcopy(model).apply(_shifted), 1.0)},
    "a model that gives other logits": {"model": lambda model: Adds(model, 2.0)},
    "another attack, setting or radius": {"condition": Attacked(parse_attack("FGSM"), Linf(2 * EPS))},
    "another attack, setting": {"condition": Attacked(parse_attack("FGSM.last"), Linf(EPS))},
    "other images or labels": {"images": lambda images: Images(images.x, (images.y + 1) % 10)},
    "other images": {"images": lambda images: Images(images.x.flip(0), images.y)},
    "another number of images": {"n": 40},
    "another first image": {"start": 1},
    "another seed": {"seed": 1},
    "another precision": {"precision": "bf16"},
}


def _shifted(module):
    if isinstance(module, nn.Linear):
        module.bias.data += 0.1


@pytest.fixture(scope="module")
def unfinished(model, images, tmp_path_factory):
    """The files of an interrupted evaluation, and its arguments."""
    saved, condition = tmp_path_factory.mktemp("saved") / "partial.json", Attacked(parse_attack("FGSM"), Linf(EPS))
    arguments = {"model": Adds(model, 1.0), "images": images.first(50), "condition": condition, "n": 50}
    outcomes(**arguments, saved=saved, adversarial_set=AdversarialSet())
    return saved, arguments


@pytest.mark.parametrize("word", OTHERS)
def test_finished_blocks_of_another_evaluation_are_refused(model, images, unfinished, word):
    saved, arguments = unfinished
    makes = {"model": lambda make: make(model), "images": lambda make: make(images.first(50))}
    changed = {name: makes.get(name, lambda value: value)(value) for name, value in OTHERS[word].items()}
    with pytest.raises(BadInput, match=rf"partial\.json holds the outcomes of .*{word}.*; delete it, or name another"):
        outcomes(**arguments | changed, saved=saved)


def test_images_of_another_evaluation_beside_finished_blocks_are_refused(unfinished, tmp_path):
    saved, arguments = unfinished
    other = tmp_path / "other.json"
    outcomes(**arguments | {"seed": 1}, saved=other, adversarial_set=AdversarialSet())
    copy(saved, other)  # of seed 0, beside the images of seed 1
    with pytest.raises(BadInput, match=r"other\.npz holds the outcomes of another seed; delete it"):
        outcomes(**arguments, saved=other, adversarial_set=AdversarialSet())
    write_adversarial_set(tmp_path / "other.npz", AdversarialSet(), {})  # as files were that did not say
    with pytest.raises(BadInput, match=r"other\.npz does not say which model, attack and images it is of"):
        outcomes(**arguments, saved=other, adversarial_set=AdversarialSet())
    with pytest.raises(BadInput, match=r"a\.npz is the name of the adversarial images beside it"):
        outcomes(**arguments, saved=tmp_path / "a.npz", adversarial_set=AdversarialSet())


def test_a_model_that_draws_goes_on_from_its_own_file(model, images, tmp_path):
    noisy = Noisy(model)
    found = [outcomes(noisy, images, Clean(), saved=tmp_path / "partial.json").right for _ in range(2)]
    assert (found[0] == found[1]).all()


# doubts


@pytest.mark.parametrize(
    ("n", "few", "many"), [(100, 1, 2), (300, 2, 3), (1000, 5, 6), (10_000, 28, 29)]
)  # more than 0.2 % beyond chance
def test_a_doubt_counts_beyond_chance_only(n, few, many):
    assert Outcome(np.ones(n, bool), seen=n, doubts={"odd": few}).verdict == "ok"
    assert Outcome(np.ones(n, bool), seen=n, doubts={"odd": many}).verdict == f"suspect: odd ({many} of {n:,} images)"


def test_every_doubt_is_in_the_verdict():
    outcome = Outcome(np.ones(50, bool), seen=128, doubts={"a": 50, "b": 0, "c": 256})  # the block is attacked whole
    assert outcome.verdict == "suspect: a (50 of 128 images); c (128 of 128 images)"


class Wrapped(nn.Module):
    """A model that answers as another one does."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)


class Noisy(Wrapped):
    def forward(self, x):
        logits = self.model(x)
        return logits + 0.01 * logits.abs().amax() * torch.randn_like(logits)


class Flat(nn.Module):
    """A model without gradient that is right on every image it knows."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x).round(decimals=0)


@pytest.mark.slow
@pytest.mark.usefixtures("short_autoattack")
@pytest.mark.parametrize(
    ("make", "doubt"),
    [
        (lambda model: nn.Sequential(model, nn.Softmax(1)), r"outputs are probabilities, not logits \(8 of 8 images\)"),
        (Noisy, r"outputs are randomised \(8 of 8 images\)"),
        (Flat, r"zero gradients \(8 of 8 images\)"),
    ],
    ids=["softmax", "random", "flat"],
)
def test_autoattack_itself_doubts(model, images, make, doubt):
    with torch.no_grad():
        right = is_correct(model, to_float(images.x), images.y, 64)
    images = Images(images.x[right][:8], images.y[right][:8])
    outcome = outcomes(make(model), images, Attacked(parse_attack("AutoAttack[block=8]"), Linf(0.05)))
    assert outcome.verdict.startswith("suspect: ")
    assert re.search(doubt, outcome.verdict), outcome.verdict


@pytest.mark.slow
@pytest.mark.usefixtures("short_autoattack")
def test_autoattack_does_not_doubt_a_plain_model(model, images):
    outcome = outcomes(model, images.first(16), Attacked(parse_attack("AutoAttack[block=16]"), Linf(0.05)))
    assert outcome.verdict == "ok"


@pytest.mark.parametrize("text", ["R-FGSM", "PGD-3[start=unclipped]"])
def test_a_start_that_is_no_image_yet_breaks_nothing(model, images, text):
    threat = L2(3.0)  # noise of this size fools the model by itself
    with fixed_seed("noise"):
        x_adv = to_float(images.x) + threat.noise(to_float(images.x))
    assert is_correct(model, x_adv, images.y, 64).float().mean() < 0.9
    outcome = outcomes(model, images, Attacked(parse_attack(text), threat))
    assert outcome.right.mean() < 0.5


def test_a_model_without_gradients_gives_no_number(model, images):
    with pytest.raises(
        BadInput, match=r"attack PGD-10: the model gives its images no gradient .* attack it with Square"
    ):
        outcomes(Returns(model, lambda z: z.detach()), images, PGD)


def test_what_fools_the_copy_alone_is_looked_for_a_little_farther_before_all_is_attacked_again(attack):
    """A linear model whose folded copy has its border 0.001 nearer, and an attack that stops just behind the copy's."""

    def half(border: float) -> nn.Module:
        return Returns(nn.Flatten(), lambda z: torch.stack([border - z[:, 0], z[:, 0] - border], 1))

    x, calls = torch.full((4, 1, 1, 1), 0.2), []

    def stops(model, x, y, threat, *, last=False):
        calls.append(model)
        return x + 0.1005

    for last in (False, True):
        condition = attack(stops, Linf(0.2), last=last)
        target = Target(half(0.301), half(0.3), 2, 0)
        outcome = Outcome(np.zeros(4, bool))
        far = target.distances(condition, Sample(range(4), x, torch.zeros(4, dtype=torch.long)), outcome)
        assert (far.isinf() == last).all()
        assert len(calls) == (3 if last else 1), "the last iterate is what it is"
    assert calls[2] is not calls[1]


# what an attack costs


@pytest.mark.parametrize(
    ("text", "passes"),
    [("FGSM", 1), ("PGD-7", 7), ("PGD-7.last", 7), ("CW-3[start=clean]", 3), ("PGD-5[restarts=3]", 6 + 6 + 5)],
)
@pytest.mark.parametrize("batch_size", [7, 64])
def test_passes_against_a_model_that_is_never_fooled_are_exact(images, text, passes, batch_size):
    sure = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    sure[1].bias.data[3] += 100
    images = Images(images.x[:50], torch.full((50,), 3))
    outcome = outcomes(sure, images, Attacked(parse_attack(text), Linf(0.1)), batch_size=batch_size)
    assert outcome.right.all()
    assert (outcome.forwards, outcome.backwards) == (50 * passes, 50 * passes)


def test_clean_accuracy_costs_no_passes_of_an_attack(model, images):
    outcome = outcomes(model, images, Clean())
    assert (outcome.forwards, outcome.backwards, outcome.done) == (0, 0, 300)


# precision


def test_a_search_in_bf16_is_evaluated_in_fp32(model, images, attack):
    """Wrong is what fp32 gets wrong, of the images as they are or as bf16 left them; a second search may add some."""
    handed, searched = [], []

    def noted(model, x, y, threat, *, block):
        searched.append(model)
        handed.append(pgd(model, x, y, threat, steps=10))
        return handed[-1]

    right = torch.from_numpy(outcomes(model, images, attack(noted, block=300), precision="bf16").right)
    assert isinstance(searched[0], Bf16)
    assert searched[0](handed[0][:4]).dtype == torch.float32
    x = to_float(images.x)
    clean, first = (is_correct(model, z, images.y, 64) for z in (x, handed[0]))
    assert not (right & ~(clean & first)).any()
    farther = [Linf(EPS).project(x + share * (z - x), x) for z in handed for share in (1, *OVERSHOOT_FACTORS)]
    robust = torch.stack([clean, *(is_correct(model, z, images.y, 64) for z in farther)]).all(0)
    assert not (robust & ~right).any()
    assert all(later is model for later in searched[1:])


def test_a_search_in_bf16_finds_nearly_what_fp32_finds(model, images):
    a, b = (accuracy(outcomes(model, images, PGD, precision=precision)) for precision in ("fp32", "bf16"))
    assert abs(a - b) <= 0.03


def test_what_only_bf16_gets_wrong_is_attacked_again_in_fp32():
    """Its logits near 100 are 0.5 apart in bf16, so that it sees nothing but ties, which class 0 wins."""
    rng = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    net[1].weight.data = 0.05 * torch.randn(2, 64, generator=rng)
    net[1].bias.data = 100 - 0.5 * net[1].weight.data.sum(1)
    x = 0.5 + 0.05 * torch.randn(200, 1, 8, 8, generator=rng).clamp(-3, 3)
    images = Images(x, torch.ones(200, dtype=torch.int64))
    condition = Attacked(parse_attack("PGD-10"), Linf(0.004))
    rough, fine = (outcomes(net, images, condition, precision=precision) for precision in ("bf16", "fp32"))
    assert 0 < fine.right.sum() < outcomes(net, images, Clean()).right.sum()
    assert (rough.right == fine.right).all()
    assert rough.forwards > fine.forwards


# the copy that is attacked


def test_the_copy_has_no_batch_norms_and_the_same_logits(model, images):
    x = to_float(images.x[:64])
    copy = fast_copy(model, x)
    assert copy is not model
    assert any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in copy.modules())
    assert (copy(x) - model(x)).abs().max() < 1e-4 * model(x).abs().max()


class Forgetful(Wrapped):
    """A model whose copies compute something else."""

    def __deepcopy__(self, memo):
        return Forgetful(nn.Sequential(deepcopy(self.model, memo), nn.Softmax(1)))


class Unique(Wrapped):
    """A model that cannot be copied."""

    def __deepcopy__(self, memo):
        raise TypeError("there can be only one")


class Branching(Wrapped):
    """A model that cannot be traced, because what it does depends on the pixels."""

    def forward(self, x):
        return self.model(x) if x.mean() > 0 else -self.model(x)


@pytest.mark.parametrize(
    ("make", "word"), [(Forgetful, "the logits of its copy differ"), (Unique, "there can be only one")]
)
def test_the_original_is_attacked_where_no_copy_is_as_good(exact, caplog, make, word):
    model, images = exact
    odd = make(model)
    with caplog.at_level(logging.INFO, "bench"):
        assert fast_copy(odd, images.x[:64]) is odd
    assert word in caplog.text
    assert (outcomes(odd, images, PGD).right == outcomes(model, images, PGD).right).all()


def test_a_model_that_cannot_be_traced_is_attacked_as_a_copy(exact, caplog):
    model, images = exact
    odd = Branching(model)
    with caplog.at_level(logging.INFO, "bench"):
        copy = fast_copy(odd, images.x[:64])
    assert isinstance(copy, Branching)
    assert copy is not odd
    assert "cannot be traced" in caplog.text
    assert (outcomes(odd, images, PGD).right == outcomes(model, images, PGD).right).all()


# what is left as it was


def state(model):
    values = [value.clone() for value in model.state_dict().values()]
    flags = [m.training for m in model.modules()], [(p.requires_grad, p.grad) for p in model.parameters()]
    return values, flags


@pytest.mark.slow
@pytest.mark.usefixtures("short_autoattack")
@pytest.mark.parametrize("text", ["PGD-2", "AutoAttack[block=8]", "PGD-2 on the original"])
def test_an_evaluation_leaves_the_model_and_the_generator_as_they_were(model, images, text):
    model = deepcopy(model).train()
    model = Unique(model) if text.endswith("original") else model
    next(iter(model.modules())).training = False
    for parameter in list(model.parameters())[::2]:
        parameter.requires_grad_(True)
    torch.manual_seed(5)
    generator, (values, flags) = torch.get_rng_state(), state(model)
    outcomes(model, images.first(8), Attacked(parse_attack(text.split()[0]), Linf(EPS)))
    after, flags_after = state(model)
    assert torch.equal(torch.get_rng_state(), generator)
    assert flags_after == flags
    assert all(torch.equal(a, b) for a, b in zip(values, after, strict=True))


def test_a_failed_attack_leaves_the_model_as_it_was(model, images, attack):
    model = deepcopy(model).train().requires_grad_(True)
    (values, flags), generator = state(model), torch.get_rng_state()
    with pytest.raises(Failed):
        outcomes(model, images, attack(partial(lambda model, x, y, threat: x[1:])))
    after, flags_after = state(model)
    assert flags_after == flags
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(a, b) for a, b in zip(values, after, strict=True))


def test_an_attack_cannot_change_the_images(model, images, attack):
    before = images.x.clone()
    floats = Images(to_float(images.x), images.y.clone())

    def mean(model, x, y, threat, *, block):
        y.zero_()
        return x

    clean = outcomes(model, images, Clean()).right
    assert (outcomes(model, floats, attack(mean, block=300)).right == clean).all()
    assert torch.equal(images.x, before)
    assert torch.equal(floats.y, images.y)
