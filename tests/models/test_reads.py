"""What a formula reads is known, or it is traced again: nothing that can change is missed."""

import functools
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import zoo

import mlejax
from mlejax.models import tracing
from mlejax.models.reads import reads_of

SCALE = 2.0
SCALES = [2.0]


class Settings:
    scale = 2.0


SETTINGS = Settings()


def scaled(x):
    return x * SCALE


def counted(x):
    return x * counted.scale


counted.scale = 2.0
partly = functools.partial(jnp.multiply, SCALES[0])


def formula(log_prob, **attributes):
    """Return a model of one number with this formula."""
    names = {"__annotations__": {"location": float}, "log_prob": log_prob, "__module__": __name__} | attributes
    return type("Own", (mlejax.Model,), names)(1.0)


def closed_over(scale):
    return lambda self, x: -((x - self.location) ** 2) * scale


KNOWN = {
    "a number": formula(lambda self, x: -((x - self.location) ** 2) * SCALE),
    "a function": formula(lambda self, x: -scaled((x - self.location) ** 2)),
    "a closure": formula(closed_over(2.0)),
    "a method": formula(lambda self, x: self.half(x), half=lambda self, x: -((x - self.location) ** 2) * SCALE),
    "a constant": formula(lambda self, x: -((x - self.location) ** 2) * self.factor, factor=2.0),
    "a library": formula(lambda self, x: jax.scipy.stats.norm.logpdf(x, self.location, jnp.asarray(np.pi))),
    "a sum": formula(lambda self, x: sum(-((x - self.location) ** 2) * k for k in range(3))),
}

UNKNOWN = {
    "a list": formula(lambda self, x: -((x - self.location) ** 2) * SCALES[0]),
    "an object": formula(lambda self, x: -((x - self.location) ** 2) * SETTINGS.scale),
    "a closed list": formula(closed_over([2.0])),
    "an attribute of a function": formula(lambda self, x: -counted((x - self.location) ** 2)),
    "a partial function": formula(lambda self, x: -partly((x - self.location) ** 2)),
    "a list in the class": formula(lambda self, x: -((x - self.location) ** 2) * self.factors[0], factors=[2.0]),
    "by name": formula(lambda self, x: -((x - self.location) ** 2) * globals()["SCALE"]),
    "drawn": formula(lambda self, x: -((x - self.location) ** 2) * np.random.normal()),
    "a mutable default": formula(lambda self, x, scales=SCALES: -((x - self.location) ** 2) * scales[0]),
    "attributes that are made": formula(
        lambda self, x: -((x - self.location) ** 2) * self.scale, __getattr__=lambda self, name: SCALES[0]
    ),
}


@pytest.mark.parametrize("model", KNOWN.values(), ids=KNOWN)
def test_what_cannot_change_in_itself_is_known(model):
    places = reads_of(model)
    assert places is not None
    assert all(place.unchanged for place in places)


@pytest.mark.parametrize("model", UNKNOWN.values(), ids=UNKNOWN)
def test_what_may_change_unseen_is_not(model):
    assert reads_of(model) is None


@pytest.mark.parametrize("name", ["a number", "a function", "a method"])
def test_another_value_is_seen(name, monkeypatch):
    places = reads_of(KNOWN[name])
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert not all(place.unchanged for place in places)


def test_another_function_is_seen(monkeypatch):
    model = KNOWN["a method"]
    places = reads_of(model)
    monkeypatch.setattr(type(model), "half", lambda self, x: x)
    assert not all(place.unchanged for place in places)
    places = reads_of(KNOWN["a function"])
    monkeypatch.setattr(scaled, "__code__", (lambda x: x).__code__)
    assert not all(place.unchanged for place in places)


def test_models_of_models_and_formulas_of_others_are_not_known():
    class Inherited(mlejax.Gamma):
        """A class whose formula is another's, which might call a method of this one."""

    class Linked(mlejax.Model):
        location: float
        link: object = eqx.field(static=True)

        def log_prob(self, x):
            return self.link(x - self.location)

    assert reads_of(mlejax.Shifted(zoo.Rayleigh(1.0), 0.5)) is None
    assert reads_of(Inherited(1.0, 1.0)) is None
    assert reads_of(Linked(1.0, scaled)) is None
    assert reads_of(zoo.Rayleigh(1.0)) is not None


class Row(NamedTuple):
    """A record with a method, which may read anything."""

    x: float

    @property
    def scaled(self):
        return self.x * SCALES[0]


def test_a_formula_is_traced_again_only_where_it_must_be(monkeypatch):
    traced = []
    monkeypatch.setattr(tracing, "_traced", lambda *given, real=tracing._traced: traced.append(given) or real(*given))

    def times(model, observation=tracing.ONE_NUMBER):
        traced.clear()
        for _ in range(3):
            tracing.check_formula(model, observation)
        return len(traced)

    assert times(KNOWN["a closure"]) == 1
    assert times(UNKNOWN["a list"]) == 3
    assert times(formula(lambda self, row: -(row.scaled**2) * self.location), Row(tracing.ONE_NUMBER)) == 3
