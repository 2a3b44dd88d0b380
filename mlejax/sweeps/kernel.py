"""A Pallas kernel that keeps runs in registers for all epochs of a call, made from the step that is compiled otherwise.

The step of one run is traced once, and read as operations on numbers, each a vector over the lanes of a block. A GPU
then loads a block of runs, makes all epochs of the call, and stores it, where XLA would launch a kernel and pass over
memory in every epoch. It takes JAX's Triton backend, which JAX 0.12 deprecates. Not measured on a GPU yet.
"""

import dataclasses
import functools
import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas
from jax.experimental.pallas import triton

from ..formula.jaxpr import DECLARED, Formula, Node, NotApplicable, opened, traced

Numbers: TypeAlias = np.ndarray
"""An array of objects, of the shape that JAX gives the value of ONE run: numbers, or vectors over the lanes."""

# fmt: off
ELEMENTWISE = frozenset((
    "abs", "add", "add_any", "and", "atan", "bitcast_convert_type", "ceil", "clamp", "convert_element_type", "copy",
    "cos", "div", "eq", "exp", "exp2", "expm1", "floor", "ge", "gt", "integer_pow", "is_finite", "le", "log", "log1p",
    "logistic", "lt", "max", "min", "mul", "ne", "neg", "not", "or", "pow", "rsqrt", "select_n", "shift_left",
    "shift_right_arithmetic", "shift_right_logical", "sign", "sin", "sqrt", "square", "sub", "tanh", "xor",
))
# fmt: on
"""Operations whose result at one place hangs on their operands at that place alone, as far as Triton knows them."""


