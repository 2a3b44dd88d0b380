"""How much can be lost in a day? Student's t on the last 250 daily returns, moved on week by week."""

# %% Ten years of returns in percent: heavy tails, and two years in which everything moves twice as much
import sys

import numpy as np
import scipy.stats
from matplotlib.figure import Figure

import mlejax

picture = sys.argv[1] if len(sys.argv) > 1 else __file__.replace(".py", ".png")
step = int(sys.argv[2]) if len(sys.argv) > 2 else 20
days = np.arange(2500)
scale = np.where((days >= 1000) & (days < 1500), 1.6, 0.8)
returns = 0.03 + scale * np.random.default_rng(2).standard_t(4, len(days))

# %% One call: the maximum for every window of 250 days
table = mlejax.fit_many(mlejax.StudentT, mlejax.Windows(returns, 250, step))
print(table)

# %% The loss that one day in a hundred exceeds, as Student's t has it and as a normal distribution would
good = np.flatnonzero(table.converged)
ends, at = table.labels[good] + 250, {name: values[good] for name, values in table.parameters.items()}
loss = -(at["location"] + at["scale"] * scipy.stats.t(at["degrees_of_freedom"]).ppf(0.01))
recent = np.stack([returns[end - 250 : end] for end in ends])
normal = -(recent.mean(axis=1) - 2.326 * recent.std(axis=1))
true = -(0.03 + scale * scipy.stats.t(4).ppf(0.01))
following = [returns[end : end + step] for end in ends]
worse = [
    np.mean(np.concatenate([days < -limit for days, limit in zip(following, limits, strict=True)]))
    for limits in (loss, normal)
]
print(f"\n{len(good)} of {len(table)} windows have a maximum.")
print(
    f"The limit is a loss of {loss[-1]:.1f} % now; it was from {loss.min():.1f} to {loss.max():.1f} % over the years."
)
print(
    f"In {worse[0]:.1%} of the days that followed more was lost; more than by a normal distribution, in {worse[1]:.1%}."
)

# %% The picture
axes = Figure(figsize=(8, 4.8), layout="constrained").subplots()
axes.plot(days, -returns, ".", color="0.75", markersize=2, label="losses")
axes.plot(days, true, color="black", linewidth=1, label="exceeded one day in a hundred, in truth")
axes.plot(ends, loss, color="#0072B2", label="by Student's t on the last 250 days")
axes.plot(ends, normal, "--", color="#D55E00", label="by a normal distribution")
axes.set(xlim=(0, len(days)), ylim=(0, 12), xlabel="day", ylabel="loss (%)")
axes.legend(frameon=False, loc="upper right")
axes.figure.savefig(picture, dpi=150)
