"""Figures from results. A picture is a function: a result and an `Axes` in (a new one if None), the `Axes` out.

Nothing here touches pyplot, its backends or its settings; `save(axes, "picture.png")` writes a file.
"""

from .comparison import comparison_figure
from .counts import by_count
from .estimates import distribution_function, estimate_figure, quantiles
from .fits import ascents, distance, distribution, fit_figure, log_likelihood, surface
from .histories import histories, histories_figure
from .lifetimes import survival, survival_figure, survival_quantiles
from .maps import heat_map
from .regressions import regression_figure, residual_quantiles, residuals
from .resamples import bootstrap_figure, study_figure
from .style import save, save_all
from .sweeps import atlas, learning_rates, outcomes, status_shares, sweep_pictures
from .tables import estimates, funnel, spread, table_figure

__all__ = [
    "ascents",
    "atlas",
    "bootstrap_figure",
    "by_count",
    "comparison_figure",
    "distance",
    "distribution",
    "distribution_function",
    "estimate_figure",
    "estimates",
    "fit_figure",
    "funnel",
    "heat_map",
    "histories",
    "histories_figure",
    "learning_rates",
    "log_likelihood",
    "outcomes",
    "quantiles",
    "regression_figure",
    "residual_quantiles",
    "residuals",
    "save",
    "save_all",
    "spread",
    "status_shares",
    "study_figure",
    "surface",
    "survival",
    "survival_figure",
    "survival_quantiles",
    "sweep_pictures",
    "table_figure",
]
