"""What a sweep is: its axes, its runs, and the settings that decide their results."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any, Generic

import jax
import numpy as np
from jaxtyping import UInt64
from numpy.typing import DTypeLike

from .. import checks, devices
from ..ascent.settings import Stopping, checked_rates
from ..ascent.vary import Optimizers, Varied, axes_of, checked_for_sweep, fingerprint
from ..checks import InputKeyError, InputTypeError, InputValueError
from ..models.base import M, Model
from ..models.digest import formula_digest
from ..models.parameters import entry_dict, parameter_dict, parameter_names, with_dtype
from ..models.rows import recorded_observation
from ..models.structure import structure_recorded
from ..results.schema import OF_ALL
from ..samples.labeled import Labeled, source_of
from ..samples.sources import Draws, Numbers, Source
from .recorded import family_of, filled, source_recorded


@dataclasses.dataclass(frozen=True, eq=False)
class SweepSpec(Generic[M]):
    """A sweep, described and checked: everything that decides its results, and nothing else.

    Made by `SweepSpec.checked`, or from a stored description by `SweepSpec.from_record`.
    """

    start: M  # float64
    starts: tuple[M, ...]  # the start points along the axis `start`; empty where there is no such axis
    source: Source
    axes: Mapping[str, np.ndarray]  # name -> values, in the order of the dimensions
    stopping: Stopping  # each a number, or the values of the axis of that name
    rates: Mapping[str, np.ndarray]  # by name, as `checked_rates` returns them; each a number, or the values of an axis
    validation_fraction: float | int
    optimizer: Optimizers
    dtype: np.dtype  # of the ascent
    summarize: bool  # whether samples are represented by sufficient statistics where the formula has them

    @classmethod
    def checked(
        cls,
        model: M,
        *,
        seeds: Numbers | None = None,
        learning_rates: Numbers | Model,
        observations: object = None,
        starts: Iterable[M] | M | None = None,
        validation_fraction: float | int = 0.2,
        max_epochs: Numbers = 10_000,
        patience: Numbers = 50,
        tolerance: Numbers = 1e-8,
        optimizer: Optimizers = None,
        dtype: DTypeLike = np.float64,
        summarize: bool = True,
    ) -> "SweepSpec[M]":
        """Check the arguments of a sweep, and the data if any are given. Nothing is drawn.

        Args:
            model: the start point.
            seeds: whole numbers: an axis of samples, or of splits of given data. A source with an axis of its own, such
                as `Groups`, takes none.
            learning_rates: one axis of rates, or a model of a number or an axis per parameter.
            observations: the data, or a source of samples.
            starts: start points to use in place of `model`, an axis.
            validation_fraction: the part of each sample held out to decide the stop.
            max_epochs: the epoch that a run ends after; a sequence is an axis.
            patience: epochs without a better deciding log-likelihood after which it ends; a sequence is an axis.
            tolerance: how close to its best from below that may come, in nats; a sequence is an axis.
            optimizer: an `optax.GradientTransformation`; None for plain ascent; `mlejax.vary(...)` makes axes of its
                hyperparameters; several by name, `{"plain": None, "adam": optax.scale_by_adam()}`, are an axis.
            dtype: of the ascent, `float64` or `float32`.
            summarize: whether to look for sufficient statistics.

        Returns:
            The sweep that they describe.

        Raises:
            TypeError, ValueError: an argument is not as described, or does not apply; the message names the value,
                its place and the rule.

        Example:
            >>> import mlejax
            >>> spec = SweepSpec.checked(
            ...     mlejax.Normal(0.0, 1.0), seeds=range(3), learning_rates=[0.5, 2.0],
            ...     observations=mlejax.Draws(mlejax.Normal(7.2, 7.84), 1000),
            ... )
            >>> list(spec.axes), spec.run_count
            (['seed', 'learning_rate'], 6)
        """
        devices.start()
        start = with_dtype(model, np.float64)
        source = source_of(observations)
        others = _checked_starts(start, starts)
        source.check(start, others, validation_fraction)
        if not _checked_flag("summarize", summarize) and isinstance(source, Draws) and source.by == "statistics":
            raise InputValueError("summarize=False does not apply to draws by='statistics': nothing else is drawn")
        stopping = Stopping.checked(max_epochs, patience, tolerance, sequences=True)
        rates = checked_rates(start, learning_rates, sequences=True)
        if "learning_rate" in rates:  # one rate for all parameters is an axis always, be it of one value
            rates = {"learning_rate": np.atleast_1d(rates["learning_rate"])}
        with devices.own_settings():
            optimizer = checked_for_sweep(optimizer, start)
        axes = {source.axis: _along(source, seeds), **source.axes()}
        if others:
            axes["start"] = np.arange(len(others))
        if clash := source.axes().keys() & {*parameter_names(start), *axes_of(optimizer)}:
            raise InputValueError(
                f"{clash.pop()} names an axis of this sweep, and a parameter of {type(start).__name__} or of its "
                "optimizer: give that another name"
            )
        for name, values in (*rates.items(), *_named(stopping).items(), *axes_of(optimizer).items()):
            if np.ndim(values):
                axes[name] = checks.distinct(name, values)
        return cls(
            start=start,
            starts=others,
            source=source,
            axes=axes,
            stopping=stopping,
            rates=rates,
            validation_fraction=validation_fraction,
            optimizer=optimizer,
            dtype=checks.floating_type(dtype),
            summarize=bool(summarize),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of every axis."""
        return tuple(len(values) for values in self.axes.values())

    @property
    def run_count(self) -> int:
        """How many runs there are."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The length of the axes along which samples lie: these come first, so a sample's runs are numbered in a row.

        A sample is numbered, in C order, along these.
        """
        return self.shape[: 1 + len(self.source.axes())]

    @property
    def sample_count(self) -> int:
        """How many samples there are."""
        return int(np.prod(self.sample_shape, dtype=np.int64))

    def sample_of(self, run: int) -> int:
        """Return the number of the sample of a run, by its number."""
        return run // (self.run_count // self.sample_count)

    def with_axes(self, **values: Numbers) -> "SweepSpec[M]":
        """Return the same sweep with other values along some of its axes.

        Args:
            **values: by the name of the axis, as `with_axes(**{"learning_rate.mean": [0.1]})`; of `start`, the
                numbers of the start points to keep.

        Raises:
            KeyError: there is no such axis.
            ValueError: values are not distinct.
        """
        if unknown := [name for name in values if name not in self.axes]:
            raise InputKeyError(f"no axis {unknown[0]!r}; the axes are {', '.join(self.axes)}")
        new = {name: checks.distinct(name, np.atleast_1d(np.asarray(each))) for name, each in values.items()}
        axes = {name: new.get(name, old) for name, old in self.axes.items()}
        starts = self.starts
        if "start" in new:
            starts = tuple(starts[np.flatnonzero(self.axes["start"] == number)[0]] for number in new["start"])
        stopping = Stopping(**{name: new.get(name, old) for name, old in _named(self.stopping).items()})
        rates = {name: new.get(name, old) for name, old in self.rates.items()}
        varied = self.optimizer.along(axes) if isinstance(self.optimizer, Varied) else self.optimizer
        source = self.source.along(axes)
        return dataclasses.replace(
            self, axes=axes | source.axes(), source=source, starts=starts, stopping=stopping, rates=rates,
            optimizer=varied,
        )  # fmt: skip

    def settings(self) -> dict[str, Any]:
        """Return what decides the results besides the axes, as JSON has it: a store refuses to mix two of them."""
        fixed = {**_named(self.stopping), **self.rates}
        observation = self.source.observation(self.start)
        as_json = recorded_observation(observation)
        return {
            "model": f"{type(self.start).__name__} {formula_digest(self.start, observation)}",
            **structure_recorded(self.start),
            "start": _plain(self.start),
            "starts": [_plain(model) for model in self.starts],
            **{name: value.item() for name, value in fixed.items() if not np.ndim(value)},
            "data": str(self.source),
            **self.source.describe(),
            **({} if as_json is None else {"observation": as_json}),
            "validation_fraction": self.validation_fraction,
            "optimizer": fingerprint(self.optimizer, self.start),
            "dtype": self.dtype.name,
            "summarize": self.summarize,
        }

    def computed_by(self) -> dict[str, Any]:
        """Return what decides the last bits of the results, in plain JSON values: versions, devices, their settings."""
        return devices.computed_by()

    @classmethod
    def from_record(
        cls,
        settings: Mapping[str, Any],
        axes: Mapping[str, Numbers],
        *,
        model: M | None = None,
        observations: object = None,
        optimizer: Optimizers = None,
        digests: UInt64[np.ndarray, " m"] | None = None,
    ) -> "SweepSpec[Any]":
        """Rebuild a sweep from what `settings` and `axes` were when it was stored.

        Args:
            settings: as the method `settings` returned them.
            axes: name -> values.
            model: an instance of the model, where it is not one of the library's.
            observations: the data, where data were given; or the source, where its target is not the library's.
            optimizer: the optimizer, where there was one.
            digests: of the observations of each group, or of other samples with labels, where the store has them; 0 of
                one that is not known. Those given may then have further groups.

        Returns:
            A sweep whose `settings()` are the ones given, but for what they tell of all samples together.

        Raises:
            ValueError: something is missing that a digest cannot give back, or is another than the sweep had; the
                message names it.
        """
        family = family_of(
            settings["model"], model, settings.get("observation"), settings.get("structure"), settings["start"]
        )
        if settings["optimizer"] != "plain ascent" and optimizer is None:
            raise InputValueError(f"optimizer: the sweep was made with one ({settings['optimizer']}): give optimizer=")

        def value(name: str) -> Any:
            return np.asarray(axes[name]) if name in axes else settings[name]

        start = filled(family, settings["start"])
        source = source_recorded(settings, axes, start, observations)
        learning_rates: Any = axes.get("learning_rate")
        if learning_rates is None:
            rates = [value(f"learning_rate.{name}") for name in parameter_names(start)]
            learning_rates = jax.tree.unflatten(family, rates)
        spec = cls.checked(
            start,
            seeds=axes[source.axis] if source.labels is None else None,
            learning_rates=learning_rates,
            observations=source,
            starts=[filled(family, values) for values in settings["starts"]] or None,
            validation_fraction=settings["validation_fraction"],
            max_epochs=value("max_epochs"),
            patience=value("patience"),
            tolerance=value("tolerance"),
            optimizer=optimizer.along(axes) if isinstance(optimizer, Varied) else optimizer,
            dtype=settings["dtype"],
            summarize=settings["summarize"],
        )
        numbered = {name: np.asarray(axes[name]) for name in ("start", "optimizer", source.axis) if name in spec.axes}
        spec = dataclasses.replace(spec, axes={**spec.axes, **numbered})
        found = json.loads(json.dumps(spec.settings()))
        loose = OF_ALL if digests is not None and isinstance(source, Labeled) else frozenset()
        if digests is not None and isinstance(source, Labeled):
            source.check_digests(np.asarray(axes[source.axis]), digests)
        for name in (each for each in dict.fromkeys([*found, *settings]) if each not in loose):
            if found.get(name) != settings.get(name):
                raise InputValueError(
                    f"{name}: the sweep was made with {settings.get(name)}; what is given has {found.get(name)}"
                )
        return spec


