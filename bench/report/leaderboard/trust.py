"""How far a number of a leaderboard is to be trusted, for figures to show it."""

from collections.abc import Mapping
from typing import Any

OK, SUSPECT, INVALID, PARTIAL = "ok", "suspect", "invalid", "partial"
WORDS = {
    SUSPECT: "suspect (see the notes)",
    INVALID: "invalid (see the notes)",
    PARTIAL: "Worst of fewer attacks than others have",
}


def trust_of(line: Mapping[Any, Any], column: str) -> str:
    """Of one accuracy of one line of a table: what its verdict says of attacks, or that Worst leaves attacks out."""
    verdict = str(line.get("verdict", "")).partition(":")[0]
    if column != "Clean" and verdict not in ("", OK):
        return SUSPECT if verdict == SUSPECT else INVALID
    return PARTIAL if str(line[f"{column} status"]).startswith(PARTIAL) else OK
