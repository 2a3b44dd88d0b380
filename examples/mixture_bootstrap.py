"""What share of the waits are short ones? A mixture of two normal distributions, and how sure its maximum is."""

# %% The data: 800 waits in minutes, of two kinds that overlap
import sys

import numpy as np
from matplotlib.figure import Figure

import mlejax

picture = sys.argv[1] if len(sys.argv) > 1 else __file__.replace(".py", ".png")
count = int(sys.argv[2]) if len(sys.argv) > 2 else 400
random = np.random.default_rng(3)
waits = np.where(random.random(800) < 0.36, random.normal(54.0, 6.0, 800), random.normal(70.0, 8.0, 800))

# %% The maximum, from several starts; then that of every resample, climbed to from it
result = mlejax.fit(mlejax.Mixture.of(mlejax.Normal, 2), waits)
print(result)
bootstrap = result.bootstrap(count, seed=0)
print(f"\n{bootstrap}")
share, ends = bootstrap.estimates["weights[0]"], {"Wald": result.confidence_intervals()["weights[0]"]}
ends["bootstrap (BCa)"] = bootstrap.confidence_intervals()["weights[0]"]
print(f"\nAbout {result.parameters['weights[0]']:.0%} of the waits are short ones; in truth 36 %. At 95 %:")
for method, (low, high) in ends.items():
    print(f"  between {low:.1%} and {high:.1%} by {method}")

# %% The picture: the fit with 50 of the resamples, and the share in all of them
figure = Figure(figsize=(9, 4), layout="constrained")
left, right = figure.subplots(1, 2)
grid = np.linspace(waits.min(), waits.max(), 300)


def densities(parameters):
    means, variances, weights = (
        np.array([parameters[f"{name}[{i}]"] for i in range(2)]) for name in ("mean", "variance", "weights")
    )
    parts = np.exp(-((grid[:, None] - means) ** 2) / (2 * variances)) / np.sqrt(2 * np.pi * variances)
    return weights * parts


left.hist(waits, 40, density=True, color="0.85")
for i in range(50):
    one = densities({name: values[i] for name, values in bootstrap.estimates.items()})
    left.plot(grid, one.sum(axis=1), color="#0072B2", linewidth=0.5, alpha=0.25)
left.plot(grid, densities(result.parameters), color="black", linewidth=1, label=["short", "long"])
left.set(xlabel="wait (minutes)", yticks=[])
highest = right.hist(share, 30, color="0.85")[0].max()
for place, (method, (low, high)) in enumerate(ends.items(), 1):
    right.plot([low, high], [highest * (1 + 0.12 * place)] * 2, "|-", color="#0072B2", markersize=9)
    right.text(low, highest * (1.02 + 0.12 * place), f"95 % by {method}", va="bottom", fontsize="small")
right.axvline(0.36, color="black", linewidth=0.8, linestyle=":")
right.set(xlabel="share of short waits (dotted: the truth)", ylabel="resamples", ylim=(0, highest * 1.4))
figure.savefig(picture, dpi=150)
