"""One colour for each attack, whatever else is on a board: dark enough on white, told apart by colour-blind eyes."""

import re

FAMILIES = (  # what the name of a column begins with, and its colour
    (r"Clean$", "#949494"),
    (r"Worst$", "#111111"),
    (r"AutoAttack", "#D55E00"),
    (r"PGD-", "#0072B2"),
    (r"CW-", "#C2629B"),
    (r"(R-|MI-)?(FGSM|LL|MC)\b", "#009E73"),  # of a step or a few
    (r"APGD|FAB|Square|MultiTarget", "#7A2E00"),  # the parts of AutoAttack and what is like them
)
OTHER = "#3B2A78"


def attack_colour(column: str) -> str:
    """The colour of a column of a board; attacks of one kind share theirs, and so do all of plug-ins."""
    return next((colour for pattern, colour in FAMILIES if re.match(pattern, column)), OTHER)
