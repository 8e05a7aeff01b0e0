"""A4 pages for text, tables and figures, filled from top to bottom; lengths are in inches."""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from bench.report.model_report.pdf_text import Type, width, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGE_WIDTH, PAGE_HEIGHT = 8.27, 11.69  # inches
LEFT, TOP, BOTTOM = 0.85, 0.75, 10.95
TEXT_WIDTH = PAGE_WIDTH - 2 * LEFT
SOFT, LINE, PANEL = "#565f6b", "#d9dee4", "#f5f7f9"
BODY, SMALL, BOLD = Type(), Type(8, colour=SOFT), Type(9, bold=True)
COLUMN_GAP = 0.18  # between columns of a table
MIN_COLUMN_WIDTH = 0.9  # columns of at most this width are not made narrower


class Paper:
    """Pages to write on: each item is put below the last one, on a new page if there is no room."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.pages: list[Figure] = []
        self.new_page()

    def new_page(self) -> None:
        from matplotlib.figure import Figure

        self.pages.append(Figure(figsize=(PAGE_WIDTH, PAGE_HEIGHT)))
        self.y = TOP

    def reserve(self, height: float) -> bool:
        """Begin a new page if the height does not fit on this one; returns whether it did."""
        if self.y + height <= BOTTOM or self.y == TOP:
            return False
        self.new_page()
        return True

    def skip(self, height: float) -> None:
        self.y += height

    def line(self, text: str, style: Type, x: float, y: float, align: str = "left") -> None:
        """Write one line whose top is y inches below the top of the page."""
        baseline = y + (style.leading + 0.72 * style.size / 72) / 2
        weight = "bold" if style.bold else "normal"
        self.pages[-1].text(
            x / PAGE_WIDTH, 1 - baseline / PAGE_HEIGHT, text, size=style.size, color=style.colour, weight=weight,
            family=style.family, ha=align, va="baseline",
        )  # fmt: skip

    def text(self, text: str, style: Type = BODY, left: float = LEFT, room: float = TEXT_WIDTH) -> None:
        for line in wrap(text, style, room):
            self.reserve(style.leading)
            self.line(line, style, left, self.y)
            self.y += style.leading

    def rule(self, colour: str = LINE, thick: float = 0.6) -> None:
        from matplotlib.lines import Line2D

        at = 1 - self.y / PAGE_HEIGHT
        self.pages[-1].add_artist(
            Line2D([LEFT / PAGE_WIDTH, 1 - LEFT / PAGE_WIDTH], [at, at], color=colour, linewidth=thick)
        )

    def panel(self, height: float, bar: str = "") -> None:
        """Draw a background from here down, with a bar of this colour at its left edge."""
        from matplotlib.patches import Rectangle

        for colour, across in ((PANEL, TEXT_WIDTH), *([(bar, 0.06)] if bar else [])):
            corner = LEFT / PAGE_WIDTH, 1 - (self.y + height) / PAGE_HEIGHT
            self.pages[-1].add_artist(
                Rectangle(corner, across / PAGE_WIDTH, height / PAGE_HEIGHT, facecolor=colour, linewidth=0)
            )

    def axes(self, left: float, room: float, height: float) -> "Axes":
        """Axes for a figure from here down."""
        return self.pages[-1].add_axes(
            (left / PAGE_WIDTH, 1 - (self.y + height) / PAGE_HEIGHT, room / PAGE_WIDTH, height / PAGE_HEIGHT)
        )

    def table(self, columns: Sequence[str], lines: Sequence[Sequence[str]], numbers: frozenset[str]) -> None:
        """Write a table; its head is repeated on every page. numbers: columns that are set flush right."""
        rooms = column_widths([columns, *lines])
        right = [column in numbers for column in columns]
        self._row(columns, rooms, right, [BOLD] * len(columns), 0.5)
        for line in lines:
            styles = [BODY._replace(bold=place == 0) for place in range(len(line))]
            height = _height(line, rooms, styles)
            if self.reserve(height):
                self._row(columns, rooms, right, [BOLD] * len(columns), 0.5)
            self._row(line, rooms, right, styles, 0.0)

    def _row(
        self, cells: Sequence[str], rooms: Sequence[float], right: Sequence[bool], styles: Sequence[Type], more: float
    ) -> None:
        self.reserve(_height(cells, rooms, styles) + more)
        x = LEFT
        for cell, room, flush, style in zip(cells, rooms, right, styles, strict=True):
            for place, line in enumerate(wrap(cell, style, room)):
                at = self.y + 0.04 + place * style.leading
                self.line(line, style, x + room if flush else x, at, "right" if flush else "left")
            x += room + COLUMN_GAP
        self.y += _height(cells, rooms, styles)
        self.rule(thick=1.2 if more else 0.6)

    def save(self) -> bytes:
        """The pages as PDF, numbered; equal pages give equal bytes."""
        from matplotlib.backends.backend_pdf import PdfPages

        file = BytesIO()
        with PdfPages(file, metadata={"Title": self.title, "CreationDate": None}) as pdf:
            pages, self_pages = len(self.pages), self.pages
            for number, page in enumerate(self_pages, 1):
                self.pages = [page]
                (name, *_) = wrap(self.title, SMALL, TEXT_WIDTH - 1)
                self.line(name, SMALL, LEFT, BOTTOM + 0.2)
                self.line(f"{number} of {pages}", SMALL, PAGE_WIDTH - LEFT, BOTTOM + 0.2, "right")
                pdf.savefig(page)
        return file.getvalue()


def table_height(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> float:
    """The height of a table in inches, its head included."""
    rooms = column_widths([columns, *lines])
    return sum(_height(line, rooms, [BOLD] * len(line)) for line in [columns, *lines])


def column_widths(lines: Sequence[Sequence[str]]) -> list[float]:
    """Widths of a table's columns: of their widest cells, or less if these together are wider than the page."""
    columns = [*zip(*lines, strict=True)]
    room = TEXT_WIDTH - COLUMN_GAP * (len(columns) - 1)
    longest = [max((width(word, BOLD) for word in " ".join(column).split()), default=0.0) for column in columns]
    wanted = []
    for place, column in enumerate(columns):  # a head may always go over several lines
        style = BODY if place else BOLD
        wanted.append(max(longest[place], *(width(cell, style) for cell in column[1:])))
    if sum(wanted) <= room:
        return wanted
    least = [
        w if w < MIN_COLUMN_WIDTH else min(long, room / len(columns)) for w, long in zip(wanted, longest, strict=True)
    ]
    spare, flexible = room - sum(least), sum(wanted) - sum(least)
    return [m + spare * (w - m) / flexible for w, m in zip(wanted, least, strict=True)]


def _height(cells: Sequence[str], rooms: Sequence[float], styles: Sequence[Type]) -> float:
    lines = [
        len(wrap(cell, style, room)) * style.leading for cell, room, style in zip(cells, rooms, styles, strict=True)
    ]
    return max(lines) + 0.08
