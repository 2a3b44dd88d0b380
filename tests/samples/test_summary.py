import contextlib
import functools
import gc
import itertools
import math
import weakref
from fractions import Fraction

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from zoo import ZeroInflatedPoisson

import mlejax
from mlejax import Exponential, Model, Normal, Summary, parameter, positive, real, summarize
from mlejax.formula.jaxpr import NotApplicable
from mlejax.likelihood import score
from mlejax.samples.summary import accurate_sum, find_form, summarize_with


class InverseGaussian(Model):
    """Three functions of the data, products of them among the statistics."""

    mean: float = parameter(positive)
    shape: float = parameter(positive)

    def log_prob(self, x):
        return (jnp.log(self.shape) - 3 * jnp.log(x)) / 2 - self.shape * (x - self.mean) ** 2 / (2 * self.mean**2 * x)


class Crossed(Model):
    """A product of two centered functions."""

    a: float = parameter(real)
    b: float = parameter(real)

    def log_prob(self, x):
        return -((x - self.a) ** 2) * (jnp.log(x) - self.b) - self.a**2


# Merging ----------------------------------------------------------------------------------------------------------

PARTS, SIZE = 8, 50
KINDS = {
    # model, draw, relative accuracy of the merged averages beside the scatter of their terms
    "normal": (Normal(0.0, 1.0), lambda r, n: r.normal(7.2, 2.8, n), 1e-13),
    # A center near 1e7 is rounded to 1e-9; the parts' centers differ by 0.01, so 0.01 * 1e-9 beside 0.01.
    "far away": (Normal(1e7, 0.02), lambda r, n: r.normal(1e7, 0.1, n), 1e-8),
    "exponential": (Exponential(1.0), lambda r, n: r.exponential(2.0, n), 1e-13),
    "inverse Gaussian": (InverseGaussian(1.0, 1.0), lambda r, n: r.wald(2.0, 3.0, n), 1e-13),
    "crossed": (Crossed(0.0, 0.0), lambda r, n: r.gamma(3.0, 1.0, n), 1e-13),
}


@functools.cache
def summaries(kind):
    """The summary of a sample, and of its parts of equal size."""
    model, draw, _ = KINDS[kind]
    values = draw(np.random.RandomState(11), PARTS * SIZE)
    assert values.shape == (PARTS * SIZE,)
    with jax.enable_x64(True):
        form = find_form(model, values)
        parts = [summarize_with(form, jnp.asarray(part))[0] for part in values.reshape(PARTS, SIZE)]
        whole, _ = summarize_with(form, jnp.asarray(values))
    return model, whole, parts


def assert_same(kind, found, expected):
    found, expected = jax.device_get((found, expected))
    assert found.averages.shape == expected.averages.shape
    np.testing.assert_allclose(found.centers, expected.centers, rtol=1e-15, atol=1e-15)
    size = np.maximum(np.abs(expected.averages), 0 if kind == "far away" else 1.0)
    np.testing.assert_array_less(np.abs(found.averages - expected.averages), KINDS[kind][2] * size)
    assert float(found.count) == float(expected.count)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_parts_merge_to_the_whole(kind):
    model, whole, parts = summaries(kind)
    merged = mlejax.merge(model, parts)  # in float64 whatever the flag
    assert float(merged.count) == PARTS * SIZE
    assert_same(kind, merged, whole)
    # The control: averaging the parts' numbers without moving their centers is not enough.
    naive = np.mean([np.asarray(part.averages) for part in parts], axis=0)
    assert kind == "exponential" or np.max(np.abs(naive - np.asarray(whole.averages))) > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["normal", "far away", "inverse Gaussian"])
@given(data=st.data())
def test_parts_merge_in_any_order_and_grouping(kind, data):
    model, whole, parts = summaries(kind)
    waiting = list(data.draw(st.permutations(parts)))
    with jax.enable_x64(True):
        while len(waiting) > 1:
            take = data.draw(st.integers(2, min(4, len(waiting))))
            at = data.draw(st.integers(0, len(waiting) - take))
            waiting[at : at + take] = [mlejax.merge(model, waiting[at : at + take])]
    assert_same(kind, waiting[0], whole)


