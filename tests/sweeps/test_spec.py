"""A sweep as a description: checked once, stored as plain values, rebuilt from them."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import printed_by
from zoo import Rayleigh as Silent

import mlejax
from mlejax import Draws, Normal, SweepSpec
from mlejax.ascent.vary import fingerprint
from mlejax.models.digest import formula_digest

sweep = functools.partial(mlejax.sweep, mlejax.Normal(0.0, 1.0), progress=False)
TARGET = Normal(7.2, 7.84)
DATA = np.random.RandomState(0).normal(3.0, 2.0, 40)


class Rayleigh(Silent):
    """One that draws."""

    def sample(self, key, shape):
        return self.scale * jnp.sqrt(-2 * jnp.log(jax.random.uniform(key, shape)))


class Counted(mlejax.Model):
    """One with a parameter called like an axis that not every sweep has."""

    count: float

    def log_prob(self, x):
        return -((x - self.count) ** 2)


def spec(**other):
    usual = {"model": Normal(0.0, 1.0), "seeds": [3, 1], "learning_rates": [0.5], "observations": Draws(TARGET, 100)}
    return SweepSpec.checked(**usual | other)


SPECS = {
    "draws by JAX": spec(observations=Draws(TARGET, 100, base_seed=7)),
    "draws by NumPy": spec(observations=Draws(TARGET, 100, by="numpy", split_seed=3)),
    "statistics": spec(observations=Draws(TARGET, 100, by="statistics")),
    "data": spec(observations=DATA, summarize=False),
    "counts": spec(observations=Draws(TARGET, [100, 10], by="numpy")),
    "start points": spec(starts=[Normal(1.0, 2.0), Normal(2.0, 3.0)]),
    "rates by parameter": spec(learning_rates=Normal([0.1, 0.2], 0.5)),
    "all axes": spec(max_epochs=[10, 20], patience=[5, 6], tolerance=[0.0, 1e-8], validation_fraction=0),
    "an optimizer": spec(optimizer=optax.scale_by_adam(), dtype="float32"),
    "a model of one's own": spec(
        model=Rayleigh(1.0), observations=Draws(Rayleigh(2.0), 50), starts=[Rayleigh(3.0)], max_epochs=[7]
    ),
    "its data": spec(model=Rayleigh(1.0), observations=np.abs(DATA)),
    "counts of its own": spec(observations=Draws(Rayleigh(2.0), [50, 60])),
}
GIVEN_BACK = {
    "data": {"observations": DATA},
    "an optimizer": {"optimizer": optax.scale_by_adam()},
    "a model of one's own": {"model": Rayleigh(9.0)},
    "its data": {"model": Rayleigh(9.0), "observations": np.abs(DATA)},
    "counts of its own": {"observations": Draws(Rayleigh(2.0), [70, 80])},
}


def record(made):
    """What a store keeps: plain values."""
    return json.loads(json.dumps(made.settings())), {name: values.copy() for name, values in made.axes.items()}


@pytest.mark.parametrize("name", SPECS)
def test_a_stored_sweep_is_rebuilt(name):
    made = SPECS[name]
    again = SweepSpec.from_record(*record(made), **GIVEN_BACK.get(name, {}))
    assert record(again)[0] == record(made)[0]
    assert list(again.axes) == list(made.axes)
    for axis, values in made.axes.items():
        assert again.axes[axis].tolist() == values.tolist()
        assert again.axes[axis].dtype == values.dtype
    assert jax.tree.leaves(again.start) == jax.tree.leaves(made.start)
    assert [jax.tree.leaves(start) for start in again.starts] == [jax.tree.leaves(start) for start in made.starts]
    assert again.run_count == made.run_count == int(np.prod(made.shape))


@pytest.mark.slow
@pytest.mark.parametrize("name", GIVEN_BACK)
def test_what_a_digest_cannot_give_back_is_asked_for_by_name(name):
    settings, axes = record(SPECS[name])
    for missing in GIVEN_BACK[name]:
        given = {key: value for key, value in GIVEN_BACK[name].items() if key != missing}
        with pytest.raises(ValueError, match=f"give {missing}="):
            SweepSpec.from_record(settings, axes, **given)


OTHERS = {
    "other data": ("data", {"observations": DATA + 1}, "data: the sweep was made with 40 observations given, sha256"),
    "another optimizer": ("an optimizer", {"optimizer": optax.scale_by_adam(b1=0.8)}, "optimizer: the sweep was made"),
    "one count": (
        "counts",
        {"observations": Draws(TARGET, 10)},
        r"has samples of \[100, 10\] observations; got 10 draws",
    ),
    "another model": ("a model of one's own", {"model": Normal(0.0, 1.0)}, "model: the sweep was made with Rayleigh"),
}


@pytest.mark.parametrize(("name", "given", "message"), OTHERS.values(), ids=OTHERS)
def test_another_thing_in_its_place_is_refused(name, given, message):
    with pytest.raises(ValueError, match=message):
        SweepSpec.from_record(*record(SPECS[name]), **given)


DIFFERENT = {
    "seventh digit of the target": {"observations": Draws(Normal(7.2 * (1 + 1e-9), 7.84), 100)},
    "base seed": {"observations": Draws(TARGET, 100, base_seed=1)},
    "count": {"observations": Draws(TARGET, 101)},
    "counts": {"observations": Draws(TARGET, [100])},
    "way": {"observations": Draws(TARGET, 100, by="statistics")},
    "start": {"model": Normal(0.0, 1.5)},
    "start points": {"starts": [Normal(0.0, 1.0)]},
    "representation": {"summarize": False},
    "fraction": {"validation_fraction": 0.3},
    "patience": {"patience": 51},
    "type": {"dtype": "float32"},
    "optimizer": {"optimizer": optax.scale_by_adam()},
}


@pytest.mark.parametrize("given", DIFFERENT.values(), ids=DIFFERENT)
def test_what_decides_results_is_in_the_settings(given):
    assert record(spec(**given))[0] != record(spec())[0]


def test_axes_are_named_and_in_order():
    made = spec(
        observations=Draws(TARGET, [9]),
        tolerance=[0.0],
        starts=[Normal(1.0, 1.0)],
        learning_rates=Normal([0.1], [0.5, 1.0]),
        patience=[1, 2, 3],
    )
    assert list(made.axes) == [
        "seed", "count", "start", "learning_rate.mean", "learning_rate.variance", "patience", "tolerance",
    ]  # fmt: skip
    assert made.shape == (2, 1, 1, 1, 2, 3, 1)
    assert made.run_count == 12


def test_samples_are_numbered_along_seeds_and_counts():
    made = SPECS["counts"]
    assert (made.shape, made.sample_shape, made.sample_count) == ((2, 2, 1), (2, 2), 4)
    assert [made.sample_of(run) for run in range(4)] == [0, 1, 2, 3]
    assert SPECS["start points"].sample_shape == (2,)
    assert [SPECS["start points"].sample_of(run) for run in range(4)] == [0, 0, 1, 1]
    assert made.settings().keys() == SPECS["draws by NumPy"].settings().keys() - {"count"}
    fewer = made.with_axes(count=[10])
    assert fewer.shape == (2, 1, 1)
    assert fewer.settings() == made.settings()
    assert [each.size for each in fewer.source.by_count()] == [10]
    with pytest.raises(ValueError, match=r"count must be whole numbers from 2 .* got 1\.5 at index 0"):
        made.with_axes(count=[1.5])


def test_other_values_along_an_axis():
    made = SPECS["start points"].with_axes(seed=[5], start=[1], learning_rate=[0.25, 0.125])
    assert (made.shape, made.axes["start"].tolist()) == ((1, 1, 2), [1])
    assert [float(start.mean) for start in made.starts] == [2.0]
    assert made.rates["learning_rate"].tolist() == [0.25, 0.125]
    with pytest.raises(KeyError, match="no axis 'patience'; the axes are seed, start, learning_rate"):
        SPECS["start points"].with_axes(patience=[3])
    with pytest.raises(ValueError, match="seed must be distinct; got 5 at index 0 and 1"):
        made.with_axes(seed=[5, 5])


REFUSED = {
    "a number of seeds": ({"seeds": 10}, TypeError, r"seeds must be a sequence: range\(10\) .*, or \[10\] for one"),
    "no data": ({"observations": None}, TypeError, r"give observations=, your data or mlejax.Draws\(target, count\)"),
    "a count": ({"observations": 100_000}, TypeError, r"give mlejax.Draws\(target, 100000\)"),
    "one start": ({"starts": Normal(0.0, 1.0)}, TypeError, "starts must be a sequence of models; got Normal"),
    "statistics of another family": (
        {"model": Rayleigh(1.0), "observations": Draws(TARGET, 100, by="statistics")}, ValueError, "of one family",
    ),
    "nothing left": ({"validation_fraction": 0.999}, ValueError, "leaves none of 100 observations"),
    "nothing left of one count": (
        {"observations": Draws(TARGET, [100, 4]), "validation_fraction": 0.9}, ValueError, "leaves none of 4 observat",
    ),
    "too few for statistics": (
        {"observations": Draws(TARGET, [100, 4], by="statistics")}, ValueError, "two observations .* got 3 and 1",
    ),
    "a parameter called count": (
        {"model": Counted(1.0), "observations": Draws(TARGET, [100, 4])}, ValueError, "count names an axis .* Counted",
    ),
    "a hyperparameter called count": (
        {"optimizer": mlejax.vary(lambda count: optax.trace(count), count=[0.5]), "observations": Draws(TARGET, [9])},
        ValueError, "count names an axis of this sweep",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_every_refusal_comes_before_the_work(given, error, message):
    with pytest.raises(error, match=message):
        spec(**given)


DRAWS_REFUSED = {
    "base seed of NumPy": ({"by": "numpy", "base_seed": 1}, "base_seed=1 does not apply to by='numpy'"),
    "split seed of JAX": ({"split_seed": 42}, "split_seed=42 applies to by='numpy' alone; got by='jax'"),
    "split seed of statistics": ({"by": "statistics", "split_seed": 1}, "got by='statistics'"),
    "a target that is not normal": (
        {"target": mlejax.Gamma(1.0, 1.0), "by": "numpy"}, "by='numpy' draws from a Normal target; got Gamma",
    ),
    "an unknown way": ({"by": "scipy"}, "by must be one of jax, numpy, statistics; got 'scipy'"),
    "a negative base seed": ({"base_seed": -1}, "base_seed must be a whole number .* got -1"),
    "one observation": ({"count": 1}, "count must be a whole number from 2"),
    "one observation among others": ({"count": [9, 1]}, r"count must be whole numbers from 2 .* got 1 at index 1"),
    "a part of one": ({"count": [2.5]}, r"count must be whole numbers from 2 .* got 2\.5 at index 0"),
    "a count twice": ({"count": [9, 5, 9]}, "count must be distinct; got 9 at index 0 and 2"),
    "no counts": ({"count": []}, "count must be a non-empty sequence"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "message"), DRAWS_REFUSED.values(), ids=DRAWS_REFUSED)
def test_arguments_that_do_not_apply_to_draws_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Draws(**{"target": TARGET, "count": 100} | given)


def test_what_computes_is_plain_and_names_the_instructions():
    found = spec().computed_by()
    assert json.loads(json.dumps(found)) == found
    assert found["mlejax"] == mlejax.__version__
    assert found["platform"] == "cpu"
    assert found["instructions"]
    assert found["random"] == "threefry2x32, partitionable"


SWEEP_REFUSED = {
    "no seeds": ({"seeds": []}, ValueError, "seeds must be a non-empty sequence of numbers"),
    "a seed twice": ({"seeds": [1, 2, 1]}, ValueError, "seeds must be distinct; got 1 at index 0 and 2"),
    "a negative seed": ({"seeds": [0, -1]}, ValueError, "seeds must be whole numbers .* got -1 at index 1"),
    "half a seed": ({"seeds": [0.5]}, ValueError, "seeds must be whole numbers .* got 0.5 at index 0"),
    "a seed's name": ({"seeds": ["a"]}, TypeError, "seeds must be whole numbers from .*; got"),
    "a negative rate": (
        {"learning_rates": [0.1, 0.2, 0.3, -0.1]},
        ValueError,
        r"learning_rates must be positive; got -0.1 at index 3",
    ),
    "no rate": ({"learning_rates": []}, ValueError, "learning_rate must be a non-empty sequence"),
    "a rate twice": (
        {"learning_rates": [0.1, 0.1]},
        ValueError,
        "learning_rate must be distinct; got 0.1 at index 0 and 1",
    ),
    "rates of another model": (
        {"learning_rates": mlejax.Gamma([0.1], [0.1])},
        TypeError,
        "learning_rates must be a sequence of numbers or a Normal of rates; got Gamma",
    ),
    "a bad rate of a parameter": (
        {"learning_rates": mlejax.Normal([0.1, 0.0], 0.1)},
        ValueError,
        r"learning_rate.mean must be positive; got 0 at index 1",
    ),
    "no starts": ({"starts": []}, ValueError, "starts must be a non-empty sequence of models"),
    "a start of another model": (
        {"starts": [mlejax.Gamma(1.0, 1.0)]},
        TypeError,
        "starts: expected a Normal, as the start is; got a Gamma",
    ),
    "a start outside": (
        {"starts": [mlejax.Normal(0.0, 1.0), mlejax.Normal(0.0, -1.0)]},
        ValueError,
        r"starts\[1\]: Normal.variance must be positive; got -1",
    ),
    "a start twice": (
        {"starts": [mlejax.Normal(0.0, 1.0), mlejax.Normal(0.0, 2.0), mlejax.Normal(0, 1)]},
        ValueError,
        r"starts must be distinct; got Normal\(mean=0.0, variance=1.0\) at index 0 and 2",
    ),
    "no epochs": ({"max_epochs": 0}, ValueError, "max_epochs must be a whole number .* got 0"),
    "no patience": ({"patience": [5, 0]}, ValueError, "patience must be whole numbers .* got 0 at index 1"),
    "a negative tolerance": ({"tolerance": -1.0}, ValueError, "tolerance must be at least 0; got -1"),
    "another dtype": ({"dtype": "float16"}, ValueError, "dtype must be float64 or float32; got 'float16'"),
    "observations that are not finite": ({"observations": [1.0, np.nan]}, ValueError, "nan"),
    "all held out": ({"validation_fraction": 1.0}, ValueError, "validation_fraction"),
}


@pytest.mark.parametrize(("arguments", "error", "message"), SWEEP_REFUSED.values(), ids=SWEEP_REFUSED)
def test_arguments_that_are_refused(arguments, error, message):
    usual = {"seeds": [0], "learning_rates": [0.1], "observations": Draws(TARGET, 10)}
    with pytest.raises(error, match=message):
        sweep(**usual | arguments)


@pytest.mark.slow
def test_what_is_no_model_is_refused_by_name():
    program = """
