"""Short names for formulas: what decides results is recorded by them, and two of them are told apart.

They do not depend on the version of JAX that traces the formula, as far as it is traced into the same operations.
"""

import dataclasses
import hashlib
import importlib
import itertools
import re
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from ..checks import InputValueError
from . import FAMILIES, OF_ARRAYS
from .base import Model
from .rows import Observation, described, is_number, observation_recorded

VERSIONS: Mapping[str, int] = dict.fromkeys([*FAMILIES.homes.values(), *OF_ARRAYS.homes.values()], 1) | {
    "symmetric.StudentT": 2
}
"""The version of each family's formula, raised whenever its `log_prob` gives other numbers; by module and class.

Some of these formulas call functions that JAX writes differently from version to version.
"""

CALLS = {"jit", "pjit", "closed_call", "core_call", "checkpoint", "remat2"}
"""Operations that do nothing but call a function: what that does stands in their place."""

COMMUTATIVE = {"add", "add_any", "mul", "max", "min"}
"""Operations of two numbers whose order changes no bit; JAX may write them in another order in another process."""

UNSAID = {"sharding", "out_sharding", "weak_type", "jvp_jaxpr_fun", "name"}
"""Settings of operations that do not decide what they compute; nor do those that are None, False or a function."""


def listed_class(name: str) -> type[Model] | None:
    """Return the class of this package whose formula has a version, by its name; None where none is called so."""
    home = next((home for home in VERSIONS if home.partition(".")[2] == name), None)
    return None if home is None else getattr(importlib.import_module(f"{__package__}.{home.partition('.')[0]}"), name)


def version_of(family: type[Model]) -> int | None:
    """Return the version of the formula of a family of this package; None of any other class."""
    package, _, module = family.__module__.rpartition(".")
    return VERSIONS.get(f"{module}.{family.__qualname__}") if package == __package__ else None


def formula_digest(model: Model, observation: Observation | None = None) -> str:
    """Return a short name for the formula of `log_prob`: it changes when the formula does, fixed numbers included.

    Args:
        model: its numbers do not matter.
        observation: the shape and type of an observation, where it is no single number.
    """
    if (version := version_of(type(model))) is not None:
        given = (f" {f.name}={getattr(model, f.name)!r}" for f in dataclasses.fields(model) if f.metadata.get("static"))
        return hashlib.sha256(f"{type(model).__name__} {version}{''.join(given)}".encode()).hexdigest()[:16]
    return digest_of(_traced(model, observation))


def digest_for(model: Model, observation: Mapping[str, Any] | None, recorded: str) -> str:
    """Return the name of the formula of a model for observations of which the shapes and types were recorded.

    Args:
        model: its numbers do not matter.
        observation: what `recorded_observation` said.
        recorded: the name of a class and a digest. The latter is returned where the observation cannot be made again:
            the formula is then compared when it is used.

    Raises:
        ValueError: the formula is of other observations.
    """
    try:
        made = observation_recorded(observation)
    except LookupError:
        return recorded.split()[-1]
    try:
        return formula_digest(model, made)
    except Exception as error:
        if isinstance(error, AttributeError) and not isinstance(made, dict):
            return recorded.split()[-1]  # the formula may ask a record for more than its parts
        raise InputValueError(
            f"model: the log_prob of {type(model).__name__} does not take what the store is of, "
            f"{'a number' if made is None else described(made)}: {type(error).__name__}: {error}"
        ) from error


def printed_digest(model: Model) -> str:
    """Return the name that mlejax 0.1 gave to a formula: of the text that JAX prints for it."""
    formula = _traced(model)
    digest = hashlib.sha256(str(formula).encode())
    for constant in formula.consts:
        digest.update(np.asarray(constant).tobytes())
    return digest.hexdigest()[:16]