@pytest.mark.slow
def test_merging_one_part_changes_nothing():
    model, whole, _ = summaries("inverse Gaussian")
    with jax.enable_x64(True):
        assert_same("inverse Gaussian", mlejax.merge(model, [whole]), whole)


@pytest.mark.slow
def test_parts_of_unequal_size_are_weighted_by_their_size(x64):
    x = np.random.RandomState(2).normal(3.0, 2.0, 1000)
    parts = [summarize(Normal(0.0, 1.0), part)[0] for part in (x[:10], x[10:])]
    merged = mlejax.merge(Normal(0.0, 1.0), parts)
    assert float(merged.centers[0]) == pytest.approx(x.mean(), rel=1e-15)
    assert float(merged.averages[0]) == pytest.approx(x.var(), rel=1e-14)
    assert float(merged.count) == 1000


# Summaries --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_summary_knows_its_size_and_works_in_float32_and_under_jit():
    x = np.random.RandomState(2).normal(3.0, 2.0, 500)
    sample, _ = summarize(Normal(0.0, 1.0), x)
    assert isinstance(sample, Summary)
    assert float(sample.count) == 500
    assert {np.asarray(leaf).dtype for leaf in jax.tree.leaves(sample)} == {np.dtype(np.float64)}
    small = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), jnp.float32), sample)
    model = Normal(jnp.float32(1.0), jnp.float32(2.0))
    for function in (small.mean_log_prob, jax.jit(lambda m: small.mean_log_prob(m))):
        found = function(model)
        assert found.dtype == jnp.float32
        expected = oracles.Statistics.of(x).log_likelihood(1.0, 2.0) / 500
        assert float(found) == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_summaries_batch_under_vmap(x64):
    x = np.random.RandomState(2).normal(3.0, 2.0, (4, 60))
    form = find_form(Normal(0.0, 1.0), jnp.asarray(x[0]))
    batch, holds = jax.jit(jax.vmap(lambda values: summarize_with(form, values)))(jnp.asarray(x))
    assert holds.tolist() == [True] * 4
    assert batch.centers.shape == (4, 1)
    found = jax.vmap(lambda s: s.mean_log_prob(Normal(1.0, 2.0)))(batch)
    expected = [oracles.Statistics.of(row).log_likelihood(1.0, 2.0) / 60 for row in x]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2, 3, 10, 99, 100, 101])
def test_accurate_sum_uses_every_value(n, x64):
    values = 2.0 ** np.arange(n % 50) if n < 50 else np.arange(n, dtype=float) ** 2
    assert float(accurate_sum(jnp.asarray(values))) / len(values) == pytest.approx(np.mean(values), rel=1e-15)


def test_accurate_sum_rounds_little(x64):
    values = np.random.RandomState(0).uniform(size=20_000)
    exact = oracles.Statistics.of(values).mean
    assert abs(float(accurate_sum(jnp.asarray(values))) / len(values) - exact) <= 8 * np.spacing(exact)
    assert list(itertools.accumulate(values))[-1] != exact * 20_000  # the control: one sum after another is not exact


# The form of a formula for ONE sample -------------------------------------------------------------------------------


class Guarded(Model):
    """Two nested guards of the support, and one branch on the data inside."""

    rate: float = parameter(positive)

    def log_prob(self, x):
        inside = jnp.where(x > 3, self.rate * x, self.rate**2 * x)
        return jnp.where(x > 0, jnp.where(x < 9, inside, -jnp.inf), -jnp.inf)


class TwoBranches(Model):
    """Two branches on the data: nine ways for a sample to decide them."""

    a: float = parameter(positive)
    b: float = parameter(positive)

    def log_prob(self, x):
        return jnp.where(x > 3, self.a * x, self.b) - jnp.where(x > 5, self.b * x, self.a**2)


SOME, ALL_ZERO, NO_ZERO = np.array([0, 1, 0, 2, 3, 1]), np.zeros(6), np.array([2, 1, 5, 2, 3, 1])


