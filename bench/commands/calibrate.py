"""`bench calibrate`: find by how much M-TLAT's four corruptions must change images to cost a model 5 and 30 points.

The paper (arXiv:2008.08384) chose its ranges by this rule, on a standard model of its own.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import torch
from torch import nn

from bench.commands.start import start
from bench.core.device import describe
from bench.core.files import write_json
from bench.core.foreign.messages import model_errors_as_bad_input
from bench.core.rng import image_stream
from bench.core.version import __version__
from bench.corruptions.corruption import CORRUPTIONS, refusal
from bench.data.cache import ImageCache
from bench.data.images import Images
from bench.data.loader import to_float
from bench.data.lookup import dataset
from bench.data.memory import data_memory
from bench.evaluation.external.access import Access
from bench.evaluation.external.load import load_external
from bench.evaluation.external.model_checks import ACCURACY_SAMPLE
from bench.evaluation.external.spec import parse_spec
from bench.evaluation.outcome import is_correct
from bench.models.freeze import frozen
from bench.training.run_folder import lock_folder

TARGET_LOSSES = (0.05, 0.30)  # loss of accuracy at the lower and at the upper end of a range
LOSS_TOLERANCE = 0.005  # an end may miss its loss of accuracy by this
AMOUNT_RESOLUTION = 1 / 1024  # bisection stops at this share of the largest amount
MAX_AMOUNTS = {"rotation": 90.0, "translation": 1.0, "occlusion": 1.0, "color_shift": 1.0}
UNITS = {"rotation": "degrees", "translation": "of the side", "occlusion": "of the side", "color_shift": "of white"}


@dataclass(frozen=True)
class End:
    """One end of a range. `calibration.json` has the names of these fields."""

    wanted: float  # the loss of accuracy that was searched for, from 0 to 1
    amount: float | None  # in UNITS; None if even the largest amount costs less
    accuracy: float  # at that amount, or at the largest

    def describe(self, name: str, clean: float) -> str:
        """The outcome as a clause. name: of the corruption; clean: accuracy on clean images, from 0 to 1."""
        cost = 100 * (clean - self.accuracy)
        if self.amount is None:
            most = f"{MAX_AMOUNTS[name]:g} {UNITS[name]}"
            return f"no amount costs {100 * self.wanted:.0f} points, the most ({most}) costs {cost:.1f}"
        missed = abs(clean - self.accuracy - self.wanted) > LOSS_TOLERANCE + 1e-9
        note = f", the nearest to {100 * self.wanted:.0f} that there is" if missed else ""
        return f"{self.amount:.4g} {UNITS[name]} costs {cost:.1f} points{note}"


def find_amount(accuracy: Callable[[float], float], clean: float, wanted: float, largest: float) -> End:
    """Search by bisection for the amount from 0 to `largest` at which accuracy is `clean - wanted`.

    If no amount is found within `LOSS_TOLERANCE`, the closer of the last two is returned: amounts of whole pixels make
    accuracy fall in steps.

    Args:
        accuracy: accuracy as a function of the amount, which it falls with.
    """
    target, low, high = clean - wanted, 0.0, largest
    if accuracy(largest) > target + LOSS_TOLERANCE:
        return End(wanted, None, accuracy(largest))
    while high - low > largest * AMOUNT_RESOLUTION:
        middle = (low + high) / 2
        if abs(accuracy(middle) - target) <= LOSS_TOLERANCE:
            return End(wanted, middle, accuracy(middle))
        low, high = (middle, high) if accuracy(middle) > target else (low, middle)
    best = min((low, high), key=lambda amount: abs(accuracy(amount) - target))
    return End(wanted, best, accuracy(best))


@torch.no_grad()
def measure_clean(model: nn.Module, images: Images, batch_size: int) -> float:
    """Accuracy of a model on clean images; BadInput if it raises on them."""
    right = 0
    for first in range(0, len(images), batch_size):
        part = slice(first, first + batch_size)
        with model_errors_as_bad_input():
            right += int(is_correct(model, to_float(images.x[part]), images.y[part], batch_size).sum())
    return right / len(images)


@torch.no_grad()
def measure_accuracy(model: nn.Module, images: Images, name: str, amount: float, batch_size: int) -> float:
    """Accuracy of a model on images that all have the same amount of a corruption.

    Random signs and places are the same at any amount, so that accuracy changes with the amount alone.

    Raises:
        BadInput: the model raises on the images.
    """
    right = 0
    for first in range(0, len(images), batch_size):
        part = slice(first, first + batch_size)
        x, y = images.x[part], images.y[part]
        with image_stream(range(first, first + len(y)), "calibrate", name):
            x = CORRUPTIONS[name](x, amount, amount)
        with model_errors_as_bad_input():
            right += int(is_correct(model, to_float(x), y, batch_size).sum())
    return right / len(images)


def find_ranges(
    model: nn.Module, images: Images, clean: float, batch_size: int
) -> Iterator[tuple[str, tuple[End, ...] | str]]:
    """For each of the four corruptions its name and both ends, or the reason why these images cannot have it."""
    _, channels, height, width = images.x.shape
    for name, largest in MAX_AMOUNTS.items():

        @cache
        def accuracy(amount: float, name: str = name) -> float:
            return measure_accuracy(model, images, name, amount, batch_size)

        reason = refusal(name, (channels, height, width))
        yield name, reason or tuple(find_amount(accuracy, clean, wanted, largest) for wanted in TARGET_LOSSES)


@dataclass(frozen=True)
class CalibrateOptions:
    """The options of `bench calibrate`."""

    spec: str
    dataset: str | None
    limit: int | None
    results: Path
    device: str
    batch_size: int
    access: Access
    data_memory: int | None


def calibrate(options: CalibrateOptions) -> Path:
    """Print the ranges and write them, with the model and images they are of, to calibration.json in its folder.

    Returns:
        The path of calibration.json.
    """
    device, source, access = start(options.device, options.results), parse_spec(options.spec), options.access
    data = dataset(options.dataset or source.dataset or "digits", access.data_dir)
    if access.download:
        data.download(access.data_dir)
    cache = ImageCache(access.data_dir, data_memory(options.data_memory))
    images = cache.load(data, "test", options.limit).to(device)
    first = cache.load(data, "test", min(ACCURACY_SAMPLE, cache.size(data, "test"))).to(device)
    model = load_external(source, data, first, access, attacked=False)
    for warning in model.warnings:
        print(f"{source}: {warning}", file=sys.stderr)
    net = model.net
    found = {}
    with frozen(net):
        clean = measure_clean(net, images, options.batch_size)
        print(f"clean: {clean:.1%} of {len(images)} right")
        for name, ends in find_ranges(net, images, clean, options.batch_size):
            if isinstance(ends, str):
                print(ends)
            else:
                print(f"{name}: {'; '.join(end.describe(name, clean) for end in ends)}")
                found[name] = {"unit": UNITS[name], "ends": [asdict(end) for end in ends]}
    record = {
        "spec": str(source),
        "identity": model.identity,
        "dataset": data.name,
        "shape": data.shape,
        "images": images.fingerprint(),
        "n": len(images),
        "clean": clean,
        "device": describe(device),
        "version": __version__,
        "ranges": found,
    }
    path = options.results / model.subject.run / "calibration.json"
    with lock_folder(path.parent):
        write_json(path, record)
    return path
