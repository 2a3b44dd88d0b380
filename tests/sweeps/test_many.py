"""`fit_many` gives every sample what `fit` gives it alone: the estimate, its error, its status and its reason."""

import numpy as np
import pytest
from helpers import alone, check_fit

import mlejax


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "draw"),
    [
        (mlejax.StudentT, lambda random, n: random.standard_t(4.0, n)),
        (mlejax.NegativeBinomial, lambda random, n: random.negative_binomial(3, 0.4, n)),
        (mlejax.Laplace, lambda random, n: random.laplace(1.0, 2.0, n)),
    ],
)
def test_each_group_is_fitted_as_if_it_were_alone(family, draw):
    random = np.random.RandomState(1)
    sizes = [20, 2, 60, 33, 150, 5, 40]
    parts = [draw(random, size) for size in sizes]
    labels = np.repeat(list("gfedcba"), sizes)
    order = random.permutation(len(labels))
    table = mlejax.fit_many(family, mlejax.Groups(np.concatenate(parts)[order], labels[order]), progress=False)
    assert table.labels.tolist() == list("abcdefg")
    for position, (label, part) in enumerate(zip("abcdefg", reversed(parts), strict=True)):
        own = np.concatenate(parts)[order][labels[order] == label]
        np.testing.assert_array_equal(np.sort(own), np.sort(part))
        check_fit(table, position, alone(family, own))


@pytest.mark.slow
def test_a_sample_that_cannot_be_fitted_harms_no_other():
    good = np.random.RandomState(0).gamma(2.0, 3.0, 100)
    data = np.concatenate([good, [1.0, -1.0, 2.0], np.full(10, 4.0), 1e-12 * good])
    labels = np.repeat(["good", "outside", "same", "tiny"], [100, 3, 10, 100])
    table = mlejax.fit_many(mlejax.Gamma, mlejax.Groups(data, labels), progress=False)
    by_label = {label: table[label] for label in table.labels}
    assert "got -1.0 at index 1" in by_label["outside"]["reason"]
    assert by_label["outside"]["status"] == "OUTSIDE_SUPPORT"
    assert by_label["outside"]["shape"] is None
    assert by_label["same"]["status"] == "UNBOUNDED"
    assert by_label["same"]["standard_error.shape"] is None
    assert by_label["good"]["converged"]
    assert by_label["tiny"]["shape"] == pytest.approx(by_label["good"]["shape"], rel=1e-9)
    alone_too = mlejax.fit_many(mlejax.Gamma, mlejax.Groups(good, ["good"] * 100), progress=False)
    assert alone_too["good"] == by_label["good"]  # to the last bit


@pytest.mark.slow
def test_what_one_climb_does_not_tell_is_left_to_fit():
    random = np.random.RandomState(0)
    tied = np.concatenate([np.full(30, 1.0), random.normal(size=20)])  # the likelihood grows without bound at 1.0
    two = np.concatenate([random.normal(0.0, 1.0, 60), random.normal(6.0, 1.0, 40)])
    groups = mlejax.Groups(np.concatenate([tied, two]), np.repeat(["tied", "two"], [50, 100]))
    table = mlejax.fit_many(mlejax.StudentT, groups, progress=False)
    assert table["tied"]["status"] == "UNBOUNDED"
    check_fit(table, 0, alone(mlejax.StudentT, tied))
    mixtures = mlejax.fit_many(mlejax.Mixture.of(mlejax.Normal, 2), mlejax.Groups(two, [0] * 100), progress=False)
    expected = alone(mlejax.Mixture.of(mlejax.Normal, 2), two)
    assert "starts led to this height" in mixtures[0]["reason"]
    assert mixtures.log_likelihood[0] == pytest.approx(expected.log_likelihood, rel=1e-12)


@pytest.mark.slow
def test_a_resample_is_a_weighted_fit():
    x = np.random.RandomState(0).gamma(2.0, 3.0, 100)
    source = mlejax.Resamples(x, 6, seed=3)
    table = mlejax.fit_many(mlejax.Gamma, source, progress=False)
    for position in (0, 5):
        check_fit(table, position, alone(mlejax.Gamma, x, source.member(position).weights))
    assert np.all(table.count == 100)


@pytest.mark.slow
def test_windows_and_draws_are_sources_and_a_model_is_a_start():
    x = np.random.RandomState(0).normal(0.0, 1.0, 60)
    table = mlejax.fit_many(mlejax.Normal(0.0, 1.0), mlejax.Windows(x, 30, 15), progress=False)
    np.testing.assert_allclose(table.model.mean, [x[i : i + 30].mean() for i in (0, 15, 30)], rtol=1e-12)
    drawn = mlejax.fit_many(
        mlejax.Normal, mlejax.Draws(mlejax.Normal(5.0, 4.0), 50, seeds=range(40)), progress=False
    )  # fmt: skip
    assert drawn.converged.all()
    assert drawn.model.mean.mean() == pytest.approx(5.0, abs=5 * 2 / np.sqrt(50 * 40))


