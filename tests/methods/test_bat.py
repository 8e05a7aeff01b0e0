"""Bilateral adversarial training against the authors' train.py, image by image; the label rules by their properties."""

import math

import numpy as np
import pytest
import torch
from small import CLASSES, EPS, B, K, Q, close, net, smoothed_label, training_pass
from torch import Tensor, nn
from torch.nn import functional as F

from bench import RECIPES, Ascent, Linf, Targeted, Untargeted, clean_logits, smooth
from bench.core.errors import Failed
from bench.core.labels import least_likely, most_confusing, nearest, random_class
from bench.core.passes import count_passes
from bench.core.rng import fixed_seed
from methods.bat import LabelAdversary
from methods.pgd_at import AdversarialTraining

BEFORE = ("", "R-")
AIMS = ("FGSM", "LL", "MC", "RAND", "MOSA")


def one_hot(y: int, classes: int = K) -> Tensor:
    return smoothed_label(y, 1.0, classes)


def prediction(x: Tensor) -> Tensor:
    return net().eval()(x).detach()


def weights() -> Tensor:
    return net()[-1].weight.detach()


def official_target(aim: str, z: Tensor, y: int) -> int:
    """One image's; z its logits."""
    others = [k for k in range(len(z)) if k != y]
    if aim == "MOSA":
        w = weights()
        gaps = {k: float(z[y] - z[k]) if z[y] - z[k] > 1e-4 else 1e4 for k in others}
        return min(others, key=lambda k: gaps[k] / math.dist(w[y], w[k]))
    return (max if aim == "MC" else min)(others, key=lambda k: z[k])


def official_images(prefix: str, aim: str, x: Tensor) -> Tensor:
    with fixed_seed("shown", 0):
        start = x + EPS * (2 * torch.rand_like(x) - 1) if prefix else x
    model, z = net().eval(), prediction(x)
    out = []
    for i, y in enumerate(CLASSES.tolist()):
        target = y if aim == "FGSM" else official_target(aim, z[i], y)
        image = start[i : i + 1].clone().requires_grad_()
        F.cross_entropy(model(image), torch.tensor([target])).backward()
        moved = image.detach() + (EPS if aim == "FGSM" else -EPS) * image.grad.sign()
        out.append(torch.clip(torch.clip(moved[0], x[i] - EPS, x[i] + EPS), 0, 1))
    return torch.stack(out)


def official_labels(p: np.ndarray, y: int, beta: float = 9.0, rule: str = "main") -> np.ndarray:
    """One image's, in the two forms of the specification."""
    v, gamma, n = -np.log(p + 1e-8), 0.01, len(p)
    others = [k for k in range(n) if k != y]
    low, high, total = v[others].min(), v[others].max(), v[others].sum()
    label = np.zeros(n)
    if rule == "main":
        d = total - (n - 1) * (low - gamma)
        budget = 1 / (1 + beta * (high - low + gamma) / d)
        for k in others:
            label[k] = budget * (v[k] - low + gamma) / d
    else:
        if rule == "nine":
            others = sorted(others, key=lambda k: -v[k])[:9]
            total = v[others].sum()
        budget = 1 / (1 + beta * high / total)
        for k in others:
            label[k] = budget * v[k] / total
    label[y] = 1 - budget
    return label


@pytest.mark.parametrize("prefix", BEFORE)
@pytest.mark.parametrize("aim", ["FGSM", "LL", "MC", "MOSA"])
def test_images_are_those_of_the_official_step(prefix, aim, x):
    expected = official_images(prefix, aim, x)
    for suffix in ("", "-LS", "-LA"):
        assert close(training_pass(RECIPES[f"{prefix}{aim}{suffix}"], x).images, expected)


@pytest.mark.parametrize("aim", AIMS)
def test_the_three_kinds_of_label(aim, x):
    labels = {kind: training_pass(RECIPES[f"R-{aim}{kind}"], x).labels for kind in ("", "-LS", "-LA")}
    p = prediction(x).softmax(1).numpy()
    tilted = np.stack([official_labels(p[i], y) for i, y in enumerate(CLASSES.tolist())])
    assert torch.equal(labels[""], Q)
    assert close(labels["-LS"], smooth(Q, 0.5))
    assert close(labels["-LA"], torch.from_numpy(tilted))


@pytest.mark.parametrize(
    ("name", "forwards"),
    [("MC", 2), ("R-MC", 3), ("MOSA-LA", 2), ("R-MC-LA", 3), ("FGSM-LA", 2), ("R-FGSM-LA", 3), ("RAND-LA", 2)],
)
def test_clean_images_pass_once_for_the_class_the_first_step_and_the_label(name, forwards, x):
    model = net()
    with count_passes(model) as passes:
        RECIPES[name].loss(model, x, Q).backward()
    assert (passes.forwards, passes.backwards) == (forwards * B, 2 * B)


