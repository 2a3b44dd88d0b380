"""Your own model in your own program: how high is a 100-year flood, from 60 yearly maxima? 1,024 bootstrap fits."""

# %% The model: a formula and the domains of its parameters
import sys

import jax
import jax.numpy as jnp
import optax
from matplotlib.figure import Figure

import mlejax

jax.config.update("jax_enable_x64", True)  # this program's choice: train_step works in the type that it is given


class Gumbel(mlejax.Model):
    location: float
    scale: float = mlejax.parameter(mlejax.positive)

    def log_prob(self, x):
        z = (x - self.location) / self.scale
        return -jnp.log(self.scale) - z - jnp.exp(-z)


# %% The program: one run is a function; vmap makes it a thousand, jit compiles them, a mesh spreads them over devices
YEARS, EPOCHS = 60, 1000
floods = 300 + 80 * jax.random.gumbel(jax.random.key(6), (YEARS,))  # m^3/s
adam = optax.adam(optax.cosine_decay_schedule(5.0, EPOCHS))


def ascend(key):
    x = jax.random.choice(key, floods, (YEARS,))

    def epoch(state, _):
        return mlejax.train_step(state, x, None, 1.0, patience=EPOCHS, optimizer=adam)[0], None

    start = mlejax.init_state(Gumbel(jnp.mean(x), jnp.std(x)), optimizer=adam)
    state, _ = jax.lax.scan(epoch, start, length=EPOCHS)
    return state.best_model, mlejax.distance(state.best_model, x)


over_runs = jax.sharding.NamedSharding(jax.sharding.Mesh(jax.devices(), ("runs",)), jax.P("runs"))
keys = jax.device_put(jax.random.split(jax.random.key(1), 1024), over_runs)
estimates, distances = jax.jit(jax.vmap(ascend))(keys)
print(f"{len(distances)} fits; the furthest is {jnp.max(distances):.1e} standard errors from its maximum")

# %% The picture: the level that is exceeded once in so many years
period = jnp.geomspace(1.02, 500, 400)
curve = -jnp.log(-jnp.log1p(-1 / period))
level = jnp.sort(estimates.location[:, None] + estimates.scale[:, None] * curve, axis=0)
axes = Figure(figsize=(8, 4.8), layout="constrained").subplots()
axes.fill_between(period, level[51], level[-52], color="#0072B2", alpha=0.2, label="90 % of the resamples")
axes.plot(period, level[512], color="#0072B2", label="median of the resamples")
axes.plot(period, 300 + 80 * curve, "--", color="black", label="truth")
axes.plot((YEARS + 1) / jnp.arange(YEARS, 0, -1), jnp.sort(floods), "ko", markersize=4, label="yearly maxima")
axes.set(xscale="log", xlim=(1, 500), xlabel="return period (years)", ylabel="flood (m³/s)")
axes.set_xticks([2, 5, 10, 100], ["2", "5", "10", "100"])
axes.legend(frameon=False)
axes.figure.savefig(sys.argv[1] if len(sys.argv) > 1 else __file__.replace(".py", ".png"), dpi=150)
