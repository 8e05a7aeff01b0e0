"""Fixed colours of attacks, the same on every board: dark on white, and distinct for colour-blind readers."""

import re

FAMILY_COLOURS = (  # pattern at the start of a column's name, and its colour
    (r"Clean$", "#949494"),
    (r"Worst$", "#111111"),
    (r"AutoAttack", "#D55E00"),
    (r"PGD-", "#0072B2"),
    (r"CW-", "#C2629B"),
    (r"(R-|MI-)?(FGSM|LL|MC)\b", "#009E73"),  # one step or a few
    (r"APGD|FAB|Square|MultiTarget", "#7A2E00"),  # parts of AutoAttack, and similar attacks
)
OTHER_COLOUR = "#3B2A78"


def attack_colour(column: str) -> str:
    """The colour of a column of a board. Attacks of a family in FAMILY_COLOURS share a colour, and so do all others."""
    return next((colour for pattern, colour in FAMILY_COLOURS if re.match(pattern, column)), OTHER_COLOUR)
