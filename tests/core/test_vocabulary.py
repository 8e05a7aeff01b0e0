"""What recipes and attacks are written with (losses, labels, threats, adversaries), and the identity of a run."""

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor, nn

import methods  # noqa: F401
from bench import DATASETS, L1, L2, RECIPES, Ascent, Linf, cross_entropy, frozen, kl, margin, parse_attack
from bench.core.errors import BadInput, UnknownName
from bench.core.overrides import override
from bench.core.passes import count_passes
from bench.core.plan import Plan
from bench.core.registry import Registry
from bench.core.rng import fixed_seed, image_rows, image_stream, normal, seed_of, uniform
from bench.core.threat import tolerance
from bench.models.bn_folding import TOLERANCE, FoldedModel, fast_copy, folded, folding
from bench.models.build import build
from bench.models.resnet import preact_resnet, resnet
from bench.training.job import Job

THREATS = [Linf(0.1), L2(0.7), L1(2.0)]
DUAL = {Linf: 1, L2: 2, L1: math.inf}  # p of the dual norm


@pytest.fixture(autouse=True)
def drawn_alike():
    with fixed_seed("vocabulary"):
        yield


# losses


def test_cross_entropy_of_a_hard_label_is_the_same_either_way():
    logits, y = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    soft, hard = cross_entropy(logits, torch.eye(4)[y]), cross_entropy(logits, y)
    assert soft.shape == (6,)
    assert torch.allclose(soft, hard)
    assert torch.allclose(hard, logits.exp().sum(1).log() - logits[range(6), y])


def test_cross_entropy_of_a_soft_label_is_its_definition():
    logits, q = torch.randn(6, 4), torch.rand(6, 4)
    assert torch.allclose(cross_entropy(logits, q), -(q * logits.softmax(1).log()).sum(1), atol=1e-6)


def test_kl_of_two_coins():
    p = torch.tensor([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])
    logits = torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]]).log() + 3  # a constant changes nothing
    expected = [0.25 * math.log(0.5) + 0.75 * math.log(1.5), 0.5 * math.log(0.5 / 0.9 * 0.5 / 0.1), math.log(5)]
    assert kl(p, logits).tolist() == pytest.approx(expected, rel=1e-5)
    assert kl(logits.softmax(1), logits).abs().max() < 1e-6


def test_the_margin_is_positive_exactly_when_misclassified():
    logits, y = torch.randn(300, 5), torch.randint(5, (300,))
    wrong = logits.argmax(1) != y
    assert 0 < wrong.sum() < 300
    assert torch.equal(margin(logits, y) > 0, wrong)
    assert margin(torch.tensor([[1.0, 4.0, 2.5]]), torch.tensor([2])).tolist() == [1.5]
    assert margin(torch.tensor([[1.0, 4.0, 2.5]]), torch.tensor([1])).tolist() == [-1.5]


# threats


@pytest.mark.parametrize("threat", THREATS, ids=str)
def test_projection_gives_allowed_images_and_leaves_them_alone(threat):
    x, away = torch.rand(20, 3, 4, 4), 2 * torch.rand(20, 3, 4, 4) - 0.5
    inside = threat.project(away, x)
    assert (threat.distance(away, x) > threat.eps).all()
    assert (threat.distance(inside, x) <= threat.eps + 1e-6).all()
    assert inside.min() >= 0
    assert inside.max() <= 1
    assert torch.allclose(threat.project(inside, x), inside, atol=1e-6)
    assert torch.equal(threat.project(x, x), x)


@pytest.mark.parametrize("threat", THREATS, ids=str)
def test_projection_is_the_nearest_point_of_the_ball(threat):
    """No allowed image is closer: x_adv - p makes no acute angle with any way from p into the ball."""
    x, away = torch.full((20, 3, 4, 4), 0.5), 0.5 + 0.3 * torch.randn(20, 3, 4, 4).clamp(-1.5, 1.5)
    p = threat.project(away, x)
    others = [threat.project(x + threat.noise(x), x) for _ in range(20)]
    others.append(threat.project(x + threat.eps * threat.steepest(away - p), x))
    for z in others:
        assert ((away - p) * (z - p)).flatten(1).sum(1).max() <= 1e-5


@pytest.mark.parametrize("threat", THREATS, ids=str)
def test_a_radius_for_each_image_is_the_projection_into_a_ball_of_its_own(threat):
    x, away = torch.rand(20, 3, 4, 4), 2 * torch.rand(20, 3, 4, 4) - 0.5
    radii = threat.eps * torch.rand(20)
    together = threat.project(away, x, radii)
    for image, radius in enumerate(radii.tolist()):
        alone = replace(threat, eps=radius).project(away[image : image + 1], x[image : image + 1])
        assert torch.allclose(together[image], alone[0], atol=1e-6)


