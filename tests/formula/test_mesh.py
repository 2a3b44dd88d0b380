"""Values that are spread over the devices of a caller's mesh: by `shard_map`, and by their types."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import mlejax
from mlejax.formula.mesh import spread_over_a_mesh, varying, varying_as

X = np.random.RandomState(0).gamma(2.0, 1.5, (4, 300))
STARTS = {"statistics": mlejax.Gamma(1.0, 1.0), "raw": mlejax.Weibull(1.0, 2.0)}


def mesh(kind):
    return jax.make_mesh((4,), ("part",), axis_types=(kind,))


def test_what_varies_over_a_shard_map(x64):
    seen = []

    def local(values):
        same = jnp.zeros(2)
        like, not_like = varying_as(same, values), varying_as(same, 1.0)
        seen.extend([varying(values), varying(like), varying(not_like), spread_over_a_mesh(same, values)])
        return jax.lax.psum(jnp.sum(values) + jnp.sum(like), "part")

    jax.jit(jax.shard_map(local, mesh=mesh(AxisType.Auto), in_specs=PartitionSpec("part"), out_specs=PartitionSpec()))(
        X
    )
    assert seen[-4:] == [{"part"}, {"part"}, frozenset(), True]
    assert not spread_over_a_mesh(X, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", STARTS)
def test_maxima_on_the_devices_of_a_shard_map(kind, x64):
    def maxima(values):
        return jax.vmap(lambda x: mlejax.maximize(STARTS[kind], x))(values)

    over = {"in_specs": PartitionSpec("part"), "out_specs": PartitionSpec("part")}
    found = jax.jit(jax.shard_map(maxima, mesh=mesh(AxisType.Auto), **over))(X)
    assert np.all(found.converged)
    for place, x in enumerate(X):
        alone = mlejax.fit(STARTS[kind], x, progress=False).model
        for one, each in zip(jax.tree.leaves(alone), jax.tree.leaves(found.model), strict=True):
            assert each[place] == pytest.approx(one, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("axis", [AxisType.Explicit, AxisType.Auto], ids=["explicit", "auto"])
@pytest.mark.parametrize("kind", STARTS)
def test_observations_that_are_sharded_by_their_type(kind, axis, x64):
    x = jax.device_put(X[0], NamedSharding(mesh(axis), PartitionSpec("part")))
    step = jax.jit(lambda state, x: mlejax.train_step(state, x, None, 0.1)[0])
    state, other = (step(mlejax.init_state(STARTS[kind]), values) for values in (x, X[0]))
    found, alone = (
        jax.jit(lambda x: mlejax.maximize(STARTS[kind], x).model)(x),
        mlejax.maximize(STARTS[kind], X[0]).model,
    )
    for one, each in zip(jax.tree.leaves((other.model, alone)), jax.tree.leaves((state.model, found)), strict=True):
        assert float(each) == pytest.approx(float(one), rel=1e-9)
