"""Site pages of model reports: `models/NAME/report.html` and `report.pdf`, and a list of all in `models.html`."""

from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from bench.report.model_report.content import ModelReport, Pixels
from bench.report.model_report.measured import ModelMeasurements
from bench.report.model_report.pdf import pdf
from bench.report.model_report.report import model_report
from bench.report.site.data import SiteData
from bench.report.site.site import LinkTarget, Site, environment, unique_paths
from bench.results.report_file import FILE_NAME, read_report_file


class ModelPages:
    """A report for each run folder for which `bench eval --report` stored one."""

    menu = "Models"

    def paths(self, data: SiteData) -> dict[LinkTarget, str]:
        names = {run: data.rows.loc[data.rows["run"] == run, "recipe"].iloc[0] for run in _runs(data)}
        reports = {
            LinkTarget("model", run): path.removesuffix(".html") + "/report.html"
            for run, path in unique_paths("models", names).items()
        }
        return {LinkTarget("models", ""): "models.html", **reports} if reports else {}

    def pages(self, data: SiteData, site: Site) -> Iterator[tuple[str, str | bytes]]:
        found = {run: model_report(read_measurements(data, run)) for run in _runs(data)}
        if found:
            files = {run: site.paths[LinkTarget("model", run)] for run in found}
            yield "models.html", site.render("models.html", "models.html", "Models", reports=found, files=files)
        for run, report in found.items():
            path = site.paths[LinkTarget("model", run)]
            yield path, html(report)
            yield pdf_beside(path), pdf(report)


def read_measurements(data: SiteData, run: str) -> ModelMeasurements:
    """Read all that a results folder stores about one model; BadInput if its report file is damaged."""
    rows = data.rows[data.rows["run"] == run]
    return ModelMeasurements(rows, data.outcomes([run]), data.job(run), *read_report_file(data.results / run))


def html(report: ModelReport) -> str:
    """The report as one HTML file that includes its images and styles."""
    return environment().get_template("model_report.html").render(report=report, png=png)


def png(pixels: Pixels) -> str:
    """An image as a data URL."""
    from PIL import Image

    file = BytesIO()
    Image.fromarray(pixels).save(file, "png", optimize=True)
    return f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"


def pdf_beside(path: str) -> str:
    """The path of the PDF beside the HTML of a report."""
    return path.removesuffix(".html") + ".pdf"


def report_paths(results: Path, run: str) -> list[str]:
    """The paths below reports/ of a run's report, HTML and PDF; empty if it has none."""
    path = ModelPages().paths(SiteData(results)).get(LinkTarget("model", run))
    return [path, pdf_beside(path)] if path else []


def _runs(data: SiteData) -> list[str]:
    return [run for run in sorted(data.rows["run"].unique()) if (data.results / run / FILE_NAME).is_file()]
