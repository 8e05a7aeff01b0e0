"""Tables and figures of RobMask, "Adversarial Masking", submitted to ICLR 2021."""

from bench.studies.items import STUDIES, Part, Study, Where
from bench.studies.pictures import before_and_after, epochs, figure
from bench.studies.tables import Table

ATTACKS = {
    "PGD (steps not printed)": "PGD-20.last[step=2px,start=random]",
    "PGD-100": "PGD-100.last[step=0.2eps,start=random]",
    "AutoAttack": "AutoAttack",
}
BASE = 20  # epochs; the accuracies of Table 1 are those of its shorter trainings
NAMES = {"AdvProp": "AdvProp", "RobMask": "RobMask"}


def table(name: str, about: str, **settings: object) -> Table:
    return Table("robmask", name, about, ATTACKS, **settings)  # type: ignore[arg-type]


TABLES = (
    table("Table 1", "Fine-tuning the batch norms alone. Steps of PGD are not printed; these are 20.", epochs=BASE),
    table(
        "Table 2",
        "Between the batch norms before (p=1) and after fine-tuning (p=0).",
        lines=("method", "variant"),
        epochs=BASE,
    ),
    table(
        "Table 3",
        "Clean accuracy.",
        lines=("variant", "method"),
        columns=("dataset", "architecture"),
    ),
    table("Table 4", "Clean accuracy on ImageNet."),
    table("Table 5", "PGD-100 at four radii, in steps of eps/5."),
    table("Table 6", "AutoAttack at four radii."),
    table("Table 7", "Clean accuracy of variants.", lines=("method", "variant")),
    table(
        "Table 8",
        "Clean accuracy over three seeds.",
        lines=("dataset", "variant", "metric"),
        columns=("architecture",),
        seeds=3,
    ),
    table(
        "Table 9",
        "Batch norms before and after fine-tuning: cosine similarity over channels.",
        lines=("variant",),
        columns=("metric",),
        epochs=BASE,
    ),
    table("text 5.2", "Seconds an epoch takes.", columns=("metric",)),
)
HOME = Where("cifar10", "resnet18", epochs=BASE, paper="robmask")
TUNED = (Part(("BN-std",), exhibits=("batchnorm", "features"), where=HOME),)
FIGURES = (
    figure(
        "Figure 1",
        "The first batch norm before and after fine-tuning, by channel.",
        TUNED,
        before_and_after("batchnorm", "BN-std"),
    ),
    figure(
        "Figure 3",
        "Accuracy by epoch, here of the hold-out.",
        (Part((*NAMES.values(),), where=Where("cifar10", "densenet121", paper="robmask")),),
        epochs(NAMES),
    ),
    figure(
        "Figure 4",
        "Feature maps behind the first batch norm, before and after fine-tuning, of the first test image.",
        TUNED,
        before_and_after("features", "BN-std"),
    ),
)

STUDIES.add(
    "robmask",
    Study("Adversarial Masking, RobMask (2020)", (*(t.item for t in TABLES), *FIGURES), paper="robmask"),
)
