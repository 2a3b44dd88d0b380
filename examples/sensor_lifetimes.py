"""Which sensors wear out? Lifetimes of 120 kinds of sensors, many still at work when watching ended."""

# %% The table: a row for each sensor: its kind, its hours, and whether it failed or was still at work
import sys

import numpy as np
from matplotlib.figure import Figure

import mlejax
from mlejax.plotting.style import plain_ticks

picture = sys.argv[1] if len(sys.argv) > 1 else __file__.replace(".py", ".png")
kinds = int(sys.argv[2]) if len(sys.argv) > 2 else 120
random = np.random.default_rng(1)
shape, scale = random.choice([0.8, 1.0, 2.5], kinds), random.uniform(2000, 9000, kinds)  # what nobody knows
kind = np.repeat(np.arange(kinds), random.integers(10, 120, kinds))
life = scale[kind] * random.weibull(shape[kind])
watched = random.uniform(1000, 10_000, len(kind))
hours, failed = np.minimum(life, watched), (life <= watched).astype(int)

# %% One call: lifetimes that are not over count as longer than what was seen of them
table = mlejax.fit_many(mlejax.RightCensored.of(mlejax.Weibull), mlejax.Groups({"time": hours, "event": failed}, kind))
print(table)

# %% A shape above 1 is wear: replacing such sensors in time pays. It is tested on its logarithm, at 5 %
good = table.converged
log_error = table.standard_errors.shape / table.model.shape
z = np.log(table.model.shape) / log_error
wears = good & (z > 1.645)
print(f"\n{wears.sum()} of {good.sum()} kinds wear out (shape above 1, at a level of 5 %)")
for label, words in ((2.5, "that do"), (1.0, "that fail at any age alike"), (0.8, "that fail early")):
    of = good & (shape == label)
    print(f"  of the {of.sum()} kinds {words}, {wears[of].sum()}")

# %% The picture: the shapes in their order, two standard errors of the logarithm to both sides
axes = Figure(figsize=(8, 4.8), layout="constrained").subplots()
order = np.flatnonzero(good)[np.argsort(table.model.shape[good])]
for of, color, words in (
    (wears[order], "#D55E00", "wear out"),
    (~wears[order], "0.5", "do not, or too few failed to tell"),
):
    at, half = table.model.shape[order][of], 2 * log_error[order][of]
    ends = [at - at * np.exp(-half), at * np.exp(half) - at]
    axes.errorbar(np.flatnonzero(of), at, ends, fmt=".", color=color, elinewidth=0.7, label=words)
axes.axhline(1.0, color="black", linewidth=0.8)
axes.set(yscale="log", xlabel="kinds of sensors, by their shape", ylabel="Weibull shape")
axes.legend(frameon=False, loc="upper left")
plain_ticks(axes.yaxis)
axes.figure.savefig(picture, dpi=150)
