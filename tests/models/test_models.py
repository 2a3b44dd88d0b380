import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import mlejax
from mlejax import (
    Beta,
    Domain,
    Exponential,
    Gamma,
    LogNormal,
    Model,
    Normal,
    NormalMixture,
    Poisson,
    StudentT,
    Weibull,
    parameter,
    positive,
    real,
    unit_interval,
)
from mlejax.models.parameters import domains, parameter_dict, parameter_names, with_dtype


def mixture():
    first, second = scipy.stats.norm(-1.0, 1.5), scipy.stats.norm(2.0, 0.5)

    class Frozen:
        logpdf = staticmethod(lambda x: np.log(0.3 * first.pdf(x) + 0.7 * second.pdf(x)))
        cdf = staticmethod(lambda x: 0.3 * first.cdf(x) + 0.7 * second.cdf(x))

    return Frozen


LINE, HALF = np.linspace(-4, 5, 19), np.linspace(0.05, 6, 19)
FAMILIES = {
    "Normal": (Normal(1.5, 4.0), scipy.stats.norm(1.5, 2.0), LINE),
    "Exponential": (Exponential(0.7), scipy.stats.expon(scale=1 / 0.7), HALF),
    "Gamma": (Gamma(2.5, 0.7), scipy.stats.gamma(2.5, scale=1 / 0.7), HALF),
    "LogNormal": (LogNormal(0.4, 0.25), scipy.stats.lognorm(0.5, scale=np.exp(0.4)), HALF),
    "Beta": (Beta(2.5, 1.5), scipy.stats.beta(2.5, 1.5), np.linspace(0.02, 0.98, 19)),
    "Weibull": (Weibull(1.5, 2.0), scipy.stats.weibull_min(1.5, scale=2.0), HALF),
    "StudentT": (StudentT(0.5, 2.0, 3.5), scipy.stats.t(3.5, 0.5, 2.0), LINE),
    "NormalMixture": (NormalMixture(0.3, -1.0, 2.25, 2.0, 0.25), mixture(), LINE),
    "Poisson": (Poisson(2.5), scipy.stats.poisson(2.5), np.arange(12)),
}
families = pytest.mark.parametrize(("model", "reference", "points"), FAMILIES.values(), ids=FAMILIES)


def test_every_family_is_here():
    exported = {name for name in dir(mlejax) if isinstance(getattr(mlejax, name), type)}
    assert {name for name in exported if issubclass(getattr(mlejax, name), Model)} - {"Model"} == set(FAMILIES)


@families
def test_log_prob_against_scipy(model, reference, points, x64):
    log_prob = reference.logpmf if isinstance(model, Poisson) else reference.logpdf
    found = np.asarray(jax.vmap(model.log_prob)(jnp.asarray(points)))
    assert found.shape == (len(points),)
    # Both sum a few terms of size up to 20.
    np.testing.assert_allclose(found, log_prob(points), rtol=1e-13, atol=2e-14)


@families
def test_samples_follow_the_distribution(model, reference, points):
    draws = np.asarray(model.sample(jax.random.key(7), (2000,)))
    assert draws.shape == (2000,)
    assert not np.array_equal(draws, np.asarray(model.sample(jax.random.key(8), (2000,))))
    np.testing.assert_array_equal(draws, np.asarray(model.sample(jax.random.key(7), (2000,))))
    if isinstance(model, Poisson):
        counts = np.bincount(np.minimum(draws, 8), minlength=9)
        expected = 2000 * np.append(reference.pmf(np.arange(8)), reference.sf(7))
        assert scipy.stats.chisquare(counts, expected).pvalue > 1e-3
    else:
        assert scipy.stats.kstest(draws, reference.cdf).pvalue > 1e-3
        assert scipy.stats.kstest(draws, lambda x: reference.cdf(1.3 * x)).pvalue < 1e-3  # a scale 30% off is noticed


def test_closed_form_is_the_maximum():
    x = np.array([1.0, 2.0, 6.0, 7.0])
    best = Normal.closed_form(x)
    assert (best.mean, best.variance) == (4.0, 6.5)  # divisor n


def test_a_model_is_a_pytree_of_its_parameters_by_name():
    model = NormalMixture(0.3, -1.0, 2.25, 2.0, 0.25)
    names = ("weight", "first_mean", "first_variance", "second_mean", "second_variance")
    assert parameter_names(model) == names
    assert parameter_dict(model) == dict(zip(names, (0.3, -1.0, 2.25, 2.0, 0.25), strict=True))
    assert domains(model) == (unit_interval, real, positive, real, positive)


class Nested(Model):
    inner: Normal
    weights: dict
    rate: float = parameter(Domain(-1.0, 1.0))
    order: int = eqx.field(static=True, default=3)

    def log_prob(self, x):
        return self.inner.log_prob(x) * self.rate


def test_names_and_domains_reach_into_nested_models_and_containers():
    model = Nested(Normal(0.0, 1.0), {"a": 1.0, "b": [2.0, 3.0]}, 0.5)
    assert parameter_names(model) == (
        "inner.mean",
        "inner.variance",
        "weights['a']",
        "weights['b'][0]",
        "weights['b'][1]",
        "rate",
    )
    assert domains(model) == (real, positive, real, real, real, Domain(-1.0, 1.0))


def test_a_model_without_log_prob_is_abstract():
    class Empty(Model):
        a: float

    with pytest.raises(TypeError, match="abstract"):
        Empty(1.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_with_dtype_makes_arrays_of_one_type(dtype):
    model = with_dtype(Normal(1, np.float32(2.5)), dtype)
    assert [leaf.dtype for leaf in jax.tree.leaves(model)] == [dtype, dtype]
    assert [leaf.shape for leaf in jax.tree.leaves(model)] == [(), ()]
    batch = with_dtype(Normal(np.zeros((2, 3)), np.ones((2, 3))), dtype)
    assert batch.mean.shape == (2, 3)


BAD_STARTS = {
    "a negative variance": (Normal(0.0, -1.0), ValueError, "start: Normal.variance must be positive; got -1.0"),
    "a zero variance": (Normal(0.0, 0.0), ValueError, "start: Normal.variance must be positive; got 0.0"),
    "an infinite mean": (Normal(np.inf, 1.0), ValueError, "start: Normal.mean must be finite; got inf"),
    "nan": (Gamma(np.nan, 1.0), ValueError, "start: Gamma.shape must be positive; got nan"),
    "outside an interval": (
        NormalMixture(1.0, 0.0, 1.0, 0.0, 1.0), ValueError, "NormalMixture.weight must be between 0 and 1; got 1.0",
    ),
    "one of many": (Normal(np.zeros(2), np.array([1.0, -2.0])), ValueError, "Normal.variance must be positive"),
    "complex": (Normal(1j, 1.0), TypeError, r"start: Normal.mean must be a real number; got 1j"),
    "a truth value": (Normal(True, 1.0), TypeError, "start: Normal.mean must be a real number; got True"),
}  # fmt: skip


@pytest.mark.parametrize(("model", "error", "message"), BAD_STARTS.values(), ids=BAD_STARTS)
def test_starts_outside_their_domain_are_refused(model, error, message):
    with pytest.raises(error, match=message):
        with_dtype(model, np.float64)


def test_a_model_without_parameters_is_refused():
    class Fixed(Model):
        a: float = eqx.field(static=True, default=1.0)

        def log_prob(self, x):
            return -x

    with pytest.raises(ValueError, match="start: Fixed has no parameters to estimate"):
        with_dtype(Fixed(), np.float64)