def advance_in_registers(
    one: Callable[[Any, Any], Any], run: Any, state: Any, epochs: int, *, platform: str, block: int = 128
) -> Any:
    """Return the states of runs after some epochs.

    Args:
        one: makes one epoch of ONE run: (run, state) -> state.
        run: what decides the runs; leaves with a leading axis over lanes.
        state: likewise.
        epochs: so many, a number that is known when this is compiled.
        platform: "cuda" or "rocm"; on "cpu" the kernel is interpreted, which is slow and shows what it computes.
        block: lanes that are advanced together, at most; a power of two.

    Raises:
        NotApplicable: the step does something that cannot be read as operations on numbers.
    """
    fixed, moving = jax.tree.leaves(run), jax.tree.leaves(state)
    lanes = len(moving[0])
    block = math.gcd(lanes, block)
    step = numbers_of(one, run, state, platform)
    ins = [column for leaf in (*fixed, *moving) for column in jnp.moveaxis(leaf.reshape(lanes, -1), 1, 0)]
    count = sum(math.prod(leaf.shape[1:]) for leaf in fixed)

    def kernel(*references: Any) -> None:
        given = [reference[...] for reference in references[: len(ins)]]
        ended = jax.lax.fori_loop(0, epochs, lambda _, now: step(given[:count], now), given[count:])
        for reference, value in zip(references[len(ins) :], ended, strict=True):
            reference[...] = value

    spec = pallas.BlockSpec((block,), lambda i: (i,))
    outs = iter(pallas.pallas_call(
        kernel,
        grid=(lanes // block,),
        in_specs=[spec] * len(ins),
        out_specs=[spec] * (len(ins) - count),
        out_shape=[jax.ShapeDtypeStruct(column.shape, column.dtype) for column in ins[count:]],
        interpret=platform == "cpu",
        compiler_params=triton.CompilerParams(num_warps=max(1, block // 32)),  # one lane for each thread
    )(*ins))  # fmt: skip
    ended = [jnp.stack(list(itertools.islice(outs, math.prod(of.shape[1:]))), 1).reshape(of.shape) for of in moving]
    return jax.tree.unflatten(jax.tree.structure(state), ended)


def numbers_of(one: Callable[[Any, Any], Any], run: Any, state: Any, platform: str) -> Callable[..., list[Any]]:
    """Return one epoch as a function of the numbers of a run and those of its state: vectors over lanes."""
    leaves, tree = jax.tree.flatten((run, state))
    shapes = [jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype) for leaf in leaves]
    formula = traced(lambda *leaves: jax.tree.leaves(one(*jax.tree.unflatten(tree, leaves))), *shapes)

    def step(fixed: Sequence[Any], moving: Sequence[Any]) -> list[Any]:
        values = iter((*fixed, *moving))
        given = [_array(list(itertools.islice(values, math.prod(of.shape))), of.shape) for of in shapes]
        lanes = jnp.shape(moving[0])
        results = Reader(platform, lanes).results(formula, given)
        types = [shape.dtype for shape in shapes[len(jax.tree.leaves(run)) :]]
        return [
            jnp.broadcast_to(jnp.asarray(number, dtype), lanes)
            for result, dtype in zip(results, types, strict=True)
            for number in result.ravel()
        ]

    return step


@dataclasses.dataclass(frozen=True)
class Reader:
    """Evaluates a traced function number by number. What hangs on no input is computed once, while it is read."""

    platform: str
    lanes: tuple[int, ...]  # the shape of a number that is a vector over lanes

    def results(self, formula: Formula, given: Sequence[Numbers]) -> list[Numbers]:
        """Return the results of a function at these inputs."""
        known: dict[Node, Any] = dict(zip(formula.inputs, given, strict=True))
        needed = set(formula.results)
        for node in reversed(formula.nodes):  # each stands behind those that it takes
            needed.update(node.inputs if node in needed else ())
        for node in formula.nodes:
            if node in needed and node not in known:
                known[node] = self._value(node, [known[child] for child in node.inputs])
        return [known[result] for result in formula.results]

    def _value(self, node: Node, inputs: list[Any]) -> Any:
        if node.literal:
            value = np.asarray(node.value)
            return _array(list(value.ravel()), value.shape)
        if node.name in ELEMENTWISE:
            return self._elementwise(node, inputs)
        if node.name == "item":
            return inputs[0][node.tag]
        if node.name == "optimization_barrier":
            return inputs if len(inputs) > 1 else inputs[0]
        if node.name in ("reshape", "squeeze"):
            return inputs[0].reshape(node.aval.shape)
        if node.name in STRUCTURE:
            return STRUCTURE[node.name](node.equation.params, *inputs)
        if node.name in DECLARED:
            return self._inside(node, opened(node), inputs)
        if node.name == "platform_index":
            names = node.equation.params["platforms"]
            return _array([next(i for i, of in enumerate(names) if of is None or self.platform in of)], ())
        if node.name == "cond" and not _varies(inputs[0]):
            return self._inside(node, opened(node, int(inputs[0][()])), inputs[1:])
        raise NotApplicable(f"`{node.name}` is not an operation on numbers")

    def _inside(self, node: Node, formula: Formula, inputs: list[Numbers]) -> Any:
        found = self.results(formula, inputs)
        return found if len(node.equation.outvars) > 1 else found[0]

    def _elementwise(self, node: Node, inputs: list[Numbers]) -> Numbers:
        # JAX's own sum of derivatives, which its kernels do not know, is a sum.
        function = jax.lax.add if node.name == "add_any" else node.function
        types = [atom.aval.dtype for atom in node.equation.invars]
        assert function is not None

        def at(*numbers: Any) -> Any:
            if not any(map(_varies, numbers)):
                with jax.ensure_compile_time_eval():
                    return np.asarray(function(*numbers))[()]
            whole = (jnp.broadcast_to(jnp.asarray(x, of), self.lanes) for x, of in zip(numbers, types, strict=True))
            return function(*whole)

        shape = np.broadcast_shapes(*(array.shape for array in inputs))
        found = [at(*numbers) for numbers in zip(*(np.broadcast_to(a, shape).ravel() for a in inputs), strict=True)]
        return _array(found, shape)


def _varies(value: Any) -> bool:
    """Return whether a number, or one of an array, is a vector over lanes."""
    return any(map(_varies, value.ravel())) if isinstance(value, np.ndarray) else isinstance(value, jax.Array)


def _array(numbers: Sequence[Any], shape: tuple[int, ...]) -> Numbers:
    made = np.empty(len(numbers), object)
    for place, number in enumerate(numbers):  # all at once NumPy would take a vector over lanes apart
        made[place] = number
    return made.reshape(shape)


def _expand(params: Any, array: Numbers) -> Numbers:
    places = params["broadcast_dimensions"]
    inserted = [array.shape[places.index(i)] if i in places else 1 for i in range(len(params["shape"]))]
    return np.broadcast_to(array.reshape(inserted), params["shape"])


def _reduce(operation: Callable[[Any, Any], Any], params: Any, array: Numbers) -> Numbers:
    moved = np.moveaxis(array, params["axes"], range(len(params["axes"])))
    rest = moved.shape[len(params["axes"]) :]
    columns = moved.reshape(-1, math.prod(rest)).T
    return _array([functools.reduce(operation, column) for column in columns], rest)


REDUCTIONS = {"sum": operator.add, "and": operator.and_, "or": operator.or_, "max": jnp.maximum, "min": jnp.minimum}
STRUCTURE: dict[str, Callable[..., Numbers]] = {
    "broadcast_in_dim": _expand,
    "concatenate": lambda params, *arrays: np.concatenate(arrays, params["dimension"]),
    **{f"reduce_{name}": functools.partial(_reduce, operation) for name, operation in REDUCTIONS.items()},
    "stack": lambda params, *arrays: np.stack(arrays, params["axis"]),
    "slice": lambda params, array: array[
        tuple(map(slice, params["start_indices"], params["limit_indices"], params["strides"] or (1,) * array.ndim))
    ],
    "transpose": lambda params, array: array.transpose(params["permutation"]),
}
"""Operations that move numbers about, and reductions."""
