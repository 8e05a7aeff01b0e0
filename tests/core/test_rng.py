"""Seeds and streams of draws: an image's draws are its own, whatever its batch."""

import numpy as np
import pytest
import torch
from torch import Tensor

from bench import L2, Ascent
from bench.core.rng import fixed_seed, image_rows, image_stream, normal, seed_of, uniform


@pytest.fixture(autouse=True)
def same_draws():
    with fixed_seed("vocabulary"):
        yield


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


def test_draws_of_a_stream_do_not_depend_on_the_machine():
    """Philox keyed by (seed, id), counted from the restart: numbers that any numpy gives."""
    philox = np.random.Philox(key=[seed_of("pgd"), 7], counter=[0, 0, 0, 0])
    expected = np.random.Generator(philox).random((1, 2, 3), np.float32)
    assert torch.equal(drawn([7], "pgd")[0], torch.from_numpy(expected))
