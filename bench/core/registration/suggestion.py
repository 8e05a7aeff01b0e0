"""What an error message says of a name that is not known."""

import difflib

MAX_NAMES_SHOWN = 10  # names in a message


def suggestion(name: str, known: list[str], listing: str = "") -> str:
    """Text for an error message: the nearest known names, else up to MAX_NAMES_SHOWN known names.

    listing: a command that lists all of them, if there is one.
    """
    lower = {k.lower(): k for k in known}
    near = [lower[n] for n in difflib.get_close_matches(name.lower(), lower, n=3)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    if len(known) > MAX_NAMES_SHOWN:
        more = f"known: {', '.join(known[:MAX_NAMES_SHOWN])} and {len(known) - MAX_NAMES_SHOWN} more"
        return f"{more}; {listing} names them all" if listing else more
    return f"known: {', '.join(known)}"