def test_no_solver_finds_a_nearer_point_than_the_projection_of_l1_where_the_range_of_pixels_limits_it():
    """min |z - away|^2 with z = x + p - m, p, m >= 0, sum(p + m) <= eps and z in [0, 1], by quadratic programming."""
    for eps in (0.3, 1.0, 2.5):
        x, away = torch.rand(4, 1, 2, 3, dtype=torch.float64), 3 * torch.rand(4, 1, 2, 3, dtype=torch.float64) - 1
        found = L1(eps).project(away, x)
        assert found.min() >= 0
        assert found.max() <= 1
        assert ((found - x).abs().flatten(1).sum(1) <= eps + 1e-9).all()
        for image, goal, clean in zip(found, away, x, strict=True):
            goal, clean = goal.flatten().numpy(), clean.flatten().numpy()

            def squared_distance(parts, goal=goal, clean=clean):
                return ((clean + parts[:6] - parts[6:] - goal) ** 2).sum()

            solved = minimize(
                squared_distance,
                np.zeros(12),
                bounds=[*((0, 1 - pixel) for pixel in clean), *((0, pixel) for pixel in clean)],
                constraints={"type": "ineq", "fun": lambda parts, eps=eps: eps - parts.sum()},
                options={"ftol": 1e-10, "maxiter": 500},
            )
            ours = ((image.flatten().numpy() - goal) ** 2).sum()
            assert -1e-3 < ours - squared_distance(solved.x) < 1e-8, solved.message  # the solver may end a bit above


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_projection_of_l1_is_exact_in_many_dimensions(dtype):
    """Of an image of CIFAR's size: the threshold by bisection, and no further from the ball than rounding."""
    x, away = torch.rand(5, 3, 32, 32, dtype=dtype), 4 * torch.rand(5, 3, 32, 32, dtype=dtype) - 1.5
    x[0], away[0] = 0, 0.001  # whose changes sum up to about 3
    for eps in (1e-6, 0.5, 12.0, 500.0, math.inf):
        found = L1(eps).project(away, x)
        change = (away - x).double()
        room = torch.where(change > 0, 1 - x.double(), x.double())
        low, high = torch.zeros(5, 1, 1, 1, dtype=torch.float64), change.abs().amax((1, 2, 3), keepdim=True)
        for _ in range(80):
            middle = (low + high) / 2
            outside = (change.abs() - middle).clamp_min(0).minimum(room).sum((1, 2, 3), keepdim=True) > eps
            low, high = torch.where(outside, middle, low), torch.where(outside, high, middle)
        wanted = x + change.sign() * (change.abs() - high).clamp_min(0).minimum(room)
        assert (found - wanted).abs().max() < (5e-5 if dtype == torch.float32 else 1e-9)
        assert (L1(eps).distance(found, x) <= eps + tolerance(eps)).all()
        assert found.min() >= 0
        assert found.max() <= 1


def test_projection_in_closed_form():
    x, away = torch.tensor([0.5, 0.95]).view(1, 1, 1, 2), torch.tensor([0.8, 1.35]).view(1, 1, 1, 2)
    assert Linf(0.1).project(away, x).flatten().tolist() == pytest.approx([0.6, 1.0])
    assert L2(0.25).project(away, x).flatten().tolist() == pytest.approx([0.65, 1.0])  # 0.3 and 0.4 make 0.5
    assert L2(0.25).distance(away, x).item() == pytest.approx(0.5)
    assert L1(0.1).project(away, x).flatten().tolist() == pytest.approx([0.55, 1.0])  # the second has room for 0.05
    assert L1(0.1).distance(away, x).item() == pytest.approx(0.7)
    assert Linf(0.1).distance(away, x).item() == pytest.approx(0.4)


@pytest.mark.parametrize("threat", THREATS, ids=str)
def test_the_steepest_step_has_length_one_and_gains_the_dual_norm(threat):
    grad = torch.randn(10, 3, 4, 4)
    step = threat.steepest(grad)
    gain = (grad * step).flatten(1).sum(1)
    dual = grad.flatten(1).norm(p=DUAL[type(threat)], dim=1)
    assert torch.allclose(threat.dual(grad), dual)
    assert torch.allclose(threat.distance(step, torch.zeros_like(step)), torch.ones(10))
    assert torch.allclose(gain, dual)
    assert not threat.steepest(torch.zeros(2, 1, 2, 2)).any()


