"""No run depends on another: alone, in any order, width, and number of devices, it has the same bits."""

import functools

import jax
import numpy as np
import pytest
from helpers import arrays, assert_same_bits, draws

import mlejax
from mlejax import devices
from mlejax.samples import request

pytestmark = pytest.mark.slow

sweep = functools.partial(mlejax.sweep, mlejax.Normal(0.0, 1.0), progress=False)
SMALL = {"observations": draws(1000), "max_epochs": 700}


@pytest.fixture(scope="module", params=["float64", "float32"])
def reference(request):
    result = sweep(seeds=[0, 7, 9], learning_rates=[0.1, 0.5, 2.0], dtype=request.param, **SMALL)
    assert result.shape == (3, 3)
    return request.param, result


def pick(result, seeds, rates):
    return result._part(np.ix_(seeds, rates), result.axes)


def test_a_run_alone_has_the_same_bits(reference):
    dtype, grid = reference
    for i, j in [(1, 0), (2, 2)]:
        alone = sweep(seeds=[[0, 7, 9][i]], learning_rates=[[0.1, 0.5, 2.0][j]], dtype=dtype, **SMALL)
        assert_same_bits(alone, pick(grid, [i], [j]))


def test_the_order_of_values_does_not_matter(reference):
    dtype, grid = reference
    other = sweep(seeds=[9, 0, 7], learning_rates=[2.0, 0.1, 0.5], dtype=dtype, **SMALL)
    assert_same_bits(other, pick(grid, [2, 0, 1], [2, 0, 1]))


def test_a_bad_run_does_not_disturb_others(reference):
    dtype, grid = reference
    other = sweep(seeds=[0, 7, 9], learning_rates=[0.1, 1e30, 0.5, 2.0], dtype=dtype, **SMALL)
    assert_same_bits(pick(other, [0, 1, 2], [0, 2, 3]), grid)
    assert np.isfinite(other.model.variance).all()


@pytest.mark.parametrize(
    "tuning",
    [devices.CPU._replace(smallest=devices.CPU.lanes), devices.CPU._replace(chunk=16, epochs=37)],
    ids=["the widest", "narrow chunks, 37 epochs a visit"],
)
def test_the_width_and_length_of_calls_do_not_matter(reference, tuning, monkeypatch):
    """From 16 lanes on, that is: a single lane is compiled to scalar code, whose last bits are its own on JAX 0.12."""
    dtype, grid = reference
    monkeypatch.setattr(devices, "CPU", tuning)
    other = sweep(seeds=[0, 7, 9], learning_rates=[0.1, 0.5, 2.0], dtype=dtype, **SMALL)
    assert_same_bits(other, grid)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_width_does_not_matter_on_raw_observations(dtype, monkeypatch):
    def in_lanes(width):
        monkeypatch.setattr(devices, "CPU", devices.CPU._replace(smallest_raw=width))
        return mlejax.sweep(
            mlejax.Weibull(1.0, 1.0), seeds=[3], max_epochs=100,
            observations=mlejax.Draws(mlejax.Weibull(2.0, 3.0), 500), learning_rates=np.geomspace(0.01, 0.3, 20),
            dtype=dtype, progress=False,
        )  # fmt: skip

    one, other = in_lanes(16), in_lanes(64)
    assert one.provenance.representation.startswith("raw")
    np.testing.assert_array_equal(one.model.scale, other.model.scale)
    np.testing.assert_array_equal(one.model.shape, other.model.shape)
    np.testing.assert_array_equal(one.epochs, other.epochs)


@pytest.mark.parametrize("count", [1, 2])
def test_the_number_of_devices_does_not_matter(reference, count, monkeypatch):
    monkeypatch.setattr(
        devices, "CPU", devices.CPU._replace(smallest=16)
    )  # 27 runs, which one device would get as a rule
    dtype, grid = reference
    given = SMALL | {"devices": jax.local_devices()[:count], "dtype": dtype}
    other = sweep(seeds=[0, 7, 9, 1, 2, 3, 4, 5, 6], learning_rates=[0.1, 0.5, 2.0], **given)
    assert other.provenance.device == f"{count} x cpu"
    assert_same_bits(pick(other, [0, 1, 2], [0, 1, 2]), grid)


def test_other_data_give_other_bits():
    """The negative control of the tests above."""
    first, second = (
        sweep(seeds=[0], learning_rates=[0.1], **SMALL | {"observations": draws(1000, base_seed=base)})
        for base in (0, 1)
    )
    assert first.model.mean != second.model.mean


# Raw samples of many groups, side by side or one after another -------------------------------------------------------

X = np.random.RandomState(3).gamma(2.0, 1.5, (512, 300))
GROUPS = (63, 335, 349, 394, 463)
"""Groups on which the last digits of Student's t are sensitive to the rounding of a single epoch."""
START = mlejax.StudentT(2.0, 2.0, 5.0)
LIMITS = {"learning_rates": [0.05], "max_epochs": 100, "progress": False}


def groups(*places):
    return mlejax.Groups(np.concatenate([X[place] for place in places]), np.repeat(np.arange(len(places)), 300))


@pytest.mark.parametrize("beside", [True, False])
def test_a_run_has_the_same_bits_in_every_lane(beside):
    many = {"patience": range(1000, 1064)}  # none of which is waited for: 64 runs that are the same
    for place in GROUPS[:3]:
        where = groups(*[place] * 64) if beside else groups(place)
        found = mlejax.sweep(START, observations=where, **LIMITS | ({} if beside else many))
        for name, values in arrays(found).items():
            assert len(set(np.ravel(values).tolist())) == 1, name


@pytest.mark.parametrize("start", [START, mlejax.Weibull(1.0, 2.0)], ids=["student_t", "weibull"])
def test_side_by_side_and_one_after_another_have_the_same_bits(start, monkeypatch):
    def swept(largest):
        for name in ("LARGEST_BESIDE", "LARGEST_OF_FEW_RUNS"):
            monkeypatch.setattr(request, name, largest)
        found = mlejax.sweep(start, observations=groups(*GROUPS, *range(20)), **LIMITS)
        return arrays(found)

    beside, after = swept(1 << 16), swept(0)
    assert beside
    for name, values in beside.items():
        np.testing.assert_array_equal(values, after[name], err_msg=name)
