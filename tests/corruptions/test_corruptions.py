"""Corruptions against the official code's own output, direct definitions and closed forms."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, map_coordinates, zoom
from torch import Tensor

from bench import BadInput
from bench.core.rng import image_stream, uniform
from bench.corruptions import elastic, weather
from bench.corruptions.apply import SETS, corrupted, members
from bench.corruptions.blur import displacement
from bench.corruptions.corruption import CORRUPTIONS, Corruption, refusal, same
from bench.corruptions.filters import bilinear, enlarge, smooth, streak
from bench.corruptions.frost_images import PHOTOGRAPHS, find_frost_images
from bench.corruptions.plasma import plasma
from bench.corruptions.spatter import shade
from bench.data.published_corruptions import SEVERITIES

RECORDED = json.loads((Path(__file__).parents[1] / "fixtures/corruptions.json").read_text())
NAMES = list(CORRUPTIONS)


def picture(n: int = 24) -> Tensor:
    """A colourful image (1, 3, n, n) uint8 with edges and smooth parts."""
    r, c = np.mgrid[:n, :n]
    channels = [
        (r * 7 + c * c * (k + 1) + (r * c) % (11 + k) * 9 + ((r // 6 + c // 5) % 2) * (60 + 20 * k)) % 256
        for k in range(3)
    ]
    return torch.from_numpy(np.stack(channels).astype(np.uint8))[None]


def recorded(text: str, n: int = 24) -> Tensor:
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8).view(n, n, 3).permute(2, 0, 1)[None]


def scenes(count: int = 6, n: int = 32, channels: int = 3) -> Tensor:
    """Blotches (count, channels, n, n) uint8, mostly away from black and white."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        coarse = torch.rand(count, channels, n // 4, n // 4) * 0.6 + 0.2
    return (torch.nn.functional.interpolate(coarse, size=n, mode="bilinear") * 255).byte()


def flat(value: float, count: int = 8, n: int = 32) -> Tensor:
    return torch.full((count, 3, n, n), value, dtype=torch.float64)


def change(name: str, severity: int, x: Tensor) -> float:
    """The mean squared change in levels."""
    return float((corrupted(x, name, severity, range(len(x))).double() - x.double()).square().mean())


@pytest.mark.parametrize("name", RECORDED["official"])
def test_what_is_not_drawn_equals_the_official_code_bit_for_bit(name):
    for index, text in zip((0, 2, 4), RECORDED["official"][name], strict=True):
        result = CORRUPTIONS[name](picture(), *CORRUPTIONS[name].tables[224][index])
        off = (result.int() - recorded(text).int()).abs()
        assert off.max() <= (name == "defocus_blur")  # OpenCV sums it in another order
        assert (off > 0).float().mean() < 0.02


@pytest.mark.parametrize("angle", RECORDED["motion"])
def test_a_streak_equals_the_official_one_in_every_direction(angle):
    result = streak(picture() / 255, torch.tensor([float(angle)]), 10, 3)
    assert torch.equal((result * 255).round().byte(), recorded(RECORDED["motion"][angle]))


def test_plasma_equals_the_official_one_given_its_draws():
    draws = torch.from_numpy(np.random.RandomState(0).rand(32, 32).astype(np.float32)).double()
    ours = plasma(draws[None], 1.75)[0, ::5, ::3].flatten()
    assert torch.allclose(ours, torch.tensor(RECORDED["plasma"], dtype=torch.float64), atol=1e-5)


def test_water_drops_are_shaded_as_by_opencv():
    drops = np.frombuffer(bytes.fromhex(RECORDED["drops"]), np.uint8).reshape(64, 64)
    assert np.allclose(shade(drops)[::2, ::2].ravel(), RECORDED["shade"], atol=1e-4)


def test_no_drops_leave_no_shade():
    assert shade(np.zeros((16, 16), np.uint8)).max() == 0


