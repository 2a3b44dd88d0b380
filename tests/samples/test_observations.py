"""What counts as observations, and what is refused."""

from decimal import Decimal
from fractions import Fraction
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import mlejax
from mlejax import Beta, Exponential, Gamma, LogNormal, Model, Normal, Poisson, Support, Weibull, parameter, positive
from mlejax.models.support import contains
from mlejax.samples.observations import as_observations, check_inside, check_support
from mlejax.samples.split import validation_count

OUTSIDE = {
    "a negative duration": (Exponential(1.0), [1.0, -1.0, 2.0], r"Exponential needs numbers >= 0; got -1.0 at index 1"),
    "half a count": (Poisson(1.0), [1.5, 2.0, 3.0], r"Poisson needs whole numbers >= 0; got 1.5 at index 0"),
    "a negative count": (Poisson(1.0), [0, 3, -2], r"Poisson needs whole numbers >= 0; got -2 at index 2"),
    "zero": (Gamma(2.0, 1.0), [0.0, 2.0], r"Gamma needs positive numbers; got 0.0 at index 0"),
    "a log of nothing": (LogNormal(0.0, 1.0), [1.0, 0.0], r"LogNormal needs positive numbers; got 0.0 at index 1"),
    "a fraction of one": (Beta(1.0, 1.0), [0.5, 1.0], r"Beta needs numbers > 0 and < 1; got 1.0 at index 1"),
    "a negative time": (Weibull(1.0, 1.0), [-0.5, 1.0], r"Weibull needs positive numbers; got -0.5 at index 0"),
}
outside = pytest.mark.parametrize(("model", "values", "message"), OUTSIDE.values(), ids=OUTSIDE)


@outside
def test_observations_outside_the_support_are_refused_by_value_place_and_rule(model, values, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        mlejax.train(model, values, validation_fraction=0, progress=False)


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Exponential(1.0), [0.0, 2.5]),
        (Poisson(1.0), [0.0, 3.0]),
        (Poisson(1.0), np.array([0, 3], np.uint8)),
        (Gamma(2.0, 1.0), [1e-300, 700.0]),
        (Normal(0.0, 1.0), [-3, 4]),
    ],
    ids=["a duration of zero", "counts as floats", "small integers", "far apart", "integers"],
)
def test_observations_at_the_edge_of_the_support_pass(model, values):
    check_support(model, as_observations(values))


def test_the_place_may_be_a_line_of_a_file():
    with pytest.raises(ValueError, match=r"got -1\.0 in line 12 of waits\.csv$"):
        check_support(
            Exponential(1.0), np.array([1.0, 2.0, -1.0]), place=lambda index: f"in line {index + 10} of waits.csv"
        )


class Guarded(Model):
    """A density that ends, with no support declared."""

    rate: float = parameter(positive)

    def log_prob(self, x):
        return jnp.where(x >= 0, jnp.log(self.rate) - self.rate * x, -jnp.inf)


class Die(Model):
    """A loaded die: `sides` is static, and decides the support."""

    slope: float
    sides: int = eqx.field(static=True, default=6)

    @property
    def support(self):
        return Support(1, self.sides, whole=True)

    def log_prob(self, x):
        faces = jnp.arange(1.0, self.sides + 1)
        return self.slope * x - jax.scipy.special.logsumexp(self.slope * faces)


def test_every_start_must_give_the_observations_a_density():
    values = np.array([1.0, 1e150])
    check_support(Normal(0.0, 1e300), values)
    with pytest.raises(ValueError, match=r"= -inf at index 1 for Normal\(mean=0.0, variance=1e-300\)"):
        check_support(Normal(0.0, 1e300), values, starts=[Normal(1.0, 1e300), Normal(0.0, 1e-300)])


def test_a_support_may_depend_on_static_fields():
    values = as_observations([1, 8, 2])
    check_support(Die(0.1, 8), values)
    with pytest.raises(ValueError, match="Die needs whole numbers >= 1 and <= 6; got 8 at index 1"):
        check_support(Die(0.1), values)


def test_a_model_of_ones_own_need_not_declare_a_support():
    with pytest.raises(ValueError, match=r"got log_prob\(-1.0\) = -inf at index 1 for Guarded\(rate=2.0\)"):
        check_support(Guarded(2.0), np.array([1.0, -1.0]))


def test_a_masked_value_is_not_data():
    values = np.ma.masked_array([1.0, 2.0, 1e9], mask=[False, False, True])
    with pytest.raises(ValueError, match=r"must not be masked; got a masked value at index 2: use .*compressed\(\)"):
        as_observations(values)
    np.testing.assert_array_equal(as_observations(values.compressed()), [1.0, 2.0])
    np.testing.assert_array_equal(as_observations(np.ma.masked_array([1.0, 2.0])), [1.0, 2.0])


