"""DenseNet-121 for small images: a 3x3 stem without pooling, pre-activation layers, growth 32, compression 1/2.

Huang et al., CVPR 2017, arXiv:1608.06993; this form is the common one for CIFAR (kuangliu/pytorch-cifar).
"""

import torch
from torch import Tensor, nn

from bench.models.build import MODELS, needs_pixels
from bench.models.resnet import conv3x3, head

GROWTH = 32


class DenseLayer(nn.Module):
    """`GROWTH` new channels before the (B, inputs, H, W) ones, from all of which a 1x1 convolution draws 4 GROWTH."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        narrow = [*activation(inputs), nn.Conv2d(inputs, 4 * GROWTH, 1, bias=False)]
        self.fresh = nn.Sequential(*narrow, *activation(4 * GROWTH), conv3x3(4 * GROWTH, GROWTH))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.fresh(x), x], 1)


def activation(width: int) -> list[nn.Module]:
    """Batch norm and ReLU on `width` channels."""
    return [nn.BatchNorm2d(width), nn.ReLU()]


def densenet121(classes: int, channels: int) -> nn.Module:
    """Images (B, channels, H, W) to logits (B, classes). Three transitions halve the image: at least 8 pixels."""
    width = 2 * GROWTH
    made: list[nn.Module] = [conv3x3(channels, width)]
    for block, depth in enumerate((6, 12, 24, 16)):
        if block:
            made += [*activation(width), nn.Conv2d(width, width // 2, 1, bias=False), nn.AvgPool2d(2)]
            width //= 2
        made += [DenseLayer(width + i * GROWTH) for i in range(depth)]
        width += depth * GROWTH
    return nn.Sequential(*made, *activation(width), *head(width, classes))


MODELS.add("densenet121", needs_pixels(8, densenet121), "DenseNet-121 for small images, growth rate 32")
