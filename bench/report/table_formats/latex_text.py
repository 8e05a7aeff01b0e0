r"""Text in LaTeX: what people wrote, escaped, and how wide a cell of a table comes out."""

import re
import unicodedata

FONT_SIZE = 8.0  # font size in cells, in points (\footnotesize in a 10-point document)
OPEN, CLOSE = r"\begin{tabular}[t]{@{}l@{}}", r"\end{tabular}"  # around a cell of several lines
LETTER_WIDTHS = (  # widths of letters of Computer Modern at 8 points, in units of the font size; others count as WIDEST
    ("!',.:;[]`il", 0.30),
    ("fj", 0.33),
    ("-I ", 0.39),
    ("()trs", 0.42),
    ("cez", 0.48),
    ('0123456789/$*"agoJ?{}\N{EN DASH}', 0.55),
    ("kqxyvbdhnpuS", 0.60),
    ("ZLF", 0.70),
    ("EPBCTw", 0.77),
    ("RAHNUVXYDKOQG&+=@<>_~^", 0.84),
    ("#%m", 0.89),
    ("…", 1.42),
)
WIDEST, BOLD = 1.1, 1.17
LATEX_ESCAPES = str.maketrans(
    {chr(code): " " for code in (*range(32), 127)}
    | {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$", "\N{EN DASH}": "--"}
)
ACCENTS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327"  # that every font of LaTeX has
PRINTABLE = "ßÆæŒœØøŁł…—\u2018\u2019\u201c\u201d\xd7"  # other signs that they have; at the end quotation marks, times


def escape_latex(text: str) -> str:
    """A text for LaTeX; a question mark stands for signs that pdflatex has in no font that it loads by itself."""
    known = (sign if sign.isascii() or ord(sign) in LATEX_ESCAPES or _is_printable(sign) else "?" for sign in text)
    return "".join(known).translate(LATEX_ESCAPES)


def _is_printable(sign: str) -> bool:
    letter, accents = (parts := unicodedata.normalize("NFD", sign))[0], parts[1:]
    return sign in PRINTABLE or (letter.isascii() and len(accents) == 1 and accents in ACCENTS and ord(sign) < 0x180)


def text_width(text: str) -> float:
    """Width in points of the widest line in a LaTeX cell; what is bold in it counts more."""
    text = text.replace(r"$\pm$", "+").replace("--", "\N{EN DASH}")
    text = re.sub(rf"\\shortstack\[r\]|{re.escape(OPEN)}|{re.escape(CLOSE)}", "", text)
    bold = "".join(re.findall(r"\\textbf{((?:\\.|[^\\}])*)}", text))
    lines = re.sub(r"\\text(bf|it)\b", "", re.sub(r"\\text\w+\{\}", "~", text)).split(r"\\")
    return max(map(_plain_width, lines)) + (BOLD - 1) * _plain_width(bold)


def _plain_width(text: str) -> float:
    return sum(FONT_SIZE * _letter_width(letter) for letter in re.sub(r"\\(.)|[{}]", r"\1", text))


def _letter_width(letter: str) -> float:
    return next((width for letters, width in LETTER_WIDTHS if letter in letters), WIDEST)
