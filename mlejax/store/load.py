"""What a store holds, as a result: a sweep, or a table of fits."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from .. import checks
from ..checks import InputTypeError, InputValueError
from ..models.base import Model
from ..models.digest import digest_for, printed_digest
from ..models.parameters import parameter_names, with_dtype
from ..models.structure import model_called
from ..results.schema import COMPUTED_BY, DIGEST, ERROR, QUANTITIES
from ..results.sweep import Provenance, SweepResult
from ..results.table import FitTable
from .batches import StoredArrays, refuse_damage, scan
from .files import StoreError
from .layout import FITS, SWEEP, Description, Layout
from .reading import READY, attributes_of, is_format_1, read_layout, read_root


def load(path: str | Path, model: Model | None = None) -> SweepResult[Any] | FitTable[Any]:
    """Load the result in a directory, finished or not; what has not ended has the status RUNNING.

    Args:
        path: the `out` of `sweep` or of `fit_many`.
        model: any instance of the model that was swept or fitted, if it is not one of the library's.

    Returns:
        The result. A variable of a sweep is read when it is first used. Its model is the library's class, or that of
        the model given, if their formula is the one that was swept; otherwise a stand-in that has the parameters and
        no formula.

    Raises:
        StoreError: there are no results there, or something of it is damaged or missing.
        ValueError: the model given has another formula.

    Example:
        >>> import tempfile, mlejax
        >>> with tempfile.TemporaryDirectory() as out:
        ...     _ = mlejax.sweep(
        ...         mlejax.Normal(0.0, 1.0), seeds=range(2), learning_rates=[1.0], observations=[1.0, 2.0, 4.0, 7.0],
        ...         max_epochs=100, out=out, progress=False,
        ...     )
        ...     mlejax.load(out).shape
        (2, 1)
    """
    path = checks.path("path", path)
    if is_format_1(attributes_of(path)):
        return _load_format_1(path, model)
    found = stored(path)
    return _fits(found, model) if found.description.kind == FITS else _sweep(found, model)


def load_sweep(path: Path, model: Model | None = None) -> SweepResult[Any]:
    """Load a sweep as `load` does.

    Raises:
        StoreError: the directory holds something else.
    """
    found = load(path, model)
    if not isinstance(found, SweepResult):
        raise StoreError(f"{path} holds a {FITS}, not a {SWEEP}")
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class Stored:
    """What a directory holds, all of it whole."""

    layout: Layout
    description: Description
    arrays: Mapping[str, np.ndarray]  # by the names of variables, each read when it is first used


def stored(path: Path) -> Stored:
    """Return what a directory holds.

    Raises:
        StoreError: there is nothing, or neither a sweep nor a table of fits, or something is damaged or missing.
    """
    if (path / READY).exists() and not (path / "zarr.json").exists():
        raise StoreError(f"{path} was being extended when that was killed; the same call again finishes it")
    root = read_root(path)
    if root is None:
        raise StoreError(f"{path} holds no results: there is no Zarr store in it")
    layout, description = read_layout(path, root)
    if description.kind not in (SWEEP, FITS):
        raise StoreError(f"{path} holds a {description.kind}, not a {SWEEP} or a {FITS}")
    found = scan(path, layout, bool(description.result.get("finished")))
    refuse_damage(path, layout, found.damaged)
    return Stored(layout, description, StoredArrays(path, layout, {"status": found.status}))


def _fits(found: Stored, model: Model | None) -> FitTable[Any]:
    settings, made_by = found.description.settings, found.description.computed_by
    template = model_like(settings["model"], fitted_shapes(found.layout), model, made=settings)
    ((axis, labels),) = found.layout.axes.items()
    made = Provenance.of(settings, made_by, found.description.result)
    table = FitTable.of(template, axis, labels, found.arrays, made)
    return dataclasses.replace(table, family=settings["name"], attributes=found.description.attributes)


def fitted_shapes(layout: Layout) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the parameters of a table of fits by name, in their order."""
    kept = {each.name: tuple(dim.size for dim in each.dims) for each in layout.variables}
    return {name: shape for name, shape in kept.items() if ERROR + name in kept}


