"""The printed numbers, read from the tables of this folder."""

from importlib.resources import files

import pandas as pd

PAPERS = (
    "bat",
    "avmixup",
    "mtlat",
    "robmask",
    "m2at",
)  # the oldest first, so that quoted numbers come after their source
# our names, by those in the papers
DATASETS = {
    "CIFAR-10": "cifar10",
    "CIFAR-100": "cifar100",
    "SVHN": "svhn",
    "Tiny ImageNet": "tiny-imagenet",
    "ImageNet": "imagenet",
    "ImageNet-100": "imagenet-100",
}
MODELS = {
    "WRN-16-8": "wrn-16-8",
    "WRN-28-10": "wrn-28-10",
    "WRN-34-10": "wrn-34-10",
    "ResNet-18": "resnet18",
    "DenseNet-121": "densenet121",
    "Preact-18": "preact-resnet18",
    "PreActResNet18": "preact-resnet18",
    "ResNeXt-29": "resnext29-2x64d",
    "ResNet-50": "resnet50",
    "ResNeXt-50 32x4d": "resnext50-32x4d",
}


def printed_numbers(*sources: str) -> pd.DataFrame:
    """Read printed numbers. sources: names in PAPERS, or `external`; none: all six. Every column is text."""
    frames = []
    for source in sources or (*PAPERS, "external"):
        with files(__package__).joinpath(f"{source}.csv").open(encoding="utf-8") as file:
            frames.append(pd.read_csv(file, dtype=str, keep_default_na=False))
    return pd.concat(frames, ignore_index=True)
