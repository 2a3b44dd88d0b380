"""Hyperparameters of an optimizer as axes: each run is the one that its optimizer makes alone."""

import functools

import numpy as np
import optax
import pytest
from helpers import arrays, assert_same_bits, draws

import mlejax
from mlejax.ascent.vary import fingerprint

START = mlejax.Normal(0.0, 1.0)
DECAYS = [0.0, 0.5, 0.9]


def swept(**changes):
    given = {"learning_rates": [0.05, 0.5], "optimizer": mlejax.vary(optax.trace, decay=DECAYS), **changes}
    return mlejax.sweep(START, seeds=range(2), observations=draws(500), max_epochs=300, progress=False, **given)


@pytest.mark.slow
def test_each_run_is_the_one_of_its_optimizer_alone():
    result = swept()
    assert list(result.axes) == ["seed", "learning_rate", "decay"]
    assert result.axes["decay"].tolist() == DECAYS
    for place, decay in enumerate(DECAYS):
        alone = swept(optimizer=optax.trace(decay))
        np.testing.assert_array_equal(result.status[..., place], alone.status)
        np.testing.assert_array_equal(result.epochs[..., place], alone.epochs)
        np.testing.assert_allclose(result.model.mean[..., place], alone.model.mean, rtol=1e-12)
    assert len(np.unique(result.epochs)) > 3


@pytest.mark.slow
def test_several_hyperparameters_are_axes_in_the_order_of_their_names():
    def clipped(size, decay):
        return optax.chain(optax.clip(size), optax.trace(decay))

    result = swept(optimizer=mlejax.vary(clipped, size=[0.1, 10.0], decay=[0.0, 0.9]))
    assert list(result.axes) == ["seed", "learning_rate", "decay", "size"]
    at = functools.partial(result.sel, seed=1, learning_rate=0.5)
    alone = swept(optimizer=clipped(0.1, 0.9))
    assert at(decay=0.9, size=0.1).epochs == alone.epochs[1, 1]
    assert at(decay=0.9, size=10.0).epochs != at(decay=0.9, size=0.1).epochs


@pytest.mark.slow
def test_a_stored_sweep_goes_on_with_more_values_and_is_verified(tmp_path):
    few = mlejax.vary(optax.trace, decay=DECAYS[:2])
    swept(optimizer=few, out=tmp_path)
    longer = swept(optimizer=mlejax.vary(optax.trace, decay=DECAYS), out=tmp_path)
    assert_same_bits(longer, swept())
    found = mlejax.verify(tmp_path, optimizer=few, runs=None)
    assert (found.checked, found.different) == (12, [])
    with pytest.raises(
        ValueError, match="optimizer: it varies momentum; the axes of the sweep are seed, learning_rate"
    ):
        mlejax.verify(tmp_path, optimizer=mlejax.vary(lambda momentum: optax.trace(momentum), momentum=[0.5]))
    with pytest.raises(ValueError, match="optimizer: the sweep was made with one"):
        mlejax.verify(tmp_path)


@pytest.mark.parametrize(
    ("make", "values", "error", "message"),
    [
        (optax.trace, {}, ValueError, "vary: give the values of a hyperparameter"),
        (optax.trace, {"decay": [0.5, np.nan]}, ValueError, "decay must be finite; got nan at index 1"),
        (optax.trace, {"decay": [0.5, 0.5]}, ValueError, "decay must be distinct; got 0.5 at index 0 and 1"),
        (optax.trace, {"decay": ["fast"]}, TypeError, "decay"),
    ],
)
def test_what_cannot_vary_is_refused(make, values, error, message):
    with pytest.raises(error, match=message):
        mlejax.vary(make, **values)


@pytest.mark.parametrize("name", ["seed", "learning_rate", "mean", "status", "tolerance"])
def test_a_hyperparameter_does_not_bear_the_name_of_something_else(name):
    with pytest.raises(ValueError, match=f"vary: {name} is the name of something else in a result"):
        swept(optimizer=mlejax.vary(lambda **given: optax.trace(0.5), **{name: [0.5]}))


def test_what_is_made_must_be_an_optimizer():
    with pytest.raises(TypeError, match=r"optimizer must be an optax\.GradientTransformation"):
        swept(optimizer=mlejax.vary(lambda decay: decay, decay=[0.5]))
    with pytest.raises(TypeError, match="unexpected keyword argument 'momentum'"):
        swept(optimizer=mlejax.vary(optax.trace, momentum=[0.5]))


def test_the_name_of_an_optimizer_that_varies_hangs_on_what_it_makes_and_not_on_the_values():
    model = mlejax.Normal(np.float64(0.0), np.float64(1.0))
    one = fingerprint(mlejax.vary(optax.trace, decay=[0.1]), model)
    assert one == fingerprint(mlejax.vary(optax.trace, decay=[0.2, 0.3]), model)
    assert one.endswith(" decay")
    assert one != fingerprint(mlejax.vary(lambda decay: optax.trace(2 * decay), decay=[0.1]), model)


SEVERAL = {"plain": None, "momentum": optax.trace(0.9), "adam": optax.scale_by_adam()}


@pytest.mark.slow
def test_several_optimizers_are_an_axis_and_each_run_has_the_bits_of_its_own(tmp_path):
    result = swept(optimizer=SEVERAL, out=tmp_path)
    assert list(result.axes) == ["seed", "learning_rate", "optimizer"]
    assert result.axes["optimizer"].tolist() == [0, 1, 2]
    assert [name for name, _ in result.provenance.settings["optimizer"]] == list(SEVERAL)
    for place, optimizer in enumerate(SEVERAL.values()):
        alone = arrays(swept(optimizer=optimizer))
        for name, values in arrays(result).items():
            np.testing.assert_array_equal(values[..., place], alone[name], err_msg=name)
    assert len(np.unique(result.epochs)) > 3
    found = mlejax.verify(tmp_path, optimizer=SEVERAL, runs=None)
    assert (found.checked, found.different) == (12, [])
    with pytest.raises(ValueError, match="optimizer: the sweep was made with"):
        mlejax.verify(tmp_path, optimizer={**SEVERAL, "adam": optax.scale_by_adam(b1=0.5)})


@pytest.mark.parametrize(
    ("optimizers", "error", "message"),
    [
        ({}, ValueError, "optimizer: give at least one, by name"),
        ({"varied": mlejax.vary(optax.trace, decay=[0.5])}, TypeError, "each one optimizer or None; got 'varied'"),
        ({"no": optax.adam}, TypeError, r"optimizer must be an optax\.GradientTransformation"),
    ],
)
def test_what_is_not_several_optimizers_is_refused(optimizers, error, message):
    with pytest.raises(error, match=message):
        swept(optimizer=optimizers)
