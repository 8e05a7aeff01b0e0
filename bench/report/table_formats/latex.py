r"""LaTeX tables in booktabs style, in parts that fit a page; a document needs only \usepackage{booktabs}."""

import math
import textwrap
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from bench.report.table_formats.latex_text import CLOSE, OPEN, escape_latex, text_width
from bench.report.table_formats.table_text import split_columns

TEXT_WIDTH = 397.0  # points: 5.5 inches, the narrowest text width of usual conference styles (NeurIPS, ICLR)
COLUMN_GAP = 6.0  # points between columns
MAX_LINE_LENGTH = 18  # characters after which text in a cell is broken
MAX_LINES = 45  # most lines of a part
LINE, NOTE_LINE, MOST_HEIGHT = 9.5, 8.0, 560.0  # heights in points: of a table line, a line of notes, the largest float
NOTE_LETTER_WIDTH = 3.7  # mean width of a letter in notes (\scriptsize), in points
TABLE_STYLE = "\\centering\n\\setlength{\\belowcaptionskip}{4pt}\n\\footnotesize\\setlength{\\tabcolsep}{3pt}\n"


def latex_table(shown: pd.DataFrame, left: Collection[str], caption: str, label: str, notes: Sequence[str] = ()) -> str:
    """A table as a float over both columns, or as several if it is wider or longer than a page.

    shown: cells are LaTeX already, heads are plain text. left: columns that are set flush left; the first of them name
    the lines, and are repeated in each part. caption, notes: plain text; the notes stand below the last part. The first
    part has the label, the others `label-2` and so on.
    """
    shown = shown.assign(**{str(column): shown[column].map(_wrap) for column in shown if column in left})
    shown = shown.set_axis([_head(str(column), shown[column], left) for column in shown], axis="columns")
    first = shown.columns[0]
    shown = shown.assign(**{first: shown[first].map(_no_option)})
    left = {escape_latex(head) for head in left}
    columns = _split(shown, left)
    chunks = [shown[start : start + MAX_LINES] for start in range(0, max(1, len(shown)), MAX_LINES)]
    parts = [chunk[chosen] for chunk in chunks for chosen in columns]
    floats = []
    for number, part in enumerate(parts, 1):
        which = f" Part {number} of {len(parts)}." if len(parts) > 1 else ""
        named = f"{label}-{number}" if number > 1 else label
        floats.append(_make_float(part, left, caption + which, named, notes if number == len(parts) else ()))
    return "\n".join(floats)


def _split(shown: pd.DataFrame, left: Collection[str]) -> list[list[str]]:
    """The columns in as few parts as fit, none of them much wider than the others. Heads and cells are LaTeX."""
    widths = column_widths(shown)

    def split(width: int) -> list[list[str]]:
        return split_columns(
            shown, left, width, lambda part: math.ceil(table_width(widths[str(column)] for column in part))
        )

    fewest = len(split(int(TEXT_WIDTH)))
    return split(bisect_left(range(int(TEXT_WIDTH)), -fewest, key=lambda width: -len(split(width))))


def column_widths(shown: pd.DataFrame) -> dict[str, float]:
    """Upper bounds of the widths of columns in points. Heads and cells are LaTeX."""
    return {str(name): max(map(text_width, [str(name), *cells])) for name, cells in shown.items()}


def table_width(widths: Iterable[float]) -> float:
    """The width of a table of columns of these widths, in points."""
    every = [*widths]
    return sum(every) + COLUMN_GAP * (len(every) - 1)


def _head(head: str, cells: Iterable[str], left: Collection[str]) -> str:
    """The head of a column in LaTeX: in two lines if it has a comma, or is wider than its cells and has a blank."""
    plain = escape_latex(head)
    if head in left:
        return plain
    first, comma, rest = plain.partition(", ")
    if comma:
        return rf"\shortstack[r]{{{first},\\{rest}}}"
    words, widest = plain.split(" "), max(map(text_width, cells), default=0.0)
    gaps = range(1, len(words)) if text_width(plain) > widest else ()
    broken = [rf"\shortstack[r]{{{' '.join(words[:gap])}\\{' '.join(words[gap:])}}}" for gap in gaps]
    return min(broken, key=text_width, default=plain)


def _wrap(cell: str) -> str:
    """Break a long text into lines."""
    lines = textwrap.wrap(cell, MAX_LINE_LENGTH, break_long_words=False, break_on_hyphens=False)
    return OPEN + r"\\".join(lines) + CLOSE if len(lines) > 1 else cell


def _no_option(cell: str) -> str:
    r"""The first cell of a line, so that `[` or `*` at its beginning is no option of the \\ before it."""
    return "{}" + cell if cell.startswith(("[", "*")) else cell


def _make_float(shown: pd.DataFrame, left: Collection[str], caption: str, label: str, notes: Sequence[str]) -> str:
    layout = "".join("l" if column in left else "r" for column in shown)
    text = shown.style.hide(axis="index").to_latex(
        hrules=True,
        environment="table*",
        position="t",
        position_float="centering",
        column_format=f"@{{}}{layout}@{{}}",
        caption=escape_latex(caption),
        label=label,
    )
    text = text.replace("\\centering\n", TABLE_STYLE, 1)
    return _add_notes(text, " ".join(notes), text.count(r"\\")) if notes else text


def _add_notes(text: str, notes: str, lines: int) -> str:
    """Add notes below a table in its float, or behind the float if they do not fit on the same page.

    lines: number of lines of the table.
    """
    height = LINE * (lines + 6) + NOTE_LINE * math.ceil(len(notes) * NOTE_LETTER_WIDTH / TEXT_WIDTH)
    escaped = escape_latex(notes)
    if height > MOST_HEIGHT:
        return f"{text}\n\\noindent{{\\scriptsize Notes on the table: {escaped}\\par}}\n"
    box = f"\\par\\vspace{{3pt}}\\parbox{{\\linewidth}}{{\\scriptsize\\raggedright {escaped}}}\n"
    return text.replace("\\end{table*}", f"{box}\\end{{table*}}", 1)
