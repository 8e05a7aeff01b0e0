"""Nets for images of 224 pixels: torchvision's, so that public weights fit, for any number of channels."""

from functools import partial

from torch import nn

from bench.models.build import MODELS, needs_pixels


def from_torchvision(name: str, classes: int, channels: int) -> nn.Module:
    """torchvision.models.NAME, untrained, from images (B, channels, H, W) to logits (B, classes)."""
    import torchvision.models  # takes a second or two, and only these nets need it

    net: nn.Module = getattr(torchvision.models, name)(num_classes=classes)
    for module in net.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # what a hook has seen must stay as it was
    stem = next(module for module in net.modules() if isinstance(module, nn.Conv2d))
    stem.in_channels = channels
    stem.weight = nn.Parameter(stem.weight.new_empty(stem.out_channels, channels, *stem.kernel_size))
    nn.init.kaiming_normal_(stem.weight, mode="fan_out", nonlinearity="relu")  # as torchvision starts all of them
    return net


MODELS.add(
    "vgg16-bn-224",
    needs_pixels(32, partial(from_torchvision, "vgg16_bn")),
    "torchvision's VGG-16 with batch norm, for images of 224 pixels",
)
MODELS.add(
    "resnet18-imagenet", partial(from_torchvision, "resnet18"), "torchvision's ResNet-18, for images of 224 pixels"
)
MODELS.add("resnet50", partial(from_torchvision, "resnet50"), "torchvision's ResNet-50, for images of 224 pixels")
MODELS.add(
    "resnext50-32x4d",
    partial(from_torchvision, "resnext50_32x4d"),
    "torchvision's ResNeXt-50, for images of 224 pixels",
)
