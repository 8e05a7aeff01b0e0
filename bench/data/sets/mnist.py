"""MNIST: grey pictures of handwritten digits. LeCun, Bottou, Bengio, Haffner, Proceedings of the IEEE, 1998.

The default radius, 0.3 in Linf, is that of Madry et al., arXiv:1706.06083.
"""

from bench.core.plan import Budget, Plan
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS, Dataset
from bench.data.files.image_list import Shape
from bench.data.layouts import Layouts
from bench.data.sets.fashion_mnist import official_files

NAME = "mnist"
CLASSES = tuple("0123456789")
SHAPE: Shape = (1, 28, 28)
FOLDER = "MNIST/raw/"
OFFICIAL = official_files(NAME, "MNIST", FOLDER)
DATASETS.add(
    NAME,
    Dataset(
        name=NAME,
        classes=CLASSES,
        shape=SHAPE,
        mean=(0.1307,),
        std=(0.3081,),
        threat=Linf(0.3),
        model="resnet8-s32",  # cnn is too small for adversarial training at this radius
        model_cuda="resnet18",
        pad=2,
        flip=False,
        quick=Budget(Plan(epochs=10, optimiser="adam", lr=0.002), train=5000, test=256),
        standard=Budget(Plan(epochs=30, optimiser="adam", lr=0.002)),
        read=Layouts(NAME, CLASSES, SHAPE, (FOLDER,), OFFICIAL.read),
        fetch=OFFICIAL.fetch,
    ),
    "MNIST: grey pictures of handwritten digits",
)
