"""Models by name.

Rules for the nets in this folder: torch.fx can trace them and ReLUs and batch norms are modules, so that batch norms
can be folded; widths are multiples of 16, as some builds of torch crash on others (CPU, channels last, training).
"""

from collections import OrderedDict
from collections.abc import Callable

from torch import nn

from bench.core.errors import BadInput
from bench.core.registration.checks import function_check
from bench.core.registry import Registry
from bench.data.dataset import Dataset
from bench.models.lazy import settle_lazy_layers
from bench.models.normalise import NORMALISERS

Net = Callable[[int, int], nn.Module]  # (classes, channels) -> the network
MODELS: Registry[Net] = Registry("model", function_check("classes", "channels"), folder="bench.models")


def needs_pixels(side: int, build: Net) -> Net:
    """Declare the smallest image side, in pixels, that a net can compute; returns `build` itself."""
    build.smallest = side  # type: ignore[attr-defined]
    return build


def smallest_side(net: str) -> int:
    """The smallest image side, in pixels, that a registered model can compute; 1 if it declares none."""
    return int(getattr(MODELS[net], "smallest", 1))


def find_parts(name: str, dataset: Dataset) -> tuple[Net, Callable[[Dataset], nn.Module]]:
    """The functions that build the net and the normaliser of a model NAME or NAME.NORMALISER; builds nothing.

    Raises:
        UnknownName: there is no such net or normaliser.
        BadInput: the data set's images are too small for the net.
    """
    net, _, tag = (name, "", "meanstd") if name in MODELS or "." not in name else name.rpartition(".")
    if not tag:
        raise BadInput(
            f"model {name!r}: nothing stands after the dot; name one of {', '.join(NORMALISERS)}, or leave it out"
        )
    made = MODELS[net], NORMALISERS[tag]
    _, height, width = dataset.shape
    least = smallest_side(net)
    if min(height, width) < least:
        raise BadInput(
            f"model {net} needs images of {least}x{least} pixels or more, and {dataset.name} has {height}x{width}; "
            "give --model another one, such as resnet18"
        )
    return made


def build(name: str, dataset: Dataset) -> nn.Module:
    """A new model from [0, 1] images (B, C, H, W) to logits (B, K), initialised from torch's global generator."""
    net, normaliser = find_parts(name, dataset)
    model = nn.Sequential(
        OrderedDict(normalise=normaliser(dataset), net=net(dataset.num_classes, dataset.shape[0])),
    )
    settle_lazy_layers(model, dataset.shape)
    return model