def test_elastic_transform_equals_the_official_one_given_its_draws(monkeypatch):
    random = np.random.RandomState(2)
    jitter, *fields = (random.uniform(-1, 1, shape).astype(np.float32) for shape in ((3, 2), (40, 40), (40, 40)))
    draws = [(torch.from_numpy(part)[None].double() + 1) / 2 for part in (jitter, np.stack(fields))]
    monkeypatch.setattr(elastic, "uniform", lambda like: draws.pop(0))
    result = elastic.elastic_transform(recorded(RECORDED["image"], 40).double() / 255, 3.2, 1.28, 1.6)
    assert np.allclose(result[0, 1].flatten() * 255, RECORDED["elastic"], atol=0.01)


@pytest.mark.parametrize("edge", ["mirror", "reflect"])
def test_bilinear_reads_as_scipy_does(edge):
    x = picture(9).double()
    row, column = torch.rand(2, 1, 9, 9, dtype=torch.float64) * 30 - 10
    theirs = map_coordinates(x[0, 0].numpy(), [row[0].numpy(), column[0].numpy()], order=1, mode=edge)
    assert np.allclose(bilinear(x, row, column, edge)[0, 0], theirs)


@pytest.mark.parametrize("factor", [1.0, 1.06, 1.25, 1.75, 2.5, 4.5])
@pytest.mark.parametrize("size", [32, 45])
def test_zoomed_is_scipys_zoom_of_the_middle(factor, size):
    x = picture(size).double()
    middle = int(np.ceil(size / factor))
    start = (size - middle) // 2
    grown = zoom(x[0, 0, start : start + middle, start : start + middle].numpy(), factor, order=1)
    cut = (len(grown) - size) // 2
    assert np.allclose(enlarge(x, factor)[0, 0], grown[cut : cut + size, cut : cut + size])


@pytest.mark.parametrize("sigma", [0.05, 0.4, 1.0, 6.0])
def test_smooth_is_scipys_gaussian_filter(sigma):
    x = picture().double()
    assert np.allclose(smooth(x, sigma)[0, 2], gaussian_filter(x[0, 2].numpy(), sigma, mode="nearest"))


