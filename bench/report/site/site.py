"""Which pages the site has, and links between them that never lead to a missing file."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import quote

from markupsafe import Markup, escape

from bench.report.files import file_name
from bench.report.site.data import SiteData

if TYPE_CHECKING:
    from jinja2 import Environment

LONGEST = 80  # characters of a page's name


class Target(NamedTuple):
    """What a link asks for."""

    kind: str  # board, method, paper, ...
    name: str  # of a board its slug, of a method its recipe


class SitePages(Protocol):
    """A kind of page: every page of it, a function of what the results folder holds."""

    @property
    def menu(self) -> str:
        """Its word in the navigation at the head of every page; empty: it has none."""

    def paths(self, data: SiteData) -> dict[Target, str]:
        """The path below reports/ of each page, by what a link asks for. The menu leads to the first."""

    def pages(self, data: SiteData, site: "Site") -> Iterator[tuple[str, str | bytes]]:
        """Path and HTML of each page, and the files that belong to it."""


@dataclass(frozen=True)
class Site:
    """All pages that are being written, and the other files of the report."""

    paths: Mapping[Target, str]
    menu: tuple[tuple[str, str], ...]  # words, and the path that each leads to
    files: frozenset[str]  # tables and figures that lie below reports/, by their path

    def render(self, path: str, template: str, title: str, **values: object) -> str:
        """A page from its template. path: where it will lie, which links are relative to."""
        return environment().get_template(template).render(here=Here(self, path), title=title, **values)


@dataclass(frozen=True)
class Here:
    """What a template writes links with: `here`."""

    site: Site
    path: str  # of the page that is being written

    def to(self, path: str) -> str:
        """The address of a file below reports/, from this page."""
        return quote(posixpath.relpath(path, posixpath.dirname(self.path) or "."))

    def href(self, kind: str, name: str, fragment: str = "") -> str:
        """The address of a page; empty where there is none."""
        path = self.site.paths.get(Target(kind, name))
        return "" if path is None else self.to(path) + (f"#{quote(fragment)}" if fragment else "")

    def link(self, kind: str, name: str, text: str = "", fragment: str = "") -> Markup:
        """A link to a page with this text, or with its name; the text alone where there is no such page."""
        href, shown = self.href(kind, name, fragment), escape(text or name)
        return Markup('<a href="{}">{}</a>').format(href, shown) if href else Markup(shown)

    def pages_of(self, kind: str, first: str) -> list[tuple[str, str]]:
        """Pages whose name begins with this: the rest of the name, and the address of each."""
        found = [name for of, name in self.site.paths if of == kind and name.startswith(first)]
        return [(name.removeprefix(first), self.href(kind, name)) for name in found]

    def file(self, path: str) -> str:
        """The address of a table or figure below reports/; empty where it was not written."""
        return self.to(path) if path in self.site.files else ""

    def files(self, folder: str, *names: str) -> tuple[tuple[str, str], ...]:
        """Name and address of each of these files of a folder below reports/ that was written."""
        return tuple((name, href) for name in names if (href := self.file(f"{folder}/{name}")))


def unique_paths(folder: str, names: Mapping[str, str]) -> dict[str, str]:
    """A path in the folder for each page. names: by what the page is of, what its file should be called.

    Where two names would be one file, also on systems that do not tell cases apart, each gets a hash of what it is of.
    """
    files = {what: file_name(name)[:LONGEST].strip("-.") or "page" for what, name in names.items()}
    taken = [name.casefold() for name in files.values()]
    for what, name in files.items():
        if taken.count(name.casefold()) > 1:
            files[what] = f"{name}-{sha256(what.encode()).hexdigest()[:6]}"
    return {what: f"{folder}/{name}.html" for what, name in files.items()}


@cache
def environment() -> "Environment":
    """The templates. Everything that they print is escaped, and a value that is missing is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = FileSystemLoader(Path(__file__).parent / "templates")
    made = Environment(
        loader=templates, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.policies["json.dumps_kwargs"] = {"sort_keys": False}  # what scripts read has the order that pages have
    return made
