"""The samples of many seeds: each represented as it would be alone, whatever else is drawn beside it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from zoo import ZeroInflatedPoisson

import mlejax
from mlejax import devices
from mlejax.samples.gather import Request, gather, represent
from mlejax.samples.sources import Draws, Given

pytestmark = pytest.mark.usefixtures("x64")


class Drawn(ZeroInflatedPoisson):
    """A zero-inflated Poisson distribution that draws."""

    def sample(self, key, shape):
        zero, count = jax.random.split(key)
        counts = jax.random.poisson(count, self.rate, shape).astype(float)
        return jnp.where(jax.random.uniform(zero, shape) < self.zero, 0.0, counts)


START = Drawn(np.float64(4.0), np.float64(0.05))
ONE_ZERO = np.r_[0.0, 1.0 + np.random.RandomState(0).poisson(4.0, 59)]
SOURCES = {"draws": Draws(Drawn(6.0, 0.02), 50), "data": Given(ONE_ZERO)}


def collected(source, seeds, start=START, fraction=0.2, summarize=True, count=4):
    done, mesh = [], devices.mesh(jax.local_devices()[:count])
    request = Request(start, source, np.asarray(seeds), fraction, summarize)
    found = gather(request, np.arange(len(seeds)), mesh, done.append)
    assert sum(done) == len(seeds)
    return found


def bits(pair):
    leaves, tree = jax.tree.flatten((pair.train, pair.validation))
    return tree, [np.asarray(leaf).tobytes() for leaf in leaves]


@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_a_sample_has_the_same_form_and_bits_whatever_is_beside_it(name):
    seeds = list(range(12))
    found, reverse = collected(SOURCES[name], seeds), collected(SOURCES[name], seeds[::-1], count=1)
    forms = set()
    for i, seed in enumerate(seeds):
        alone = collected(SOURCES[name], [seed]).of(0)
        assert bits(found.of(i)) == bits(reverse.of(11 - i)) == bits(alone), seed
        forms.add(alone.forms)
    assert len(forms) > 1  # otherwise nothing was tested


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 1000])
def test_squares_are_rounded_before_they_are_added_up(n):
    """Fused with the addition they are not, and what is fused hangs on the program: here one for each way."""
    source, start = Draws(mlejax.Normal(7.2, 7.84), n), mlejax.Normal(np.float64(0.0), np.float64(1.0))
    one, four = (collected(source, range(24), start=start, count=count) for count in (1, 4))
    for i in range(24):
        assert bits(one.of(i)) == bits(four.of(i)) == bits(represent(one.request, i)), i


@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_a_summary_is_that_of_its_own_observations(name):
    found = collected(SOURCES[name], range(12))
    assert len(found.alone) == len(found.outside) == 0
    for position in range(12):
        for sample, values in zip(found.pair(position), found.request.cut(position), strict=True):
            expected = np.sum([START.log_prob(value) for value in values])
            assert float(mlejax.log_likelihood(START, sample)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
def test_a_sample_outside_the_support_is_set_apart():
    source = Draws(mlejax.Normal(3.0, 2.0), 50)
    found = collected(source, range(12), start=mlejax.Exponential(np.float64(1.0)))
    outside = [i for i in range(12) if np.concatenate(source.cut(i, 0.2)).min() < 0]
    assert 0 < len(outside) < 12
    assert sorted(found.outside.tolist()) == outside
    assert sorted([*found.outside.tolist(), *found.alone.tolist(), *found.stacks[0].positions.tolist()]) == [*range(12)]


@pytest.mark.slow
def test_only_what_is_asked_for_is_drawn():
    request = Request(START, SOURCES["draws"], np.arange(100), 0.2, True)
    found = gather(request, np.array([98, 3]), devices.mesh(), lambda _: None)
    assert sorted(position for stack in found.stacks for position in stack.positions) == [3, 98]
    assert bits(found.of(50)) == bits(represent(request, 50))  # what was not drawn is drawn when it is wanted


@pytest.mark.parametrize("by", ["jax", "numpy", "statistics"])
@pytest.mark.parametrize("summarize", [True, False])
def test_nothing_is_drawn_where_no_run_waits(by, summarize):
    request = Request(mlejax.Normal(0.0, 1.0), Draws(mlejax.Normal(1.0, 2.0), 50, by=by), np.arange(3), 0.2, summarize)
    found = gather(request, np.zeros(0, np.int64), devices.mesh(jax.local_devices()[:2]), lambda _: None)
    assert (len(found.stacks), len(found.alone), len(found.outside)) == (0, 0, 0)


def test_raw_observations_are_cut_when_they_are_wanted():
    values = np.random.RandomState(0).weibull(2.0, 300)
    start = mlejax.Weibull(np.float64(1.0), np.float64(1.0))
    found = collected(Given(values), [5, 6], start=start)
    assert (found.alone.tolist(), found.stacks) == ([0, 1], ())
    assert found.representation.startswith("raw observations: ")
    pair = found.of(1)
    for sample, part in zip((pair.train, pair.validation), Given(values).cut(6, 0.2), strict=True):
        np.testing.assert_array_equal(sample.values, part)


@pytest.mark.slow
def test_nothing_is_summarized_where_that_is_not_wanted():
    found = collected(SOURCES["draws"], range(3), summarize=False)
    assert (found.stacks, found.representation) == ((), "raw observations, as asked")
    assert isinstance(found.of(0).train, mlejax.Observations)


@pytest.mark.slow
def test_a_sample_that_differs_only_where_it_is_drawn_is_kept(monkeypatch):
    """At the limit, rounding decides: what is no summary among others may be one by itself, and is never lost."""
    monkeypatch.setattr("mlejax.samples.drawn.AGREEMENT", -1.0)  # none agrees where all are drawn together
    start = mlejax.Normal(np.float64(6.0), np.float64(7.0))
    count = 67  # the compiled program is kept: one that no other test draws with
    found = collected(Draws(mlejax.Normal(7.2, 7.84), count), range(4), start)
    assert sorted(found.alone.tolist()) == [0, 1, 2, 3]
    assert found.of(2).forms is not None
