"""The start that a family finds in a sample: inside the domain, near the truth, in any unit."""

import jax
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from references import FAMILIES, counts

import mlejax
from mlejax.models import FAMILIES as NAMED
from mlejax.models.abilities import CanStartMany
from mlejax.models.parameters import Parameters, parameter_dict
from mlejax.models.start import start_of

POWERS = {
    "mean": 1, "variance": 2, "rate": -1, "scale": 1, "location": 1, "minimum": 1,
    "LogNormal.mean": 0, "LogNormal.variance": 0, "InverseGaussian.shape": 1,
}  # fmt: skip
"""By which power of the unit of the data a parameter grows; 0 for all others."""

CHOSEN = [family.__name__ for name, family in NAMED.items() if name != "binomial"]
SCALED = [name for name in CHOSEN if name not in ("Beta", "VonMises") and not counts(name)]


def power(name, parameter):
    return POWERS.get(f"{name}.{parameter}", POWERS.get(parameter, 0))


def drawn(name, count, seed):
    """Return observations, drawn as quantiles of the distribution of SciPy at random shares."""
    _, reference, _ = FAMILIES[name]
    if name == "VonMises":  # its quantiles take seconds
        return reference.rvs(count, random_state=seed)
    return np.asarray(reference.ppf(np.random.RandomState(seed).uniform(size=count)), np.float64)


def family(name):
    return mlejax.Binomial.of(11) if name == "Binomial" else type(FAMILIES[name][0])


