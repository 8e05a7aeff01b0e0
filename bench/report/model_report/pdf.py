"""Writes a model report as PDF with matplotlib, which is installed anyway and needs no browser."""

from collections.abc import Callable
from typing import Any

from bench.report.model_report.content import (
    Bars,
    Block,
    CaptionedTable,
    Code,
    Curves,
    Facts,
    Items,
    ModelReport,
    PictureRows,
    Pixels,
    Text,
)
from bench.report.model_report.paper import LEFT, LINE, PANEL, SMALL, TEXT_WIDTH, Paper, table_height
from bench.report.model_report.pdf_text import MONO, Type, width, wrap
from bench.report.plotting.style import COLOURS, with_house_style
from bench.report.plotting.texts import shorten

LEVEL_COLOURS = {"ok": "#0b5cad", "suspect": "#8a4b00", "invalid": "#a61b1b", "unknown": "#565f6b"}
BAR_COLOURS = {"clean": "#8a94a0", "attack": "#0072b2", "worst": "#a6460b"}
BODY, BIG, TITLE, HEAD = Type(), Type(13, bold=True), Type(17, bold=True), Type(12, bold=True)
MAX_UNSPLIT_HEIGHT = 3.5  # inches; tables up to this height are not split over pages
MIN_PIXELS = 256  # least size of a picture after enlarging, so that viewers do not blur it


@with_house_style
def pdf(report: ModelReport) -> bytes:
    """The report as the bytes of a PDF file."""
    paper = Paper(report.title)
    paper.text(report.title, TITLE)
    paper.text(report.subtitle, SMALL)
    paper.skip(0.15)
    _verdict(paper, report)
    for section in report.sections:
        paper.skip(0.25)
        paper.reserve(0.4 + _height_to_begin(section.blocks[0]))
        paper.text(section.title, HEAD)
        paper.skip(0.06)
        for block in section.blocks:
            LAYOUTS[type(block)](paper, block)
            paper.skip(0.12)
    return paper.save()


def _verdict(paper: Paper, report: ModelReport) -> None:
    inset, look = 0.22, LEVEL_COLOURS[report.level]
    texts = [(report.chip, Type(8, bold=True, colour=look)), (report.headline, BIG)]
    texts += [(text, BODY) for text in report.paragraphs]
    room = TEXT_WIDTH - 2 * inset
    height = sum(len(wrap(text, style, room)) * style.leading + 0.08 for text, style in texts) + 0.16
    paper.reserve(height)
    paper.panel(height, look)
    paper.skip(0.12)
    for text, style in texts:
        paper.text(text, style, LEFT + inset, room)
        paper.skip(0.08)


def _height_to_begin(block: Block) -> float:
    """The height in inches that must be free on a page for a block to begin there."""
    if isinstance(block, CaptionedTable):
        height = table_height(block.columns, block.lines)
        return 0.45 + (height if height < MAX_UNSPLIT_HEIGHT else 0.6)
    return 2.4 if isinstance(block, PictureRows) else 3.2 if isinstance(block, Curves) else 0.8


def _text(paper: Paper, block: Text) -> None:
    paper.text(block.text)


def _items(paper: Paper, block: Items) -> None:
    for text in block.texts:
        paper.reserve(BODY.leading)
        paper.line("•", BODY, LEFT + 0.05, paper.y)
        paper.text(text, BODY, LEFT + 0.22, TEXT_WIDTH - 0.22)
        paper.skip(0.03)


def _code(paper: Paper, block: Code) -> None:
    mono = Type(8, family=MONO)
    lines = wrap(block.text, mono, TEXT_WIDTH - 0.24)
    height = len(lines) * mono.leading + 0.16
    paper.reserve(height)
    paper.panel(height)
    paper.skip(0.08)
    for line in lines:
        paper.line(line, mono, LEFT + 0.12, paper.y)
        paper.skip(mono.leading)
    paper.skip(0.08)


def _facts(paper: Paper, block: Facts) -> None:
    names = max(width(name, BODY) for name, _ in block.lines) + 0.25
    for name, text in block.lines:
        paper.reserve(BODY.leading)
        paper.line(name, BODY._replace(colour=SMALL.colour), LEFT, paper.y)
        paper.text(text, BODY, LEFT + names, TEXT_WIDTH - names)
        paper.skip(0.03)


