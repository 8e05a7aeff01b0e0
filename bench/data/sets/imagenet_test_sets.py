"""Test sets for models of ImageNet: ImageNet-V2, ImageNet-A, ImageNet-R and ImageNet-Sketch.

Recht et al., arXiv:1902.10811 (V2, matched frequency); Hendrycks et al., arXiv:1907.07174 (A) and arXiv:2006.16241 (R);
Wang et al., arXiv:1905.13549 (Sketch). Images are prepared as those of ImageNet: the shorter side is resized to 256
pixels, then the middle 224 are cropped, as in the official code of A and R. These two have 200 of the classes, and
models of all 1,000 are evaluated by their logits of those.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from bench.core.errors import BadInput
from bench.data.dataset import DATASETS, Dataset, Source, Split
from bench.data.image_folder import list_files, source_of
from bench.data.sets.imagenet import crop_middle, imagenet, imagenet_of
from bench.data.sets.imagenet_100 import SHAPE
from bench.data.sets.imagenet_ids import IMAGENET_A_IDS, IMAGENET_R_IDS, WORDNET_IDS


def read_imagenet(split: Split, data_dir: Path) -> Source:
    """Find the images of ImageNet itself."""
    return imagenet(data_dir).read(split, data_dir)


IMAGENET = imagenet_of(WORDNET_IDS, read_imagenet)


@dataclass(frozen=True)
class TestFolder:
    """The reader of a test set that is a folder with a folder for each class."""

    name: str
    folders: tuple[str, ...]  # names that the set may have below --data-dir; the first is that of the archive's folder
    class_folders: tuple[str, ...]  # in the order of the classes
    published: str  # address

    def __call__(self, split: Split, data_dir: Path) -> Source:
        """Find the images; they are decoded when they are used. BadInput if the set or a class is missing."""
        root = next((data_dir / folder for folder in self.folders if (data_dir / folder).is_dir()), None)
        if root is None:
            first, last = self.class_folders[0], self.class_folders[-1]
            raise BadInput(
                f"no {self.name} under {data_dir}; put there {' or '.join(self.folders)} with the folders {first} to "
                f"{last} of its {len(self.class_folders)} classes, as published at {self.published}, or name another "
                "--data-dir (or by the variable BENCH_DATA)"
            )
        paths, y = list_files(root, self.class_folders)
        return source_of(root, paths, y, SHAPE, crop_middle)


def register(reader: TestFolder, classes: tuple[str, ...], meaning: str) -> Dataset:
    """Register a test set and return it. meaning: for `bench list datasets`."""
    data = replace(IMAGENET, name=reader.name, classes=classes, read=reader, test_only=True, trained_on=IMAGENET)
    return DATASETS.add(reader.name, data, meaning)


V2_FOLDERS = ("imagenetv2-matched-frequency-format-val", "imagenetv2-matched-frequency")
V2_CLASS_FOLDERS = tuple(map(str, range(len(WORDNET_IDS))))  # 0, 1, 2, ..., 10, ...: numbers of classes, not text
register(
    TestFolder("imagenet-v2", V2_FOLDERS, V2_CLASS_FOLDERS, "https://huggingface.co/datasets/vaishaal/ImageNetV2"),
    WORDNET_IDS,
    "ImageNet-V2, matched frequency: a test set that was collected anew as ImageNet's was",
)
register(
    TestFolder("imagenet-a", ("imagenet-a",), IMAGENET_A_IDS, "https://github.com/hendrycks/natural-adv-examples"),
    IMAGENET_A_IDS,
    "ImageNet-A: a test set of photographs of 200 classes that a ResNet-50 misclassifies",
)
register(
    TestFolder("imagenet-r", ("imagenet-r",), IMAGENET_R_IDS, "https://github.com/hendrycks/imagenet-r"),
    IMAGENET_R_IDS,
    "ImageNet-R: a test set of paintings, toys, tattoos and other renditions of 200 classes",
)
register(
    TestFolder(
        "imagenet-sketch",
        ("sketch", "imagenet-sketch"),
        WORDNET_IDS,
        "https://github.com/HaohanWang/ImageNet-Sketch",
    ),
    WORDNET_IDS,
    "ImageNet-Sketch: a test set of sketches of all classes",
)