@pytest.mark.parametrize("name", [*CHOSEN, "Binomial"])
def test_a_start_is_near_the_truth(name):
    truth = FAMILIES[name][0]
    found = family(name).start(drawn(name, 4000, 1))
    assert type(found) is type(truth)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(truth), strict=True):
        assert type(one) is float
        assert one == pytest.approx(other, rel=0.3, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("count", [5, 40])
@pytest.mark.parametrize("name", SCALED)
def test_a_start_follows_the_unit(name, count):
    x = drawn(name, count, 2)
    one = parameter_dict(family(name).start(x))
    for unit in (1e-9, 1e9, 1e160, 1e-160):
        with np.errstate(over="raise"):
            found = family(name).start(unit * x)
        assert bool(Parameters.of(found).inside(found))
        for parameter, value in parameter_dict(found).items():
            grown = np.log(unit) * power(name, parameter)
            if name == "LogNormal" and parameter == "mean":
                assert value == pytest.approx(one[parameter] + np.log(unit), rel=1e-12)
            elif abs(grown) < 700:  # its square is no number any more
                assert value == pytest.approx(one[parameter] * np.exp(grown), rel=1e-11, abs=1e-300)


@pytest.mark.parametrize("name", [name for name in SCALED if "location" in parameter_dict(FAMILIES[name][0])])
def test_a_start_follows_a_shift(name):
    x = np.round(8 * drawn(name, 40, 3))
    one, other = (parameter_dict(family(name).start(x + shift)) for shift in (0.0, 1e15))
    for parameter, value in other.items():
        away = 1e15 if parameter == "location" else 0.0
        assert value - away == pytest.approx(
            one[parameter], rel=1e-6, abs=0.25 if away else 0.0
        )  # twice an ulp of 1e15


DEGENERATE = {
    "one number": np.full(7, 2.0),
    "one observation": np.array([3.0]),
    "zeros": np.zeros(5),
    "two numbers": np.array([1.0, 1.0, 1.0, 2.0]),
    "far apart": np.array([1e-300, 1.0, 1e300]),
    "subnormal": np.array([5e-324, 1e-310]),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_a_start_of_any_sample_is_inside_the_domain(name):
    for x in DEGENERATE.values():
        x = x / 1.7e300 if name == "Beta" else x
        if np.all(FAMILIES[name][0].support.contains(x)):
            found = family(name).start(x)
            assert bool(Parameters.of(found).inside(found)), x


@pytest.mark.parametrize("weights", [None, np.array([2.0, 1.0, 1.0, 1.0])], ids=["five zeros", "weighted"])
def test_counts_that_are_all_zero_start_at_half_an_event_in_all(weights):
    zeros = np.zeros(5 if weights is None else 4)
    assert mlejax.Poisson.start(zeros, weights).rate == 0.1
    assert mlejax.NegativeBinomial.start(zeros, weights).mean == 0.1
    assert mlejax.Geometric.start(zeros, weights).probability == pytest.approx(1 / 1.1)
    assert mlejax.Binomial.of(2).start(zeros, weights).probability == 0.05
    assert mlejax.Binomial.of(2).start(zeros + 2, weights).probability == 0.95


@pytest.mark.parametrize("name", CHOSEN)
def test_weights_count_observations(name):
    x, weights = drawn(name, 50, 5), np.random.RandomState(4).randint(0, 4, 50).astype(float)
    one, other = family(name).start(x, weights), family(name).start(np.repeat(x, weights.astype(int)))
    # quantiles of a weighted sample are observations, those of a plain one lie between two
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a == pytest.approx(b, rel=0.5 if name in BY_QUANTILES else 1e-11, abs=0.5 if name in BY_QUANTILES else 0)


BY_QUANTILES = ("StudentT", "Cauchy", "Laplace", "GeneralizedExtremeValue", "Burr12", "Lomax", "GeneralizedPareto")


@pytest.mark.parametrize("name", BY_QUANTILES)
def test_a_large_sample_has_a_start_by_part_of_it(name):
    x = drawn(name, 5000, 6)
    one, other = family(name).start(x), family(name).start(x, np.full(5000, 0.5))
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a == pytest.approx(b, rel=0.5)  # a tail is seen in few of 2000


@pytest.mark.parametrize("name", ["Normal", "StudentT", "Gamma", "GeneralizedPareto", "Pareto", "NegativeBinomial"])
def test_a_very_large_sample_has_nearly_the_start_of_all_of_it(name):
    x = np.tile(drawn(name, 9000, 7), 10)
    weights = np.repeat([1.0, 0.0], [9000, 81000])
    truth, whole = parameter_dict(family(name).start(x)), start_of(family(name), x)
    assert jax.tree.leaves(whole) == jax.tree.leaves(start_of(family(name), x))
    for found in (whole, start_of(family(name), x, weights)):
        for parameter, value in parameter_dict(found).items():
            assert value == pytest.approx(truth[parameter], rel=0.15, abs=0.1)
    changed = np.where(weights > 0, x, 1.1 * np.max(x))  # what has no weight
    assert start_of(family(name), changed, weights) == start_of(family(name), x, weights)


def test_a_rare_number_is_not_missed():
    x = np.zeros(1_000_000)
    x[123_456] = 1.0
    assert start_of(mlejax.Normal, x).variance > 1e-5
    assert start_of(mlejax.Poisson, x).rate > 1e-5


@pytest.mark.parametrize("name", [name for name in [*CHOSEN, "Binomial"] if isinstance(family(name), CanStartMany)])
def test_samples_side_by_side_start_as_each_does_alone(name):
    columns = [drawn(name, 60, seed) * (10.0**seed if name in SCALED else 1.0) for seed in range(4)]
    columns.append(np.full(60, columns[0][0]))  # constant
    if counts(name):
        columns.append(np.zeros(60))
    together = np.stack(columns)  # each a row, as they lie in memory
    with np.errstate(all="ignore"):
        found = parameter_dict(family(name).start(together.T))
        for i, column in enumerate(columns):
            alone = parameter_dict(family(name).start(column))
            np.testing.assert_allclose([at[i] for at in found.values()], list(alone.values()), rtol=1e-14)
            assert all(isinstance(value, float) for value in alone.values())


OUTLYING = np.append(np.random.RandomState(0).weibull(2.0, 30) + 0.5, 60.0)
COMMON = np.append(np.full(30, 1e6), 1.0)
STEEP = {
    "weibull": (mlejax.Weibull, OUTLYING),
    "frechet": (mlejax.Frechet, 1 / OUTLYING),
    "gumbel": (mlejax.Gumbel, -OUTLYING),
    "gumbel_min": (mlejax.GumbelMin, OUTLYING),
}


@pytest.mark.parametrize(("family", "x"), STEEP.values(), ids=STEEP)
def test_one_outlier_among_millions_has_a_density_at_the_start(family, x, x64):
    """With a scale from the deviation alone, of which it is a small part, exp(z) would overflow."""
    start = family.start(x, COMMON)
    assert np.all(np.isfinite(jax.vmap(start.log_prob)(x)))


@pytest.mark.slow
def test_one_outlier_among_millions_has_a_maximum():
    x = -OUTLYING
    result = mlejax.fit(mlejax.Gumbel, x, weights=COMMON)

    def height(scale):
        location = -scale * np.log(np.average(np.exp(-(x + 60) / scale), weights=COMMON)) - 60  # the best, given it
        return np.sum(COMMON * scipy.stats.gumbel_r(location, scale).logpdf(x))

    best = scipy.optimize.minimize_scalar(lambda scale: -height(scale), bounds=(1.0, 20.0), options={"xatol": 1e-9})
    assert result.converged
    assert result.model.scale == pytest.approx(best.x, rel=1e-5)
