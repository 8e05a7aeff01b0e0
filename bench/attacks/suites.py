"""Suites: named lists of attacks, such as those of the papers' tables."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.attacks.parse import parse_attack
from bench.attacks.spec import ATTACKS, AttackSpec
from bench.core.errors import UnknownName
from bench.core.parsing import split_last
from bench.core.registration.checks import instance_check
from bench.core.registration.suggestion import suggestion
from bench.core.registry import Registry


@dataclass(frozen=True)
class Suite:
    """A list of attacks as --attacks takes them. about: what they are for, and the --eps to give."""

    about: str
    attacks: tuple[str, ...]

    def __str__(self) -> str:
        return f"{','.join(self.attacks)}  ({self.about})"


def check_suite(name: str, item: object) -> str:
    """What is wrong with a suite or its name; empty if nothing is. Its attacks are looked up when it is used."""
    if flaw := instance_check(Suite, "wanted: a Suite")(name, item):
        return flaw
    attacks = item.attacks if isinstance(item, Suite) else ()
    if not isinstance(attacks, tuple) or not attacks or not all(isinstance(attack, str) for attack in attacks):
        return f"holds {attacks!r}; a suite holds a tuple of attacks' names"
    return "has the name of an attack; choose another" if split_last(name)[0] in ATTACKS else ""


SUITES: Registry[Suite] = Registry("suite", check_suite)


def attacks_of(texts: Iterable[str]) -> list[AttackSpec]:
    """Parse names of attacks and suites; repeated attacks are dropped. UnknownName if one is neither."""
    found: dict[AttackSpec, None] = {}
    for text in texts:
        if text not in SUITES and "[" not in text and split_last(text)[0] not in ATTACKS:
            known = [*ATTACKS.all_names(), *SUITES]
            raise UnknownName(f"no attack or suite named {text!r}; {suggestion(text, known)}")
        found |= dict.fromkeys(map(parse_attack, SUITES[text].attacks if text in SUITES else [text]))
    return list(found)


SUITES.add("quick", Suite("for a first look, in seconds", ("FGSM", "PGD-20", "CW-20")))
SUITES.add("standard", Suite("what is run by default", ("FGSM", "PGD-20", "CW-20", "AutoAttack")))
SUITES.add(
    "masking-audit",
    Suite(
        "whether a defence only hides its gradients: accuracies should fall from left to right",
        ("FGSM", "PGD-20", "PGD-100", "PGD-20[restarts=5]", "CW-20", "CW-100", "MultiTarget", "Square", "AutoAttack"),
    ),
)
# steps of 2/255 and the last iterate, as the papers' own code has it
PGD = "PGD-{}.last[step=2/255]"
CW = "CW-{}.last[step=2/255]"
TRADES = "PGD-20.last[step=0.003,start=unclipped]"  # of the code that Table 3 of AVmixup and Table 2 of M2AT follow
SUITES.add(
    "m2at",
    Suite(
        "Tables 1 to 3 of M2AT, by --eps 8/255, and by --eps 0.031 for its rows of TRADES (start=unclipped); "
        "CW-L2.20x5 is what its CW-20 may have been",
        ("FGSM.last", PGD.format(10), PGD.format(20), CW.format(20), "CW-L2.20x5", TRADES),
    ),
)
SUITES.add(
    "avmixup",
    Suite(
        "Tables 1 and 3 to 6 of AVmixup, by --eps 8/255, and by --eps 0.031 for its rows of TRADES (start=unclipped); "
        "R-FGSM is what the FGSM of Tables 5 and 6 may have been",
        ("FGSM.last", "R-FGSM.last", *map(PGD.format, (10, 20, 100)), *map(CW.format, (20, 100)), TRADES),
    ),
)
SUITES.add(
    "bat",
    Suite(
        "Tables 1 and 3 to 11 of Bilateral Adversarial Training, by --eps 8/255; its CEk is PGD-k here",
        (
            *("FGSM.last", "R-FGSM.last", "MC.last", "R-MC.last", "LL.last", "R-LL.last", "PGD-2.last[step=8/255]"),
            *("PGD-7.last[step=2/255,start=clean]", *map(PGD.format, (7, 20, 100)), *map(CW.format, (20, 100, 200))),
            CW.format(1000),
        ),
    ),
)
THREE_CW = ("CW-L2[steps=40,kappa=50]", "CW-L2.last[steps=40,kappa=50]", "CW-L2[steps=40]")
SUITES.add(
    "mtlat",
    Suite(
        "Table 1(c) of M-TLAT, by --eps 0.04, with steps of 0.004, which it does not print; MI-FGSM is made on a VGG "
        "there, also by --eps 0.08; scores are divided by clean accuracy; CW-L2 with its kappa of 50 may reach nothing "
        "in 40 steps, so that its last iterate and kappa=0 stand beside it",
        ("PGD-10.last[step=0.004]", "PGD-LL.last[step=0.004]", "MI-FGSM.last", *THREE_CW),
    ),
)
SUITES.add(
    "robmask",
    Suite(
        "Tables 5 and 6 of RobMask, by --eps 2/255,4/255,6/255,8/255",
        ("PGD-100.last[step=0.2eps]", "AutoAttack"),
    ),
)