@pytest.mark.slow
@pytest.mark.parametrize(("values", "branch"), [(SOME, None), (ALL_ZERO, True), (NO_ZERO, False)], ids=str)
def test_a_form_is_that_of_one_sample_and_holds_for_no_other(values, branch, x64):
    model = ZeroInflatedPoisson(2.0, 0.3)
    form = find_form(model, values.astype(float))
    assert form.branches == (branch,)
    batch = jnp.asarray(np.stack([SOME, ALL_ZERO, NO_ZERO]), float)
    summaries, holds = jax.jit(jax.vmap(lambda x: summarize_with(form, x)))(batch)
    assert holds.tolist() == [each is values for each in (SOME, ALL_ZERO, NO_ZERO)]
    found = np.asarray(jax.vmap(lambda s: s.mean_log_prob(model))(summaries))
    expected = [float(jnp.mean(jax.vmap(model.log_prob)(row))) for row in batch]
    at = holds.tolist().index(True)
    assert found[at] == pytest.approx(expected[at], rel=1e-14)
    if branch is not None:  # the control: under another sample's form the number is wrong
        assert abs(found[0] - expected[0]) > 0.1


@pytest.mark.slow
def test_guards_of_the_support_need_no_form_of_their_own(x64):
    sample = np.array([1.0, 2.0, 4.0])
    assert find_form(Guarded(1.0), sample).branches == (None,)
    assert find_form(Guarded(1.0), sample[:2]).branches == (False,)
    outside = np.array([1.0, 2.0, -4.0])
    with pytest.raises(NotApplicable, match="an observation takes a branch of the formula that has no finite value"):
        find_form(Guarded(1.0), outside)
    for part, holds in ((sample, True), (outside, False), (sample[:2], False)):
        assert bool(summarize_with(find_form(Guarded(1.0), sample), jnp.asarray(part))[1]) is holds


def test_a_sample_without_statistics_is_not_kept(x64):
    """The reason is found once for a formula, and is no way back to the samples of those who asked."""
    sample = np.array([1.0, 2.0, 4.0])
    kept = weakref.ref(sample)
    with contextlib.suppress(NotApplicable):
        find_form(mlejax.Weibull(1.0, 1.0), sample)
        raise AssertionError("there are statistics")
    assert kept() is sample
    del sample
    gc.collect()
    assert kept() is None


@pytest.mark.slow
def test_a_formula_of_more_than_eight_forms_has_one_with_indicators_for_every_sample(x64):
    model, forms = TwoBranches(0.7, 0.4), set()
    for values in ([1.0, 2.0], [4.0, 1.0], [7.0, 8.0], [1.0, 4.0, 7.0]):
        form = find_form(model, np.array(values))
        summary, holds = summarize_with(form, jnp.asarray(values))
        expected = np.mean([float(model.log_prob(x)) for x in values])
        assert float(summary.mean_log_prob(model)) == pytest.approx(expected, rel=1e-14)
        assert holds
        forms.add(form)
    assert len(forms) == 1


@pytest.mark.slow
def test_whether_a_form_holds_does_not_touch_the_bits_of_a_summary(x64):
    values = jnp.asarray(np.random.RandomState(0).poisson(0.7, 1003), float)
    form = find_form(ZeroInflatedPoisson(2.0, 0.3), values)
    alone = jax.jit(lambda x: summarize_with(form, x)[0])(values)
    beside = jax.jit(lambda x: summarize_with(form, x))(values)[0]
    for one, other in zip(jax.tree.leaves(alone), jax.tree.leaves(beside), strict=True):
        np.testing.assert_array_equal(one, other)


class Shifted(Model):
    """A number that is not estimated is part of the formula."""

    scale: float = parameter(positive)
    shift: float = eqx.field(static=True, default=0.0)

    def log_prob(self, x):
        return -jnp.log(self.scale) - (x - self.shift) / self.scale