def test_linf_noise_is_uniform_in_every_pixel():
    noise = Linf(0.1).noise(torch.zeros(2000, 1, 2, 2))
    assert noise.abs().max() <= 0.1
    assert noise.mean().item() == pytest.approx(0, abs=0.003)
    assert noise.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.03)


def test_l2_noise_is_uniform_in_the_ball():
    """In n dimensions (r / eps)^n is uniform, and all directions are alike."""
    noise = L2(0.7).noise(torch.zeros(4000, 1, 2, 2)).flatten(1)
    filled = (noise.norm(dim=1) / 0.7) ** 4
    assert filled.max() <= 1 + 1e-5
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert (filled < share).float().mean().item() == pytest.approx(share, abs=0.03)
    assert noise.mean(0).abs().max() < 0.02
    assert torch.allclose(noise.T.cov(), torch.eye(4) * 0.49 / 6, atol=0.005)  # eps^2 / (n + 2)


def test_l1_noise_is_uniform_in_the_ball():
    """In n dimensions (r / eps)^n is uniform, and a pixel has the variance 2 eps^2 / ((n + 1) (n + 2))."""
    noise = L1(0.7).noise(torch.zeros(8000, 1, 2, 2)).flatten(1)
    filled = (noise.abs().sum(1) / 0.7) ** 4
    assert filled.max() <= 1 + 1e-5
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert (filled < share).float().mean().item() == pytest.approx(share, abs=0.03)
    assert noise.mean(0).abs().max() < 0.02
    assert torch.allclose(noise.T.cov(), torch.eye(4) * 0.49 / 15, atol=0.003)


def test_a_step_in_l1_moves_one_percent_of_the_pixels_and_what_they_have_no_room_for_goes_to_the_next():
    grad, middle = torch.arange(1.0, 401).view(1, 4, 10, 10), torch.full((1, 4, 10, 10), 0.5)
    assert L1(1.0).steepest(grad).flatten()[-5:].tolist() == [0, 0.25, 0.25, 0.25, 0.25]
    full = middle.flatten().clone()
    full[-2:] = torch.tensor([0.875, 1.0])
    for sign, start in ((1, full), (-1, 1 - full)):
        assert torch.equal(L1(1.0).move(middle, sign * grad, 1.0), middle + L1(1.0).steepest(sign * grad))
        moved = sign * (L1(1.0).move(start.view_as(grad), sign * grad, 1.0).flatten() - start)
        assert moved[-7:].tolist() == [0, 0.125, 0.25, 0.25, 0.25, 0.125, 0]
        assert not moved[:-6].any()
    assert torch.equal(L1(1.0).move(middle, torch.zeros_like(grad), 1.0), middle)
    assert L1(1.0).move(middle, grad, 500.0).min() == 1


# the inner maximisation


@pytest.mark.parametrize("start", ["random", "unclipped", "clean"])
@pytest.mark.parametrize("threat", THREATS, ids=str)
def test_ascent_is_exact_on_a_linear_objective(threat, start):
    """Linf reaches the best corner of ball and image range; L2, in the interior, eps along the weights.

    L1, with a random start on its way, fills the pixels with the largest weights, next to the edge of the range.
    """
    weights = torch.randn(1, 2, 3, 3)
    x = torch.rand(6, 2, 3, 3) if isinstance(threat, Linf) else torch.full((6, 2, 3, 3), 0.5)
    found = Ascent(threat, 60, threat.eps / 4, start).maximise(lambda z: (weights * z).flatten(1).sum(1), x)
    if isinstance(threat, Linf):
        best = (x + threat.eps * weights.sign()).clamp(0, 1)
    elif isinstance(threat, L2):
        best = x + threat.eps * weights / weights.norm()
    else:
        room, most = 0.5, weights.flatten().abs().topk(round(threat.eps / 0.5)).values
        assert (weights * (found - x)).flatten(1).sum(1).min() > 0.95 * room * most.sum()
        return
    assert torch.allclose(found, best, atol=1e-5 if isinstance(threat, Linf) else 5e-3)
    assert not found.requires_grad


def test_ascent_begins_where_it_is_told_and_takes_its_steps():
    x = torch.full((2, 1, 2, 2), 0.5)
    asked = []

    def objective(z: Tensor) -> Tensor:
        asked.append(z.detach().clone())
        return z.flatten(1).sum(1)

    found = Ascent(Linf(0.1), 3, 0.02).maximise(objective, x, x0=x - 0.1)
    for iterate, moved in zip([*asked, found], (-0.1, -0.08, -0.06, -0.04), strict=True):
        assert torch.allclose(iterate, x + moved)


