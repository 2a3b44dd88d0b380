"""A model and a source from what a store says of them."""

import json

import jax
import numpy as np
import pytest
from zoo import Rayleigh

import mlejax
from mlejax import Draws, Normal
from mlejax.models.digest import formula_digest
from mlejax.sweeps.recorded import family_of, filled, source_recorded

TARGET, START = Normal(7.2, 7.84), Normal(np.float64(0.0), np.float64(1.0))


def named(model):
    return f"{type(model).__name__} {formula_digest(model)}"


def test_a_family_of_the_library_is_known_by_its_name_and_formula():
    with jax.enable_x64(True):
        found = filled(family_of(named(START), None), {"mean": 3.0, "variance": 2.0})
    assert type(found) is Normal
    assert jax.tree.leaves(found) == [3.0, 2.0]
    with pytest.raises(ValueError, match="Normal 0 is not one of the library's: give model=, an instance of Normal"):
        family_of("Normal 0", None)


def test_another_family_has_to_be_given():
    mine = Rayleigh(np.float64(1.0))
    with jax.enable_x64(True):
        assert family_of(named(mine), mine) == jax.tree.structure(mine)
        with pytest.raises(ValueError, match=r"model: the sweep was made with Rayleigh .*; this is Normal"):
            family_of(named(mine), START)


@pytest.mark.parametrize("count", [100, [50, 20]], ids=["one count", "an axis of counts"])
def test_a_source_of_draws_is_the_one_that_was_described(count):
    made = Draws(TARGET, count, by="numpy", split_seed=3)
    again = source_recorded({**made.describe(), "data": str(made)}, made.axes(), START, None)
    assert isinstance(again, Draws)
    assert again.describe() == made.describe()
    for one, other in zip(made.by_count(), again.by_count(), strict=True):
        np.testing.assert_array_equal(one.cut(5, 0.2).train, other.cut(5, 0.2).train)
    assert len(again.by_count()) == np.size(count)


def test_the_store_says_which_counts_a_source_has():
    made = Draws(TARGET, [50, 20])
    given = source_recorded(made.describe(), made.axes(), START, Draws(TARGET, [7]))
    assert [each.size for each in given.by_count()] == [50, 20]
    with pytest.raises(ValueError, match=r"has samples of \[50, 20\] observations; got 7 draws"):
        source_recorded(made.describe(), made.axes(), START, Draws(TARGET, 7))
    with pytest.raises(ValueError, match="has samples of 7 observations; got draws from Normal"):
        source_recorded(Draws(TARGET, 7).describe(), {}, START, made)


def test_what_the_library_does_not_know_is_asked_for_with_its_counts():
    said = {**Draws(TARGET, 7).describe(), "target": "Own"}
    with pytest.raises(ValueError, match=r"give observations=mlejax.Draws\(Own\(...\), 7, ...\)"):
        source_recorded(said, {}, START, None)
    with pytest.raises(ValueError, match=r"mlejax.Draws\(Own\(...\), \[50, 20\], ...\)"):
        source_recorded(said, {"count": np.array([50, 20])}, START, None)
    data = mlejax.SweepSpec.checked(START, seeds=[0], learning_rates=[1.0], observations=[1.0, 2.0]).settings()
    with pytest.raises(ValueError, match=r"the sweep was made of 2 observations, sha256 .*: give observations="):
        source_recorded(data, {}, START, None)


def test_a_part_of_a_sweep_is_not_the_sweep():
    made = Draws(TARGET, [50, 20])
    with pytest.raises(KeyError, match="count"):
        source_recorded({**made.describe(), "data": str(made), "count": 50}, {}, START, None)


@pytest.mark.parametrize(
    "model",
    [
        mlejax.Fixed.of(mlejax.Gamma(2.0, 1.0), rate=3.0),
        mlejax.Truncated(mlejax.Normal(1.0, 1.0), 0.0),
        mlejax.Mixture.of([Normal(0.0, 1.0), Normal(5.0, 1.0)], [0.3, 0.7]),
        mlejax.Binomial(10, 0.3),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_sweep_of_a_model_of_a_model_is_known(model):
    x = np.array([1.0, 2.0, 3.0, 5.0])
    spec = mlejax.SweepSpec.checked(model, seeds=[0], learning_rates=[0.1], observations=x)
    again = mlejax.SweepSpec.from_record(json.loads(json.dumps(spec.settings())), spec.axes, observations=x)
    assert jax.tree.structure(again.start) == jax.tree.structure(spec.start)
    assert again.settings() == spec.settings()