def test_where_no_sample_can_be_fitted_the_first_reason_is_raised():
    with pytest.raises(ValueError, match=r"group a: Gamma needs .* got -1.0 at index 0"):
        mlejax.fit_many(mlejax.Gamma, mlejax.Groups([-1.0, -2.0, -3.0, -4.0], list("aabb")), progress=False)


@pytest.mark.slow
def test_groups_of_any_sizes_are_climbed_by_two_programs_and_another_table_by_the_same(compilations):
    random = np.random.RandomState(0)

    def table_of(sizes):
        draws = [random.gamma(2.0, 3.0, size) for size in sizes]
        groups = mlejax.Groups(np.concatenate(draws), np.repeat(np.arange(len(sizes)), sizes))
        return mlejax.fit_many(mlejax.Gamma, groups, progress=False), draws

    table_of([50] * 20)
    before = len(compilations)
    table, draws = table_of([40, 1000, 77, 5000, 64, 65, 60_000, 130] + [300] * 30)
    assert len(compilations) - before <= 1
    assert table.converged.all()
    for position in (0, 3, 5, 6, 20):
        check_fit(table, position, alone(mlejax.Gamma, draws[position]))
    before = len(compilations)
    table_of(random.randint(40, 9000, 100))
    assert len(compilations) == before


def two_heaps(random, n):
    return np.where(random.uniform(size=n) < 0.4, random.normal(size=n), random.normal(7.0, 1.5, n))


def lifetimes(random, n):
    time = random.weibull(2.0, n)
    return {"time": np.minimum(time, 1.5), "event": time < 1.5}


def counts(random, n):
    x = random.normal(size=(n, 2))
    return {"features": x, "response": random.poisson(np.exp(0.3 + x @ [0.3, -0.2])) * 1.0}


def further_zeros(random, n):
    return np.where(random.uniform(size=n) < 0.3, 0.0, random.poisson(3.0, n))


def far_off(random, n):
    return 1e9 + 1e-3 * random.normal(size=n)


def groups(draw):
    def of(random, sizes):
        return mlejax.Groups(draw(random, sum(sizes)), np.repeat(np.arange(len(sizes)), sizes))

    return of


def resamples(draw):
    return lambda random, sizes: mlejax.Resamples(draw(random, sizes[0]), len(sizes))


def windows(draw):
    return lambda random, sizes: mlejax.Windows(draw(random, sum(sizes)), sizes[0], 100)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "source"),
    [
        pytest.param(mlejax.Cauchy, groups(lambda random, n: random.standard_cauchy(n)), id="raw"),
        pytest.param(mlejax.Mixture.of(mlejax.Normal, 2), groups(two_heaps), id="mixture"),
        pytest.param(mlejax.RightCensored.of(mlejax.Weibull), groups(lifetimes), id="wrapper"),
        pytest.param(mlejax.ZeroInflated.of(mlejax.Poisson), groups(further_zeros), id="zero-inflated"),
        pytest.param(mlejax.PoissonRegression, groups(counts), id="regression"),
        pytest.param(mlejax.Normal, groups(far_off), id="units"),
        pytest.param(mlejax.Gamma, resamples(lambda random, n: random.gamma(2.0, 3.0, n)), id="resamples"),
        pytest.param(mlejax.Gumbel, windows(far_off), id="windows"),
    ],
)
def test_a_table_of_any_structure_compiles_three_programs_and_another_of_other_sizes_none(compilations, family, source):
    random = np.random.RandomState(0)

    def compiled(sizes):
        before = len(compilations)
        assert mlejax.fit_many(family, source(random, sizes), progress=False).converged.all()
        return len(compilations) - before

    assert compiled([60, 45, 700, 90]) <= 3
    assert compiled([80, 130, 1300, 77, 3100, 12_000, 66]) == 0


@pytest.mark.slow
def test_vectors_and_records_side_by_side():
    random = np.random.RandomState(3)
    vectors = random.normal(size=(90, 3)) @ np.array([[1.0, 0, 0], [0.5, 1.0, 0], [0.2, 0.1, 2.0]])
    labels = np.repeat([0, 1], [30, 60])
    table = mlejax.fit_many(mlejax.MultivariateNormal, mlejax.Groups(vectors, labels), progress=False)
    for label in (0, 1):
        check_fit(table, label, alone(mlejax.MultivariateNormal, vectors[labels == label]))


@pytest.mark.slow
def test_lifetimes_of_which_none_has_ended_have_no_maximum_beside_others_either():
    random = np.random.RandomState(0)
    hours, labels = random.gamma(2.0, 3.0, 160), np.repeat([0, 1, 2], [100, 30, 30])
    sample = {"time": np.minimum(hours, 9.0), "event": (hours < 9.0) * (labels != 1)}
    family = mlejax.RightCensored.of(mlejax.Weibull)
    table = mlejax.fit_many(family, mlejax.Groups(sample, labels), progress=False)
    assert table[1]["status"] == "AT_BOUNDARY"
    assert "as the distribution moves beyond 9" in table[1]["reason"]
    for label in (0, 1, 2):
        check_fit(table, label, alone(family, {name: part[labels == label] for name, part in sample.items()}))
