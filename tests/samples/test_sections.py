"""A sample in longer columns: its statistics and derivatives are those of the sample by itself."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mlejax
from mlejax.models.parameters import Parameters
from mlejax.samples.raw import observe
from mlejax.samples.sections import Section, all_contained, derived_of, looked_at, summary_of
from mlejax.samples.spans import WIDTH, Span
from mlejax.samples.summary import find_form, summarize_array

SIZE = 150


def laid(x, first=WIDTH, tiles=3):
    """Return observations within a longer column, and where."""
    column = np.concatenate([np.full((first, *x.shape[1:]), 5.0), x, np.full((4 * WIDTH, *x.shape[1:]), 7.0)])
    return column[: first + tiles * WIDTH], Span(np.int64(first), np.int64(tiles), np.int64(len(x)))


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_statistics_are_those_of_the_sample(x64, weighted, shift):
    x = shift + np.random.RandomState(0).gamma(2.0, 3.0, SIZE)
    model = mlejax.Normal(np.float64(shift), np.float64(4.0))
    column, span = laid(x)
    weights = np.random.RandomState(1).poisson(1.0, SIZE).astype(float) if weighted else None
    long = None if weights is None else np.concatenate([np.ones(WIDTH), weights, np.ones(len(column) - WIDTH - SIZE)])
    found = summary_of(find_form(model, x), column, span, long)
    expected, _ = summarize_array(find_form(model, x), x, weights)
    assert float(found.count) == float(expected.count)
    np.testing.assert_allclose(found.centers + found.residuals, expected.centers + expected.residuals, rtol=1e-15)
    np.testing.assert_allclose(found.averages, expected.averages, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_statistics_are_held_against_what_the_observations_say(x64, shift):
    x = shift + np.random.RandomState(0).gamma(2.0, 3.0, SIZE)
    model = mlejax.Normal(np.float64(shift + 5.0), np.float64(16.0))
    table, form, (column, span) = Parameters.of(model), find_form(model, x), laid(x)
    at, scale = jnp.asarray(table.to_real(model)), jnp.array([4.0, 1.4])
    found = looked_at(form, table.from_real, at, column, span)
    written = jax.value_and_grad(lambda at: jnp.mean(jax.vmap(table.from_real(at).log_prob)(x)))(at)
    np.testing.assert_allclose([found.value, *found.slope], [written[0], *written[1]], rtol=1e-11)
    np.testing.assert_array_equal(found.summary.averages, summary_of(form, column, span).averages)
    assert bool(found.contained)
    assert bool(found.agree(table.from_real, scale, table.logarithmic))
    other = summary_of(form, np.where(column == x[0], x[0] + 1e-6, column), span)
    assert not bool(dataclasses.replace(found, summary=other).agree(table.from_real, scale, table.logarithmic))


@pytest.mark.slow
@pytest.mark.parametrize("model", [mlejax.Gamma(1.5, 2.0), mlejax.StudentT(0.5, 2.0, 4.0)], ids=str)
def test_a_sample_tells_its_slope_without_columns_made_before(x64, model):
    x = np.random.RandomState(0).gamma(2.0, 3.0, SIZE)
    table = Parameters.of(model)
    at = jnp.asarray(table.to_real(model))
    column, span = laid(x)
    value, slope = jax.jit(lambda at: Section(column, [], span).slope(table.from_real, at))(at)
    written = jax.value_and_grad(lambda at: jnp.mean(jax.vmap(table.from_real(at).log_prob)(x)))(at)
    np.testing.assert_allclose([value, *slope], [written[0], *written[1]], rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("model", [mlejax.Weibull(1.5, 2.0), mlejax.StudentT(0.5, 2.0, 4.0)], ids=str)
def test_derivatives_are_those_of_the_sample(x64, model):
    x = np.random.RandomState(0).gamma(2.0, 3.0, SIZE)
    table = Parameters.of(model)
    at = jnp.asarray(table.to_real(model))
    column, span = laid(x)
    section = Section(column, derived_of(model, column), span)
    found = jax.jit(lambda at: section.second_order(table.from_real, at))(at)
    expected = observe(model, x).second_order(table.from_real, at)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    assert float(section.mean_log_prob(model)) == pytest.approx(float(expected.log_likelihood), rel=1e-12)


def test_only_the_sample_itself_has_to_belong_to_the_support(x64):
    column, span = laid(np.random.RandomState(0).gamma(2.0, 3.0, SIZE))
    column[0] = column[-1] = -1.0
    assert bool(all_contained(mlejax.Gamma(1.0, 1.0), column, span))
    column[WIDTH + 3] = 0.0
    assert not bool(all_contained(mlejax.Gamma(1.0, 1.0), column, span))
    model = mlejax.Gamma(np.float64(1.0), np.float64(1.0))
    table = Parameters.of(model)
    found = looked_at(find_form(model, np.ones(2)), table.from_real, jnp.asarray(table.to_real(model)), column, span)
    assert not bool(found.contained)
