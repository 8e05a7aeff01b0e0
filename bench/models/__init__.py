"""Models by name. Widths are multiples of 16: training others on a CPU, channels last, crashes some builds of torch.

Every net can be traced by torch.fx and has its ReLUs and batch norms as modules, so that batch norms can be folded.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from torch import nn

from bench.data.dataset import Dataset
from bench.errors import BadInput
from bench.models.cnn import cnn
from bench.models.densenet import densenet121
from bench.models.large import from_torchvision
from bench.models.madry import madry_wrn
from bench.models.normalise import NORMALISERS
from bench.models.resnet import preact_resnet18, resnet8, resnet8_strided, resnet18
from bench.models.resnext import resnext29
from bench.models.vgg import vgg16_bn
from bench.models.wrn import wrn
from bench.registrable import a_function_of
from bench.registry import Registry

MODELS: Registry[Callable[[int, int], nn.Module]] = Registry("model", a_function_of("classes", "channels"))
MODELS.add("cnn", cnn)
MODELS.add("resnet8", resnet8)
MODELS.add("resnet8-s32", partial(resnet8_strided, 32))  # s: strided stem, with the width of the first stage
MODELS.add("resnet8-s48", partial(resnet8_strided, 48))
MODELS.add("resnet8-s64", partial(resnet8_strided, 64))
MODELS.add("resnet18", resnet18)
MODELS.add("preact-resnet18", preact_resnet18)
MODELS.add("preact-resnet18-bn", partial(preact_resnet18, final_norm=True))
MODELS.add("wrn-16-8", partial(wrn, 16, 8))
MODELS.add("wrn-28-10", partial(wrn, 28, 10))
MODELS.add("wrn-34-10", partial(wrn, 34, 10))
MODELS.add("madry-wrn", madry_wrn)
MODELS.add("densenet121", densenet121)
MODELS.add("resnext29-2x64d", partial(resnext29, 2))
MODELS.add("resnext29-32x4d", partial(resnext29, 32))
MODELS.add("vgg16-bn", vgg16_bn)
MODELS.add("vgg16-bn-224", partial(from_torchvision, "vgg16_bn"))
MODELS.add("resnet18-imagenet", partial(from_torchvision, "resnet18"))
MODELS.add("resnet50", partial(from_torchvision, "resnet50"))
MODELS.add("resnext50-32x4d", partial(from_torchvision, "resnext50_32x4d"))

SMALLEST = {"densenet121": 8, "vgg16-bn": 32, "vgg16-bn-224": 32}  # pixels a side; with less, pooling leaves nothing


def parts(name: str, dataset: Dataset) -> tuple[Callable[[int, int], nn.Module], Callable[[Dataset], nn.Module]]:
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
    least = SMALLEST.get(net, 1)
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
