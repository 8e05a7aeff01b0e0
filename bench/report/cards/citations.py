"""Finds citations in texts and writes them as BibTeX."""

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import NamedTuple

from bench.core.version import RELEASED

SURNAME = r"[A-Z][\w'-]+(?: [A-Z][\w'-]+)?"  # a surname
CITATION = re.compile(
    rf'(?P<authors>{SURNAME}(?:, {SURNAME})*), "(?P<title>[^"]+)", (?P<venue>[A-Z][A-Za-z ]*?) (?P<year>(?:19|20)\d\d)'
    r"(?P<submission> submission)?(?:, arXiv:(?P<arxiv>\d{4}\.\d{4,5}))?"
)
SMALL_WORDS = {"a", "an", "the", "on", "in", "of", "to", "and"}  # not used in keys
BIBTEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"} | {"\\": "", "~": " ", "^": "", "`": "'"}
)


class Citation(NamedTuple):
    """A paper, as a citation names it."""

    authors: tuple[str, ...]  # surnames
    title: str
    venue: str
    year: int
    arxiv: str = ""  # identifier, such as 1706.06083
    is_submission: bool = False  # submitted to the venue, not published there

    @property
    def key(self) -> str:
        """The key for \\cite: first author, year and first word of the title."""
        words = [word for word in re.findall(r"[a-z0-9]+", self.title.lower()) if word not in SMALL_WORDS]
        author = re.sub(r"[^a-z]", "", self.authors[0].lower())
        return f"{author}{self.year}{words[0] if words else ''}"


def find_citations(texts: Iterable[str]) -> list[Citation]:
    """Find papers that texts cite as `Surnames, "title", venue year`; each once, in order of appearance."""
    return [*dict.fromkeys(citation for text in texts for citation in _read(text))]


def _read(text: str) -> Iterator[Citation]:
    for found in CITATION.finditer(re.sub(r"\s+", " ", text)):
        authors, year = tuple(found["authors"].split(", ")), int(found["year"])
        yield Citation(authors, found["title"], found["venue"], year, found["arxiv"] or "", bool(found["submission"]))


def bibtex(citations: Iterable[Citation]) -> str:
    """BibTeX with an entry for each paper and one for this bench; authors have surnames only, as in recipe files."""
    entries, keys = list[str](), list[str]()
    for paper in citations:
        again = keys.count(paper.key)  # papers of one author and year may begin with the same word
        entries.append(_entry(paper, paper.key + chr(ord("a") + again) * bool(again)))
        keys.append(paper.key)
    return "\n".join([*entries, software_entry()])


def _entry(paper: Citation, key: str) -> str:
    where = {"note": f"Submission to {paper.venue}"} if paper.is_submission else {"booktitle": paper.venue}
    arxiv = {"eprint": paper.arxiv, "archiveprefix": "arXiv"} if paper.arxiv else {}
    fields = {"title": f"{{{_plain(paper.title)}}}", "author": " and ".join(map(_plain, paper.authors))}
    kind = "misc" if paper.is_submission else "inproceedings"
    return _format(kind, key, fields | where | {"year": str(paper.year)} | arxiv)


def software_entry() -> str:
    """The BibTeX entry of this bench, as in CITATION.cff."""
    fields = {
        "title": "{Robust-recipe bench}",
        "author": "{Robust-recipe bench maintainers}",
        "year": RELEASED[:4],
        "version": version("robust-recipe-bench"),
        "license": "MIT",
    }
    return _format("software", "robust_recipe_bench", fields)


def _format(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@{kind}{{{key},\n{lines}}}\n"


def _plain(text: str) -> str:
    return text.translate(BIBTEX)
