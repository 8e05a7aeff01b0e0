"""Tables of M-TLAT. Laugros, Caplier, Ospici, ECCV 2020 workshops, arXiv:2008.08384."""

from bench.studies.items import STUDIES, Study
from bench.studies.tables import TURNED, Table

ATTACKS = {
    "PGD": "PGD-10.last[step=1.02px,start=random]",
    "PGD_LL": "PGD-LL.last[step=1.02px,start=random]",
    "CW_L2": "CW-L2[kappa=50.0]",
    "MI_FGSM (black-box, VGG source)": "MI-FGSM.last",
}
SCORE = (
    "Robustness scores: accuracy under the corruption or attack over clean accuracy of the same model. + and - as the "
    "paper prints them: more or less than the standard model"
)
LEFT_OUT = "Those that a data set has too few pixels or no colours for are left out there, and their columns are dashes"


def tables(number: int, methods: str) -> tuple[Table, ...]:
    """The three parts of Tables 1 and 2."""
    parts = {
        "a": f"the corruptions of ImageNet-C, means over five severities. {LEFT_OUT}",
        "b": f"the paper's own four corruptions. {LEFT_OUT}",
        "c": "attacks of eps 0.04 (MI-FGSM 0.08 too), its steps of 0.004 a guess; AutoAttack is a score too",
    }
    return tuple(
        Table(
            "mtlat",
            f"Table {number}({part})",
            f"{methods}: {about}. {SCORE}.",
            ATTACKS,
            tag="none",
            eps=10.2,
            crafter="vgg16-bn-224",
        )
        for part, about in parts.items()
    )


TABLES = (
    *tables(1, "M-TLAT beside IAT"),
    *tables(2, "Mixup and TLAT, which it joins"),
    Table("mtlat", "Table 3", f"Clean accuracy of adversarial trainings with one step. {TURNED}", tag="none"),
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
    ),
)