def test_an_objective_may_be_one_number_for_the_whole_batch():
    x, ascent = torch.rand(3, 1, 2, 2), Ascent(Linf(0.1), 2, 0.05, "clean")
    each, one = (ascent.maximise(f, x) for f in (lambda z: z.square().flatten(1).sum(1), lambda z: z.square().sum()))
    assert torch.equal(each, one)


# randomness


def test_seeded_draws_depend_on_what_is_computed_alone():
    with fixed_seed("a", 1):
        first = torch.rand(3)
    torch.rand(5)
    with fixed_seed("a", 1):
        assert torch.equal(torch.rand(3), first)
    for other in (("a", 2), ("a",), ("a1",), ("a", "1")):
        with fixed_seed(*other):
            assert not torch.equal(torch.rand(3), first)
    assert all(0 <= seed_of("a", i) < 2**63 for i in range(50))


def test_seeded_leaves_the_outer_state_alone():
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="inside"), fixed_seed("x"):
        raise ValueError(f"inside {torch.rand(1)}")
    assert torch.equal(torch.get_rng_state(), before)


def drawn(ids: list[int], *what: object, draw=uniform) -> Tensor:
    with image_stream(ids, *what):
        return draw(torch.empty(len(ids), 1, 2, 3))


@pytest.mark.parametrize("draw", [uniform, normal])
def test_a_draw_belongs_to_the_image_and_not_to_its_batch(draw):
    ids = [7, 0, 123_456, 3]
    together = drawn(ids, "pgd", draw=draw)
    assert len(together.flatten().unique()) == together.numel()
    backwards = drawn(ids[::-1], "pgd", draw=draw).flip(0)
    alone = torch.cat([drawn([i], "pgd", draw=draw) for i in ids])
    assert torch.equal(backwards, together)
    assert torch.equal(alone, together)
    assert torch.equal(drawn([3, 7], "pgd", draw=draw), together[[3, 0]])
    assert not torch.isclose(drawn(ids, "other", draw=draw), together).any()


def test_draws_of_a_stream_have_their_distribution():
    even, bell = (drawn(list(range(1500)), "many", draw=draw) for draw in (uniform, normal))
    assert 0 <= even.min() < 0.01
    assert 0.99 < even.max() < 1
    assert even.mean().item() == pytest.approx(0.5, abs=0.02)
    assert bell.mean().item() == pytest.approx(0, abs=0.05)
    assert bell.std().item() == pytest.approx(1, abs=0.03)


def test_successive_draws_of_a_stream_differ_and_torch_is_not_asked():
    before = torch.get_rng_state()
    with image_stream([4, 5], "pgd"):
        first, second = (uniform(torch.empty(2, 3)) for _ in range(2))
    assert not torch.isclose(first, second).any()
    assert torch.equal(torch.get_rng_state(), before)


def test_each_restart_of_an_image_has_its_own_draws():
    like = torch.empty(3, 4)
    with image_stream([10, 11], "pgd"):
        with image_rows([0, 1, 1], [0, 0, 1]):
            zero, one, again = uniform(like)
        with image_rows([1, 0], [1, 0]):
            assert torch.equal(uniform(like[:2]), torch.stack([again, zero]))
        assert not torch.isclose(one, again).any()
        assert torch.equal(uniform(like[:2]), torch.stack([zero, one])), "the stream itself is at its beginning"


@pytest.mark.parametrize(("draw", "plain"), [(uniform, torch.rand), (normal, torch.randn)])
def test_outside_a_stream_torch_draws(draw, plain):
    with fixed_seed("t"):
        expected = plain(2, 3)
    with fixed_seed("t"), image_rows([1, 0], [3, 4]):
        assert torch.equal(draw(torch.empty(2, 3)), expected)


def test_a_stream_notices_a_batch_that_is_not_its_own():
    with image_stream([1, 2], "pgd"), pytest.raises(ValueError, match="3 images inside a stream of 2"):
        uniform(torch.empty(3, 1))


def test_random_starts_follow_the_stream():
    x, ascent = torch.rand(4, 1, 3, 3), Ascent(L2(0.5), 1, 0.1)
    with image_stream([0, 1, 2, 3], "start"):
        together = ascent.first(x)
    with image_stream([2], "start"):
        assert torch.equal(ascent.first(x[2:3]), together[2:3])


