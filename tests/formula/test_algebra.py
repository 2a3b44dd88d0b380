"""Generated formulas: sums of products of building blocks factor, and agree with the data; one bad block is refused."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from factoring import N, data_path, factored_path, summary_of
from hypothesis import given
from hypothesis import strategies as st
from jax.scipy import stats

from mlejax import (
    Model,
    parameter,
    positive,
)
from mlejax.formula.jaxpr import NotApplicable
from mlejax.samples.summary import find_form

# Everything is bounded by 64, its derivatives too, for |a| <= 2, 0.3 <= b <= 3 and 0.5 <= x <= 3.
OF_PARAMETERS = {
    "a": lambda a, b: a, "b": lambda a, b: b, "1/b": lambda a, b: 1 / b, "exp a": lambda a, b: jnp.exp(a),
    "a b": lambda a, b: a * b, "log b": lambda a, b: jnp.log(b), "sqrt b": lambda a, b: jnp.sqrt(b),
    "a^3": lambda a, b: a**3, "b^-2": lambda a, b: b**-2, "sin a": lambda a, b: jnp.sin(a),
    "a > b": lambda a, b: jnp.where(a > b, a, b), "-1.5": lambda a, b: -1.5, "a / b": lambda a, b: a / b,
}  # fmt: skip

OF_DATA = {
    "x": lambda x: x, "x^2": lambda x: x**2, "log x": jnp.log, "exp -x": lambda x: jnp.exp(-x), "1/x": lambda x: 1 / x,
    "cos x": jnp.cos, "sqrt x": jnp.sqrt, "x > 1": lambda x: jnp.where(x > 1, x, 1 / x), "x^1.5": lambda x: x**1.5,
    "abs log x": lambda x: jnp.abs(jnp.log(x)), "log1p x": jnp.log1p,
}  # fmt: skip

MIXED = {
    "(x-a)^2": lambda a, b, x: (x - a) ** 2, "(log x - a)^2": lambda a, b, x: (jnp.log(x) - a) ** 2,
    "(x-a)(log x-b)": lambda a, b, x: (x - a) * (jnp.log(x) - b), "((x-a)/b)^2": lambda a, b, x: ((x - a) / b) ** 2 / 4,
    "log b x": lambda a, b, x: jnp.log(b * x), "sqrt b x": lambda a, b, x: jnp.sqrt(b * x),
    "(b x)^3": lambda a, b, x: (b * x) ** 3 / 40, "1/(b x)": lambda a, b, x: 1 / (b * x),
    "|a x|": lambda a, b, x: jnp.abs(a * x), "(x-a)^3": lambda a, b, x: (x - a) ** 3 / 2,
    "norm": lambda a, b, x: stats.norm.logpdf(x, a, b) / 4, "x (x - a)": lambda a, b, x: x * (x - a),
    "square": lambda a, b, x: jnp.square(a - x), "where b x > 0": lambda a, b, x: jnp.where(b * x > 0, a * x, b),
    "x where a > b": lambda a, b, x: jnp.where(a > b, a * x, b),
    "a where x > 1": lambda a, b, x: jnp.where(x > 1, a * x, b),
    "remat": lambda a, b, x: jax.checkpoint(lambda u: (u - x) ** 2)(a),
    "jit": lambda a, b, x: jax.jit(jnp.multiply)(a, x),
}  # fmt: skip

INSEPARABLE = {
    "exp(-b x)": lambda a, b, x: jnp.exp(-b * x), "log(x + b)": lambda a, b, x: jnp.log(x + b),
    "log1p(x b)": lambda a, b, x: jnp.log1p(x * b), "x^b": lambda a, b, x: x**b,
    "cos(a x)": lambda a, b, x: jnp.cos(a * x),
    "tanh(x - a)": lambda a, b, x: jnp.tanh(x - a), "max(x, a)": lambda a, b, x: jnp.maximum(x, a),
    "x <= b": lambda a, b, x: jnp.where(x <= b, a, b), "1/(x + b)": lambda a, b, x: 1 / (x + b),
    "sqrt(x + b)": lambda a, b, x: jnp.sqrt(x + b), "|x - a|": lambda a, b, x: jnp.abs(x - a),
    "logaddexp": lambda a, b, x: jnp.logaddexp(a, x), "a x > 0": lambda a, b, x: jnp.where(a * x > 0, x, b),
    "log(a x)": lambda a, b, x: jnp.log(a * x), "floor": lambda a, b, x: jnp.floor(a * x),
    "scan": lambda a, b, x: jax.lax.fori_loop(0, 2, lambda _, u: u * x, a),
}  # fmt: skip

ALL = {
    **{name: lambda a, b, x, f=f: f(a, b) for name, f in OF_PARAMETERS.items()},
    **{name: lambda a, b, x, f=f: f(x) for name, f in OF_DATA.items()},
    **MIXED,
    **INSEPARABLE,
}
assert len(ALL) == sum(map(len, (OF_PARAMETERS, OF_DATA, MIXED, INSEPARABLE)))


class Formula(Model):
    """A sum of products of building blocks."""

    a: float
    b: float = parameter(positive)
    recipe: tuple[tuple[str, ...], ...] = eqx.field(static=True, default=())

    def log_prob(self, x):
        return sum(math.prod((ALL[name](self.a, self.b, x) for name in term), start=1.0) for term in self.recipe)


blocks = st.sampled_from([*OF_PARAMETERS, *OF_DATA, *MIXED])

recipes = st.lists(st.lists(blocks, min_size=1, max_size=3).map(tuple), min_size=1, max_size=4).map(tuple)

points = st.tuples(st.floats(-2, 2), st.floats(0.3, 3))


def formula_data():
    values = np.random.RandomState(1).uniform(0.5, 3.0, N)  # a shape for which most operations are compiled by now
    assert values.shape == (N,)
    return values


def has_data(recipe):
    return any(name not in OF_PARAMETERS for term in recipe for name in term)


@pytest.mark.slow
@given(recipe=recipes.filter(has_data), point=points)
def test_sums_of_products_factor_and_agree_with_the_data(recipe, point):
    values, model = formula_data(), Formula(*point, recipe)
    summary = summary_of(model, values)
    # Multiplying out rounds each of at most 64 terms a few times; a term's size is at most 64 to the number of blocks.
    scale = sum(64.0 ** len(term) for term in recipe)
    expected, _ = data_path(model, values)
    np.testing.assert_array_less(np.abs(factored_path(model, summary) - expected), 1e-14 * scale + 1e-13)


@pytest.mark.slow
@given(
    recipe=recipes, guilty=st.sampled_from(list(INSEPARABLE)), coefficient=st.sampled_from(list(OF_PARAMETERS)),
    place=st.integers(0, 4),
)  # fmt: skip
def test_one_inseparable_term_is_enough_to_be_refused(recipe, guilty, coefficient, place):
    recipe = (*recipe[:place], (coefficient, guilty), *recipe[place:])
    with pytest.raises(NotApplicable):
        summary_of(Formula(1.0, 1.0, recipe), formula_data())


@pytest.mark.parametrize("guilty", INSEPARABLE)
def test_each_inseparable_block_is_refused_on_its_own(guilty):
    with jax.enable_x64(True), pytest.raises(NotApplicable, match=r"mixes|compares|not known|power"):
        find_form(Formula(1.0, 1.0, ((guilty,),)), jnp.asarray(formula_data()))
