"""The pictures that commands draw."""

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..checks import InputValueError
from ..progress import Progress
from ..results.fit import FitResult
from ..results.histories import Histories
from ..results.sweep import SweepResult
from ..results.train import TrainResult
from ..samples.files import Column


def draw_training(result: TrainResult[Any], column: Column, folder: Path, options: argparse.Namespace) -> list[Path]:
    """Draw a run trained on a column of a file; return the files written."""
    with Progress(options.progress) as told:
        told.say("drawing pictures")
        from .. import plotting

        name = _name_of(column)
        pictures = {
            "log_likelihood": plotting.fit_figure(result),
            "distribution": plotting.distribution(result, column.values, name=name),
            "surface": plotting.surface(result),
        }
        return plotting.save_all(pictures, folder, options.format)


def draw_fit(result: FitResult[Any], column: Column, folder: Path, options: argparse.Namespace) -> list[Path]:
    """Draw an estimate from a column of a file; return the files written."""
    with Progress(options.progress) as told:
        told.say("drawing pictures")
        from .. import plotting

        name = _name_of(column)
        pictures: dict[str, Any] = {"distribution": plotting.distribution(result, result.observations, name=name)}
        with contextlib.suppress(InputValueError):  # of a density that does not integrate to one
            pictures["quantiles"] = plotting.estimate_figure(result, name)
        return plotting.save_all(pictures, folder, options.format)


def _name_of(column: Column) -> str:
    return column.name.split("'")[1] if "'" in column.name else "observation"


def draw_sweep(
    result: SweepResult[Any], folder: Path, options: argparse.Namespace, histories: Histories[Any] | None = None
) -> list[Path]:
    """Draw a sweep, and histories where there are any; return the files written."""
    with Progress(options.progress) as told:
        told.say("drawing pictures")
        from .. import plotting

        also = {} if histories is None else {"histories": plotting.histories_figure(histories)}
        return plotting.save_all(plotting.sweep_pictures(result) | also, folder, options.format)


def pictures_text(paths: Sequence[Path]) -> str:
    """Return a line that names the files."""
    return "pictures: " + ", ".join(str(path) for path in paths)