def test_clean_logits_are_those_of_the_model_in_eval_mode_whatever_else_was_computed(x):
    model, other = net(), x.flip(0)
    with torch.no_grad():
        expected = net().eval()(x)
    with clean_logits(model, x) as logits, torch.no_grad():
        model(x)  # in training mode, which moves the running statistics
        model.load_state_dict(net().state_dict())
        model.eval()(other)
        assert torch.equal(logits(), expected)


def test_a_step_from_the_image_has_one_length_and_a_step_from_noise_has_not(x):
    inner = (x > EPS) & (x < 1 - EPS)
    for name, constant in (("FGSM", True), ("R-FGSM", False), ("R-MC", False)):
        size = (training_pass(RECIPES[name], x).images - x).abs()
        assert size.max() <= EPS + 1e-12
        size = size[inner]
        assert close(size[size > 1e-9], torch.tensor(EPS, dtype=torch.float64)) == constant


# which class to step towards


def wide(classes: int, count: int = 200) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, hard labels and class weights."""
    with fixed_seed("wide", classes):
        y = torch.randint(classes, (count,))
        return torch.randn(count, classes, dtype=torch.float64), F.one_hot(y, classes).double(), torch.randn(classes, 7)


@pytest.mark.parametrize("classes", [2, 3, 100])
def test_no_target_is_the_true_class(classes):
    logits, q, weight = wide(classes)
    goals = [
        most_confusing(logits, q),
        least_likely(logits, q),
        nearest(logits, q, weight),
        random_class(q, other=True),
    ]
    for goal in goals:
        assert goal.dtype == q.dtype
        assert torch.equal(goal.sum(1), torch.ones(len(q), dtype=q.dtype))
        assert (goal * q).sum() == 0
    if classes == 2:
        assert all(torch.equal(goal, 1 - q) for goal in goals)


def test_random_targets_are_uniform():
    y = F.one_hot(torch.full((6000,), 1), 4).float()
    with fixed_seed("targets"):
        other, any_class = random_class(y, other=True).mean(0), random_class(y).mean(0)
    assert close(other, torch.tensor([1 / 3, 0, 1 / 3, 1 / 3]), 0.02)
    assert close(any_class, torch.full((4,), 0.25), 0.02)


def test_mosa_prefers_a_near_boundary_to_a_close_logit():
    logits, q = torch.tensor([[3.0, 2.0, 1.0, 9.0]]), torch.tensor([[1.0, 0, 0, 0]])
    weight = torch.tensor([[0.0], [1.0], [4.0], [9.0]])
    assert nearest(logits, q, weight).argmax() == 2, "distances 1 and 1/2; the fourth class is already preferred"
    assert nearest(-logits.clamp_max(4), q, weight).argmax() == 3
    below_all = torch.tensor([[0.0, 2.0, 1.0, 9.0]])
    assert nearest(below_all, q, weight).argmax() == 3, "no class is less likely: the most different weights"


def test_mosa_without_class_weights_is_one_line():
    model = nn.Sequential(nn.Conv2d(3, K, 8), nn.Flatten()).double()
    with pytest.raises(Failed, match=r"ends in nn\.Linear with 10 outputs"):
        RECIPES["MOSA"].loss(model, torch.rand(B, 3, 8, 8, dtype=torch.float64), Q)


@pytest.mark.parametrize("name", ["R-MC-LA", "R-MC-LA.sup", "R-MC-LA9"])
def test_the_only_wrong_class_gets_the_whole_budget_however_sure_the_model_is_of_it(name):
    q, p = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    budget = 1 / (1 + RECIPES[name].beta)
    assert close(RECIPES[name].tilt(p, q), torch.tensor([[1 - budget, budget]]), 1e-6)


def test_with_two_classes_all_one_step_methods_agree(x):
    q = torch.eye(2, dtype=torch.float64)[torch.tensor([0, 1, 1, 0, 1])]
    with fixed_seed("two"):
        models = [net()[:-1].append(nn.Linear(8, 2)).double().train() for _ in AIMS]
    for model in models:
        model.load_state_dict(models[0].state_dict())
    seen = [training_pass(RECIPES[aim], x, q, model=model).images for aim, model in zip(AIMS, models, strict=True)]
    assert all(close(images, seen[0]) for images in seen)


# how much of the label to move, and where


def tilted(p: Tensor, q: Tensor, **settings: object) -> Tensor:
    return LabelAdversary(RECIPES["MC"].adversary, **settings).tilt(p, q)


@pytest.fixture(params=[0.3, 1.0, 5.0])
def predictions(request) -> tuple[Tensor, Tensor]:
    logits, q, _ = wide(10, 500)
    return (request.param * logits).softmax(1), q


@pytest.mark.parametrize("rule", ["main", "sup"])
@pytest.mark.parametrize("beta", [1.0, 9.0, 11.0])
def test_the_true_class_outweighs_the_heaviest_wrong_one_by_beta(rule, beta, predictions):
    p, q = predictions
    label = tilted(p, q, rule=rule, beta=beta)
    true = (label * q).sum(1)
    assert close(label.sum(1), torch.ones(len(q), dtype=torch.float64))
    assert label.min() >= 0
    assert close(true, beta * (label * (1 - q)).amax(1), 1e-6)
    assert (1 - true).min() > 1 / (1 + beta)
    assert (1 - true).max() <= 1 / (1 + beta / 9) + 1e-12
    for i in range(0, 500, 50):
        assert close(label[i], torch.from_numpy(official_labels(p[i].numpy(), int(q[i].argmax()), beta, rule)))


@pytest.mark.parametrize(("classes", "beta", "budget"), [(10, 9, 0.5), (10, 81, 0.1), (10, 1, 0.9), (100, 11, 0.9)])
@pytest.mark.parametrize("rule", ["main", "sup"])
def test_an_undecided_model_gives_label_smoothing(classes, beta, budget, rule):
    q = torch.eye(classes, dtype=torch.float64)[:3]
    p = torch.full_like(q, 0.7 / (classes - 1)).masked_fill(q.bool(), 0.3)
    assert close(tilted(p, q, rule=rule, beta=beta), smooth(q, 1 - budget), 1e-9)


def test_the_main_rule_spares_the_most_confusing_class_where_the_paper_says(predictions):
    p, q = predictions
    confusing = most_confusing(p.log(), q)
    main, sup = (((tilted(p, q, rule=rule)) * confusing).sum(1) for rule in ("main", "sup"))
    lowest = -((p + 1e-8).log() * confusing).sum(1)
    assert torch.equal(main < sup, lowest > 0.01)


def test_endless_beta_is_a_hard_label(predictions):
    p, q = predictions
    assert close(tilted(p, q, beta=1e12), q, 1e-9)


def test_la9_gives_mass_to_the_nine_heaviest_of_many_classes():
    logits, q, _ = wide(100)
    p = logits.softmax(1)
    label = RECIPES["R-MC-LA9"].tilt(p, q)
    assert torch.equal((label > 0).sum(1), torch.full((len(q),), 10))
    assert close(label.sum(1), torch.ones(len(q), dtype=torch.float64))
    for i in range(0, 200, 20):
        assert close(label[i], torch.from_numpy(official_labels(p[i].numpy(), int(q[i].argmax()), 11.0, "nine")))
    few, q = logits[:, :6].softmax(1), torch.eye(6, dtype=torch.float64)[torch.arange(200) % 6]
    assert close(RECIPES["R-MC-LA9"].tilt(few, q), tilted(few, q, rule="sup", beta=11.0)), "fewer classes than nine"


@pytest.mark.parametrize("true", [0, 4, 99])
def test_la9_takes_the_first_nine_of_equally_unlikely_classes(true):
    """Below 1e-8 single precision knows no difference, and a hundred classes have dozens there."""
    p = torch.full((1, 100), 1e-20).index_fill(1, torch.tensor([true]), 1.0)
    p[0, 50] = 0.25
    label = RECIPES["R-MC-LA9"].tilt(p, torch.eye(100)[[true]])
    wrong = [k for k in range(100) if k not in (true, 50)][:9]
    assert label[0].nonzero().flatten().tolist() == sorted([true, *wrong])


def test_labels_come_from_the_clean_image(x):
    """And no gradient through them."""
    seen = training_pass(RECIPES["R-MC-LA"], x)
    assert close(seen.labels, RECIPES["R-MC-LA"].tilt(prediction(x).softmax(1), Q))
    assert not seen.labels.requires_grad


# settings


def test_thirty_combinations_are_registered():
    for prefix, start in (("", "clean"), ("R-", "unclipped")):
        step = Ascent(Linf(EPS), 1, EPS, start)
        for aim in AIMS:
            adversary = Untargeted(step) if aim == "FGSM" else Targeted(aim, step)
            assert RECIPES[f"{prefix}{aim}"] == AdversarialTraining(adversary, decay="kernels")
            assert RECIPES[f"{prefix}{aim}-LS"] == AdversarialTraining(adversary, keep=0.5, decay="kernels")
            assert RECIPES[f"{prefix}{aim}-LA"] == LabelAdversary(adversary, beta=9.0, decay="kernels")


def test_the_variants_of_the_tables():
    base = RECIPES["R-MC-LA"].adversary
    for pixels in (1, 2, 4, 12):
        step = Ascent(Linf(pixels / 255), 1, pixels / 255, "unclipped")
        assert RECIPES[f"R-MC-LA.eps{pixels}"] == LabelAdversary(Targeted("MC", step), decay="kernels")
    assert RECIPES["R-MC-LA.sup"] == LabelAdversary(base, rule="sup", decay="kernels")
    assert RECIPES["R-MC-LA.cifar100"] == LabelAdversary(base, beta=11.0, decay="kernels")
    assert RECIPES["R-MC-LA9"].adversary == base
    assert RECIPES["PGD-AT.7x2-LA"].adversary == RECIPES["PGD-AT.7x2"].adversary