def test_columns_that_are_not_asked_for_may_be_anything():
    table = pd.DataFrame({"town": ["a", "b"], "age": [30, 40]})
    assert list(as_observations(table, only=["age"])) == ["age"]
    with pytest.raises(TypeError, match=r"town must be real numbers; .* or leave the column out"):
        as_observations(table, only=["income"])


def test_a_number_of_a_record_may_be_infinite_where_the_support_says_so():
    found = as_observations({"upper": [1.0, np.inf]})
    np.testing.assert_array_equal(found["upper"], [1.0, np.inf])
    with pytest.raises(ValueError, match="a model needs finite numbers for upper; got inf at index 1"):
        check_inside("a model", {"upper": Support()}, found)


def test_integers_beyond_those_with_a_sign_become_floats():
    found = as_observations(np.array([2**63, 3], np.uint64))
    np.testing.assert_array_equal(found, [2.0**63, 3.0])


BAD = {
    "nan to be left out": ([1.0, np.nan], ValueError, "got nan at index 1: leave it out, or fill it in$"),
    "words": (["a", "b"], TypeError, "observations must be real numbers; got an array of <U1"),
    "truth values": ([True, False], TypeError, r"got an array of bool: give observations.astype\(int\)$"),
    "complex": ([1j, 2.0], TypeError, "observations must be real numbers; got an array of complex128"),
    "objects": (
        [1.0, None],
        TypeError,
        "got an array of object, of which None at index 1 is no number: leave it out, or fill it in$",
    ),
    "decimals": (
        [Decimal("1.5"), Decimal(2)],
        TypeError,
        r"got an array of object that are numbers: give np.asarray\(observations, float\)$",
    ),
    "decimals of a record": (
        {"age": [Decimal("1.5"), Fraction(1, 2)]},
        TypeError,
        r"observations: age must be .* object that are numbers: give np.asarray\(age, float\)$",
    ),
    "equal rows": (np.zeros((3, 2)), ValueError, "observations must not be constant; all 3 are alike"),
    "rows of nothing": (
        np.zeros((3, 0)),
        ValueError,
        r"observations must have numbers in each observation; got shape \(3, 0\)",
    ),
    "no columns": ({}, ValueError, "observations must have a column at least; got {}"),
    "nan in a row": (
        np.array([[1.0, 2.0], [3.0, np.nan]]),
        ValueError,
        "observations must be finite; got nan at index 1, 1",
    ),
    "nan in a column": ({"age": [1.0, np.nan]}, ValueError, "observations: age must be finite; got nan at index 1"),
    "nan in a tuple": ((np.ones(2), np.array([np.nan, 1])), ValueError, r"observations\[1\] must be finite; got nan"),
    "a short column": (
        {"age": [1.0, 2.0], "income": [1.0]},
        ValueError,
        "observations: income must be as long as age, 2; got 1",
    ),
    "a category": ({"town": ["a", "b"]}, TypeError, "observations: town must be real numbers; .* columns of 0 and 1"),
    "equal records": ({"x": [1, 1], "y": [2, 2]}, ValueError, "observations must not be constant; all 2 are alike"),
    "a number": (3.0, ValueError, r"observations must have an axis of observations; got shape \(\)"),
    "nothing": ([], ValueError, "observations must hold at least two values; got 0"),
    "one": ([1.0], ValueError, "observations must hold at least two values; got 1"),
    "nan": ([1.0, 2.0, np.nan, np.nan], ValueError, "observations must be finite; got nan at index 2"),
    "infinity": ([1.0, -np.inf], ValueError, "observations must be finite; got -inf at index 1"),
    "all equal": ([2.5] * 7, ValueError, "observations must not be constant; all 7 values equal 2.5"),
    "equal integers": ([3, 3], ValueError, "observations must not be constant; all 2 values equal 3"),
}


@pytest.mark.parametrize(("values", "error", "message"), BAD.values(), ids=BAD)
def test_bad_observations_are_refused(values, error, message):
    with pytest.raises(error, match=message):
        as_observations(values)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], np.int64),
        (np.array([1, 2], np.uint8), np.int64),
        (np.array([1, 2.5], np.float32), np.float64),
        ((1, 2.5), np.float64),
    ],
    ids=["integers", "small integers", "float32", "a tuple"],
)
def test_good_observations_become_float64_or_stay_integers(values, dtype):
    found = as_observations(values)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, values)


def test_the_name_in_the_message_can_be_chosen():
    with pytest.raises(ValueError, match=r"data\.txt must hold at least two values"):
        as_observations([], "data.txt")


