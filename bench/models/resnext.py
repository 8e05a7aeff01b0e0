"""ResNeXt-29 for small images: a 1x1 stem, three stages of three blocks, grouped 3x3 convolutions.

Xie et al., CVPR 2017, arXiv:1611.05431; this form is the common one for CIFAR (kuangliu/pytorch-cifar), of which
2x64d (two groups of 64 channels) and 32x4d have equal widths.
"""

from functools import partial

from torch import Tensor, nn

from bench.models.build import MODELS
from bench.models.resnet import head, projection, stages


class Bottleneck(nn.Module):
    """1x1, grouped 3x3 and 1x1 convolutions around a shortcut; the middle has half the block's width."""

    def __init__(self, inputs: int, width: int, stride: int, *, groups: int) -> None:
        super().__init__()
        inner = width // 2
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(inner, width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.relu3 = nn.ReLU()
        self.shortcut = projection(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.relu2(self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x))))))
        out: Tensor = self.relu3(self.bn3(self.conv3(inner)) + self.shortcut(x))
        return out


def resnext29(groups: int, classes: int, channels: int) -> nn.Module:
    """Images (B, channels, H, W) to logits (B, classes). The 3x3 convolutions of the first stage are 128 wide."""
    stem = [nn.Conv2d(channels, 64, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    widths = (256, 512, 1024)
    return nn.Sequential(*stem, *stages(partial(Bottleneck, groups=groups), 64, widths, 3), *head(1024, classes))


MODELS.add("resnext29-2x64d", partial(resnext29, 2), "ResNeXt-29, 2 groups of 64")
MODELS.add("resnext29-32x4d", partial(resnext29, 32), "ResNeXt-29, 32 groups of 4")
