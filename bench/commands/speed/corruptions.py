"""The part `corruptions` of `bench speed`: corruptions of images against imagecorruptions-imaug, without a model."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.commands.speed import peers
from bench.commands.speed.race import Contestant, RaceResult, Timing, race
from bench.commands.speed.table import SpeedLine, compare
from bench.core.parsing import format_count
from bench.core.rng import fixed_seed, image_stream
from bench.corruptions.apply import SETS, corrupted
from bench.corruptions.corruption import CORRUPTIONS
from bench.data.published_corruptions import SEVERITIES
from bench.report.table_formats.table_text import MISSING

PEER = "imagecorruptions"
IMAGES_BY_SIDE = {32: 128, 224: 4}  # number of images by image side
TABLE, SEVERITY = 224, 3  # the only size whose parameters the peer has
TIMED_CORRUPTIONS = [
    name for name in SETS["imagenet-c"] if name != "frost"
]  # the peer reads its photographs again for each image
PUBLISHED_SIZE = 10_000  # images of CIFAR-10-C, at each severity


def corruptions(repeats: int, device: torch.device) -> Iterator[SpeedLine]:
    """A line for each corruption and one for all, at each size, and one for a whole set such as CIFAR-10-C."""
    for side, n in IMAGES_BY_SIDE.items():
        yield from race_corruptions(make_scenes(n, side).to(device), repeats, device)
    yield time_whole_set(make_scenes(IMAGES_BY_SIDE[32], 32).to(device), repeats, device)


def make_scenes(n: int, side: int) -> Tensor:
    """Made-up images (n, 3, side, side) uint8: coarse blotches with a little noise, the same every time."""
    with fixed_seed("speed", "scenes", side):
        coarse = F.interpolate(torch.rand(n, 3, 8, 8), size=side, mode="bilinear")
        return ((coarse + 0.03 * torch.randn(n, 3, side, side)).clamp(0, 1) * 255).byte()


def race_corruptions(x: Tensor, repeats: int, device: torch.device) -> Iterator[SpeedLine]:
    """Compare each corruption with the peer's at the same parameters; the last line is of the sums."""
    is_installed, where = peers.is_installed(PEER), f"{len(x)} made-up images of {x.shape[3]} px"
    sums = {PEER: Timing(seconds=[0.0] * repeats), "ours": Timing(seconds=[0.0] * repeats)}
    for name in TIMED_CORRUPTIONS:
        runners: dict[str, Contestant | None] = {"ours": partial(ours, x, name)}
        runners[PEER] = without_result(
            partial(peers.corrupt, x.permute(0, 2, 3, 1).cpu().numpy(), name, SEVERITY), is_installed
        )
        race(runners, 1, device)  # warm-up, as both compile or tabulate something in the first call
        runs = race(runners, repeats, device)
        for who, run in runs.items():
            sums[who].seconds = [a + b for a, b in zip(sums[who].seconds, run.seconds, strict=True)]
        yield make_line(name, where, len(x), runs["ours"], runs.get(PEER))
    yield make_line("all but frost", where, len(x), sums["ours"], sums[PEER] if is_installed else None)


def make_line(name: str, where: str, n: int, ours: Timing, theirs: Timing | None) -> SpeedLine:
    """A comparison without a model, and so without passes."""
    return replace(compare((name, PEER), where, n, ours, theirs, rate=1.0), backwards=math.nan, floor=math.nan)


def ours(x: Tensor, name: str) -> RaceResult:
    """Apply a corruption of this bench to images x (B, C, H, W) uint8."""
    with image_stream(range(len(x)), "corruption", name, SEVERITY):
        CORRUPTIONS[name](x, *CORRUPTIONS[name].tables[TABLE][SEVERITY - 1])
    return RaceResult()


def without_result(work: Callable[[], None], is_installed: bool) -> Contestant | None:
    """A contestant that only takes time; None where its package is not installed."""

    def run() -> RaceResult:
        work()
        return RaceResult()

    return run if is_installed else None


def time_whole_set(x: Tensor, repeats: int, device: torch.device) -> SpeedLine:
    """Time of all fifteen corruptions at all severities, on few images, scaled up to the size of a published set."""

    def run() -> RaceResult:
        for name in SETS["imagenet-c"]:
            for severity in SEVERITIES:
                corrupted(x, name, severity, range(len(x)))
        return RaceResult()

    run()  # warm-up: the images of frost are made once
    taken = race({"ours": run}, repeats, device)["ours"]
    scaled = Timing(seconds=[seconds * PUBLISHED_SIZE / len(x) for seconds in taken.seconds])
    line = make_line("fifteen, 5 severities", f"32 px, {PUBLISHED_SIZE:,} images", PUBLISHED_SIZE, scaled, None)
    return replace(line, peer=MISSING, note=f"measured on {format_count(len(x), 'image')} and scaled up")