WITHOUT_DENSITY = {
    "too far for floating point": (Normal(0.0, 1e-300), [1.0, 1e200], r"log_prob\(1e\+200\) = -inf at index 1"),
    "squares overflow": (Normal(0.0, 1.0), [1e160, 2e160], r".*; its square overflows .*: divide .* by 1e\+160"),
}


@pytest.mark.parametrize(("model", "values", "message"), WITHOUT_DENSITY.values(), ids=WITHOUT_DENSITY)
def test_observations_without_density_at_the_start_are_refused(model, values, message):
    with pytest.raises(ValueError, match="observations must have a finite log-density at the start; got " + message):
        check_support(model, np.array(values))


def test_only_large_observations_are_told_to_be_rescaled():
    with pytest.raises(ValueError, match=r"= -inf at index 0 for Normal\(mean=0.0, variance=1e-300\)$"):
        check_support(Normal(0.0, 1e-300), np.array([1e10, 1.0]))


def test_observations_inside_the_support_pass():
    check_support(Gamma(2.0, 1.0), np.array([1e-300, 700.0]))
    check_support(Normal(0.0, 1.0), np.array([-3, 4]))


def test_a_log_prob_that_is_not_one_number_is_refused():
    class Pair(Model):
        a: float

        def log_prob(self, x):
            return jnp.stack([x, self.a])

    with pytest.raises(ValueError, match=r"Pair.log_prob must return one number; got shape \(2,\)"):
        check_support(Pair(1.0), np.array([1.0, 2.0]))


def test_rows_of_different_lengths_are_refused_in_words():
    with pytest.raises(ValueError, match=r"rows of one length; got parts of different shapes: \(2,\), \(1,\), ..."):
        as_observations([[1.0, 2.0], [3.0]])
    with pytest.raises(ValueError, match=r"parts of different shapes: \(5, 2\), \(5,\), ..."):
        as_observations([np.zeros((5, 2)), np.zeros(5)])


@pytest.mark.parametrize("fraction", [None, "x", True, [0.2]], ids=str)
def test_a_fraction_that_is_no_number_is_refused(fraction):
    with pytest.raises(TypeError, match="validation_fraction must be a number; got "):
        validation_count(10, fraction)


class Point(NamedTuple):
    x: object
    y: object


RECORDS = {
    "a dict": {"x": [1, 2], "y": [True, False]},
    "a table of pandas": pd.DataFrame({"x": [1, 2], "y": [1, 0]}),
    "a table of PyArrow": pa.table({"x": [1, 2], "y": [1, 0]}),
    "a structured array": np.array([(1, 1), (2, 0)], [("x", int), ("y", int)]),
}


@pytest.mark.parametrize("values", RECORDS.values(), ids=RECORDS)
def test_tables_become_a_record_of_columns(values):
    found = as_observations(values)
    assert list(found) == ["x", "y"]
    assert found["x"].tolist() == [1, 2]
    assert found["y"].tolist() == [1, 0]
    assert found["y"].dtype == np.int64


def test_a_record_stays_of_its_own_kind():
    found = as_observations(Point(np.ones((3, 2)), [1.0, 2.0, 3.0]))
    assert isinstance(found, Point)
    assert (found.x.shape, found.y.shape) == ((3, 2), (3,))
    assert isinstance(as_observations((np.ones(2), np.arange(2.0))), tuple)
    assert as_observations(((1.0, 2.0), (3.0, 4.0))).shape == (2, 2)  # rows, not columns


class Line(Model):
    """A line through points."""

    slope: float
    support: ClassVar = {"x": Support(), "y": Support(lower=0)}

    def log_prob(self, point):
        return -((point["y"] - self.slope * point["x"]) ** 2)


def test_each_part_of_a_record_has_its_support():
    points = {"x": np.array([-1.0, 2.0]), "y": np.array([0.0, -3.0])}
    with pytest.raises(ValueError, match=r"^Line needs numbers >= 0 for y; got -3.0 at index 1$"):
        check_support(Line(1.0), points)
    assert contains(Line.support, points).tolist() == [True, False]
    check_support(Line(1.0), {"x": points["x"], "y": np.abs(points["y"])})


def test_a_formula_that_does_not_take_the_record_is_named():
    with pytest.raises(
        TypeError, match=r"Line.log_prob does not take these observations, each a record of x: KeyError"
    ):
        mlejax.train(Line(1.0), {"x": [1.0, 2.0]}, progress=False)
    with pytest.raises(
        ValueError, match=r"Normal.log_prob must return one number; got shape \(2,\) for one observation"
    ):
        mlejax.train(Normal(0.0, 1.0), np.arange(4.0).reshape(2, 2), progress=False)