# names


@pytest.fixture
def registry() -> Registry[str]:
    registry: Registry[str] = Registry("book")
    for name in ("Emma", "Emma.b", "Dracula"):
        registry.add(name, name.upper())
    registry.add_family("Volume-k", lambda k: f"volume {k}")
    return registry


def test_a_registry_is_a_mapping_with_families(registry):
    assert dict(registry) == {"Emma": "EMMA", "Emma.b": "EMMA.B", "Dracula": "DRACULA"}
    assert registry["Volume-12"] == "volume 12"
    assert registry.all_names() == ["Emma", "Emma.b", "Dracula", "Volume-k"]
    assert "Volume-3" in registry
    for name in ("Volume-0", "Volume-03", "Volume-", "Volume-1.5", "volume-3", "xVolume-3"):
        assert name not in registry


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("emma", "no book named 'emma'; did you mean Emma"),
        ("Drakula", "did you mean Dracula"),
        ("Volume-0", "did you mean Volume-k"),
        ("xyz", "known: Emma, Emma.b, Dracula, Volume-k"),
    ],
)
def test_an_unknown_name_says_what_to_do(registry, wrong, message):
    with pytest.raises(UnknownName, match=message):
        registry[wrong]


def test_many_names_are_cut_to_the_first_and_the_command_for_the_rest():
    registry: Registry[int] = Registry("data set")
    for k in range(10):
        registry.add(f"set{k}", k)
    known = "known: set0, set1, set2, set3, set4, set5, set6, set7, set8, set9"
    for patterns in (["zzz"], ["z*"], []):
        with pytest.raises(BadInput, match=f"; {known}$"):
            registry.select(patterns)
    registry.add("set10", 10)
    registry.add("set11", 11)
    for patterns in (["zzz"], ["z*"], []):
        with pytest.raises(BadInput, match=f"; {known} and 2 more; `bench list datasets` names them all$"):
            registry.select(patterns)


@pytest.mark.parametrize("name", ["", "a/b", "a b/../../x", "..", ".hidden", "-x", "Ü", "a\\b", "x\n", "a,b", "a*"])
def test_a_name_that_is_no_folder_is_refused(registry, name):
    before = registry.all_names()
    for add in (registry.add, registry.add_family):
        with pytest.raises(BadInput, match="make a name"):
            add(name, str)
    with pytest.raises(BadInput, match="make a name"):
        registry.add_suffix(f"/{name}", str, follows="any book")
    assert (registry.all_names(), registry.suffixes()) == (before, [])


def test_a_suffix_may_follow_any_name_and_is_said_and_not_listed(registry):
    registry.add_suffix("+notes", lambda book: f"{book} with notes", follows="any book")
    assert registry["Emma+notes"] == "EMMA with notes"
    assert registry["Volume-3+notes"] == "volume 3 with notes"
    assert "Emma+notes+notes" not in registry
    assert "Emma+notes" not in registry.all_names()
    assert registry.suffixes() == ["+notes may follow any book"]


def test_a_registry_knows_which_module_registered_a_name(registry):
    registry.add_suffix("+maps", str.lower, follows="any book")
    assert registry.homes("Emma") == registry.homes("Volume-2") == [__name__]
    assert registry.homes("Emma+maps") == [__name__, __name__]  # who made the suffix, who made the book
    assert RECIPES.homes("R-FGSM+AWP") == ["methods.awp", "methods.bat"]


def test_a_taken_name_is_refused(registry):
    with pytest.raises(ValueError, match="book 'Emma' is already registered by test_vocabulary; choose another"):
        registry.add("Emma", "another")
    assert registry["Emma"] == "EMMA"


def test_selection(registry):
    assert registry.select(["all"]) == ["Emma", "Emma.b", "Dracula"]
    assert registry.select(["Dracula", "Em*", "all"]) == ["Dracula", "Emma", "Emma.b"]
    assert registry.select(["Volume-2", "Emma?b"]) == ["Volume-2", "Emma.b"]
    for wrong, message in ((["X*"], "no book matches 'X\\*'"), (["X"], "no book named 'X'"), ([], "no book given")):
        with pytest.raises(BadInput, match=message):
            registry.select(wrong)


# values with one field changed


