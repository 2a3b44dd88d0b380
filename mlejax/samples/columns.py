"""Which columns of a table are observations: not those of labels, nor what a regression does not read."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks import InputError, InputValueError
from ..models.regression import Regression, RegressionFamily
from ..models.rows import Rows
from ..models.wrappers import Fixed, FixedFamily
from .observations import as_observations, as_record


def columns_read(family_or_model: object, observations: Any, more: Collection[str] = ()) -> Sequence[str]:
    """Return the columns that a regression names; none of another model, or of features that have no names.

    Args:
        family_or_model: the regression, or a wrapper of it with parameters that are fixed.
        observations: as `fit` takes them.
        more: further columns that they have.
    """
    if isinstance(family_or_model, Fixed | FixedFamily):
        inner = family_or_model.base if isinstance(family_or_model, Fixed) else family_or_model.inner
        return columns_read(inner, observations, more)
    if not isinstance(family_or_model, Regression | RegressionFamily):
        return ()
    if family_or_model.columns is None or (not family_or_model.columns and isinstance(family_or_model, Regression)):
        return ()
    of_table = getattr(observations, "column_names", getattr(observations, "columns", ()))
    known = [*(observations if isinstance(observations, Mapping) else of_table), *more]
    if "features" in known:
        return ()
    offset = [family_or_model.offset] if family_or_model.offset in known else []
    return [family_or_model.response, *family_or_model.columns, *offset]


def check_read(family_or_model: object, data: Rows, unread: Mapping[str, InputError]) -> None:
    """Refuse columns that are no numbers, unless a regression names those that it reads, which are others.

    Args:
        family_or_model: what is to read them.
        data: the other columns, as `readable` returns them.
        unread: these, and why each is none.

    Raises:
        TypeError, ValueError: naming the first such column, and its first offending value.
    """
    named = columns_read(family_or_model, data, unread) if unread else ()
    for name, why in unread.items():
        if not named or name in named:
            raise why


def readable(data: Any) -> tuple[Rows, dict[str, InputError]]:
    """Return observations without those of their columns that are no numbers, and why each of these is none."""
    try:
        return as_observations(data, "data", any_number=True), {}
    except InputError:
        record, unread = as_record(data), {}
        for name, column in record.items() if isinstance(record, dict) else ():
            try:
                as_observations({name: column}, "data", any_number=True)
            except InputError as why:
                unread[name] = why
        if not unread or len(unread) == len(record):
            raise
    rest = {name: column for name, column in record.items() if name not in unread}
    return as_observations(rest, "data", any_number=True), unread


def without_labels(data: Any, labels: Any) -> tuple[Any, ArrayLike]:
    """Return observations without the column of their labels, and these."""
    data = as_record(data)
    if isinstance(labels, str):
        if not isinstance(data, dict) or labels not in data:
            known = ", ".join(map(str, data)) if isinstance(data, dict) else "no columns"
            raise InputValueError(
                f"labels must be one for each observation, or the name of a column; got {labels!r}; "
                f"the data have {known}"
            )
        return {name: column for name, column in data.items() if name != labels}, data[labels]
    if isinstance(data, dict):
        text = [name for name, column in data.items() if getattr(column, "dtype", np.dtype(float)).kind in "OUSTM"]
        data = {name: each for name, each in data.items() if name not in text or not np.array_equal(each, labels)}
    return data, labels
