"""Models by name. Widths are multiples of 16: training others on a CPU, channels last, crashes some builds of torch.

Every net can be traced by torch.fx and has its ReLUs and batch norms as modules, so that batch norms can be folded.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from torch import nn

from bench.data.dataset import Dataset
from bench.models.cnn import cnn
from bench.models.normalise import NORMALISERS
from bench.models.resnet import preact_resnet18, resnet8, resnet18
from bench.models.wrn import wrn
from bench.registry import Registry

MODELS: Registry[Callable[[int, int], nn.Module]] = Registry("model")  # (classes, channels) -> net
MODELS.add("cnn", cnn)
MODELS.add("resnet8", resnet8)
MODELS.add("resnet18", resnet18)
MODELS.add("preact-resnet18", preact_resnet18)
MODELS.add("wrn-28-10", partial(wrn, 28, 10))
MODELS.add("wrn-34-10", partial(wrn, 34, 10))


def parts(name: str) -> tuple[Callable[[int, int], nn.Module], Callable[[Dataset], nn.Module]]:
    """What NAME or NAME.NORMALISER is made of; UnknownName if there is no such thing. Cheap: nothing is built."""
    net, _, tag = name.partition(".")
    return MODELS[net], NORMALISERS[tag or "meanstd"]


def build(name: str, dataset: Dataset) -> nn.Module:
    """A new model from [0, 1] images (B, C, H, W) to logits (B, K), initialised from torch's global generator."""
    net, normaliser = parts(name)
    return nn.Sequential(
        OrderedDict(normalise=normaliser(dataset), net=net(dataset.num_classes, dataset.shape[0])),
    )
