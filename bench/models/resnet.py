"""Residual nets for small images: a 3x3 stem, no max pool, the first stage at full size and every other one at half.

He et al., CVPR 2016, arXiv:1512.03385; pre-activation: the same, ECCV 2016, arXiv:1603.05027.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from bench.models.build import MODELS


def conv3x3(inputs: int, width: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution without bias that keeps the size, or divides it by the stride."""
    return nn.Conv2d(inputs, width, 3, stride, 1, bias=False)


def projection(inputs: int, width: int, stride: int) -> nn.Sequential:
    """The shortcut of a block: nothing, or a 1x1 convolution and a batch norm where the shape changes."""
    if stride == 1 and inputs == width:
        return nn.Sequential()
    return nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(inputs, width, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = conv3x3(width, width)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU()
        self.shortcut = projection(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        out: Tensor = self.relu2(inner + self.shortcut(x))
        return out


class PreActBlock(nn.Module):
    """Batch norm and ReLU before each convolution. The shortcut is the raw input; a 1x1 convolution where the shape
    changes, and then it starts behind the first ReLU and has no batch norm."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU()
        self.conv1 = conv3x3(inputs, width, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU()
        self.conv2 = conv3x3(width, width)
        same = stride == 1 and inputs == width
        self.shortcut = None if same else nn.Conv2d(inputs, width, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        active = self.relu1(self.bn1(x))
        inner = self.conv2(self.relu2(self.bn2(self.conv1(active))))
        out: Tensor = inner + (x if self.shortcut is None else self.shortcut(active))
        return out


Block = Callable[[int, int, int], nn.Module]  # (channels before, channels behind, stride)


def stages(block: Block, stem: int, widths: tuple[int, ...], depth: int) -> list[nn.Module]:
    """A stage of `depth` blocks for each width, behind a stem of `stem` channels."""
    made: list[nn.Module] = []
    for i, (before, width) in enumerate(zip((stem, *widths), widths, strict=False)):
        first = block(before, width, 1 if i == 0 else 2)
        made.append(nn.Sequential(first, *(block(width, width, 1) for _ in range(depth - 1))))
    return made


def head(width: int, classes: int) -> list[nn.Module]:
    """Global average pooling, so that any image size works, and the linear layer of the logits."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes)]


def resnet(widths: tuple[int, ...], depth: int, classes: int, channels: int, *, stem_stride: int = 1) -> nn.Module:
    """Images (B, channels, H, W) to logits (B, classes), through a stage of `depth` blocks for each width."""
    stem = [conv3x3(channels, widths[0], stem_stride), nn.BatchNorm2d(widths[0]), nn.ReLU()]
    return nn.Sequential(*stem, *stages(BasicBlock, widths[0], widths, depth), *head(widths[-1], classes))


def resnet8_strided(width: int, classes: int, channels: int) -> nn.Module:
    """A ResNet-8 for CPUs: the stem halves the image already, and the stages are `width`, 2 and 4 times `width` wide.

    Of 32x32 pixels the stages see 16x16, 8x8 and 4x4. Few pixels with many channels fill the vector units of a
    processor better than many pixels with few channels: for as many operations as resnet8, resnet8-s32 has four times
    as many parameters.
    """
    return resnet((width, 2 * width, 4 * width), 1, classes, channels, stem_stride=2)


def preact_resnet(
    widths: tuple[int, ...], depth: int, classes: int, channels: int, *, final_norm: bool = False
) -> nn.Module:
    """The common CIFAR version has no batch norm behind the last block, that of locuslab/robust_overfitting has one."""
    stem = conv3x3(channels, widths[0])
    last = [nn.BatchNorm2d(widths[-1]), nn.ReLU()] if final_norm else []
    return nn.Sequential(stem, *stages(PreActBlock, widths[0], widths, depth), *last, *head(widths[-1], classes))


resnet8 = partial(resnet, (16, 32, 64), 1)
resnet18 = partial(resnet, (64, 128, 256, 512), 2)
preact_resnet18 = partial(preact_resnet, (64, 128, 256, 512), 2)


MODELS.add("resnet8", resnet8, "ResNet with 3 residual blocks, widths 16 to 64: the default on a CPU")
# s: strided stem, with the width of the first stage
MODELS.add("resnet8-s32", partial(resnet8_strided, 32), "resnet8 for CPUs: a first convolution of stride 2, width 32")
MODELS.add("resnet8-s48", partial(resnet8_strided, 48), "resnet8 for CPUs: a first convolution of stride 2, width 48")
MODELS.add("resnet8-s64", partial(resnet8_strided, 64), "resnet8 for CPUs: a first convolution of stride 2, width 64")
MODELS.add("resnet18", resnet18, "ResNet-18 for small images: the default on CUDA")
MODELS.add("preact-resnet18", preact_resnet18, "pre-activation ResNet-18 of the robust-training literature")
MODELS.add(
    "preact-resnet18-bn",
    partial(preact_resnet18, final_norm=True),
    "preact-resnet18 with a batch norm behind its last block",
)