import mlejax
normal = mlejax.Normal(0.0, 1.0)
for arguments in ({"model": (0.0, 1.0)}, {"target": 3}, {"starts": [1.0]}):
    try:
        source = mlejax.Draws(arguments.pop("target", normal), 100)
        usual = {"model": normal, "seeds": [0], "learning_rates": [0.1], "observations": source}
        mlejax.sweep(**usual | arguments)
    except TypeError as refusal:
        print(refusal)
"""
    for name, line in zip(("start", "target", "starts[0]"), printed_by(program).splitlines(), strict=True):
        assert line.startswith(f"{name} must be an instance of a mlejax.Model, such as Normal(0.0, 1.0); got")


@pytest.mark.slow
def test_a_word_for_a_flag_is_refused():
    program = """
import mlejax
try:
    mlejax.sweep(mlejax.Normal(0.0, 1.0), seeds=[0], learning_rates=[0.1], observations=[1.0, 2.0], summarize="no")
except TypeError as refusal:
    print(refusal)
"""
    assert printed_by(program) == "summarize must be True or False; got 'no'\n"


def test_a_model_that_cannot_draw_is_refused():
    with pytest.raises(TypeError, match="target: Rayleigh cannot draw; give it a method sample"):
        Draws(Silent(1.0), 100)


@pytest.mark.slow
def test_formulas_and_optimizers_have_the_same_name_in_every_process():
    """A store refuses another formula by its name: it must not depend on where functions lie in memory."""
    program = """
