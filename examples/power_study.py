"""How many units must a life test have to show wear? Power of a test for a Weibull shape above 1."""

# %% What might be true, and how many units
import sys

import numpy as np
from matplotlib.figure import Figure

import mlejax

picture = sys.argv[1] if len(sys.argv) > 1 else __file__.replace(".py", ".png")
samples = int(sys.argv[2]) if len(sys.argv) > 2 else 300
shapes, counts = [1.0, 1.2, 1.5, 2.0], [10, 20, 40, 80, 160]

# %% Every cell is a table of fits to samples that are drawn, each with its test statistic: log shape in standard errors
z = np.empty((len(shapes), len(counts), samples))
for i, shape in enumerate(shapes):
    for j, count in enumerate(counts):
        draws = mlejax.Draws(mlejax.Weibull(shape, 1.0), count, seeds=range(samples), base_seed=i)
        fits = mlejax.fit_many(mlejax.Weibull, draws, progress=False)
        z[i, j] = np.log(fits.model.shape) / (fits.standard_errors.shape / fits.model.shape)

# %% The answer. A normal limit cries wolf with few units, so it is taken from the samples without wear
false, limits = np.mean(z[0] > 1.645, axis=1), np.nanquantile(z[0], 0.95, axis=1)
power = np.mean(z > limits[:, None], axis=2)
error = np.sqrt(power * (1 - power) / samples)
print(f"Without wear {false[0]:.0%} of samples of {counts[0]} units lie beyond 1.645, {false[-1]:.0%} of {counts[-1]}.")
print(f"The limits that 5 % of them exceed are {', '.join(f'{limit:.2f}' for limit in limits)}. Beyond these lie:\n")
print("shape  " + "".join(f"{count:>14} units" for count in counts))
for shape, row, errors in zip(shapes, power, error, strict=True):
    print(f"{shape:5.1f}  " + "".join(f"{p:12.1%} +- {e:4.1%}" for p, e in zip(row, errors, strict=True)))
print()
for shape, row in zip(shapes[1:], power[1:], strict=True):
    enough = [str(count) for count, p in zip(counts, row, strict=True) if p >= 0.9] or [f"more than {counts[-1]}"]
    print(f"To see a shape of {shape} in nine of ten tests takes {enough[0]} units.")

# %% The picture
axes = Figure(figsize=(8, 4.8), layout="constrained").subplots()
looks = zip(shapes, power, error, ["0.5", "#56B4E9", "#0072B2", "black"], "sDo^", strict=True)
for shape, row, errors, color, marker in looks:
    said = f"shape {shape:g}" + " (no wear)" * (shape == 1)
    axes.errorbar(counts, row, 2 * errors, color=color, marker=marker, markersize=5, capsize=2, label=said)
axes.set(xscale="log", ylim=(0, 1.02), xlabel="units in the test", ylabel="share of tests that show wear")
axes.set_xticks(counts, counts)
axes.minorticks_off()
axes.legend(frameon=False, loc="center right", bbox_to_anchor=(1, 0.3))
axes.figure.savefig(picture, dpi=150)
