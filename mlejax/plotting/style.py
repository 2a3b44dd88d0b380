"""What all pictures share: colors, words, ticks, the small print, a figure that touches nothing global, files."""

import textwrap
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator, ScalarFormatter

from ..results.fit import FitResult
from ..results.sweep import SweepResult
from ..results.text import caption
from ..results.train import TrainResult
from ..status import Status

# Okabe and Ito's colors; line styles and markers say the same, for grayscale.
BLUE, GREEN, ORANGE, PURPLE, RED = "#0072B2", "#009E73", "#E69F00", "#CC79A7", "#D55E00"
LINES: list[tuple[str, Any]] = [
    (BLUE, "--"),
    (RED, (0, (1, 1))),
    (GREEN, "-."),
    (PURPLE, (0, (5, 1, 1, 1, 1, 1))),
    (ORANGE, (0, (8, 2))),
]


class Look(NamedTuple):
    """How a status is drawn and called."""

    words: str
    color: str
    marker: str
    hatch: str


LOOKS: dict[Status, Look] = {
    Status.OUTSIDE_SUPPORT: Look("sample outside the support", "#000000", "v", "++"),
    Status.TOLERANCE: Look("stopped by tolerance", "#005C47", "s", ""),
    Status.DIVERGED: Look("diverged", "#BF3F0C", "X", "xx"),
    Status.PATIENCE: Look("stopped by patience", "#3C8FD0", "o", ""),
    Status.PRECISION: Look("stopped by rounding", "#DDA0C4", "D", "\\\\"),
    Status.MAX_EPOCHS: Look("epoch limit reached", "#F2C14E", "^", "//"),
    Status.RUNNING: Look("not ended", "#E4E4E4", "P", ".."),
}
"""The look of every status, from dark to light: no two are the same gray, and no two the same to a color-blind eye."""

MEANINGS = {
    "distance": "distance from a stationary point (standard errors)",
    "epochs": "run ended after (epochs)",
    "status": "why the run ended",
    "arrived": "share of runs that arrived",
    "train_log_likelihood": "train log-likelihood (nats)",
    "validation_log_likelihood": "validation log-likelihood (nats)",
}
Shown: TypeAlias = SweepResult[Any] | TrainResult[Any] | FitResult[Any] | Sequence[FitResult[Any]] | str
GAP = r"$\sqrt{2\,(L_{\max}-L)}$"
GAP_FROM_BEST = r"$\sqrt{2\,(L_{\mathrm{best}}-L)}$"


WRITTEN_OUT = (-3, 6)
"""The powers of ten between which the ticks of an axis are written out."""

HALF = 44
"""The width of one of two panels, in letters."""

MOST_LETTERS = 68
"""Of the values of parameters in a legend, which then fits above its axes."""

BESIDE_A_BAR = 78
"""The width of axes beside a color bar, in letters of a legend; without a bar it is 88."""


def new_figure(height: float, result: Shown = "") -> Figure:
    """Return a new figure, 8 inches wide, whose small print says what result it shows; a text is that print itself."""
    figure = Figure(figsize=(8.0, height), layout="constrained")
    FigureCanvasAgg(figure)
    if result != "":
        said = result if isinstance(result, str) else caption(result)
        figure.supxlabel(said, x=0.995, ha="right", fontsize=6.5, color="0.35")
    return figure


def new_axes(ax: Axes | None, height: float = 4.8, result: Shown = "") -> Axes:
    """Return these axes, or those of a new figure, without a frame on the right and above.

    Long numbers below the axis are written as multiples of a power of ten, so that they do not run into each other.
    """
    ax = new_figure(height, result).subplots() if ax is None else ax
    ax.spines[["top", "right"]].set_visible(False)
    if isinstance(ticks := ax.xaxis.get_major_formatter(), ScalarFormatter):
        ticks.set_powerlimits(WRITTEN_OUT)
        ticks.set_useMathText(True)
    if isinstance(upright := ax.yaxis.get_major_formatter(), ScalarFormatter):
        upright.set_useMathText(True)
    return ax


