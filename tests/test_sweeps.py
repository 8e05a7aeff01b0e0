"""Sweeps and shared trajectories: equal to separate runs or to closed forms, at the price that they claim."""

from pathlib import Path

import pytest

from bench.attacks import parse_attack
from bench.conditions import Attacked
from bench.data import Images, dataset
from bench.evaluate import outcomes, side_by_side
from bench.models import build
from bench.seeding import seeded
from bench.threat import L2, Linf
from bench.together import together

GRID = (0.002, 0.004, 0.006, 0.008, 0.01, 0.012, 0.016, 0.02)


@pytest.fixture(scope="module")
def digits():
    """An untrained cnn in float64, and digits with the labels that it gives them but for a few."""
    with seeded("sweeps"):
        model, images = build("cnn", dataset("digits", Path())).double().eval(), dataset("digits", Path())
    images = images.load("test", Path(), 40)
    x = images.x.double() / 255
    y = model(x).argmax(1)
    y[::10] = (y[::10] + 1) % 10
    return model.requires_grad_(False), Images(x, y)


def attacked(texts, threat):
    return [Attacked(parse_attack(text), threat) for text in texts]


# one trajectory


STEPS = ["PGD-20", "PGD-1", "PGD-7", "PGD-3"]
COURSES = [
    STEPS,
    [f"{name}.last" for name in STEPS],
    ["CW-12", "CW-2", "CW-5", "CW-11"],
    ["PGD-4[restarts=5]", "PGD-4[restarts=2]", "PGD-4"],
    ["PGD-4.last[restarts=3]", "PGD-4.last[restarts=2]", "PGD-1.last"],
    ["PGD-MC[steps=9]", "PGD-MC[steps=4]"],
]


@pytest.mark.parametrize("texts", COURSES, ids=lambda texts: texts[0])
@pytest.mark.parametrize("threat", [Linf(0.01), L2(0.07)], ids=str)
def test_one_trajectory_equals_separate_runs_image_by_image(digits, texts, threat):
    model, images = digits
    conditions = attacked(texts, threat)
    assert together(conditions[-1], conditions) == [conditions[0], conditions[-1], *conditions[1:-1]]
    for shared, condition in zip(side_by_side(model, images, conditions, batch_size=16), conditions, strict=True):
        alone = outcomes(model, images, condition, batch_size=16)
        assert (shared.right == alone.right).all()
        assert (shared.forwards, shared.backwards) == (alone.forwards, alone.backwards)
        assert shared.doubts == alone.doubts


def test_a_misled_search_is_repeated_on_the_model_for_each_of_its_lengths(digits, monkeypatch):
    model, images = digits

    def rough(model, x):
        copy = deepcopy(model)
        for weight in copy.parameters():
            weight += 0.05 * weight.std() * torch.randn(weight.shape, generator=torch.manual_seed(0)).double()
        return copy

    monkeypatch.setattr(bench.judge, "attackable", rough)
    conditions = attacked(["PGD-9", "PGD-2", "PGD-5"], Linf(0.01))
    shared = side_by_side(model, images, conditions)
    alone = [outcomes(model, images, condition) for condition in conditions]
    assert [o.right.tolist() for o in shared] == [o.right.tolist() for o in alone]
    assert [(o.forwards, o.backwards) for o in shared] == [(o.forwards, o.backwards) for o in alone]
    assert shared[0].forwards > sum(len(images) for _ in range(9)) / 3


def test_a_shared_search_sends_its_images_once(digits):
    model, images = digits
    conditions, sent = attacked(["PGD-20", "PGD-10", "PGD-5"], Linf(0.003)), []
    handle = model.net[0].register_forward_hook(lambda module, inputs, out: sent.append(len(out) * out.requires_grad))
    shared = side_by_side(model, images, conditions)
    handle.remove()
    assert sum(sent) == shared[0].forwards < sum(outcome.forwards for outcome in shared) / 1.5
    assert len({outcome.seconds for outcome in shared}) == 1


ALONE = ["PGD-5[step=2/255]", "PGD-5[start=clean]", "CW-5", "PGD-5.last", "FGSM", "MultiTarget[steps=5]", "AutoAttack"]


@pytest.mark.parametrize("text", ALONE)
def test_what_differs_in_more_than_its_length_shares_no_search(text):
    longest, other = attacked(["PGD-20", text], Linf(8 / 255 + 0.001))
    assert together(longest, [other]) == [longest]
    assert together(other, [longest]) == [other]


def test_lengths_that_are_no_beginnings_of_one_another_share_no_search():
    conditions = attacked(
        ["PGD-20[restarts=3]", "PGD-50", "PGD-20", "PGD-10[restarts=2]", "PGD-20[restarts=2]"], Linf(0.1)
    )
    assert together(conditions[0], conditions) == [conditions[i] for i in (0, 2, 4)]
    assert together(conditions[2], conditions) == [conditions[i] for i in (0, 2, 4)]
    assert together(conditions[1], conditions) == [conditions[i] for i in (1, 2)]
    assert together(conditions[3], conditions) == [conditions[3]]


