"""Which numbers of a leaderboard figures must mark: suspect, invalid, or Worst of fewer attacks."""

from collections.abc import Mapping
from typing import Any

OK, SUSPECT, INVALID, PARTIAL = "ok", "suspect", "invalid", "partial"
TRUST_TEXTS = {
    SUSPECT: "suspect (see the notes)",
    INVALID: "invalid (see the notes)",
    PARTIAL: "Worst of fewer attacks than others have",
}


def trust_of(line: Mapping[Any, Any], column: str) -> str:
    """SUSPECT or INVALID by the verdict on the line, if it is an accuracy under attack; PARTIAL if attacks are missing.

    line: of a table. column: of the accuracy. Otherwise OK.
    """
    verdict = str(line.get("verdict", "")).partition(":")[0]
    if column != "Clean" and verdict not in ("", OK):
        return SUSPECT if verdict == SUSPECT else INVALID
    return PARTIAL if str(line[f"{column} status"]).startswith(PARTIAL) else OK
