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

GUESSES = (
    "The last epoch and the last iterate are evaluated. Attacks start at random, FGSM at the image. As in the authors' "
    "code, which is for CIFAR-10 alone: batches of 128, momentum of 0.9, crops from 2 pixels around, flips, each image "
    "standardised by itself, vertices clipped to [0, 1], weight decay on kernels alone (Standard has it on all "
    "weights), and batch statistics in batch norms while a training attacks. CIFAR-100 is trained in the same way; "
    "Tiny ImageNet is cropped from 4 pixels around and flipped and its validation images are the test; SVHN is neither "
    "cropped nor flipped. WRN-34-10 is the published one, not the one of the authors' code, whose shortcuts "
    "have no weights (madry-wrn); PreActResNet18 has no batch norm behind its last block. "
    "Figure 1, a diagram of the vertex, is left out."
)
RANDOM_START = (
    "The code of feature scattering starts FGSM at random and the paper does not say what it does: both are shown."
)
SCATTERED = (
    "Trained by the code of feature scattering: 200 epochs, batches of 60, the learning rate falls after epochs 60 and "
    f"90. The network is not printed; WRN-28-10 is that of this code. {RANDOM_START}"
)
FROM_NOISE = {"FGSM": ("FGSM from a random start", "R-FGSM.last")}

TABLES = (
    Table(
        "avmixup",
        "Table 1",
        "White-box accuracy. PGD and CW, an ascent on the margin, go in steps of 2/255.",
        ATTACKS,
        tag=OWN,
    ),
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
        "In the code of TRADES. PGD and both lines of TRADES are quoted from its paper. That PGD is Madry et al.'s "
        "model, trained on attacks of 7 steps; ours are of 10. AVmixup trains as Madry et al. did, for 80,000 steps, "
        "on images in [0, 1] that are cropped from 4 pixels around. How they are attacked is not printed: PGD-20 of "
        "eps 0.031 in steps of 0.003, as in that code, is a guess.",
        {"PGD-20": TRADES},
        tag="none",
        eps=7.905,
    ),
    Table("avmixup", "Table 4", "Other data sets, with the gamma and lambdas of CIFAR-10.", ATTACKS, tag=OWN),
    Table(
        "avmixup",
        "Table 5",
        f"With feature scattering in the place of PGD. {SCATTERED} PGD is quoted from the paper of feature scattering; "
        "that it trains as Madry et al. did, on attacks of 10 steps, is a guess.",
        ATTACKS,
        FROM_NOISE,
        tag=SCATTER,
    ),
    Table(
        "avmixup",
        "Table 6",
        f"With feature scattering: the labels of clean image and vertex. {SCATTERED}",
        ATTACKS,
        FROM_NOISE,
        tag=SCATTER,
    ),
)
FIGURES = (
    figure(
        "Figure 2",
        "Accuracy by epoch, clean and under PGD-10 on every image it visits, of the images that a training is watched "
        "on: some that are held out, or the first thousand test images where all training images are trained on. The "
        "paper has steps on its axis, and says that PGD overfits after 40,000 of them, which the 103rd epoch of a "
        "training on all images reaches, while AVmixup goes on rising.",
        (StudyRun((*NAMES.values(),), where=TrainingSetup("cifar10", f"wrn-34-10.{OWN}", paper="avmixup")),),
        epochs(NAMES),
    ),
)

TOY = Item(
    "Section 3",
    "Adversarial feature overfitting in a Gaussian toy model, of which the paper has theorems and no numbers: "
    "[toy.md](toy.md).",
    (),
)

STUDIES.add(
    "avmixup",
    Study(
        "Adversarial Vertex Mixup (Lee, Lee, Yoon 2020)",
        (*(table.item for table in TABLES), *FIGURES, TOY),
        paper="avmixup",
        beside=toy_figure.files,
        chosen_here=GUESSES,
    ),
)
