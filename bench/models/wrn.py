"""Wide residual nets without dropout. Zagoruyko, Komodakis, BMVC 2016, arXiv:1605.07146."""

import math
from functools import partial

from torch import nn

from bench.models.build import MODELS
from bench.models.resnet import PreActBlock, conv3x3, head, stages


def wrn(depth: int, widen: int, classes: int, channels: int) -> nn.Module:
    """WRN-depth-widen: depth = 6n + 4, n blocks a stage, widths 16, 32 and 64 times `widen`."""
    widths = (16 * widen, 32 * widen, 64 * widen)
    net = nn.Sequential(
        conv3x3(channels, 16),
        *stages(PreActBlock, 16, widths, (depth - 4) // 6),
        nn.BatchNorm2d(widths[-1]),
        nn.ReLU(),
        *head(widths[-1], classes),
    )
    initialise(net)
    return net


def initialise(net: nn.Module) -> None:
    """Convolutions from N(0, 2 / (k^2 out)), biases of linear layers 0 (the authors'); the rest as torch does it."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0, math.sqrt(2 / (module.kernel_size[0] ** 2 * module.out_channels)))
        elif isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)


MODELS.add("wrn-16-8", partial(wrn, 16, 8), "wide ResNet, depth 16, 8 times as wide")
MODELS.add("wrn-28-10", partial(wrn, 28, 10), "wide ResNet, depth 28, 10 times as wide")
MODELS.add("wrn-34-10", partial(wrn, 34, 10), "wide ResNet, depth 34, 10 times as wide: that of most papers")
