"""Tables and figures of M2AT. Adachi et al., VISAPP 2023, arXiv:2302.08066."""

from bench.report.studies.printed_figure import epochs, figure, radii
from bench.report.studies.printed_table import Table
from bench.report.studies.setup import StudyRun, TrainingSetup
from bench.report.studies.study import STUDIES, Study

HOME = TrainingSetup("cifar10", "wrn-34-10.none", paper="m2at")
TRADES = "PGD-20.last[step=0.765px,start=unclipped]"  # steps of 0.003, from a start that is not clipped to [0, 1]
ATTACKS = {
    "FGSM": "FGSM.last",
    "PGD-10": "PGD-10.last[step=2px,start=random]",
    "PGD-20": "PGD-20.last[step=2px,start=random]",
    "CW-20": "CW-20.last[step=2px,start=random]",
    "PGD-20 transfer": "PGD-20.last[step=2px,start=random]",
}
NAMES = {"PGD": "PGD-AT.m2at", "AVmixup": "AVmixup", "M2AT": "M2AT"}
BEST = (
    "The paper prints the epoch that is best under PGD-20 on the test images, as its Figure 2 has it. Ours is the one "
    "that is best under PGD-10 on the images that its training was watched on (the budget names them), "
    "or the last where that alone was evaluated."
)
GUESSES = (
    "The attacks on finished models start at random and go in steps of 2/255, as AVmixup's do; FGSM starts at the "
    "image. Those in training start at random too. While a training attacks, batch norms take the statistics of the "
    "batch, and the running ones move. One batch shares its box, its mixing coefficient and "
    "its smoothing. Images are cropped from 4 pixels around them. "
    "Figure 1, a diagram of the method, is left out."
)
GRID = (0, 1, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32)  # in 1/255; the paper's is not printed
ASCENTS = (*(f"PGD-10[step={step}px,start=random]" for step in (2, 4, 8)), "PGD-10[step=0.25eps,start=random]")

TABLES = (
    Table(
        "m2at",
        "Table 1",
        "White-box accuracy. CW-20 is not defined there: an ascent on the margin inside the ball, and CW-L2, which has "
        "no ball (20 steps, 5 searches), are both shown. Lines with a star are quoted: they are trained as the paper "
        "that is quoted trains, and their CW-20 is the ascent. So are Standard and PGD on CIFAR-100, which have no "
        "star and the numbers of AVmixup's Tables 1 and 4. The other line of AVmixup has AVmixup's plan and M2AT's "
        "images in [0, 1]. CIFAR-100 is trained as CIFAR-10, of which alone the paper says when the learning rate "
        f"falls. {BEST}",
        ATTACKS,
        {"CW-20": ("CW-20 as CW-L2", "CW-L2.20x5")},
        tag="none",
        epoch="best",
        quotes={
            ("Standard", ""): ("avmixup", "per_image_std"),
            ("BAT (Wang and Zhang, 2019)", "*"): ("bat", "pm1"),
            ("AVmixup", "*"): ("avmixup", "per_image_std"),
            ("PGD", ""): ("avmixup", "per_image_std"),
        },
    ),
    Table(
        "m2at",
        "Table 2",
        "All lines but M2AT's are quoted from AVmixup's Table 3, which is in the code of TRADES: PGD-20 of eps 0.031 "
        "in steps of 0.003. That M2AT's own line is trained on its usual plan with that code's images and attacked so "
        f"too is a guess. {BEST}",
        {"PGD-20": TRADES},
        tag="none",
        eps=7.905,
        epoch="best",
        quotes=dict.fromkeys(
            [("PGD", ""), ("TRADES", "1/lambda=1"), ("TRADES", "1/lambda=6"), ("AVmixup", "")], ("avmixup", "none")
        ),
    ),
    Table(
        "m2at",
        "Table 3",
        "Ablation: masking, mixing, label smoothing (LS). Guesses: without mixing the image that is perturbed inside "
        "the box is trained on, and without masking the labels are smoothed by a share that is drawn in the place of "
        f"the box's area. {BEST}",
        ATTACKS,
        tag="none",
        epoch="best",
    ),
    Table(
        "m2at",
        "Table 4",
        "Transfer of PGD-20, crafted on the model of the column, as the head of the printed table says; its caption "
        "has it the other way round. The printed numbers are within 0.3 points of white-box PGD-20 in Table 1, where "
        f"those of AVmixup's Table 2 are 10 to 39 points above. {BEST}",
        ATTACKS,
        lines=("method",),
        columns=("variant",),
        tag="none",
        epoch="best",
    ),
)
FIGURES = (
    figure(
        "Figure 2",
        "Accuracy on clean images and under PGD-10 by epoch, here on the images that a training is watched on: "
        "some that are held out, or the first thousand test images where a training learns from all training images.",
        (StudyRun((*NAMES.values(),), where=HOME),),
        epochs(NAMES),
    ),
    figure(
        "Figure 3",
        "Accuracy over eps under FGSM and under PGD-10 with steps of 2, 4 and 8 of 255, on every image visited, of the "
        "same epochs as the tables. The paper does not print at which radii; ours, up to its 32/255, are a guess. Ten "
        "steps of 2/255 travel 20/255 at most; the panel of 0.25eps, which the paper has not, has steps that grow with "
        "eps.",
        (StudyRun((*NAMES.values(),), ("FGSM", *ASCENTS), sweep=GRID, where=HOME),),
        radii(NAMES, epoch="best"),
    ),
)

STUDIES.add(
    "m2at",
    Study(
        "Masking and Mixing Adversarial Training (Adachi et al. 2023)",
        (*(table.item for table in TABLES), *FIGURES),
        paper="m2at",
        chosen_here=GUESSES,
    ),
)
