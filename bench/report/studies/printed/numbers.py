"""The printed numbers, read from the tables of this folder."""

from importlib.resources import files

import pandas as pd

PAPERS = ("bat", "avmixup", "mtlat", "robmask", "m2at")  # the oldest first: quotes follow what they quote


def printed_numbers(*sources: str) -> pd.DataFrame:
    """All rows of these sources (names in PAPERS, or external), or of all six. Every column is text."""
    frames = []
    for source in sources or (*PAPERS, "external"):
        with files(__package__).joinpath(f"{source}.csv").open(encoding="utf-8") as file:
            frames.append(pd.read_csv(file, dtype=str, keep_default_na=False))
    return pd.concat(frames, ignore_index=True)