REFUSED = {
    "another class": (Normal(0.0, 1.0), mlejax.LogNormal(1.0, 1.0), "statistics of Normal; LogNormal needs its own"),
    "another static field": (Shifted(1.0), Shifted(1.0, 5.0), "statistics of Shifted with other static fields, or"),
    "parameters of another shape": (
        Normal(0.0, 1.0),
        Normal(jnp.zeros(2), jnp.ones(2)),
        "that of one Normal with parameters of certain shapes; got parameters of other shapes",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("made_for", "used_with", "message"), REFUSED.values(), ids=REFUSED)
def test_a_summary_is_refused_by_a_model_that_it_was_not_made_for(made_for, used_with, message):
    sample, _ = summarize(made_for, np.array([1.0, 2.0, 4.0]))
    assert isinstance(sample, Summary)
    sample.mean_log_prob(made_for)
    with pytest.raises(ValueError, match=message):
        sample.mean_log_prob(used_with)
    with pytest.raises(ValueError, match=message):
        jax.jit(score)(used_with, sample)


# Digits -------------------------------------------------------------------------------------------------------------


class Reversed(Model):
    """A normal distribution, with the observation taken from the mean."""

    mean: float = parameter(real)
    variance: float = parameter(positive)

    def log_prob(self, x):
        return -jnp.log(2 * jnp.pi * self.variance) / 2 - (self.mean - x) ** 2 / (2 * self.variance)


class Halved(Reversed):
    """The same, with a constant times the difference."""

    def log_prob(self, x):
        return -jnp.log(2 * jnp.pi * self.variance) / 2 - 2 * (self.mean / 2 - x / 2) ** 2 / self.variance


@pytest.mark.slow
@pytest.mark.parametrize("family", [Normal, Reversed, Halved])
def test_a_mean_a_million_million_times_the_deviation_keeps_all_digits(family, x64):
    values = np.random.RandomState(0).normal(1e9, 1e-3, 2000)
    model = family(1e9 + 3e-5, 1.1e-6)
    whole, _ = summarize(model, values)
    parts = [summarize_with(whole.form, jnp.asarray(part))[0] for part in (values[:300], values[300:])]
    deviations = [Fraction(x) - Fraction(model.mean) for x in values]
    first, second = (sum(d**power for d in deviations) / 2000 for power in (1, 2))
    variance = Fraction(model.variance)
    expected = -math.log(2 * math.pi * model.variance) / 2 - float(second / variance) / 2
    for sample in (whole, mlejax.merge(model, parts)):
        value, gradient = jax.value_and_grad(sample.mean_log_prob)(family(*map(jnp.float64, (1e9 + 3e-5, 1.1e-6))))
        assert float(value) == pytest.approx(expected, rel=1e-14)
        assert float(gradient.mean) == pytest.approx(float(first / variance), rel=1e-11)
        without = eqx.tree_at(lambda s: s.residuals, sample, jnp.zeros(1))  # the control
        assert abs(float(without.mean_log_prob(model)) - expected) > 1e-7


@pytest.mark.slow
@pytest.mark.parametrize("start", [(0.0, 1.0), None], ids=["far away", "own moments"])
def test_the_representation_does_not_depend_on_the_start_where_the_mean_is_large(start):
    values = np.random.RandomState(0).normal(1e6, 0.1, 1_000_001)
    _, path = summarize(Normal(*(start or (values.mean(), values.var()))), values)
    assert path == "2 sufficient statistics found in Normal.log_prob"


@pytest.mark.slow
def test_a_weight_is_so_many_observations(x64):
    values, weights = np.random.RandomState(5).gamma(2.0, 1.0, 60), np.arange(60) % 3
    model = mlejax.Gamma(2.0, 1.0)
    weighted, _ = summarize(model, values, weights=weights)
    repeated, _ = mlejax.summarize(model, np.repeat(values, weights))
    assert float(weighted.count) == 60
    np.testing.assert_allclose(weighted.centers, repeated.centers, rtol=1e-14)
    assert not np.allclose(weighted.centers, mlejax.summarize(model, values)[0].centers, rtol=1e-3)
