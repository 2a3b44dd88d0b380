"""JAX gets four CPU devices before it starts; nothing here imports mlejax, whose annotations pytest has yet to hook."""

import atexit
import os
import pathlib
import shutil
import tempfile

os.environ.setdefault("MPLBACKEND", "agg")
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    # What one test compiles serves the others of this run, in its other processes too, and is gone with it.
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="mlejax-tests-")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

import hypothesis
import jax
import numpy as np
import pytest

jax.config.update("jax_num_cpu_devices", 4)
jax.config.update("jax_numpy_rank_promotion", "raise")  # shapes that differ are meant, or a mistake


def pytest_sessionstart():
    """The compiler options of a process that mlejax starts: bits are compared with such processes."""
    from mlejax import devices

    devices.start()
    jax.devices()  # running from here on: a test that asks for one device must not leave the next ones with one


SLOW_DOCTESTS = {
    "README.md",
    "mlejax.ascent.fit.fit",
    "mlejax.ascent.optimizers.natural_gradient",
    "mlejax.ascent.train.train",
    "mlejax.ascent.vary.vary",
    "mlejax.store.histories.load_histories",
    "mlejax.plotting.fits.log_likelihood",
    "mlejax.store.load.load",
    "mlejax.sweeps.cost.estimate_cost",
    "mlejax.sweeps.record.record",
    "mlejax.sweeps.many.fit_many",
    "mlejax.sweeps.study.study",
    "mlejax.sweeps.sweep.sweep",
    "mlejax.sweeps.verify.verify",
}


def pytest_collection_modifyitems(items):
    """Mark the examples that take long: a docstring cannot carry a marker."""
    for item in items:
        if item.name in SLOW_DOCTESTS:
            item.add_marker("slow")


def _mappings():
    """The memory mappings of this process; 0 where the system does not list them."""
    listed = pathlib.Path("/proc/self/maps")
    return len(listed.read_bytes().splitlines()) if listed.exists() else 0


@pytest.fixture(scope="module", autouse=True)
def _room_for_programs():
    """Drop what earlier modules compiled, in time: a program takes 30 to 90 mappings, and at 65,530 Linux refuses one
    more, which XLA answers with a segmentation fault.
    """
    yield
    if _mappings() > 16_000:
        jax.clear_caches()


hypothesis.settings.register_profile("mlejax", deadline=None, derandomize=True, max_examples=25, database=None)
hypothesis.settings.load_profile("mlejax")


@pytest.fixture
def x64():
    """float64 in this test, whatever the flag of the process says."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def article_data():
    """The article's sample of 100,000 for a seed of NumPy's legacy stream, drawn once."""
    drawn = {}

    def draw(seed):
        if seed not in drawn:
            drawn[seed] = np.random.RandomState(seed).normal(7.2, 2.8, 100_000)
            drawn[seed].flags.writeable = False
        assert drawn[seed].shape == (100_000,)
        return drawn[seed]

    return draw


@pytest.fixture(scope="session")
def article_fit(article_data):
    """`mlejax.train` of the article's sample from (0, 1), once for each seed and learning rate."""
    import mlejax

    done = {}

    def fit(seed, learning_rate=0.1):
        if (seed, learning_rate) not in done:
            start, data = mlejax.Normal(0.0, 1.0), article_data(seed)
            done[seed, learning_rate] = mlejax.train(start, data, learning_rate=learning_rate, progress=False)
        return done[seed, learning_rate]

    return fit


@pytest.fixture(scope="session")
def small_normal():
    """200 observations with mean near 7 and variance near 8."""
    x = np.random.RandomState(5).normal(7.2, 2.8, 200)
    x.flags.writeable = False
    assert x.shape == (200,)
    return x


@pytest.fixture(scope="session")
def compilations():
    """A list that grows by one with every program that XLA compiles."""
    seen = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, _, **__: seen.append(event) if event.endswith("backend_compile_duration") else None
    )
    return seen