def _traced(model: Model, observation: Observation | None = None) -> ClosedJaxpr:
    with jax.enable_x64(True):
        if not (observation is None or is_number(observation)):
            return jax.make_jaxpr(lambda m, x: m.log_prob(x))(model, observation)
        try:
            return jax.make_jaxpr(lambda m, x: m.log_prob(x))(model, jax.ShapeDtypeStruct((), np.float64))
        except TypeError:  # a table look-up takes whole numbers
            return jax.make_jaxpr(lambda m, x: m.log_prob(x))(model, jax.ShapeDtypeStruct((), np.int64))


def sample_digest(model: Any) -> str:
    """Return a short name for the way in which a model draws: it changes when its `sample` does."""
    with jax.enable_x64(True):
        key = jax.eval_shape(lambda: jax.random.key(0, impl="threefry2x32"))
        return digest_of(jax.make_jaxpr(lambda m, key: m.sample(key, (2,)))(model, key))


def digest_of(traced: ClosedJaxpr) -> str:
    """Return a short name for a traced function, the numbers and arrays that it holds included."""
    return hashlib.sha256(rendering(traced).encode()).hexdigest()[:16]


def rendering(traced: ClosedJaxpr | Jaxpr) -> str:
    """Return a traced function as text: an operation a line, numbered, those of the functions that it calls among them.

    Example:
        >>> print(rendering(jax.make_jaxpr(lambda x: 2 * x + 1)(np.float32(3.0))))
        float32() 0
        mul 1 <- 0 float32():00000040
        add 2 <- 1 float32():0000803f
        -> 2
    """
    lines: list[str] = []
    known: dict[Any, str] = {}
    numbers = itertools.count()

    def new(variable: Any) -> str:
        known[variable] = str(next(numbers))  # again where a function is called again
        return known[variable]

    def read(atom: Any) -> str:
        return _constant(atom.val, atom.aval) if isinstance(atom, Literal) else known[atom]

    def walk(jaxpr: Jaxpr, constants: Any) -> None:
        for variable, constant in zip(jaxpr.constvars, constants, strict=True):
            known[variable] = _constant(constant, variable.aval)
        for equation in jaxpr.eqns:
            if equation.primitive.name in CALLS:
                inner = inner_of(equation)
                body = bare(inner)
                known.update(zip(body.invars, map(read, equation.invars), strict=True))
                walk(body, getattr(inner, "consts", ()))
                known.update(zip(equation.outvars, map(read, body.outvars), strict=True))
            else:
                inputs = [read(atom) for atom in equation.invars]
                inputs = sorted(inputs) if equation.primitive.name in COMMUTATIVE else inputs
                results = map(new, equation.outvars)
                lines.append(" ".join([equation.primitive.name, *_settings(equation), *results, "<-", *inputs]))

    whole = bare(traced)
    lines += [f"{_type(variable.aval)} {new(variable)}" for variable in whole.invars]
    walk(whole, getattr(traced, "consts", ()))
    return "\n".join([*lines, " ".join(["->", *map(read, whole.outvars)])])


def inner_of(equation: JaxprEqn) -> ClosedJaxpr | Jaxpr:
    """Return what a call calls."""
    return next(equation.params[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in equation.params)


def bare(traced: ClosedJaxpr | Jaxpr) -> Jaxpr:
    """Return a traced function without the arrays that it holds."""
    return getattr(traced, "jaxpr", traced)  # type: ignore[return-value]


def _settings(equation: JaxprEqn) -> list[str]:
    said = {key: _written(value) for key, value in sorted(equation.params.items()) if key not in UNSAID}
    return [f"{key}={text}" for key, text in said.items() if text]


def _written(setting: Any) -> str:
    if isinstance(setting, ClosedJaxpr | Jaxpr):
        return f"{{{rendering(setting)}}}"
    if type(setting) in (tuple, list):
        return f"({', '.join(map(_written, setting))})"
    return "" if setting is None or setting is False or callable(setting) else re.sub("0x[0-9a-f]+", "", str(setting))


def _constant(value: Any, aval: Any) -> str:
    return f"{_type(aval)}:{np.asarray(value, aval.dtype).tobytes().hex()}"


def _type(aval: Any) -> str:
    return f"{aval.dtype}{aval.shape}"
