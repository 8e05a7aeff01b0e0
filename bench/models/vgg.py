"""VGG-16 with batch norm for small images: one linear layer behind the convolutions, which have no biases.

Simonyan, Zisserman, ICLR 2015, arXiv:1409.1556, configuration D.
"""

from torch import nn

from bench.models.build import MODELS, needs_pixels
from bench.models.cnn import layer
from bench.models.resnet import head


def vgg16_bn(classes: int, channels: int) -> nn.Module:
    """Images (B, channels, H, W) to logits (B, classes). Five poolings halve the image: at least 32 pixels."""
    made: list[nn.Module] = []
    inputs = channels
    for width, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(depth):
            made += layer(inputs, width)
            inputs = width
        made.append(nn.MaxPool2d(2))
    return nn.Sequential(*made, *head(512, classes))


MODELS.add("vgg16-bn", needs_pixels(32, vgg16_bn), "VGG-16 with batch norm for small images")
