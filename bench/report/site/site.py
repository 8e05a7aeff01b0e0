"""The pages of the site, and links between them, which are only made to pages and files that exist."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import quote

from markupsafe import Markup, escape

from bench.core.parsing import format_count
from bench.report.files import file_name
from bench.report.labels import line_name
from bench.report.site.data import SiteData

if TYPE_CHECKING:
    from jinja2 import Environment


class LinkTarget(NamedTuple):
    """The target of a link."""

    kind: str  # board, method, paper, ...
    name: str  # such as the slug of a board, or the recipe of a method


class SitePages(Protocol):
    """A kind of pages; everything is computed from the data of the results folder."""

    @property
    def menu(self) -> str:
        """Its word in the menu of every page; empty if the menu has none."""

    def paths(self, data: SiteData) -> dict[LinkTarget, str]:
        """Paths of its pages below reports/ by target; the menu links to the first."""

    def pages(self, data: SiteData, site: "Site") -> Iterator[tuple[str, str | bytes]]:
        """Path and HTML of each page, and the files that belong to it."""


@dataclass(frozen=True)
class Site:
    """All pages of the site, and the other files of the report."""

    paths: Mapping[LinkTarget, str]
    menu: tuple[tuple[str, str], ...]  # words, and the path that each links to
    files: frozenset[str]  # paths of tables and figures below reports/

    def render(self, path: str, template: str, title: str, **values: object) -> str:
        """Render a page from a template. path: of the page, to which links are relative."""
        return environment().get_template(template).render(here=Here(self, path), title=title, **values)


@dataclass(frozen=True)
class Here:
    """Makes links from one page; templates call it `here`."""

    site: Site
    path: str  # of the page

    def to(self, path: str) -> str:
        """The address of a file below reports/, from this page."""
        return quote(posixpath.relpath(path, posixpath.dirname(self.path) or "."))

    def href(self, kind: str, name: str, fragment: str = "") -> str:
        """The address of a page from this page; empty if there is none."""
        path = self.site.paths.get(LinkTarget(kind, name))
        return "" if path is None else self.to(path) + (f"#{quote(fragment)}" if fragment else "")

    def link(self, kind: str, name: str, text: str = "", fragment: str = "") -> Markup:
        """A link to a page with a text (default: its name); only the text if there is no such page."""
        href, shown = self.href(kind, name, fragment), escape(text or name)
        return Markup('<a href="{}">{}</a>').format(href, shown) if href else Markup(shown)

    def pages_of(self, kind: str, first: str) -> list[tuple[str, str]]:
        """Pages of a kind whose names begin with `first`: the rest of the name, and the address."""
        found = [name for of, name in self.site.paths if of == kind and name.startswith(first)]
        return [(name.removeprefix(first), self.href(kind, name)) for name in found]

    def file(self, path: str) -> str:
        """The address of a table or figure below reports/; empty if it does not exist."""
        return self.to(path) if path in self.site.files else ""

    def files(self, folder: str, *names: str) -> tuple[tuple[str, str], ...]:
        """Names and addresses of those of the files in a folder below reports/ that exist."""
        return tuple((name, href) for name in names if (href := self.file(f"{folder}/{name}")))


def unique_paths(folder: str, names: Mapping[str, str]) -> dict[str, str]:
    """Distinct paths of pages in a folder. names: wanted file names by key of the page.

    If two names would give one file, also on systems that ignore case, each gets a hash of its key.
    """
    files = {what: file_name(name) or "page" for what, name in names.items()}
    taken = [name.casefold() for name in files.values()]
    for what, name in files.items():
        if taken.count(name.casefold()) > 1:
            files[what] = f"{name}-{sha256(what.encode()).hexdigest()[:6]}"
    return {what: f"{folder}/{name}.html" for what, name in files.items()}


def with_code(text: str) -> Markup:
    """A text with what stands between backticks as code; all else is escaped."""
    parts = enumerate(text.split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in parts)


@cache
def environment() -> "Environment":
    """The environment of the templates: all values are escaped, and a missing value is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = FileSystemLoader(Path(__file__).parent / "templates")
    made = Environment(
        loader=templates, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"format_count": format_count, "line_name": line_name, "with_code": with_code}
    made.policies["json.dumps_kwargs"] = {"sort_keys": False}  # what scripts read has the order that pages have
    return made