@dataclass(frozen=True)
class Settings:
    flag: bool = False
    count: int = 3
    name: str = "a"
    milestones: tuple[float, ...] = (0.5, 0.75)
    ascent: Ascent = Ascent(Linf(8 / 255), 10, 2 / 255)


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("flag", "True", Settings(flag=True)),
        ("count", "7", Settings(count=7)),
        ("name", "b", Settings(name="b")),
        ("milestones", "1/2,0.9", Settings(milestones=(0.5, 0.9))),
        ("ascent.steps", "3", Settings(ascent=Ascent(Linf(8 / 255), 3, 2 / 255))),
        ("ascent.step_size", "1/255", Settings(ascent=Ascent(Linf(8 / 255), 10, 1 / 255))),
        ("ascent.threat.eps", "4/255", Settings(ascent=Ascent(Linf(4 / 255), 10, 2 / 255))),
    ],
)
def test_an_override_is_read_as_the_type_that_is_there(path, text, expected):
    assert repr(override(Settings(), path, text)) == repr(expected)


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("flag", "yes", "--set flag=yes: 'yes' is not true or false"),
        ("count", "1.5", "'1.5' is not a whole number"),
        ("ascent.step_size", "1/0", "--set ascent.step_size=1/0: '1/0' is not a number"),
        ("ascent.step_size", "fast", "'fast' is not a number"),
        ("milestones", "0.5,x", "'0.5,x' is not a list of numbers such as 0.5,0.75"),
        ("cuont", "3", "Settings has no field 'cuont'; did you mean count"),
        ("ascent.threat.radius", "3", "Linf has no field 'radius'; known: eps"),
        ("count.bits", "3", "int has no field 'bits'; it is a plain value"),
        ("ascent.threat", "L2", r"set one of its fields instead \(eps\)"),
    ],
)
def test_an_override_that_cannot_be_is_one_line_that_says_why(path, text, message):
    with pytest.raises(BadInput, match=message) as error:
        override(Settings(), path, text)
    assert "\n" not in str(error.value)


# plan and job


def test_the_learning_rate_falls_tenfold_at_half_and_at_three_quarters():
    rates = [Plan(epochs=20, lr=0.1).lr_at(epoch) for epoch in range(20)]
    assert rates == pytest.approx([0.1] * 10 + [0.01] * 5 + [0.001] * 5)


def test_the_cosine_goes_from_lr_through_its_half_towards_zero():
    rates = [Plan(epochs=8, lr=0.4, schedule="cosine").lr_at(epoch) for epoch in range(8)]
    assert rates == pytest.approx([0.2 * (1 + math.cos(math.pi * e / 8)) for e in range(8)])
    assert (rates[0], rates[4]) == pytest.approx((0.4, 0.2))
    assert 0 < rates[7] < 0.02


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0}, {"batch_size": 1}, {"lr": 0.0}, {"lr": math.inf}, {"lr": math.nan}, {"momentum": 1.0},
        {"weight_decay": -1.0}, {"optimiser": "lion"}, {"schedule": "linear"},
    ],
    ids=str,
)  # fmt: skip
def test_a_plan_that_cannot_be_followed_is_refused(wrong):
    with pytest.raises(BadInput, match=next(iter(wrong))):
        Plan(**{"epochs": 10} | wrong)


JOB = Job("PGD-AT", RECIPES["PGD-AT"], "digits", "0123456789abcdef", "cnn", Plan(20), "quick")
CHANGES = {
    "name": "other",
    "recipe": RECIPES["PGD-AT-LS0.9"],
    "dataset": "cifar10",
    "data": "0123456789abcdee",
    "model": "cnn.pm1",
    "plan": Plan(21),
    "budget": "standard",
    "precision": "bf16",
    "threads": 2,
    "start": Job("Standard", RECIPES["Standard"], "digits", "0123456789abcdef", "cnn", Plan(20), "quick"),
}


def test_the_digest_of_a_job_changes_with_every_setting_but_the_seed():
    assert set(CHANGES) | {"seed"} == {field.name for field in fields(Job)}
    digests = {replace(JOB, **{field: value}).digest for field, value in CHANGES.items()}
    assert len(digests | {JOB.digest}) == len(CHANGES) + 1
    assert replace(JOB, seed=3).digest == JOB.digest
    assert replace(JOB, seed=3).run == f"digits/cnn/PGD-AT/s3-{JOB.digest}"


@pytest.mark.parametrize("field", [f.name for f in fields(Plan)])
def test_the_digest_of_a_job_sees_into_its_plan(field):
    new = {"epochs": 7, "batch_size": 64, "optimiser": "adam", "schedule": "cosine", "milestones": (0.5,)}
    new |= {"steps": 7, "warm_up_steps": 7, "anneal": "cosine", "accumulate": 2}
    assert replace(JOB, plan=replace(JOB.plan, **{field: new.get(field, 0.01)})).digest != JOB.digest