def test_equal_steps_in_pixels_are_equal_steps():
    conditions = attacked(["PGD-20[step=0.5eps]", "PGD-10[step=0.25]"], Linf(0.5))
    assert together(conditions[1], conditions) == conditions


# radii


def radius(model, images, threat):
    """The exact one of each image; 0 where it is wrong already."""
    return model.radius(images.x, images.y, threat).clamp_min(0).numpy()


@pytest.mark.parametrize("text", ["PGD-20", "FGSM", "CW-20", "MI-FGSM", "PGD-5[step=0.02]"])
@pytest.mark.parametrize("norm", [Linf, L2])
def test_radii_on_a_linear_model_are_the_first_of_the_grid_beyond_the_boundary(text, norm):
    model, images = linear(2, 80)
    balls = [norm(eps * (1 if norm is Linf else 8)) for eps in GRID]
    outcome = outcomes(model, images, swept(parse_attack(text), balls)[0])
    grid = np.array([ball.eps for ball in balls])
    exact = radius(model, images, balls[0])
    first = np.append(grid, np.inf)[np.searchsorted(grid, exact)]
    expected = np.where(exact > 0, first, 0)
    assert (read_off(outcome, swept(parse_attack(text), balls)[3]).right == (expected > grid[2])).all()
    assert outcome.values == expected.tolist()
    assert set(outcome.values) == {0, *grid, np.inf}


def test_each_image_is_attacked_at_about_the_logarithm_of_the_radii(digits, monkeypatch):
    model, images = digits
    asked = np.zeros((len(images), len(GRID)), int)
    distances = Target.distances

    def noted(self, condition, ids, *rest):
        asked[list(ids), GRID.index(condition.threat.eps)] += 1
        return distances(self, condition, ids, *rest)

    monkeypatch.setattr(Target, "distances", noted)
    outcomes(model, images, swept(parse_attack("PGD-5"), [Linf(eps) for eps in GRID])[0])
    assert asked.max() == 1
    assert asked.sum(1).max() <= math.ceil(math.log2(len(GRID) + 1))
    assert (asked.sum(1) == 0).mean() == 0.1  # those that are wrong already


def test_no_image_of_a_sweep_is_weaker_than_in_plain_runs(digits):
    model, images = digits
    whole = swept(parse_attack("PGD-10"), [Linf(eps) for eps in GRID])
    outcome = outcomes(model, images, whole[0])
    spent, broken = 0, []
    for part, eps in zip(whole[1:], GRID, strict=False):
        plain = outcomes(model, images, Attacked(parse_attack("PGD-10"), Linf(eps)))
        broken.append((~plain.right, ~read_off(outcome, part).right))
        spent += plain.forwards
    plain, ours = (np.array(side) for side in zip(*broken, strict=True))
    assert (plain & ~ours).sum() <= 0.005 * plain.size  # of radii where a larger one does less
    assert 0.1 < ours[:-1].mean() < 0.9
    assert outcome.forwards < spent / 2


@pytest.mark.parametrize("size", [7, 500])
def test_batch_size_changes_nothing_in_a_sweep_in_float64(digits, size):
    model, images = digits
    basis = swept(parse_attack("PGD-5"), [Linf(eps) for eps in GRID])[0]
    a, b = (outcomes(model, images, basis, batch_size=size) for size in (16, size))
    assert (a.values, a.forwards, a.doubts) == (b.values, b.forwards, b.doubts)


def test_numbers_of_a_curve():
    attack, balls = parse_attack("PGD-5"), [Linf(eps) for eps in (0.1, 0.2, 0.4)]
    *curve, area, median = swept(attack, balls)
    radii = np.array([0, 0.1, 0.4, math.inf])
    accuracies = [condition.withstood(radii).mean() for condition in curve]
    assert accuracies == [0.75, 0.5, 0.5, 0.25]
    assert area.summary(radii)[0] == pytest.approx(np.trapezoid(accuracies, [0, 0.1, 0.2, 0.4]) / 0.4)
    value, low, high, n = median.summary(radii)
    assert (value, n) == (0.1, 4)
    assert low <= value <= high == math.inf
    assert area.summary(np.full(9, math.inf)) == (1, 1, 1, 9)
    assert json.loads(area.params) == json.loads(attack.params) | {"sweep": [0, 0.1, 0.2, 0.4]}


def test_attacks_that_no_bisection_fits_are_run_at_each_radius():
    balls = [Linf(0.1), Linf(0.2)]
    for text in ("PGD-10.last", "AutoAttack", "Square"):
        assert over(parse_attack(text), balls) == [Attacked(parse_attack(text), ball) for ball in balls]
    (*accuracies, area, median) = over(parse_attack("PGD-10"), balls)
    assert [(type(c), c.threat.eps) for c in accuracies] == [(Swept, 0), (Swept, 0.1), (Swept, 0.2)]
    assert (area.reading, median.reading) == ("area", "median radius")
    assert [c.threat.eps for c in over(parse_attack("CW-L2"), [L2(1), L2(2)]) if c.attack and isinstance(c, Attacked)]
