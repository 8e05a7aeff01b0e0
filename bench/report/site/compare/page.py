"""A page for each board that compares any two of its lines image by image."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.report.boards import Board
from bench.report.files import file_name
from bench.report.labels import line_name
from bench.report.leaderboard.page import Report
from bench.report.site.compare.pairs import ColumnPairs, compare_lines, pack
from bench.report.site.data import SiteData
from bench.report.site.pictures import png
from bench.report.site.site import Here, LinkTarget, Site, unique_paths

MAX_PAIRS = 500  # most pairs in the table of a page without scripts
MAX_OPEN_PAIRS = 30  # number of pairs up to which their table is open at first
MAX_IMAGES = 1000  # most images in one picture
MAX_SIDE = 64  # pixels of the largest images that are shown
IMAGES_IN_A_ROW = 25  # images in a row of the picture


class ComparePages:
    """The pages `compare/*.html`, and pictures of test images, from which they cut thumbnails."""

    menu = "Compare"

    def paths(self, data: SiteData) -> dict[LinkTarget, str]:
        names = {
            board.slug: f"{board.dataset} {board.model} {board.threat} n{board.n}"
            for board, report in data.boards.items()
            if len(report.table) > 1
        }
        return {LinkTarget("compare", slug): path for slug, path in unique_paths("compare", names).items()}

    def pages(self, data: SiteData, site: Site) -> Iterator[tuple[str, str | bytes]]:
        written: set[str] = set()
        for board, report in data.boards.items():
            path = site.paths.get(LinkTarget("compare", board.slug))
            if path is None:
                continue
            found = compare_lines(report, data.outcomes(report.rows["run"].unique()))
            picture, classes = f"compare/images/{file_name(board.dataset, f'n{board.n}')}.png", tuple[str, ...]()
            if found and (images := _test_images(data, board, report)) is not None:
                pixels, classes = images
                if picture not in written:
                    written.add(picture)
                    yield picture, png(_tile(pixels))
            here = Here(site, path)
            values = _values(board, report, found) | {"classes": classes, "is_drawn": bool(classes)}
            values["others"] = [other for other in data.boards if other != board and here.href("compare", other.slug)]
            values["data"] = _data(data, report, found, here) | (
                {"classes": classes, "picture": here.to(picture), "across": IMAGES_IN_A_ROW} if classes else {}
            )
            yield path, site.render(path, "compare.html", f"Compare: {board.title}", **values)


def _values(board: Board, report: Report, found: list[ColumnPairs]) -> dict[str, Any]:
    """The values of the template: pairs by the column that ranks."""
    labels = [line_name(str(label)) for label in report.table["recipe"]]
    pairs = found[0].pairs if found else ()
    return {
        "board": board,
        "extent": report.extent,
        "labels": labels,
        "column": found[0].column if found else "",
        "pairs": pairs[:MAX_PAIRS],
        "total": len(pairs),
        "few": MAX_OPEN_PAIRS,
        "has_seeds": any(len(seeds) > 1 for one in found for seeds in one.bits.values()),
    }


def _data(data: SiteData, report: Report, found: list[ColumnPairs], here: Here) -> dict[str, Any]:
    """The data of the script: all pairs of all columns, and the outcomes of each line."""
    labels = [str(label) for label in report.table["recipe"]]
    return {
        "n": int(report.rows["n"].iloc[0]),
        "labels": labels,
        "names": [line_name(label) for label in labels],
        "links": [here.href("method", data.recipe_of(label)) for label in labels],
        "columns": {
            one.column: {
                "bits": {place: [pack(bits) for bits in seeds] for place, seeds in one.bits.items()},
                "pairs": [[*pair[:8], *(float(f"{number:.4g}") for number in pair[8:])] for pair in one.pairs],
            }
            for one in found
        },
    }


def _test_images(data: SiteData, board: Board, report: Report) -> tuple[NDArray[np.uint8], tuple[str, ...]] | None:
    """The test images of a board with their classes; None if they cannot be read, or are too many or too large."""
    source = str(data.job(report.rows["run"].iloc[0]).get("source", board.dataset))
    images = data.sources.test_images(source, range(board.n)) if board.n <= MAX_IMAGES else None
    if images is None or max(images.pixels.shape[2:]) > MAX_SIDE:
        return None
    return images.pixels, images.classes


def _tile(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Tile images (N, C, H, W) into one picture (C, rows x H, IMAGES_IN_A_ROW x W)."""
    n, channels, height, width = pixels.shape
    lines = -(-n // IMAGES_IN_A_ROW)
    whole = np.zeros((lines * IMAGES_IN_A_ROW, channels, height, width), np.uint8)
    whole[:n] = pixels
    by_line = whole.reshape(lines, IMAGES_IN_A_ROW, channels, height, width)
    return by_line.transpose(2, 0, 3, 1, 4).reshape(channels, lines * height, IMAGES_IN_A_ROW * width)
