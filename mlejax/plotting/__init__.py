"""Figures from results. A picture is a function: a result and an `Axes` in (a new one if None), the `Axes` out.

Nothing here touches pyplot, its backends or its settings; `save(axes, "picture.png")` writes a file.
"""

from .fits import ascents, distance, distribution, fit_figure, log_likelihood, surface
from .style import save, save_all
from .sweeps import atlas, heat_map, learning_rates, status_shares, sweep_figure, sweep_pictures

__all__ = [
    "ascents",
    "atlas",
    "distance",
    "distribution",
    "fit_figure",
    "heat_map",
    "learning_rates",
    "log_likelihood",
    "save",
    "save_all",
    "status_shares",
    "surface",
    "sweep_figure",
    "sweep_pictures",
]
