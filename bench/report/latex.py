r"""LaTeX tables in booktabs style, in parts that fit a page; a document needs only \usepackage{booktabs}."""

import math
import re
import textwrap
from collections.abc import Collection, Sequence

import pandas as pd

from bench.report.table_text import LATEX_ESCAPES, split_columns

TEXT_WIDTH = 397.0  # points: 5.5 inches, the narrowest text width of usual conference styles (NeurIPS, ICLR)
FONT_SIZE = 8.0  # font size in cells, in points (\footnotesize in a 10-point document)
COLUMN_GAP = 6.0  # points between columns
MAX_LINE_LENGTH = 18  # characters after which text in a cell is broken
OPEN, CLOSE = r"\begin{tabular}[t]{@{}l@{}}", r"\end{tabular}"
MAX_LINES = 45  # most lines of a part
LINE, NOTE_LINE, MOST_HEIGHT = 9.5, 8.0, 560.0  # heights in points: of a table line, a line of notes, the largest float
NOTE_LETTER_WIDTH = 3.7  # mean width of a letter in notes (\scriptsize), in points
LETTER_WIDTHS = (  # widths of letters of Computer Modern at 8 points, in units of the font size; others count as WIDEST
    ("ijlI.,:;'!|[]/ ", 0.36),
    ("frts()-^", 0.42),
    ('abcdeghknopquvxyz0123456789_$\N{EN DASH}JS*<>~?"', 0.59),
    ("w+=\\BCEFLPZTVXYADGHKNOQRU", 0.83),
)
WIDEST, BOLD = 1.06, 1.17


def latex_table(shown: pd.DataFrame, left: Collection[str], caption: str, label: str, notes: Sequence[str] = ()) -> str:
    """A table as a float over both columns, or as several if it is wider or longer than a page.

    shown: cells are LaTeX already, heads are plain text. left: columns that are set flush left; the first of them name
    the lines, and are repeated in each part. caption, notes: plain text; the notes stand below the last part. The first
    part has the label, the others `label-2` and so on.
    """
    shown = shown.assign(**{str(column): shown[column].map(_wrap) for column in shown if column in left})
    columns = split_columns(shown, left, int(TEXT_WIDTH), lambda part: math.ceil(table_width(part)))
    chunks = [shown[start : start + MAX_LINES] for start in range(0, max(1, len(shown)), MAX_LINES)]
    parts = [chunk[chosen] for chunk in chunks for chosen in columns]
    floats = []
    for number, part in enumerate(parts, 1):
        which = f" Part {number} of {len(parts)}." if len(parts) > 1 else ""
        named = f"{label}-{number}" if number > 1 else label
        floats.append(_make_float(part, left, caption + which, named, notes if number == len(parts) else ()))
    return "\n".join(floats)


def table_width(shown: pd.DataFrame) -> float:
    """Upper bound of the width of a table in points. Its cells are LaTeX."""
    columns = [[_break_head(str(name).translate(LATEX_ESCAPES)), *cells] for name, cells in shown.items()]
    return sum(max(map(text_width, cells)) for cells in columns) + COLUMN_GAP * (len(columns) - 1)


def text_width(text: str) -> float:
    """Width in points of the widest line in a LaTeX cell."""
    text, factor = text.replace(r"$\pm$", "+"), BOLD if r"\textbf" in text else 1.0
    text = re.sub(
        rf"\\text(bf|it)\b|\\shortstack\[r\]|{re.escape(OPEN)}|{re.escape(CLOSE)}",
        "",
        text.replace("--", "\N{EN DASH}"),
    )
    lines = re.sub(r"\\text\w+\{\}", "~", text).split(r"\\")
    plain = [re.sub(r"\\(.)|[{}]", r"\1", line) for line in lines]
    return max(sum(FONT_SIZE * _letter_width(letter) for letter in line) for line in plain) * factor


def _letter_width(letter: str) -> float:
    return next((width for letters, width in LETTER_WIDTHS if letter in letters), WIDEST)


def _break_head(head: str) -> str:
    """Break the head of a column at its comma, if it has one."""
    first, comma, rest = head.partition(", ")
    return rf"\shortstack[r]{{{first},\\{rest}}}" if comma else head


def _wrap(cell: str) -> str:
    """Break a long text into lines."""
    lines = textwrap.wrap(cell, MAX_LINE_LENGTH, break_long_words=False, break_on_hyphens=False)
    return OPEN + r"\\".join(lines) + CLOSE if len(lines) > 1 else cell


def _make_float(shown: pd.DataFrame, left: Collection[str], caption: str, label: str, notes: Sequence[str]) -> str:
    layout = "".join("l" if column in left else "r" for column in shown)
    headed = shown.set_axis([_break_head(str(column).translate(LATEX_ESCAPES)) for column in shown], axis="columns")
    text = headed.style.hide(axis="index").to_latex(
        hrules=True,
        environment="table*",
        position="t",
        position_float="centering",
        column_format=f"@{{}}{layout}@{{}}",
        caption=caption.translate(LATEX_ESCAPES),
        label=label,
    )
    text = text.replace("\\centering\n", "\\centering\n\\footnotesize\\setlength{\\tabcolsep}{3pt}\n", 1)
    return _add_notes(text, " ".join(notes), text.count(r"\\")) if notes else text


def _add_notes(text: str, notes: str, lines: int) -> str:
    """Add notes below a table in its float, or behind the float if they do not fit on the same page.

    lines: number of lines of the table.
    """
    height = LINE * (lines + 6) + NOTE_LINE * math.ceil(len(notes) * NOTE_LETTER_WIDTH / TEXT_WIDTH)
    escaped = notes.translate(LATEX_ESCAPES)
    if height > MOST_HEIGHT:
        return f"{text}\n\\noindent{{\\scriptsize Notes on the table: {escaped}\\par}}\n"
    box = f"\\par\\vspace{{3pt}}\\parbox{{\\linewidth}}{{\\scriptsize\\raggedright {escaped}}}\n"
    return text.replace("\\end{table*}", f"{box}\\end{{table*}}", 1)
