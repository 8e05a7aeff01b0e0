"""`--normalise`: the first layer of an external model that expects normalised images."""

import re

from torch import nn

from bench.core.errors import BadInput
from bench.core.parsing import format_count, parse_number
from bench.core.registration.suggestion import suggestion
from bench.data.dataset import DATASETS, Dataset
from bench.data.sets.imagenet_100 import MEAN, STD
from bench.models.normalise import NORMALISERS, Normalise

NO_NORMALISER = "none"  # the normaliser that changes nothing
FORM = "mean,std"
SUFFIX = re.compile(r"(.+)\[normalise=([^\[\]]*)\]")


def split_normalisation(spec: str) -> tuple[str, str | None]:
    """SPEC[normalise=TEXT] as SPEC and TEXT, which is None where nothing normalises."""
    found = SUFFIX.fullmatch(spec)
    if found is None:
        return spec, None
    return found[1], None if found[2] == NO_NORMALISER else found[2]


def with_normalisation(spec: str, text: str | None) -> str:
    """The SPEC of the same model behind a normalisation; the same SPEC where the text is None.

    BadInput if the SPEC names one itself.
    """
    if text is None:
        return spec
    if SUFFIX.fullmatch(spec):
        raise BadInput(f"{spec} names a normalisation, and --normalise {text} does; give one of them")
    return f"{spec}[normalise={text}]"


def normaliser(text: str, dataset: Dataset) -> nn.Module:
    """The layer from images (B, C, H, W) in [0, 1] to what the model expects.

    Args:
        text: a normaliser of `bench run --model NAME.NORMALISER`, a data set whose mean and std are meant, or numbers:
            mean and std, or the mean of each channel and then the std of each.
        dataset: whose images the model gets.

    Raises:
        BadInput: the text is none of these, or is for another number of channels.
    """
    if text in NORMALISERS:
        return NORMALISERS[text](dataset)
    channels = dataset.shape[0]
    mean, std = _find_statistics(text, dataset) if re.match("[A-Za-z]", text) else _numbers(text)
    if len(mean) not in (1, channels):
        raise BadInput(
            f"--normalise {text} is for {format_count(len(mean), 'channel')}, and {dataset.name} has {channels}"
        )
    return Normalise(mean, std)


def label(text: str) -> str:
    """A normalisation in the name of a model: its own name, or one word for numbers."""
    return text if re.fullmatch(r"[A-Za-z][\w-]*", text) else "normalised"


def _find_statistics(name: str, dataset: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of a data set, which need not be on this machine."""
    if name == dataset.name:
        return dataset.mean, dataset.std
    if name in ("imagenet", "imagenet-100"):
        return MEAN, STD
    if name in DATASETS:
        return DATASETS[name].mean, DATASETS[name].std
    known = [*NORMALISERS, *DATASETS, "imagenet"]
    raise BadInput(f"--normalise {name} is no normaliser and no data set; {suggestion(name, known)}")


def _numbers(text: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    try:
        numbers = tuple(parse_number(part) for part in text.split(","))
    except ValueError as error:
        raise BadInput(f"--normalise {text}: {error}; the form is {FORM}, such as 0.5,0.5") from error
    half = len(numbers) // 2
    if len(numbers) % 2:
        raise BadInput(
            f"--normalise {text}: {format_count(len(numbers), 'number')}, where "
            f"each mean needs a std; the form is {FORM}"
        )
    if not all(std > 0 for std in numbers[half:]):
        raise BadInput(f"--normalise {text}: a std of 0 or less; the form is {FORM}, such as 0.5,0.5")
    return numbers[:half], numbers[half:]
