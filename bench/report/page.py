"""The protocol of a report's topics: files in a folder, and tables on the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bench.report.files import Content

if TYPE_CHECKING:
    from rich.console import Console


class Page(Protocol):
    """A topic of a report; everything is computed from a results folder."""

    @property
    def folder(self) -> str:
        """Name of its folder below reports/."""

    def files(self, results: Path) -> dict[str, Content]:
        """Texts and figures by file name, the page first; empty if no row belongs to the topic."""

    def show(self, results: Path, console: "Console", only: frozenset[str] | None = None) -> None:
        """Print the tables on the terminal. only: the runs to include; None for all."""