def _table(paper: Paper, block: CaptionedTable) -> None:
    paper.reserve(_height_to_begin(block))
    paper.text(block.caption, SMALL)
    paper.skip(0.04)
    paper.table(block.columns, block.lines, block.numbers)


def _bars(paper: Paper, block: Bars) -> None:
    paper.text(block.caption, SMALL)
    names = min(2.4, max(width(bar.name, BODY) for bar in block.bars))
    for bar in block.bars:
        lines = wrap(bar.name, BODY, names)
        height = max(0.24, len(lines) * BODY.leading + 0.04)
        paper.reserve(height)
        for place, line in enumerate(lines):
            paper.line(line, BODY, LEFT, paper.y + 0.02 + place * BODY.leading)
        axes = paper.axes(LEFT + names + 0.15, TEXT_WIDTH - names - 0.85, height)
        axes.axis("off")
        axes.set(xlim=(0, 100), ylim=(-0.5, 0.5))
        axes.barh(0, 100, 0.7, color=PANEL)
        axes.barh(0, bar.value, 0.7, color=BAR_COLOURS[bar.look], alpha=0.85)
        axes.errorbar(
            bar.value,
            0,
            xerr=[[bar.value - bar.low], [bar.high - bar.value]],
            color="#1b1f24",
            capsize=2.5,
            linewidth=1,
        )
        paper.line(f"{bar.value:.1f} %", BODY, LEFT + TEXT_WIDTH, paper.y + (height - BODY.leading) / 2, "right")
        paper.skip(height)


def _curves(paper: Paper, block: Curves) -> None:
    paper.text(block.caption, SMALL)
    height = 2.4
    paper.reserve(height + 0.6)
    paper.skip(0.1)
    axes = paper.axes(LEFT + 0.4, min(TEXT_WIDTH, 5.2) - 0.4, height)
    for place, curve in enumerate(block.curves):
        colour, x = COLOURS[place % len(COLOURS)], [point.x for point in curve.points]
        axes.fill_between(
            x, [p.low for p in curve.points], [p.high for p in curve.points], color=colour, alpha=0.18, lw=0
        )
        axes.plot(x, [p.value for p in curve.points], "o-", color=colour, label=shorten(curve.name))
    axes.set(ylim=(0, 100), xlim=(0, None), xlabel=block.axis)
    axes.set_xticks([x for x, _ in block.ticks], [text for _, text in block.ticks])
    axes.spines[:].set_color(LINE)
    axes.legend()
    paper.skip(height + 0.45)


def _pictures(paper: Paper, block: PictureRows) -> None:
    """Two examples in each row."""
    paper.text(block.caption)
    paper.skip(0.08)
    small, gap, between = Type(6.5, colour=SMALL.colour), 0.06, 0.3
    size = (TEXT_WIDTH - between - 4 * gap) / 6
    for first in range(0, len(block.pictures), 2):
        pair = block.pictures[first : first + 2]
        texts = [f"{head}: {text}" for one in pair for head, text in zip(block.heads, one.texts, strict=True)]
        wrapped = [wrap(text, small, size) for text in texts]
        height = size + 0.04 + max(map(len, wrapped)) * small.leading + 0.12
        paper.reserve(height)
        images = [pixels for one in pair for pixels in (one.clean, one.changed, one.difference)]
        for place, (pixels, lines) in enumerate(zip(images, wrapped, strict=True)):
            left = LEFT + place * (size + gap) + place // 3 * (between - gap)
            axes = paper.axes(left, size, size)
            axes.axis("off")
            axes.imshow(_enlarge(pixels), interpolation="none")
            for number, line in enumerate(lines):
                paper.line(line, small, left, paper.y + size + 0.04 + number * small.leading)
        paper.skip(height)


def _enlarge(pixels: Pixels) -> Pixels:
    times = max(1, -(-MIN_PIXELS // max(pixels.shape[:2])))
    return pixels.repeat(times, 0).repeat(times, 1)


LAYOUTS: dict[type[Block], Callable[[Paper, Any], None]] = {
    Text: _text, Items: _items, Code: _code, Facts: _facts, CaptionedTable: _table, Bars: _bars, Curves: _curves,
    PictureRows: _pictures,
}  # fmt: skip
