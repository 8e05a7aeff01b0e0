"""Tables and figures of Bilateral Adversarial Training. Wang, Zhang, ICCV 2019, arXiv:1811.10716."""

from bench.report.studies.printed_figure import figure, histogram, steps
from bench.report.studies.printed_table import TRANSPOSED_NOTE, Table
from bench.report.studies.setup import StudyRun, TrainingSetup
from bench.report.studies.study import STUDIES, Study

CE, CW = "PGD-{}.last[step=2px,start=random]", "CW-{}.last[step=2px,start=random]"
ATTACKS = {"FGSM": "FGSM.last", "FGSM w.o. RS": "FGSM.last", "FGSM RS": "R-FGSM.last"}
ATTACKS |= {f"PGD{k}-2": CE.format(k) for k in (7, 20, 100)} | {"PGD2-8": "PGD-2.last[step=8px,start=random]"}
ATTACKS |= {f"CE{k}": CE.format(k) for k in (7, 20, 100)} | {f"CW{k}": CW.format(k) for k in (20, 100, 200, 1000)}
ATTACKS |= {"CE7 w.o. RS": "PGD-7.last[step=2px,start=clean]", "CE7 RS": CE.format(7)}
for way in ("MC", "LL"):
    ATTACKS |= {f"{way} targeted one-step w.o. RS": f"{way}.last", f"{way} targeted one-step RS": f"R-{way}.last"}
for crafted in ("from undefended", "from another R-MC-LA"):
    ATTACKS |= {f"FGSM transfer {crafted}": "FGSM.last", f"CE20 transfer {crafted}": CE.format(20)}
ATTACKS |= {"black-box FGSM w.o. RS from undefended": "FGSM.last"}
NAMES = {f"eps_x={eps}": f"R-MC-LA.eps{eps}" for eps in (1, 2, 4)} | {"eps_x=8": "R-MC-LA", "eps_x=12": "R-MC-LA.eps12"}
GRADIENTS = {"undefended": "Standard", "adversarially trained": "PGD-AT.7x2"}
HOME = TrainingSetup("cifar10", "wrn-28-10.pm1", paper="bat")


def table(name: str, about: str, **settings: object) -> Table:
    """A table of BAT, whose networks take pixels in [-1, 1] (`pm1`)."""
    return Table("bat", name, about, ATTACKS, tag="pm1", **settings)  # type: ignore[arg-type]


GUESSES = (
    "The last epoch and the last iterate are evaluated. Batches of 128, momentum of 0.9, weight decay of 2e-4 on "
    "kernels alone, random crops from 4 pixels around, flips, and noise that is not clipped to the pixel range before "
    "the step of a training, as in the authors' code; SVHN is neither cropped nor flipped. The undefended model, of "
    "which nothing is said, trains on the same plan, with the weight decay on all weights. The network is the "
    "WRN-28-10 that the paper names; its code has one block more in each stage, and shortcuts without weights "
    "(madry-wrn). A training at another radius takes steps of that radius."
)
CHOSEN = (
    "Some of the paper's R-FGSM trainings still leak labels, and it prints a good one; ours are the seeds asked for."
)

TABLES = (
    table(
        "Table 1",
        "PGD with steps of 2 and of 8 of 255, in training and as an attack; names have their number, then their size.",
    ),
    table(
        "Table 2",
        f"Squared L2 norm of the gradient of the loss at clean images, in coordinates of [-1, 1]. {TRANSPOSED_NOTE}",
        lines=("method", "variant"),
        columns=("metric",),
    ),
    table(
        "Table 3",
        f"Training on one step, with and without a random start (RS). {CHOSEN} Black box: FGSM without a random start, "
        "crafted on the undefended model.",
    ),
    table("Table 4", f"One-step attacks, with and without a random start. {CHOSEN}"),
    table(
        "Table 5",
        "Label smoothing (LS) and the label adversary (LA); +: long training. Madry: numbers that Madry et al. print; "
        "Madry*: the same training as this paper repeated it. Ours beside both is one training, by this paper's plan. "
        f"{CHOSEN}",
    ),
    table("Table 6", "Smaller radii in training; +: long training. Means of three models.", seeds=3),
    table("text 5.2.1", "An attack of 1,000 steps on the models of radius 4."),
    table(
        "Table 7",
        "Black box. The other R-MC-LA has another seed. How long the models that images are crafted on were trained "
        "beside R-MC-LA+ is not printed; here as long as it.",
        seeds=2,
    ),
    table("Table 8", "SVHN, without its extra images."),
    table(
        "Table 9",
        "CIFAR-100. Lines 1 and 3, and lines 2 and 4, are printed with one name. The text says that R-MC-LA9 is here "
        "and gains several points, so lines 3 and 4 are taken for it: an inference that nothing printed confirms.",
    ),
    table(
        "Table 10",
        "Fewer training images, as many of each class. Which ones is not printed, nor whether they are trained on for "
        "as many epochs or as many steps; here it is epochs.",
    ),
    table(
        "Table 11",
        "Two solutions of the label adversary's problem. Lines of the main one have the numbers of Table 6, which are "
        "means of three models.",
    ),
)
COUNTS = (2, 5, 7, 10, 20, 50, 100, 200)
FIGURES = (
    figure(
        "Figure 1",
        "Accuracy over the steps of PGD, by the radius of training. How many steps the paper takes is not printed in "
        "numbers; ours, and the short training, are a guess.",
        (StudyRun((*NAMES.values(),), tuple(CE.format(k) for k in COUNTS), where=HOME),),
        steps(NAMES),
    ),
    figure(
        "Histogram",
        "Squared gradients at clean images: a histogram that the text speaks of and does not print.",
        (StudyRun((*GRADIENTS.values(),), exhibits=("gradient",), where=HOME),),
        histogram(GRADIENTS),
    ),
)

STUDIES.add(
    "bat",
    Study(
        "Bilateral Adversarial Training (Wang, Zhang 2019)",
        (*(t.item for t in TABLES), *FIGURES),
        paper="bat",
        chosen_here=GUESSES,
    ),
)