def test_the_digest_of_a_job_sees_into_its_recipe():
    paths = {"decay": "kernels", "keep": "0.5", "adversary.stats": "batch", "adversary.ascent.threat.eps": "0.1"}
    digests = {replace(JOB, recipe=override(JOB.recipe, path, text)).digest for path, text in paths.items()}
    assert len(digests | {JOB.digest}) == len(paths) + 1


# what it costs


class Stubborn(nn.Module):
    """Always sure of class 0; its logits depend on the image."""

    def forward(self, x: Tensor) -> Tensor:
        slope = x.flatten(1).mean(1)
        return torch.stack([10 + slope, -slope, slope], 1)


@pytest.mark.filterwarnings("ignore::bench.core.errors.AttackWarning")  # its margin has no slope
@pytest.mark.parametrize(
    ("attack", "passes"),
    [("FGSM", 1), ("PGD-10", 10), ("CW-20", 20), ("PGD-10.last", 10), ("PGD-10[restarts=3]", 32)],
)
def test_an_attack_that_fails_costs_a_pass_a_step(attack, passes):
    """And one more for each restart but the last, to evaluate its last iterate."""
    model, x, y = Stubborn(), torch.rand(4, 1, 3, 3), torch.zeros(4, dtype=torch.long)
    with count_passes(model) as counted:
        parse_attack(attack)(model, x, y, Linf(0.1))
    assert (counted.forwards, counted.backwards) == (4 * passes, 4 * passes)


def test_an_attack_leaves_images_that_are_broken_already():
    model, x, y = Stubborn(), torch.rand(4, 1, 3, 3), torch.tensor([0, 1, 1, 2])
    with count_passes(model) as counted:
        parse_attack("PGD-10")(model, x, y, Linf(0.1))
    assert counted.backwards == 10 + 3


@pytest.mark.parametrize(
    ("name", "forwards", "backwards"),
    [("Standard", 1, 1), ("PGD-AT", 11, 11), ("PGD-AT.7x2", 8, 8), ("AVmixup", 11, 11), ("M2AT", 11, 11),
     ("TRADES-6", 13, 12)],
)  # fmt: skip
def test_a_training_step_costs_its_attack_and_its_own_passes(name, forwards, backwards):
    model, x = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(9), nn.Linear(9, 4)), torch.rand(5, 1, 3, 3)
    with count_passes(model) as counted:
        loss = RECIPES[name].loss(model, x, torch.eye(4)[[0, 1, 2, 3, 0]])
    loss.backward()
    assert (counted.forwards, counted.backwards) == (5 * forwards, 5 * backwards)
    model(x)
    assert counted.forwards == 5 * forwards, "the block is over"


# folding


def trained(net: nn.Module) -> nn.Module:
    """With weights and statistics unlike those at the start."""
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.3, 2)
        nn.init.normal_(norm.weight, 1, 0.2)
        nn.init.normal_(norm.bias, 0, 0.2)
    return net


NETS = {  # nets, and how many batch norms follow a convolution whose output goes nowhere else
    "cnn": (lambda: build("cnn", DATASETS["digits"]), 3),
    "resnet": (lambda: resnet((16, 16), 1, 10, 1), 6),
    "preact": (lambda: preact_resnet((16, 16), 1, 10, 1), 2),
}


@pytest.mark.parametrize("kind", NETS)
def test_a_folded_copy_has_the_logits_and_the_gradient_of_its_model(kind):
    make, pairs = NETS[kind]
    model = trained(make()).double().eval()
    folded_model = FoldedModel(model)
    assert len(folded_model.pairs) == pairs
    norms, left = (sum(isinstance(m, nn.BatchNorm2d) for m in net.modules()) for net in (model, folded_model.graph))
    assert left == norms - pairs
    x = torch.rand(3, 1, 8, 8, dtype=torch.float64)
    results = []
    for net in (model, folded_model.refresh()):
        z = x.clone().requires_grad_()
        logits = net(z)
        results.append((logits.detach(), *torch.autograd.grad(cross_entropy(logits, torch.eye(10)[:3].to(z)).sum(), z)))
    for ours, theirs in zip(*results, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_a_norm_before_its_convolution_is_left_alone():
    net = trained(nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 16, 3), nn.ReLU(), nn.BatchNorm2d(16))).eval()
    folded_model = FoldedModel(net)
    assert folded_model.pairs == []
    with folding(net, torch.rand(2, 1, 5, 5)):
        assert folded(net) is net


