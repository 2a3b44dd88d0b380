"""What all pictures share: colors, lines, a figure that touches nothing global, files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

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
LOOKS: dict[Status, tuple[str, str]] = {
    Status.RUNNING: ("#999999", "P"),
    Status.PATIENCE: (BLUE, "o"),
    Status.TOLERANCE: (GREEN, "s"),
    Status.MAX_EPOCHS: (ORANGE, "^"),
    Status.PRECISION: (PURPLE, "D"),
    Status.DIVERGED: (RED, "X"),
    Status.OUTSIDE_SUPPORT: ("#000000", "v"),
}
"""The color and the marker of every status."""
HATCHES = ("", "", "//", "..", "xx", "\\\\", "++")
"""How the area of every status is hatched, in the order of `LOOKS`."""
MEANINGS = {
    "distance": "distance from a stationary point (standard errors)",
    "epochs": "run ended after (epochs)",
    "status": "why the run ended",
    "train_log_likelihood": "train log-likelihood (nats)",
    "validation_log_likelihood": "validation log-likelihood (nats)",
}
MOST_MARKERS = 5000
GAP = r"$\sqrt{2\,(L_{\max}-L)}$"
GAP_FROM_BEST = r"$\sqrt{2\,(L_{\mathrm{best}}-L)}$"


def new_figure(height: float) -> Figure:
    figure = Figure(figsize=(8.0, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def new_axes(ax: Axes | None, height: float = 4.8) -> Axes:
    ax = new_figure(height).subplots() if ax is None else ax
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def legend_above(ax: Axes, columns: int, handles: Sequence[Any] | None = None) -> None:
    handles = ax.get_legend_handles_labels()[0] if handles is None else handles
    # About 95 letters are as wide as the axes of a new figure; the rows of a legend align in columns.
    widths = [8 + len(str(handle.get_label())) for handle in handles]
    columns = len(handles) if sum(widths) <= 85 else min(columns, max(1, 95 // max(widths)))
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, borderaxespad=0.2)


def save(drawing: Figure | Axes, path: str | Path) -> None:
    """Write a figure, or the figure of an `Axes`, to a file.

    Args:
        drawing: what to write.
        path: the file; its suffix says how: .png (1200 pixels wide), .pdf, .svg.
    """
    figure = drawing if isinstance(drawing, Figure) else drawing.get_figure(root=True)
    assert figure is not None
    figure.savefig(path, dpi=150)


def save_all(drawings: Mapping[str, Figure | Axes], folder: Path, suffix: str) -> list[Path]:
    """Write figures to `folder/name.suffix`.

    Args:
        drawings: by their names.
        folder: an existing one.
        suffix: such as "png".

    Returns:
        The files written, in the same order.
    """
    paths = [Path(folder, f"{name}.{suffix}") for name in drawings]
    for drawing, path in zip(drawings.values(), paths, strict=True):
        save(drawing, path)
    return paths
