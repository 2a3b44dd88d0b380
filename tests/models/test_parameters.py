"""The table of a model's parameters, and their types and starting values."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from zoo import NormalMixture

from mlejax import (
    Domain,
    Gamma,
    Model,
    Normal,
    covariance_matrix,
    ordered,
    parameter,
    positive,
    real,
    simplex,
    unit_interval,
)
from mlejax.models.parameters import Parameters, cast, entry_dict, parameter_dict, parameter_names, with_dtype


def test_a_model_is_a_pytree_of_its_parameters_by_name():
    model = NormalMixture(0.3, -1.0, 2.25, 2.0, 0.25)
    names = ("weight", "first_mean", "first_variance", "second_mean", "second_variance")
    assert parameter_names(model) == names
    assert parameter_dict(model) == dict(zip(names, (0.3, -1.0, 2.25, 2.0, 0.25), strict=True))
    assert Parameters.of(model).domains == (unit_interval, real, positive, real, positive)


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
    assert Parameters.of(model).domains == (real, positive, real, real, real, Domain(-1.0, 1.0))


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
    "a long one": (Normal("9" * 401, 1.0), TypeError, r"must be a real number; got '9{59}\.\.\. \(403 characters\)$"),
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


# The table ------------------------------------------------------------------------------------------------------------


class Regression(Model):
    """Two arrays and a number, one of the arrays in a box of its own."""

    weights: jax.Array
    box: dict
    scale: float = parameter(positive)
    order: int = eqx.field(static=True, default=3)

    def log_prob(self, x):
        return -jnp.sum(self.weights) * x / self.scale


def regression():
    return Regression(np.arange(6.0).reshape(2, 3), {"a": np.array([7.0, 8.0])}, 9.0)


def test_a_table_has_a_row_for_every_leaf_and_counts_numbers():
    table = Parameters.of(regression())
    assert table.family == "Regression"
    assert table.names == ("weights", "box['a']", "scale")
    assert table.shapes == ((2, 3), (2,), ())
    assert table.sizes == (6, 2, 1)
    assert table.size == 9
    assert table.domains == (real, real, positive)


def test_a_table_stands_for_all_models_like_it_and_can_be_a_key():
    first, second = Parameters.of(Normal(0.0, 1.0)), Parameters.of(Normal(5.0, 7.0))
    assert first == second
    assert hash(first) == hash(second)
    others = [Gamma(1.0, 1.0), Normal(np.zeros(2), 1.0), regression()]
    assert len({first, *map(Parameters.of, others)}) == 4


@pytest.mark.parametrize("batch", [(), (4,), (2, 5)], ids=str)
def test_vectors_and_models_are_two_views_of_the_same_numbers(batch, x64):
    table, random = Parameters.of(regression()), np.random.RandomState(0)
    vectors = random.normal(size=(*batch, 9))
    model = table.to_model(vectors)
    assert (model.weights.shape, model.box["a"].shape, model.scale.shape) == ((*batch, 2, 3), (*batch, 2), batch)
    found = jax.jit(table.to_vector)(model)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, vectors)
    np.testing.assert_array_equal(model.weights[..., 1, 2], vectors[..., 5])
    np.testing.assert_array_equal(model.scale, vectors[..., 8])


def test_the_vector_is_in_leaf_order():
    np.testing.assert_array_equal(Parameters.of(regression()).to_vector(regression()), [0, 1, 2, 3, 4, 5, 7, 8, 9])


@pytest.mark.parametrize(
    ("scale", "expected"), [(1.0, True), (0.0, False), (-1.0, False), (np.inf, False), (np.nan, False)], ids=str
)
def test_inside_is_true_of_the_open_domain_alone(scale, expected):
    table = Parameters.of(regression())
    model = eqx.tree_at(lambda m: m.scale, regression(), scale)
    found = jax.jit(table.inside)(model)
    assert (found.shape, bool(found)) == ((), expected)


def test_one_number_of_an_array_outside_is_outside():
    model = Regression(np.array([[0.0, np.nan]]), {}, 1.0)
    assert not Parameters.of(model).inside(model)


def test_one_value_for_each_parameter():
    table = Parameters.of(Normal(0.0, 1.0))
    assert table.one_for_each(0.5) == Normal(0.5, 0.5)
    assert table.one_for_each(Normal(0.5, 2.0)) == Normal(0.5, 2.0)


def test_parameters_by_name_may_have_the_shape_of_a_sweep():
    table, many = Parameters.of(Normal(0.0, 1.0)), Normal(np.zeros((2, 3)), np.ones((2, 3)))
    assert {name: leaf.shape for name, leaf in table.by_name(many).items()} == {"mean": (2, 3), "variance": (2, 3)}


class Shaped(Model):
    """An array of every domain of arrays, one of them with labels."""

    covariance: jax.Array = parameter(covariance_matrix)
    shares: jax.Array = parameter(simplex)
    cuts: jax.Array = parameter(ordered)
    scales: jax.Array = parameter(positive)
    slope: float = parameter(real)

    def log_prob(self, x):
        return -x * self.slope

    def labels(self, field):
        return ("age", "income") if field == "scales" else ()


def shaped():
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    return Shaped(covariance, np.array([0.2, 0.5, 0.3]), np.array([-1.0, 2.0]), np.array([1.0, 3.0]), -0.5)


def test_every_number_and_every_coordinate_has_a_name():
    table = Parameters.of(shaped())
    assert table.entries == (
        *("covariance[0,0]", "covariance[0,1]", "covariance[1,0]", "covariance[1,1]"),
        *("shares[0]", "shares[1]", "shares[2]", "cuts[0]", "cuts[1]", "scales[age]", "scales[income]", "slope"),
    )
    assert table.coordinates == (
        *("log Cholesky factor of covariance[0,0]", "Cholesky factor of covariance[1,0]"),
        *("log Cholesky factor of covariance[1,1]", "log(shares[0] / shares[2])", "log(shares[1] / shares[2])"),
        *("cuts[0]", "log(cuts[1] - cuts[0])", "log scales[age]", "log scales[income]", "slope"),
    )
    assert (table.size, table.real_size, table.real_shapes) == (12, 10, ((3,), (2,), (2,), (2,), ()))
    np.testing.assert_array_equal(table.logarithmic, [1, 0, 1, 1, 1, 0, 1, 1, 1, 0])
    assert [table.way(i, -1).words for i in (4, 8, 9)] == [
        "shares[1] approaches 0", "scales[income] approaches 0", "slope falls",
    ]  # fmt: skip
    assert entry_dict(shaped())["scales[income]"] == 3.0


@pytest.mark.parametrize("batch", [(), (3,)], ids=str)
def test_coordinates_and_models_are_one_to_one(batch, x64):
    table = Parameters.of(shaped())
    coordinates = np.random.RandomState(1).normal(size=(*batch, table.real_size))
    model = jax.jit(table.from_real)(coordinates)
    assert model.covariance.shape == (*batch, 2, 2)
    np.testing.assert_allclose(table.to_real(model), coordinates, rtol=0, atol=1e-14)


def test_labels_stand_for_the_last_axes_and_others_are_numbered():
    stacked = eqx.tree_at(lambda model: model.scales, shaped(), np.ones((2, 2)))
    assert Parameters.of(stacked).entries[9:13] == (
        "scales[0,age]", "scales[0,income]", "scales[1,age]", "scales[1,income]",
    )  # fmt: skip
    wrong = eqx.tree_at(lambda model: model.scales, shaped(), np.ones(3))
    with pytest.raises(ValueError, match=r"scales has shape \(3,\) and 2 labels: each of its numbers needs one"):
        _ = Parameters.of(wrong).entries


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("covariance", [[1.0, 2.0], [2.0, 1.0]], "Shaped.covariance must be a symmetric positive definite matrix; got"),
        ("covariance", [1.0, 2.0], r"Shaped.covariance: a covariance is a square matrix; got shape \(2,\)"),
        ("shares", [0.5, 0.4], "Shaped.shares must be positive numbers that add up to 1; got"),
        ("cuts", [2.0, 1.0], "Shaped.cuts must be finite numbers in rising order; got"),
    ],
)
def test_an_array_outside_its_domain_is_refused(field, value, message):
    start = eqx.tree_at(lambda model: getattr(model, field), shaped(), np.array(value))
    with pytest.raises(ValueError, match=message):
        with_dtype(start, np.float64)


def test_models_in_a_list_keep_their_domains():
    class Several(Model):
        parts: list
        share: float = parameter(Domain(0.0, 0.5))

        def log_prob(self, x):
            return self.parts[0].log_prob(x)

    table = Parameters.of(Several([Normal(0.0, 1.0), Gamma(1.0, 1.0)], 0.2))
    assert table.names == ("parts[0].mean", "parts[0].variance", "parts[1].shape", "parts[1].rate", "share")
    assert table.domains == (real, positive, positive, positive, Domain(0.0, 0.5))


def test_cast_changes_floats_and_leaves_counts(x64):
    found = cast({"a": np.float32(0.5), "n": np.array([1, 2])}, np.float64)
    assert found["a"].dtype == np.float64
    assert found["n"].dtype == np.int64
