"""Tables and figures of Adversarial Vertex Mixup. Lee, Lee, Yoon, CVPR 2020, arXiv:2003.02484."""

from bench.report.studies.papers.m2at import TRADES
from bench.report.studies.printed_figure import epochs, figure
from bench.report.studies.printed_table import Table
from bench.report.studies.setup import StudyRun, TrainingSetup
from bench.report.studies.study import STUDIES, Item, Study
from bench.report.studies.toy import page as toy_figure

ATTACKS = {"FGSM": "FGSM.last", "PGD-20 transfer": "PGD-20.last[step=2px,start=random]"}
ATTACKS |= {f"{name}-{k}": f"{name}-{k}.last[step=2px,start=random]" for name in ("PGD", "CW") for k in (10, 20, 100)}
NAMES = {"PGD": "PGD-AT.avmixup", "AVmixup": "AVmixup"}
OWN, SCATTER = "per_image_std", "pm1"  # how its own code and that of feature scattering normalise images

TABLES = (
    Table("avmixup", "Table 1", "White-box accuracy.", ATTACKS, tag=OWN),
    Table(
        "avmixup",
        "Table 2",
        "Black box: PGD-20, crafted on the model of the column.",
        ATTACKS,
        lines=("method",),
        columns=("variant",),
        tag=OWN,
    ),
    Table(
        "avmixup",
        "Table 3",
        "In the code of TRADES: PGD-20 of eps 0.031 in steps of 0.003.",
        {"PGD-20": TRADES},
        tag="none",
        eps=7.905,
    ),
    Table("avmixup", "Table 4", "Other data sets.", ATTACKS, tag=OWN),
    Table("avmixup", "Table 5", "With feature scattering in the place of PGD.", ATTACKS, tag=SCATTER),
    Table("avmixup", "Table 6", "With feature scattering: the labels of clean image and vertex.", ATTACKS, tag=SCATTER),
)
FIGURES = (
    figure(
        "Figure 2",
        "Accuracy on clean images and under PGD-10 by epoch, here on the images that a training is watched on: "
        "some that are held out, or the first thousand test images where a training learns from all training images.",
        (StudyRun((*NAMES.values(),), where=TrainingSetup("cifar10", f"wrn-34-10.{OWN}", paper="avmixup")),),
        epochs(NAMES),
    ),
)

TOY = Item("Section 3", "Adversarial feature overfitting in a Gaussian toy model: [toy.md](toy.md).", ())

STUDIES.add(
    "avmixup",
    Study(
        "Adversarial Vertex Mixup (Lee, Lee, Yoon 2020)",
        (*(table.item for table in TABLES), *FIGURES, TOY),
        paper="avmixup",
        beside=toy_figure.files,
    ),
)
