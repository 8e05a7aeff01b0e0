"""StagedMargin, and the ascent and the random search that it is made of."""

import pytest
import torch
from torch import nn

from bench import L1, L2, Linf, parse_attack
from bench.attacks.searches.ascent_batch import ANY_CLASS, leads
from bench.attacks.searches.auto_pgd import checkpoints, climb
from bench.attacks.searches.search import batch_limit
from bench.core.errors import AttackWarning, BadInput
from bench.core.losses import margin
from bench.core.passes import count_passes
from bench.core.rng import image_rows, image_stream

SHORT = "StagedMargin[steps=5,steps_each=4,steps_top=6,restarts=1,steps_restart=5]"


@pytest.fixture(scope="module")
def curved():
    """A random network of five classes on images of 4 x 4, its predictions, and images in the middle of the range."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 24), nn.Tanh(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 5))
    x = 0.3 + 0.4 * torch.rand(40, 1, 4, 4)
    return net, x, net(x).argmax(1)


def test_checkpoints_are_those_of_the_paper():
    assert sorted(checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99]


def test_leads_are_the_margins_of_each_class(curved):
    net, x, y = curved
    found = leads(net(x), y)
    assert torch.equal(found.amax(1), margin(net(x), y))
    assert (found.gather(1, y[:, None]) == -torch.inf).all()


@pytest.mark.parametrize("threat", [Linf(0.05), L2(0.2), L1(0.6)], ids=["Linf", "L2", "L1"])
def test_an_ascent_returns_its_largest_margin_and_stays_in_the_ball(curved, threat):
    net, x, y = curved
    aims = leads(net(x), y).argmin(1)
    aims = torch.where(leads(net(x), y)[:, 0] > -torch.inf, torch.zeros_like(y), aims.clamp_min(1))
    found = climb(net, x, y, threat, start=x, aims=aims, classes=5, steps=10, length=2.0)
    assert (threat.distance(found.images, x) <= threat.eps * (1 + 1e-5)).all()
    assert torch.equal(found.broken, net(found.images).argmax(1) != y)
    there = leads(net(found.images), y).gather(1, aims[:, None])[:, 0]
    kept = ~found.broken
    assert torch.allclose(there[kept], found.margins[kept], atol=1e-6)
    assert torch.allclose(net(found.images)[kept], found.logits[kept], atol=1e-6)
    assert (found.margins >= leads(net(x), y).gather(1, aims[:, None])[:, 0] - 1e-6).all()
    assert not found.flat.any()


@pytest.mark.parametrize("norm", [Linf, L2, L1])
def test_a_linear_model_is_broken_exactly_where_it_can_be(norm):
    """The distance of the nearest error of a linear model of two classes is its margin over the dual norm.

    That holds as long as no pixel meets the end of [0, 1].
    """
    torch.manual_seed(1)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    x = 0.4 + 0.2 * torch.rand(60, 1, 4, 4)
    net[1].bias.data -= net(x).detach().mean(0)  # half of the images are of either class
    y = net(x).argmax(1)
    weight = (net[1].weight[0] - net[1].weight[1]).detach()
    dual = {Linf: weight.abs().sum(), L2: weight.norm(), L1: weight.abs().max()}[norm]
    exact = margin(net(x), y).neg().detach() / dual
    eps = float(exact.median()) * 1.0001
    assert eps < 0.4
    found = parse_attack(SHORT)(net, x, y, norm(eps))
    assert torch.equal(net(found).argmax(1) != y, exact < eps)


def test_draws_depend_on_the_image_alone(curved):
    net, x, y = curved
    attack, threat = parse_attack(SHORT), Linf(0.03)
    with image_stream(range(40), "test"):
        whole = attack(net, x, y, threat)
        with batch_limit(7):
            assert torch.allclose(attack(net, x, y, threat), whole, atol=1e-6)
        some = [3, 17, 30]
        with image_rows(some, [0] * 3):
            assert torch.allclose(attack(net, x[some], y[some], threat), whole[some], atol=1e-6)
    right = net(whole).argmax(1) == y
    assert 0 < right.sum() < 40, "some searches go through all stages"


def test_it_finds_what_is_there_without_a_gradient():
    """The second class wins where the mean is above 0.6: a ramp so steep that no clean image is on it."""

    class Ramp(nn.Module):
        def forward(self, x):
            height = nn.functional.hardtanh(500 * (x.mean((1, 2, 3)) - 0.6), 0.0, 1.0)
            return torch.stack([1 - height, height], 1)

    x, y, net = torch.full((6, 1, 4, 4), 0.5), torch.zeros(6, dtype=torch.long), Ramp()
    with pytest.warns(AttackWarning, match="zero gradients"):
        kept = parse_attack("CW-20")(net, x, y, Linf(0.12))
    assert (net(kept).argmax(1) == 0).all()
    found = parse_attack("StagedMargin")(net, x, y, Linf(0.12))
    assert (net(found).argmax(1) == 1).all()
    with pytest.warns(AttackWarning, match="zero gradients"):
        kept = parse_attack("StagedMargin[queries=50]")(net, x, y, Linf(0.08))
    assert (net(kept).argmax(1) == 0).all()
    assert ((kept - x).abs() <= 0.08 + 1e-6).all()


def test_passes_are_those_that_it_says(curved):
    net, x, y = curved
    net = nn.Sequential(net, nn.Linear(5, 10))  # ten classes, as what an attack says is about these
    y = net(x).argmax(1)
    attack = parse_attack(SHORT)
    with count_passes(net) as passes:
        found = attack(net, x, y, Linf(1e-6))
    assert (net(found).argmax(1) == y).all()
    spent = (passes.forwards + 2 * passes.backwards) / 40
    climbs = 1 + 9 + 3 + 3  # each looks at its last iterate too
    assert spent == pytest.approx(attack.passes + climbs + 1, abs=1e-9)


def test_a_model_that_hides_its_gradient_is_refused(curved):
    net, x, y = curved
    with pytest.raises(BadInput, match="no gradient"):
        parse_attack(SHORT)(lambda z: net(z.detach()), x, y, Linf(0.01))


def test_aims_are_classes_or_any(curved):
    net, x, y = curved
    found = climb(net, x, y, Linf(0.02), start=x, aims=torch.full_like(y, ANY_CLASS), classes=5, steps=5, length=2.0)
    kept = ~found.broken
    assert torch.allclose(margin(found.logits, y)[kept], found.margins[kept])


@pytest.mark.parametrize("limit", [1, 4, 17, 40, 100, 180])
def test_a_limit_on_the_passes_is_kept_and_leaves_what_was_done_before_it_the_same(curved, limit):
    net, x, y = curved
    with image_stream(range(40), "test"), count_passes(net) as passes:
        found = parse_attack(f"{SHORT[:-1]},passes={limit}]")(net, x, y, Linf(1e-6))
    assert (net(found).argmax(1) == y).all()
    spent = (passes.forwards + 2 * passes.backwards) / 40
    assert limit - 3 <= spent <= limit or limit == 180, "what is left is too little for one step"
    threat, right = Linf(0.03), []
    for text in (f"{SHORT[:-1]},passes={limit}]", SHORT):
        with image_stream(range(40), "test"):
            found = parse_attack(text)(net, x, y, threat)
            right.append(net(found).argmax(1) == y)
            assert (threat.distance(found, x) <= threat.eps * (1 + 1e-5)).all()
    limited, whole = right
    assert (whole <= limited).all(), "what it breaks within a limit it breaks without one"
    assert limit < 180 or torch.equal(whole, limited)


def test_a_limit_joins_the_name_of_what_was_measured_only_where_there_is_one():
    assert "passes" not in parse_attack("StagedMargin").params
    assert '"passes": 300' in parse_attack("StagedMargin[passes=300]").params
    assert parse_attack("StagedMargin[passes=300]").passes == 300


class Flat(nn.Module):
    """Gives no image a gradient, and is right about all."""

    def forward(self, x):
        return torch.stack([1 + 0 * x.sum((1, 2, 3)), 0 * x.sum((1, 2, 3))], 1)


@pytest.mark.filterwarnings("ignore::bench.core.errors.AttackWarning")  # its gradients are zero
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6, 7, 8, 9, 30, 100, 300])
def test_no_limit_is_exceeded_where_there_is_no_gradient(limit):
    x, y, net = torch.full((3, 1, 4, 4), 0.5), torch.zeros(3, dtype=torch.long), Flat()
    with count_passes(net) as passes:
        parse_attack(f"StagedMargin[steps=1,steps_each=1,steps_top=1,restarts=2,steps_restart=1,passes={limit}]")(
            net, x, y, Linf(0.1)
        )
    assert (passes.forwards + 2 * passes.backwards) / 3 <= limit


def test_random_squares_end_where_the_passes_do():
    x, y, net = torch.full((3, 1, 4, 4), 0.5), torch.zeros(3, dtype=torch.long), Flat()
    attack = parse_attack("StagedMargin[steps=1,steps_each=1,steps_top=1,restarts=1,steps_restart=1,passes=100]")
    with pytest.warns(AttackWarning, match="zero gradients"), count_passes(net) as passes:
        attack(net, x, y, Linf(0.1))
    assert (passes.forwards + 2 * passes.backwards) / 3 == 100
