"""The style of all figures. Colours are Okabe and Ito's, safe for colour-blind readers."""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import IO, TYPE_CHECKING, Any, ParamSpec, TypeVar

from bench.report.plotting.texts import fit_legend, wrap_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
T = TypeVar("T")

ONE_COLUMN, TWO_COLUMNS = 3.3, 6.8  # inches
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = "osD^vP*X<>"
DPI = 200  # of PNG; set from the beginning, as the width of a text depends on it
USUAL_TITLE_LINES = 2  # of a figure's title, for which heights leave room
MAX_TITLE_LINES, MAX_PANEL_LINES = 6, 3  # of the titles of figures and panels
TITLE_LINE, LEGEND_LINE = 0.12, 0.14  # inches: heights of a line
LABEL_SIZE = 7  # points: size of the letters of a label
STYLE = {
    "font.size": 7,
    "text.parse_math": False,  # names may hold dollars
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "figure.titlesize": 7.5,
    "figure.labelsize": LABEL_SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.7,
    "lines.linewidth": 1.1,
    "lines.markersize": 4,
    "pdf.fonttype": 42,  # TrueType: publishers refuse type 3
}


def with_house_style(draw: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that draws: it runs with STYLE, and matplotlib's own settings are restored."""

    @wraps(draw)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> T:
        from matplotlib import rc_context

        with rc_context(STYLE):  # type: ignore[arg-type]  # the stubs want every key as a literal
            return draw(*args, **kwargs)

    return in_style


@with_house_style
def save(figure: "Figure", file: IO[bytes], kind: str) -> None:
    """Save as png or pdf (kind), without a date, so that equal results give equal files."""
    fix_layout(figure)
    figure.savefig(file, format=kind, dpi="figure", metadata={"CreationDate": None} if kind == "pdf" else None)


def fix_layout(figure: "Figure") -> None:
    """Compute the layout once and keep it; otherwise matplotlib computes it again for each format, by drawing twice."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def grid(
    used: int, across: int, width: float, heights: tuple[float, float], title: str, **shared: bool
) -> "tuple[Figure, list[Axes]]":
    """A figure of `used` panels, `across` in a row. heights: of one row, and of all around the rows, in inches."""
    from matplotlib.figure import Figure

    lines = -(-used // across)
    figure = Figure(figsize=(width, lines * heights[0] + heights[1]), layout="constrained", dpi=DPI)
    settings: Any = shared
    panels = list(figure.subplots(lines, across, squeeze=False, **settings).flat)
    for panel in panels[used:]:
        panel.set_visible(False)
    set_figure_title(figure, title)
    return figure, panels[:used]


def set_figure_title(figure: "Figure", title: str) -> None:
    """Write the title above all panels, on a figure that grows with its lines."""
    text = wrap_title(title, figure.get_figwidth(), MAX_TITLE_LINES)
    figure.suptitle(text)
    grow(figure, TITLE_LINE * max(0, text.count("\n") + 1 - USUAL_TITLE_LINES))


def set_panel_titles(
    figure: "Figure", panels: "Sequence[Axes]", titles: Iterable[str], across: int, width: float
) -> None:
    """Write the titles of panels, `across` in a row, in lines of `width` inches, on a figure that grows with them."""
    texts = [wrap_title(title, width, MAX_PANEL_LINES) for title in titles]
    for axes, text in zip(panels, texts, strict=True):
        axes.set_title(text)
    for start in range(0, len(texts), across):
        grow(figure, TITLE_LINE * max(text.count("\n") for text in texts[start : start + across]))


def grow(figure: "Figure", inches: float) -> None:
    """Make a figure higher."""
    figure.set_figheight(figure.get_figheight() + inches)


def explain_below(figure: "Figure", handles: Sequence[Any], abreast: int, axis: str = "") -> None:
    """Put the legend below all panels, in `abreast` columns, or, if its names are long, in fewer on a higher figure.

    axis: name of the panels' x axis, as the heading of the legend, because a label of the figure would overlap it.
    """
    names = [str(handle.get_label()) for handle in handles]
    columns = fit_legend(names, figure.get_figwidth(), abreast)
    legend = figure.legend(handles=handles, title=axis or None, loc="outside lower center", ncols=columns)
    legend.get_title().set_fontsize(LABEL_SIZE)
    grow(figure, LEGEND_LINE * (-(-len(names) // columns) - -(-len(names) // abreast)))


def pad_limits(places: Sequence[float]) -> tuple[float, float]:
    """Limits of an axis that leave 5 % of room on both sides of the values."""
    first, last = min(places), max(places)
    beside = 0.05 * (last - first) or 0.5
    return first - beside, last + beside


def align(panels: "list[Axes]", across: int, **settings: Any) -> None:
    """Set ticks and limits (in this order) of many panels, with labels on the outer ones only.

    Matplotlib's shared axes would take time quadratic in the number of panels.
    """
    for place, panel in enumerate(panels):
        panel.autoscale(False)
        panel.set(**settings)
        panel.label_outer(remove_inner_ticks=True)
        is_lowest = place >= len(panels) - across  # no panel is below it
        panel.tick_params(axis="x", bottom=is_lowest, labelbottom=is_lowest)
