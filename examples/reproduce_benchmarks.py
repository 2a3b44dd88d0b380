"""The reference problem: its published figures, and how much faster it is here than as a NumPy loop, in seconds.

`mlejax reproduce` and `python -m benchmarks reference` are the full versions.
"""

# %% The reference run: its published figures, to the digit
import sys
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from mlejax import article
from mlejax.samples.split import split

data = article.article_observations()
run, figures = article.article_run(data, progress=False)
print(article.figures_text(figures))
print(f"\n{run.status.name} in epoch {run.epochs}, {run.distance:.2g} standard errors from the maximum\n")


# %% The same loop as NumPy and SciPy do it, on all observations in every epoch
def numpy_epochs(epochs):
    train, validation = split(data, 0.2, 42)
    mean, variance = 0.0, 1.0
    for _ in range(epochs):
        for part in (train, validation):
            np.sum(stats.norm.logpdf(part, loc=mean, scale=np.sqrt(variance)))
        residuals = train - mean
        slopes = np.mean(residuals / variance), (np.mean(residuals**2) / variance - 1) / (2 * variance)
        mean, variance = mean + 0.1 * slopes[0], variance + 0.1 * slopes[1]
    return mean, variance


def seconds(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


# %% Of `fit`, compiled by now, the median of nine; of the loop 200 epochs, scaled to all of them
EPOCHS = 200
fit_time = np.median([seconds(lambda: article.article_run(data, progress=False)) for _ in range(9)])
loop_time = seconds(lambda: numpy_epochs(EPOCHS)) * run.epochs / EPOCHS
there = run.history.model.mean[EPOCHS], run.history.model.variance[EPOCHS]
assert np.allclose(numpy_epochs(EPOCHS), there, rtol=1e-10)  # both do the same
print(f"NumPy {loop_time:.1f} s, mlejax.train {1000 * fit_time:.1f} ms: {loop_time / fit_time:.0f} times faster")

# %% The picture
axes = Figure(figsize=(8, 2.6), layout="constrained").subplots()
names = ["mlejax.train", f"NumPy and SciPy\n({EPOCHS} epochs, scaled)"]
bars = axes.barh(names, [fit_time, loop_time], color=["#0072B2", "0.6"], height=0.6)
axes.bar_label(bars, [f"{1000 * fit_time:.1f} ms", f"{loop_time:.1f} s"], padding=5)
axes.set(xscale="log", xlim=(fit_time / 5, 5 * loop_time), xlabel="seconds for 10,000 epochs (logarithmic)")
axes.spines[["top", "right"]].set_visible(False)
axes.figure.savefig(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_suffix(".png"), dpi=150)
