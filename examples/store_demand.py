"""How much must every store keep in stock? Weekly demand, a negative binomial for each; 300 stores, or 3,000."""

# %% The table: a row for each store and week, from 8 to 160 weeks of a store, in no order
import sys

import numpy as np
import scipy.stats
from matplotlib.figure import Figure

import mlejax
from mlejax.plotting.style import plain_ticks

picture = sys.argv[1] if len(sys.argv) > 1 else __file__.replace(".py", ".png")
stores = int(sys.argv[2]) if len(sys.argv) > 2 else 300
random = np.random.default_rng(0)
mean, size = random.gamma(3.0, 8.0, stores), random.lognormal(1.0, 0.6, stores)  # what nobody knows
store = random.permutation(np.repeat(np.arange(stores), random.integers(8, 161, stores)))
sold = random.negative_binomial(size[store], (size / (size + mean))[store])

# %% One call: the maximum for every store, or why there is none
table = mlejax.fit_many(mlejax.NegativeBinomial, mlejax.Groups(sold, store))
print(table)

# %% What to keep: demand exceeds it in one week of twenty. Where the size is infinite, the limit is Poisson's
own, found = table.converged, table.parameters
plain = scipy.stats.poisson(found["mean"]).ppf(0.95)
stock = np.where(
    own, scipy.stats.nbinom(found["size"], found["size"] / (found["size"] + found["mean"])).ppf(0.95), plain
)
sold_out = [scipy.stats.nbinom(size, size / (size + mean)).sf(level).mean() for level in (stock, plain)]
print(f"\nKeep {stock.mean():.0f} units on average, of which {found['mean'].mean():.0f} are sold in a mean week.")
print(
    f"Then {sold_out[0]:.1%} of weeks sell out; with the {plain.mean():.0f} of Poisson's rule, {sold_out[1]:.1%} would."
)

# %% The picture: what to keep, and what Poisson's rule would have
axes = Figure(figsize=(8, 4.8), layout="constrained").subplots()
axes.plot(found["mean"][own], stock[own], ".", color="#0072B2", label="negative binomial")
axes.plot(found["mean"][~own], stock[~own], "kx", label="no more spread than Poisson's")
axes.plot(np.sort(found["mean"]), np.sort(plain), color="#D55E00", label="if demand were Poisson's")
axes.set(xscale="log", yscale="log", xlabel="mean demand (units a week)", ylabel="stock (units)")
axes.legend(frameon=False)
for axis in (axes.xaxis, axes.yaxis):
    plain_ticks(axis)
axes.figure.savefig(picture, dpi=150)
