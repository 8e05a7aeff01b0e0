"""The report of one model, a pure function of its rows and of the data stored beside them."""

from bench.report.model_report.content import ModelReport
from bench.report.model_report.measured import ModelMeasurements
from bench.report.model_report.sections import sections
from bench.report.model_report.verdict import headline, level, paragraphs


def model_report(measured: ModelMeasurements) -> ModelReport:
    """Build the report: the verdict first, then numbers, images, what was tried and what was not."""
    first = measured.rows.iloc[0]
    return ModelReport(
        f"Robustness report: {first['recipe']}",
        f"{first['dataset']}, {measured.n:,} test images",
        level(measured),
        headline(measured),
        paragraphs(measured),
        sections(measured),
    )