@pytest.mark.parametrize("reach", [1, 2, 4])
def test_glass_moves_pixels_as_the_official_double_loop(reach):
    height, width = 17, 14
    down, right = torch.randint(-reach, reach, (2, 3, height, width))
    source = displacement(down, right, reach)
    for image in range(3):
        pixels = np.arange(height * width * 3).reshape(height, width, 3)
        for h in range(height - reach, reach, -1):
            for w in range(width - reach, reach, -1):
                h2, w2 = h + int(down[image, h, w]), w + int(right[image, h, w])
                pixels[h, w], pixels[h2, w2] = pixels[h2, w2], pixels[h, w]
        assert np.array_equal(pixels[..., 0] // 3, source[image])


def test_motion_blur_along_the_row_is_a_convolution():
    x = picture().double() / 255
    taps = np.exp(-0.5 * (np.arange(9) / 2.0) ** 2)
    padded = np.pad(x[0, 0].numpy(), ((0, 0), (0, 8)), mode="edge")
    theirs = sum(tap * padded[:, i : i + 24] for i, tap in enumerate(taps / taps.sum()))
    assert np.allclose(streak(x, torch.zeros(1), 4, 2.0)[0, 0], theirs)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_noise_has_the_moments_of_its_definition(severity):
    x, share = flat(0.5), 3e-3
    (std,) = CORRUPTIONS["gaussian_noise"].tables[32][severity - 1]
    noise = corrupted(x, "gaussian_noise", severity, range(8)) - 0.5
    assert float(noise.std()) == pytest.approx(std, rel=0.03)
    assert float(noise.mean()) == pytest.approx(-0.5 / 255, abs=share)  # half a level is dropped
    (photons,) = CORRUPTIONS["shot_noise"].tables[32][severity - 1]
    shot = corrupted(x, "shot_noise", severity, range(8))
    level = 128 / 255
    assert float(shot.var()) == pytest.approx(level / photons, rel=0.06)
    (std,) = CORRUPTIONS["speckle_noise"].tables[32][severity - 1]
    assert float(corrupted(x, "speckle_noise", severity, range(8)).std()) == pytest.approx(level * std, rel=0.05)
    (amount,) = CORRUPTIONS["impulse_noise"].tables[32][severity - 1]
    hit = corrupted(x, "impulse_noise", severity, range(8))
    error = 4 * (amount / hit.numel()) ** 0.5
    assert float((hit == 1).double().mean()) == pytest.approx(amount / 2, abs=error)
    assert float((hit == 0).double().mean()) == pytest.approx(amount / 2, abs=error)


def test_plasma_fills_the_unit_interval_and_is_rougher_where_wobble_decays_slower():
    draws = torch.rand(20, 64, 64, dtype=torch.float64)
    soft, rough = plasma(draws, 3.0), plasma(draws, 1.4)
    for clouds in (soft, rough):
        assert clouds.amin((1, 2)).eq(0).all()
        assert clouds.amax((1, 2)).eq(1).all()
    assert rough.diff(dim=1).abs().mean() > 2 * soft.diff(dim=1).abs().mean()


def test_snow_equals_the_official_steps_given_its_draws(monkeypatch):
    size, angle = 32, -70.0
    normals = np.random.RandomState(4).normal(size=(size, size))
    monkeypatch.setattr(weather, "normal", lambda like: torch.from_numpy(normals)[None, None])
    monkeypatch.setattr(weather, "uniform", lambda like: torch.full((1, 1), (angle + 135) / 90))
    x = picture(size)[0].double() / 255
    mean, std, factor, threshold, radius, sigma, mix = CORRUPTIONS["snow"].tables[32][2]
    middle = int(np.ceil(size / factor))
    start = (size - middle) // 2
    flakes = zoom((mean + std * normals)[start : start + middle, start : start + middle], factor, order=1)
    cut = (len(flakes) - size) // 2
    flakes = flakes[cut : cut + size, cut : cut + size]
    flakes = np.floor(np.clip(np.where(flakes < threshold, 0, flakes), 0, 1) * 255) / 255
    flakes = streak(torch.from_numpy(flakes)[None, None], torch.tensor([angle]), radius, sigma)[0, 0].numpy()
    flakes = np.rint(flakes * 255) / 255
    grey = (x * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0).numpy()
    theirs = mix * x.numpy() + (1 - mix) * np.maximum(x.numpy(), grey * 1.5 + 0.5) + flakes + np.rot90(flakes, 2)
    ours = CORRUPTIONS["snow"].apply(x[None], *CORRUPTIONS["snow"].tables[32][2])[0]
    assert np.allclose(ours, theirs, atol=1e-6)


def test_fog_keeps_the_brightest_pixel_at_most_as_bright():
    x = scenes()
    assert (corrupted(x, "fog", 5, range(6)).amax((1, 2, 3)) <= x.amax((1, 2, 3))).all()


GROWING = [name for name in NAMES if name not in ("glass_blur", "elastic_transform", "pixelate", "saturate", "spatter")]


@pytest.mark.parametrize("name", [name for name in GROWING if name not in ("motion_blur", "frost")])
def test_the_change_grows_with_severity(name):
    """Left out are those whose official parameters at 32 pixels do not grow from one severity to the next."""
    changes = [change(name, severity, scenes()) for severity in SEVERITIES]
    assert changes == sorted(changes)
    assert 0 < changes[0] < changes[-1]


@pytest.mark.parametrize("name", ["glass_blur", "motion_blur", "pixelate", "frost", "spatter"])
def test_the_worst_severity_changes_more_than_the_mildest(name):
    assert change(name, 1, scenes()) < change(name, 5, scenes())


@pytest.mark.parametrize(
    ("name", "nothing"),
    [
        ("gaussian_noise", (0.0,)),
        ("impulse_noise", (0.0,)),
        ("speckle_noise", (0.0,)),
        ("shot_noise", (1e9,)),
        ("gaussian_blur", (0.0,)),
        ("defocus_blur", (0.0, 1e-3)),
        ("zoom_blur", ((1.0,),)),
        ("motion_blur", (3, 1e-9)),
        ("fog", (0.0, 2.0)),
        ("brightness", (0.0,)),
        ("contrast", (1.0,)),
        ("saturate", (1.0, 0.0)),
        ("pixelate", (1.0,)),
        ("elastic_transform", (0.0, 0.0, 0.0)),
        ("rotation", (0.0, 0.0)),
        ("translation", (0.0, 0.0)),
        ("occlusion", (0.0, 0.0)),
        ("color_shift", (0.0, 0.0)),
    ],
)
def test_nothing_happens_at_zero_strength(name, nothing):
    x = scenes()
    assert (CORRUPTIONS[name](x, *nothing, rounded=True).int() - x.int()).abs().max() == 0


@pytest.mark.parametrize("name", NAMES)
def test_neither_batch_nor_order_nor_type_changes_a_pixel(name):
    x = scenes()
    whole = corrupted(x, name, 4, range(6))
    assert whole.shape == x.shape
    assert whole.dtype == torch.uint8
    some = [4, 1]
    assert torch.equal(corrupted(x[some], name, 4, some), whole[some])
    floats = corrupted(x / 255, name, 4, range(6))
    assert torch.equal(floats, whole / 255)


@pytest.mark.parametrize("name", ["defocus_blur", "glass_blur", "elastic_transform", "snow", "spatter"])
def test_large_images_do_not_depend_on_their_batch_either(name):
    x = scenes(2, 224)
    assert torch.equal(corrupted(x, name, 2, [0, 1])[1:], corrupted(x[1:], name, 2, [1]))


def test_images_severities_and_corruptions_draw_differently():
    x = flat(0.5, count=2)
    a, b = corrupted(x, "gaussian_noise", 3, [0, 1])
    assert not torch.equal(a, b)
    with image_stream([0], "corruption", "gaussian_noise", 3):
        first = uniform(x[:1])
    with image_stream([0], "corruption", "speckle_noise", 3):
        assert not torch.equal(uniform(x[:1]), first)


def test_digits_are_corrupted_but_by_what_needs_colour_or_room():
    x = torch.randint(0, 256, (4, 1, 8, 8), dtype=torch.uint8)
    refused = {name: reason for name in NAMES if (reason := refusal(name, (1, 8, 8)))}
    assert set(refused) == {"saturate", "color_shift", "elastic_transform"}
    assert "the images are grey" in refused["saturate"]
    assert "16 to 1024 pixels a side, not 8x8" in refused["elastic_transform"]
    for name in set(NAMES) - set(refused):
        for severity in SEVERITIES:
            assert corrupted(x, name, severity, range(4)).shape == x.shape
    with pytest.raises(BadInput, match="saturate changes colours"):
        corrupted(x, "saturate", 1, range(4))


def test_bad_input_is_named():
    x = scenes(1)
    with pytest.raises(BadInput, match="did you mean frost"):
        corrupted(x, "frosd", 1, [0])
    with pytest.raises(BadInput, match="severity 6 of corruption fog: severities are 1 to 5"):
        corrupted(x, "fog", 6, [0])
    with pytest.raises(BadInput, match="take pixels in"):
        corrupted(x.float(), "fog", 1, [0])
    with pytest.raises(BadInput, match="8 to 1024 pixels a side, not 4x4"):
        corrupted(x[:, :, :4, :4], "fog", 1, [0])
    with pytest.raises(BadInput, match="not on 2 channels"):
        corrupted(x[:, :2], "fog", 1, [0])


def test_sets_are_those_of_the_papers():
    assert [len(SETS[name]) for name in ("imagenet-c", "extra", "mtlat")] == [15, 4, 19]
    whole = set().union(*SETS.values())
    assert whole <= set(NAMES)  # a new corruption may be in none
    assert len(whole) == 23


def test_mtlats_ranges_are_cut_in_five_that_leave_no_gap():
    ends = {"rotation": (8, 40), "translation": (15 / 224, 62 / 224), "occlusion": (60 / 224, 127 / 224)}
    for name, (low, high) in ends.items():
        parts = CORRUPTIONS[name].tables[224]
        assert [a[1] for a in parts[:-1]] == [b[0] for b in parts[1:]]
        assert (parts[0][0], parts[-1][1]) == pytest.approx((low, high), abs=1e-6)


def test_mtlats_four_do_what_they_say():
    x = torch.full((40, 3, 64, 64), 200, dtype=torch.uint8)
    hidden = (corrupted(x, "occlusion", 1, range(40)) == 127).all(1)
    sides = hidden.sum((1, 2)).double().sqrt()
    assert (sides == sides.round()).all()
    assert 64 * 60 / 224 - 1 < sides.min() < sides.max() < 64 * 73.4 / 224 + 1
    black = (corrupted(x, "translation", 5, range(40)) == 0).all(1)
    rows, columns = black.all(2).sum(1), black.all(1).sum(1)
    assert torch.equal(rows, columns)
    assert len({(bool(b[0].all()), bool(b[:, 0].all())) for b in black}) == 4  # every direction
    raised = corrupted(x, "color_shift", 3, range(40)).double().mean((2, 3)) - 200
    assert ((raised > 0).sum(1) == 1).all()
    assert (raised > 0).any(0).all()
    turned = corrupted(scenes(), "rotation", 5, range(6))
    assert (turned[:, :, 0, 0] == 0).all()
    assert torch.equal(turned[:, :, 15:17, 15:17] > 0, torch.ones(6, 3, 2, 2, dtype=torch.bool))


def test_frost_takes_the_users_photographs_and_says_so_otherwise(tmp_path):
    from PIL import Image

    assert find_frost_images(tmp_path, 5).kind == "procedural"
    (tmp_path / "frost").mkdir()
    for i, name in enumerate(PHOTOGRAPHS):
        Image.new("RGB", (300, 200), (40 * i, 0, 0)).save(tmp_path / "frost" / name)
    ice = find_frost_images(tmp_path, 5)
    assert (ice.kind, len(ice.pictures)) == ("photographs", 5)
    x = torch.zeros(60, 3, 32, 32, dtype=torch.uint8)
    drawn = corrupted(x, "frost", 5, range(60), tmp_path)[:, 0, 0, 0].unique()
    assert drawn.tolist() == pytest.approx([0.45 * 40 * i for i in range(5)], abs=2)  # never the sixth
    assert len(corrupted(x, "frost", 5, range(60), tmp_path, "mended")[:, 0, 0, 0].unique()) == 6
    bigger = torch.zeros(1, 3, 256, 400, dtype=torch.uint8)
    assert corrupted(bigger, "frost", 1, [0], tmp_path).shape == bigger.shape


def test_photographs_that_are_missing_are_named(tmp_path):
    (tmp_path / "frost").mkdir()
    with pytest.raises(BadInput, match=r"frost1\.png.*it must hold frost1\.png, frost2\.png"):
        find_frost_images(tmp_path, 5)


def test_a_corruption_of_somebody_else_is_one_line(monkeypatch):
    monkeypatch.setattr(CORRUPTIONS, "_items", dict(CORRUPTIONS))
    CORRUPTIONS.add("darkness", Corruption(lambda x, left: x * left, same(((0.8,), (0.6,), (0.4,), (0.2,), (0.0,)))))
    x = scenes()
    assert members("all")[-1] == "darkness"
    assert torch.equal(corrupted(x, "darkness", 5, range(6)), torch.zeros_like(x))
    assert torch.equal(corrupted(x, "darkness", 3, range(6)), (x.double() * 0.4 + 1e-4).floor().byte())