def _sweep(found: Stored, model: Model | None) -> SweepResult[Any]:
    description, others = found.description, (*QUANTITIES, COMPUTED_BY.name, DIGEST.name)
    kept = (each for each in found.layout.variables if each.name not in others)
    shapes = {each.name: tuple(dim.size for dim in each.dims) for each in kept}
    return SweepResult(
        axes=found.layout.axes,
        template=model_like(description.settings["model"], shapes, model, made=description.settings),
        arrays=found.arrays,
        provenance=Provenance.of(description.settings, description.computed_by, description.result),
        attributes=description.attributes,
    )


def model_like(
    recorded: str,
    shapes: Mapping[str, tuple[int, ...]],
    model: Model | None,
    digest: Callable[[Model], str] | None = None,
    made: Mapping[str, Any] = MappingProxyType({}),
) -> Model:
    """Return a model whose parameters have these names, and whose formula is the recorded one or raises.

    Args:
        recorded: the name of the class and the digest of the formula of the model that was swept.
        shapes: of its parameters, by name.
        model: the one to use; None for the library's, if its formula is the recorded one.
        digest: what made the recorded digest, where it is not today's.
        made: what else was recorded: `observation`, where they are no single numbers; `structure`, where the class
            does not say all of the model.

    Raises:
        ValueError: the model given has another formula or other parameters.
    """
    name, names = recorded.split()[0], list(shapes)
    digest = digest or (lambda model: digest_for(model, made.get("observation"), recorded))
    if model is not None:
        found = f"{type(model).__name__} {digest(with_dtype(model, np.float64))}"
        if found != recorded or list(parameter_names(model)) != names:
            raise InputValueError(
                f"model: the store is of {recorded} with {', '.join(names)}; the one given is {found}"
            )
        return model
    candidate = model_called(name, shapes, made.get("structure"))
    if candidate is not None and f"{name} {digest(candidate)}" == recorded:
        return candidate

    def log_prob(self: Model, x: object) -> float:
        raise InputTypeError(
            f"the formula of {name} is not stored, only its digest: load(path, model=...) takes an instance of that "
            f"{name}"
        )

    fields = {"__annotations__": dict.fromkeys(names, Any), "log_prob": log_prob}
    return type(name, (Model,), fields)(*(np.full(shape, 0.5)[()] for shape in shapes.values()))


def _load_format_1(path: Path, model: Model | None) -> SweepResult[Any]:
    """Load a store of mlejax 0.1, all of it at once; its axes had no checksums."""
    import zarr

    try:
        group: Any = zarr.open_group(path, mode="r")
        attributes = dict(group.attrs)
        axes = {name: np.asarray(group[name][:]) for name in attributes["axes"]}
        names = list(attributes["parameters"])
        arrays = {name: np.asarray(group[name][...]) for name in (*names, *QUANTITIES)}
    except (ValueError, RuntimeError, OSError, KeyError, TypeError) as error:
        raise StoreError(f"{path}: the store, of mlejax 0.1, cannot be read ({error}).") from error
    settings = dict(attributes["settings"])
    result = {
        "representation": attributes.get("path"),
        "device": attributes.get("device"),
        "executed_run_epochs": attributes.get("executed_run_epochs"),
        "information": attributes.get("information", []),
    }
    recorded = {"path", "device", "useful_run_epochs", "executed_run_epochs", "information", *settings}
    recorded |= {"format", "axes", "parameters", "settings"}
    return SweepResult(
        axes=axes,
        template=model_like(settings["model"], dict.fromkeys(names, ()), model, printed_digest),
        arrays=arrays,
        provenance=Provenance.of(settings, [{"version": settings.pop("computed_by", None)}], result),
        attributes={name: value for name, value in attributes.items() if name not in recorded},
    )
