"""Claims: a sentence of a paper, and the comparisons of measured numbers that bear it out or do not."""

from collections.abc import Callable, Iterator

from bench.report.studies.claims.checks import NumberComparison
from bench.report.studies.claims.reader import Reader

Claim = Callable[[Reader], Iterator[NumberComparison]]


def claim(claims: dict[str, Claim], sentence: str) -> Callable[[Claim], Claim]:
    """A decorator that adds the function below it to the claims, under the sentence that it checks."""

    def add(comparisons: Claim) -> Claim:
        claims[sentence] = comparisons
        return comparisons

    return add
