"""GTSRB: German traffic signs. Stallkamp, Schlipsing, Salmen, Igel, Neural Networks 32, 2012.

The photographs are of 15 to 250 pixels a side; here each is resized to 32x32, without regard to its proportions and
with the margin around the sign. The training images are those of the package that torchvision downloads (26,640).

Mean and standard deviation are common ones for photographs resized to 32x32, as in TrojanZoo
(github.com/ain-soph/trojanzoo, trojanvision/datasets/folder/gtsrb.py). They were not computed anew.
"""

from pathlib import Path

import numpy as np

from bench.core.errors import BadInput
from bench.core.plan import Budget, Plan
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS, Dataset, Source, Split
from bench.data.files.image_list import Shape
from bench.data.image_files import names
from bench.data.image_folder import source_of
from bench.data.layouts import Layouts, report_failed_download
from bench.data.sets.imagenet_100 import resize

NAME = "gtsrb"
SHAPE: Shape = (3, 32, 32)
CLASS_NAMES = """
limit-20 limit-30 limit-50 limit-60 limit-70 limit-80 end-of-limit-80 limit-100 limit-120 no-passing
no-passing-for-trucks right-of-way-at-crossing priority-road yield stop no-vehicles no-trucks no-entry danger
curve-left curve-right double-curve bumpy-road slippery-road road-narrows road-works traffic-signals pedestrians
children bicycles ice-or-snow wild-animals end-of-limits turn-right turn-left straight-on straight-or-right
straight-or-left keep-right keep-left roundabout end-of-no-passing end-of-no-passing-for-trucks
"""
CLASSES = tuple(CLASS_NAMES.split())
OFFICIAL = f"{NAME}/GTSRB/"
CLASS_FOLDERS = [f"{number:05}" for number in range(len(CLASSES))]
LAYOUT = (
    f"{OFFICIAL}Training/<00000 to {CLASS_FOLDERS[-1]}>/*.ppm, {OFFICIAL}Final_Test/Images/*.ppm and "
    f"{NAME}/GT-final_test.csv, published at https://benchmark.ini.rub.de"
)


def read_official(data_dir: Path, split: Split) -> Source:
    """Find the official images of a split by torchvision; they are decoded when they are used."""
    from torchvision.datasets import GTSRB

    try:
        samples = GTSRB(data_dir, split)._samples  # torchvision has no public name for the paths and labels
    except (RuntimeError, OSError, KeyError, ValueError) as error:
        reason = f"the table lacks {error}" if isinstance(error, KeyError) else error
        raise BadInput(f"cannot read {split} images of {data_dir / OFFICIAL} ({reason}); wanted: {LAYOUT}") from None
    training = data_dir / OFFICIAL / "Training"
    if split == "train" and (there := names(training, folders=True)) != CLASS_FOLDERS:
        raise BadInput(f"{training} holds {len(there)} class folders other than the 43 of GTSRB; wanted: {LAYOUT}")
    y = np.array([label for _, label in samples], np.int64)
    if not len(y) or y.min() < 0 or y.max() >= len(CLASSES):
        raise BadInput(f"{data_dir / NAME / 'GT-final_test.csv'} names no images of classes 0 to {len(CLASSES) - 1}")
    return source_of(data_dir / OFFICIAL, [str(path) for path, _ in samples], y, SHAPE, resize)


def fetch(data_dir: Path) -> None:
    """Download the files unless they are there; BadInput if it fails."""
    from torchvision.datasets import GTSRB

    with report_failed_download(NAME, data_dir):
        for split in ("train", "test"):
            GTSRB(data_dir, split, download=True)


DATASETS.add(
    NAME,
    Dataset(
        name=NAME,
        classes=CLASSES,
        shape=SHAPE,
        mean=(0.3403, 0.3121, 0.3214),
        std=(0.2724, 0.2608, 0.2669),
        threat=Linf(8 / 255),
        model="resnet8",
        model_cuda="resnet18",
        pad=2,
        flip=False,  # which makes another sign of many
        quick=Budget(Plan(epochs=10, lr=0.01), train=5000, test=256),  # lr: that of svhn, the images being like those
        standard=Budget(Plan(epochs=30, lr=0.01)),
        read=Layouts(NAME, CLASSES, SHAPE, (OFFICIAL,), read_official),
        fetch=fetch,
    ),
    "GTSRB: photographs of German traffic signs, resized",
)
