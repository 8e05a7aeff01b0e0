"""A small net for small images (8 to 28 pixels).

Digits, 20 epochs, Linf 0.2: standard 99 % clean; with PGD-10 adversarial training 97-98 % and 73 % under PGD-20.
"""

from torch import nn

from bench.models.build import MODELS
from bench.models.resnet import conv3x3, head


def cnn(classes: int, channels: int) -> nn.Module:
    """Three 3x3 convolutions, the last two of which halve the image, and a global average."""
    return nn.Sequential(*layer(channels, 16), *layer(16, 32, stride=2), *layer(32, 64, stride=2), *head(64, classes))


def layer(inputs: int, width: int, stride: int = 1) -> list[nn.Module]:
    """A 3x3 convolution with batch norm and ReLU."""
    return [conv3x3(inputs, width, stride), nn.BatchNorm2d(width), nn.ReLU()]


MODELS.add("cnn", cnn)