import jax, numpy as np, optax, mlejax
from mlejax.models.digest import formula_digest
from mlejax.ascent.vary import fingerprint
class Hidden(mlejax.Model):
    a: float
    def log_prob(self, x):
        return jax.pure_callback(lambda v: v, jax.ShapeDtypeStruct((), np.float64), x * self.a)
with jax.enable_x64(True):
    one = np.float64(1.0)
    names = [formula_digest(Hidden(one)), formula_digest(mlejax.StudentT(one, one, one))]
    names += [fingerprint(o, mlejax.Normal(one, one)) for o in (optax.adam(0.1), mlejax.natural_gradient())]
print(*names)
"""
    printed = {printed_by(program) for _ in range(2)}
    assert len(printed) == 1


def test_other_formulas_and_optimizers_have_other_names():
    def scaled(by):
        constant = np.linspace(0.0, by, 50)

        class Tabled(mlejax.Model):
            a: float

            def log_prob(self, x):
                return self.a * x * jnp.sum(jnp.asarray(constant))

        return Tabled(np.float64(1.0))

    with jax.enable_x64(True):
        assert formula_digest(scaled(1.0)) != formula_digest(scaled(2.0))
        start = mlejax.Normal(np.float64(0.0), np.float64(1.0))
        names = [fingerprint(o, start) for o in (None, optax.scale(0.1), optax.scale(0.1 + 1e-12), optax.adam(0.1))]
        assert len(set(names)) == 4
