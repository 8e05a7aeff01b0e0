"""What every topic of a report is: files in a folder of its own, and tables on the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bench.report.files import Content

if TYPE_CHECKING:
    from rich.console import Console


class Page(Protocol):
    """A topic of a report, a function of what a results folder holds."""

    @property
    def folder(self) -> str:
        """Its name below reports/."""

    def files(self, results: Path) -> dict[str, Content]:
        """Texts and figures by file name, the page before what it shows; nothing where there is nothing to say."""

    def show(self, results: Path, console: "Console", only: frozenset[str] | None = None) -> None:
        """Print the tables. only: the runs that they are of."""