def test_a_convolution_that_something_else_reads_too_is_left_alone():
    class Forked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            return (self.norm(y) + y).mean((2, 3))

    assert FoldedModel(trained(Forked()).eval()).pairs == []


def test_a_folded_copy_follows_its_model_through_training():
    model, x = trained(build("cnn", DATASETS["digits"])).train(), torch.rand(4, 1, 8, 8)
    with folding(model, x):
        assert model.training
        with frozen(model) as attacked, torch.no_grad():
            assert attacked is not model
            before = attacked(x)
        model(x + 0.1).square().sum().backward()  # new statistics
        with torch.no_grad():
            for p in model.parameters():
                p -= 0.01 * p.grad.sign()
        with frozen(model) as attacked, torch.no_grad():
            after, own = attacked(x), model(x)
        assert (after - own).abs().max() <= TOLERANCE * own.abs().max()
        assert (after - before).abs().max() > 0.01 * own.abs().max()
        for kind in ("batch", "moving"):
            with frozen(model, kind) as attacked:
                assert attacked is model, "only running statistics can be folded"
    with frozen(model) as attacked:
        assert attacked is model, "outside the block there is no folded copy"


class Branching(nn.Module):
    """Looks at its input, so that it cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.Flatten(), nn.Linear(16 * 36, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x if x.sum() > 0 else -x)


class Moody(Branching):
    """Computes something else than its trace says."""

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x) + (1 if type(x) is Tensor else 0)


class Training(Branching):
    """A model that raises if it is called in eval mode."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            raise SystemExit("train me")
        return self.net(x)


def test_a_model_that_ends_the_process_in_eval_mode_is_trained_without_a_folded_copy():
    model, x = Training(), torch.rand(2, 1, 8, 8)
    with folding(model, x):
        assert folded(model) is model
        assert model.training


@pytest.mark.parametrize("kind", [Branching, Moody])
def test_a_model_that_cannot_be_folded_is_attacked_itself(kind):
    model, x = trained(kind()).train(), torch.rand(2, 1, 8, 8)
    with folding(model, x):
        assert folded(model) is model
        assert model.training
    logits = model.eval()(x)
    assert torch.allclose(fast_copy(model, x)(x), logits, atol=1e-5)


@pytest.mark.parametrize("kind", NETS)
def test_an_attackable_copy_has_the_logits_of_its_model_and_leaves_it_alone(kind):
    model, x = trained(NETS[kind][0]()).eval(), torch.rand(4, 1, 8, 8)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    copy = fast_copy(model, x)
    assert copy is not model
    assert not any(p.requires_grad for p in copy.parameters())
    assert not any(m.training for m in copy.modules())
    assert all(p.requires_grad for p in model.parameters())
    with torch.no_grad():
        assert (copy(x) - model(x)).abs().max() <= TOLERANCE * model(x).abs().max()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_draws_of_a_stream_do_not_depend_on_the_machine():
    """Philox keyed by (seed, id), counted from the restart: numbers that any numpy gives."""
    philox = np.random.Philox(key=[seed_of("pgd"), 7], counter=[0, 0, 0, 0])
    expected = np.random.Generator(philox).random((1, 2, 3), np.float32)
    assert torch.equal(drawn([7], "pgd")[0], torch.from_numpy(expected))


def test_a_registry_never_lets_a_name_and_a_family_hide_each_other():
    registry: Registry[str] = Registry("attack")
    registry.add_family("PGD-k", lambda k: f"pgd {k}")
    with pytest.raises(ValueError, match="'PGD-5' is already registered by test_vocabulary; choose another"):
        registry.add("PGD-5", "mine")
    with pytest.raises(ValueError, match="family 'PGD-k' is already registered"):
        registry.add_family("PGD-k", lambda k: "other")
    registry.add("CW-7", "cw")
    with pytest.raises(ValueError, match=r"hides \['CW-7'\]"):
        registry.add_family("CW-k", lambda k: "other")
    assert registry["PGD-5"] == "pgd 5"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kl_has_a_gradient_where_a_probability_is_zero(dtype):
    logits = torch.tensor([[0.0, 2000.0, 1.0]], dtype=dtype, requires_grad=True)
    other = torch.tensor([[1.0, 0.0, 0.5]], dtype=dtype, requires_grad=True)
    p = logits.softmax(1)
    assert (p == 0).any()
    kl(p, other).backward()
    assert logits.grad.isfinite().all()
    assert torch.allclose(other.grad, other.detach().softmax(1) - p.detach())
