"""Models by name. Widths are multiples of 16: training others on a CPU, channels last, crashes some builds of torch.

Every net can be traced by torch.fx and has its ReLUs and batch norms as modules, so that batch norms can be folded.
"""

from collections import OrderedDict
from collections.abc import Callable

from torch import nn

from bench.core.errors import BadInput
from bench.core.registrable import function_check
from bench.core.registry import Registry
from bench.data.dataset import Dataset
from bench.models.normalise import NORMALISERS

Net = Callable[[int, int], nn.Module]  # of the numbers of classes and channels
MODELS: Registry[Net] = Registry("model", function_check("classes", "channels"), folder="bench.models")


def needs_pixels(side: int, build: Net) -> Net:
    """The same, told of the image side in pixels that it needs, as pooling leaves nothing of less."""
    build.smallest = side  # type: ignore[attr-defined]
    return build


def smallest_side(net: str) -> int:
    """Of the images that a registered model takes, in pixels."""
    return int(getattr(MODELS[net], "smallest", 1))


def parts(name: str, dataset: Dataset) -> tuple[Net, Callable[[Dataset], nn.Module]]:
    """What NAME or NAME.NORMALISER is made of. Cheap: nothing is built.

    UnknownName if there is no such thing, BadInput if the data set's images are too small for it.
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
    net, normaliser = parts(name, dataset)
    return nn.Sequential(
        OrderedDict(normalise=normaliser(dataset), net=net(dataset.num_classes, dataset.shape[0])),
    )
