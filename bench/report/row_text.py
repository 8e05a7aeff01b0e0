"""What a row says, in a few words."""

from bench.report.audit.thresholds import INDICATORS, visible_share
from bench.results.row import Row


def describe_row(row: Row) -> str:
    """What a row says, in a few words."""
    if row.value is None:
        return "no answer: no image could be looked at for it" if row.metric == "share" else "no such image"
    if row.metric == "share":
        seen = visible_share(row.n, INDICATORS[row.name])
        return f"{row.value:.1%} of {row.n} images; what fewer than {seen:.0%} of all images show may go unseen"
    return f"{row.value:.1%} of {row.n} right" if row.metric == "accuracy" else f"{row.value:.4g} over {row.n} images"
