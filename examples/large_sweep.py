"""Must mean and variance share a learning rate? Every pair of 31 x 31 rates, for 16 samples: 15,376 runs."""

# %% What to run: axes by name; whatever is given as a sequence becomes one (patience=[5, 50] would be another)
import sys
import tempfile
from pathlib import Path

import numpy as np

import mlejax
from mlejax import plotting
from mlejax.results import text

picture = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
rates = np.geomspace(0.02, 100, 31)
axes = {
    "seeds": range(16),
    "observations": mlejax.Draws(mlejax.Normal(7.2, 2.8**2), 100_000),  # a sample of its own for every seed
    "learning_rates": mlejax.Normal(mean=rates, variance=rates),
}

# %% Run it. With out= the results are on disk as they come; the same call again goes on where it was interrupted.
with tempfile.TemporaryDirectory() as folder:  # keep yours
    result = mlejax.sweep(mlejax.Normal(0.0, 1.0), **axes, out=Path(folder, "rates"))

# %% What came out: the pairs with which most samples reach their maximum, soonest
names = ["learning_rate.mean", "learning_rate.variance"]
settings = sorted(result.summary()["settings"], key=lambda row: (-row["arrived"], row["epochs"]))
rows = [
    [*(f"{row[name]:.3g}" for name in names), f"{row['arrived']}/{row['runs']}", f"{row['epochs']:.0f}"]
    for row in settings[:5]
]
print(text.table(rows, header=[*names, "samples that arrive", "median epochs"]))

# %% As a labeled table, xarray does the rest: for each rate of the mean, the share of all its runs that arrive
table = result.to_xarray()
print((table["distance"] <= 0.01).mean(["seed", "learning_rate.variance"]).round(2).to_series().iloc[::5])

# %% The picture: how far from the maximum the median sample's run ends
plotting.save(plotting.heat_map(result, x=names[0], y=names[1]), picture)