def _named(stopping: Stopping) -> dict[str, np.ndarray]:
    return {field.name: getattr(stopping, field.name) for field in dataclasses.fields(stopping)}


def _plain(model: Model) -> dict[str, Any]:
    return {name: np.asarray(leaf, np.float64).tolist() for name, leaf in parameter_dict(model).items()}


def _along(source: Source, seeds: Any) -> np.ndarray:
    """Return the values of the axis of a source."""
    if source.labels is not None:
        if seeds is not None:
            raise InputValueError(f"seeds do not apply to {source}, whose axis is {source.axis}: leave seeds out")
        return source.labels
    if seeds is None:
        raise InputTypeError("seeds must be given, such as range(100): each is a sample, or a split of the data")
    if isinstance(seeds, int | np.integer):
        raise InputTypeError(
            f"seeds must be a sequence: range({seeds}) for {seeds} seeds, or [{seeds}] for one, number {seeds}"
        )
    values = checks.counts("seeds", np.asarray(seeds), at_least=0, at_most=2**32 - 1)
    return checks.distinct("seeds", values)


def _checked_flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise InputTypeError(f"{name} must be True or False; got {value!r}")
    return bool(value)


def _checked_starts(start: M, starts: Any) -> tuple[M, ...]:
    if starts is None:
        return ()
    if isinstance(starts, Model) or not isinstance(starts, Iterable):
        raise InputTypeError(f"starts must be a sequence of models; got {starts!r}")
    found = tuple(with_dtype(each, np.float64, f"starts[{i}]") for i, each in enumerate(starts))
    if not found:
        raise InputValueError("starts must be a non-empty sequence of models")
    for each in found:
        if type(each) is not type(start):
            raise InputTypeError(
                f"starts: expected a {type(start).__name__}, as the start is; got a {type(each).__name__}"
            )
        if jax.tree.structure(each) != jax.tree.structure(start):
            raise InputValueError(f"starts: {each!r} differs from the start {start!r} in what is not estimated")
    numbers = [list(map(float, entry_dict(each).values())) for each in found]
    for i, values in enumerate(numbers):
        if (first := numbers.index(values)) < i:
            raise InputValueError(f"starts must be distinct; got {found[i]!r} at index {first} and {i}")
    return found