def legend_above(ax: Axes, columns: int, handles: Sequence[Artist] | None = None, letters: int = 88) -> None:
    """Put a legend above the axes, in so many columns at most, as wide as so many letters at most."""
    handles = ax.get_legend_handles_labels()[0] if handles is None else handles
    if not handles:
        return
    # A legend is filled column by column.
    widths = [8 + len(str(handle.get_label())) for handle in handles]
    most = len(handles) if sum(widths) <= letters - 3 else min(columns, len(handles))
    fitting = (n for n in range(most, 1, -1) if sum(max(part) for part in np.array_split(widths, n)) <= letters)
    columns = next(fitting, 1)
    ticks = ax.yaxis.get_major_formatter()
    ticks.format_ticks(list(ax.get_yticks()))
    above = 1.06 if ticks.get_offset() else 1.0  # of the power of ten that the ticks bear
    ax.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, above), ncols=columns, frameon=False, borderaxespad=0.2
    )


def in_lines(words: str, letters: int) -> str:
    """Return words in lines of so many letters at most, and in no more than three of them."""
    return "\n".join(textwrap.wrap(words, letters, max_lines=3, placeholder=" ..."))


def listed(words: Sequence[str]) -> str:
    """Return as many of some words as a legend holds, with commas, and how many more there are."""
    fitting = int(np.sum(np.cumsum([len(each) + 2 for each in words[:4]]) <= MOST_LETTERS))
    some = words[: max(1, fitting)]
    return ", ".join(some if len(some) == len(words) else [*some, f"and {len(words) - len(some)} more"])


def as_written(words: str) -> str:
    """Return words of a person's data as Matplotlib writes them letter by letter: a dollar sign begins no formula."""
    return words.replace("$", r"\$")


def with_share(fate: Status, status: np.ndarray) -> str:
    """Return the words for a status, and what share of the runs it is."""
    return f"{LOOKS[fate].words}: {100 * np.mean(status == fate):.1f} %"


def plain_ticks(axis: Axis, whole: bool = False) -> None:
    """Label a logarithmic axis with plain numbers, however few decades it spans; to be called when its limits stay.

    Ticks of an axis of counts are whole numbers.
    """
    low, high = sorted(axis.get_view_interval())
    decades = np.log10(high / low)
    if decades < 0.8:
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=whole))
    else:
        axis.set_major_locator(LogLocator(subs=(1,) if decades > 2.5 else (1, 2, 5), numticks=9))
    if decades > 9 or decades < 0.8:
        axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))


def plain_number(value: float) -> str:
    """Write a tick as a plain number, or as a power of ten where that would be long."""
    if value == 0 or 0.99e-4 < abs(value) < 0.99e6:
        return f"{value:,.4f}".rstrip("0").rstrip(".") if abs(value) < 1e4 else f"{value:,.0f}"
    power = round(np.log10(abs(value)))
    lead = value / 10.0**power
    return f"$10^{{{power}}}$" if abs(lead - 1) < 1e-9 else f"{value:.3g}"


PIXELS = 150
"""Of an inch."""


def save(drawing: Figure | Axes, path: str | Path, description: str = "") -> None:
    """Write a figure, or the figure of an `Axes`, to a file.

    Args:
        drawing: what to write.
        path: the file; its suffix says how: .png (1200 pixels wide), .pdf, .svg.
        description: a text that a PNG bears besides.
    """
    figure = drawing if isinstance(drawing, Figure) else drawing.get_figure(root=True)
    assert figure is not None
    bears = {"Description": description} if description and Path(path).suffix == ".png" else None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a name that the font lacks is drawn as boxes
        _write(figure, path, bears)


def _write(figure: Figure, path: str | Path, bears: dict[str, str] | None) -> None:
    canvas = figure.canvas
    if Path(path).suffix != ".png" or type(canvas) is not FigureCanvasAgg:
        figure.savefig(path, dpi=PIXELS, metadata=bears)
        return
    before = figure.dpi
    figure.set_dpi(PIXELS)
    try:
        canvas.print_png(path, metadata=bears)  # `savefig` draws everything twice, the first time for the layout alone
    finally:
        figure.set_dpi(before)


def save_all(drawings: Mapping[str, Figure | Axes], folder: Path, suffix: str, description: str = "") -> list[Path]:
    """Write figures to `folder/name.suffix`.

    Args:
        drawings: by their names.
        folder: an existing one.
        suffix: such as "png".
        description: a text that each PNG bears besides.

    Returns:
        The files written, in the same order.
    """
    paths = [Path(folder, f"{name}.{suffix}") for name in drawings]
    for drawing, path in zip(drawings.values(), paths, strict=True):
        save(drawing, path, description)
    return paths
