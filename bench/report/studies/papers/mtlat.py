"""Tables of M-TLAT. Laugros, Caplier, Ospici, ECCV 2020 workshops, arXiv:2008.08384."""

from bench.report.studies.printed_table import TRANSPOSED_NOTE, Table
from bench.report.studies.study import STUDIES, Study

ATTACKS = {
    "PGD": "PGD-10.last[step=1.02px,start=random]",
    "PGD_LL": "PGD-LL.last[step=1.02px,start=random]",
    "CW_L2": "CW-L2[kappa=50.0]",
    "MI_FGSM (black-box, VGG source)": "MI-FGSM.last",
}
CRAFTER = "vgg16-bn-224.none"  # of black-box images; the paper scales images and no more
SCORE = (
    "Robustness scores: accuracy under the corruption or attack over clean accuracy of the same model. + and - as the "
    "paper prints them: more or less than the standard model; ours only beyond both intervals"
)
LEFT_OUT = "Those that a data set has too few pixels or no colours for are left out there, and their columns are dashes"


def tables(number: int, methods: str) -> tuple[Table, ...]:
    """The three parts of Tables 1 and 2."""
    parts = {
        "a": f"the corruptions of ImageNet-C, means over five severities. {LEFT_OUT}",
        "b": "the paper's own four corruptions, each amount drawn evenly from the printed range, which is a guess. "
        f"{LEFT_OUT}",
        "c": "attacks of eps 0.04 (MI-FGSM 0.08 too). Guesses: PGD and PGD_LL start at random and go in steps of "
        "0.004; the VGG is a VGG-16 with batch norm, trained as Standard is; CW_L2 has no bound, 10 searches at a rate "
        "of 0.01, and counts as withstood where it does not reach its confidence of 50. AutoAttack is a score too",
    }
    return tuple(
        Table(
            "mtlat",
            f"Table {number}({part})",
            f"{methods}: {about}. {SCORE}.",
            ATTACKS,
            tag="none",
            eps=10.2,
            crafter=CRAFTER,
        )
        for part, about in parts.items()
    )


TABLES = (
    *tables(1, "M-TLAT beside IAT"),
    *tables(2, "Mixup and TLAT, which it joins"),
    Table(
        "mtlat",
        "Table 3",
        "Clean accuracy of adversarial trainings with one step. That LS smooths the labels of attacked images alone is "
        f"a guess. {TRANSPOSED_NOTE}",
        tag="none",
    ),
)

GUESSES = (
    "The hundred classes are drawn by a seed of ours, as the paper does not name its own. The whole "
    "batch of 256 is learnt twice, clean and attacked, and attacked with one radius. While a training attacks, batch "
    "norms use running statistics. The last epoch is evaluated. Some cells of Table 1(a) have one legible value of "
    "three: it is taken for that of IAT, as the clean accuracies among these values are below those of the standard "
    "models, which the text says of IAT alone. Figure 1, a diagram of the method, is left out."
)
CORRUPTIONS = tuple(
    dict.fromkeys(n.reading.corruption for table in TABLES for n in table.numbers if n.reading.corruption)
)

STUDIES.add(
    "mtlat",
    Study(
        "Mixup and Targeted Labeling Adversarial Training (Laugros et al. 2020)",
        tuple(t.item for t in TABLES),
        paper="mtlat",
        chosen_here=GUESSES,
    ),
)
