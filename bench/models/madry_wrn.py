"""The wide residual net of Madry et al.'s CIFAR-10 challenge, which AVmixup's and BAT's code share.

Known as w32-10, WRN-34-10 or WRN-28-10, and none of these: leaky ReLUs, shortcuts without weights, five units a stage.
From MadryLab/cifar10_challenge, model.py. TensorFlow pads a convolution of stride 2 at the right and bottom alone,
here all four sides are padded; AVmixup's fork has eps 1e-5 in its batch norms.
"""

import math

from torch import Tensor, nn
from torch.nn import functional as F

from bench.models.build import MODELS
from bench.models.resnet import conv3x3, stages
from bench.models.wrn import initialise

STEM_CHANNELS = 16


class MadryUnit(nn.Module):
    """Batch norm and leaky ReLU before each of two convolutions. The shortcut is the raw input, except in the first
    unit of the net, where it is the activated one; averaged and padded with zeros where the shape changes."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = inputs == STEM_CHANNELS
        self.pad = (width - inputs) // 2  # channels of zeros before the input's, and as many behind
        self.active = nn.Sequential(*activation(inputs))
        self.inner = nn.Sequential(conv3x3(inputs, width, stride), *activation(width), conv3x3(width, width))
        self.pool = nn.AvgPool2d(stride, ceil_mode=True)  # as many pixels as the convolution leaves

    def forward(self, x: Tensor) -> Tensor:
        active = self.active(x)
        out: Tensor = self.inner(active)
        return out + F.pad(self.pool(active if self.first else x), (0, 0, 0, 0, self.pad, self.pad))


def activation(width: int) -> list[nn.Module]:
    """Batch norm and leaky ReLU on `width` channels."""
    return [nn.BatchNorm2d(width, eps=1e-3), nn.LeakyReLU(0.1)]


def madry_wrn(classes: int, channels: int) -> nn.Module:
    """Images (B, channels, H, W) to logits (B, classes), through three stages of five units, ten times as wide."""
    units, logits = stages(MadryUnit, STEM_CHANNELS, (160, 320, 640), 5), nn.Linear(640, classes)
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    net = nn.Sequential(conv3x3(channels, STEM_CHANNELS), *units, *activation(640), *pool, logits)
    initialise(net)
    bound = math.sqrt(3 / 640)  # for outputs of the inputs' variance
    nn.init.uniform_(logits.weight, -bound, bound)
    return net


MODELS.add("madry-wrn", madry_wrn, "the wide ResNet-32-10 of Madry et al.'s CIFAR-10 challenge")
