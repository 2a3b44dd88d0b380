"""The pictures that commands draw."""

import argparse
import ast
import contextlib
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..checks import InputValueError
from ..progress import Progress
from ..results import text
from ..results.bootstrap import Bootstrap
from ..results.comparison import Comparison
from ..results.fit import FitResult
from ..results.histories import Histories
from ..results.study import Study
from ..results.sweep import SweepResult
from ..results.table import FitTable
from ..results.train import TrainResult
from ..samples.files import Column
from ..status import Status


def draw_training(result: TrainResult[Any], column: Column, folder: Path, options: argparse.Namespace) -> list[Path]:
    """Draw a run trained on a column of a file; return the files written."""
    with Progress(options.progress) as told:
        told.say("drawing pictures")
        from .. import plotting

        name = _name_of(column)
        pictures = {
            "log_likelihood": plotting.fit_figure(result),
            "distribution": plotting.distribution(result, column.values, name=name),
        }
        with contextlib.suppress(InputValueError):  # of a model with fewer parameters than two that move alone
            pictures["surface"] = plotting.surface(result)
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


def draw_survival(
    result: FitResult[Any], column: Column, upper: Column | None, folder: Path, options: argparse.Namespace
) -> list[Path]:
    """Draw an estimate from a column that is censored, or from intervals up to another; return the files written."""
    with Progress(options.progress) as told:
        told.say("drawing pictures")
        from .. import plotting

        name = _name_of(column) if upper is None else f"between {_name_of(column)} and {_name_of(upper)}"
        pictures: dict[str, Any] = {}
        if np.ptp(column.values):
            with contextlib.suppress(InputValueError):  # of a density that does not integrate to one
                pictures["survival"] = plotting.survival_figure(result, name)
        return plotting.save_all(pictures, folder, options.format)


def draw_comparison(found: Comparison, column: Column, folder: Path, options: argparse.Namespace) -> list[Path]:
    """Draw families fitted to a column of a file; return the files written."""
    with Progress(options.progress) as told:
        told.say("drawing pictures")
        from .. import plotting

        pictures = {"comparison": plotting.comparison_figure(found, _name_of(column))}
        return plotting.save_all(pictures, folder, options.format)


def _name_of(column: Column) -> str:
    """Return what a column is called on an axis."""
    from ..plotting.style import as_written

    quoted = re.fullmatch("column ('.*'|\".*\")", column.name, re.DOTALL)
    return "observation" if quoted is None else as_written(ast.literal_eval(quoted[1]))


def draw_table(table: FitTable[Any], folder: Path, options: argparse.Namespace) -> list[Path]:
    """Draw the estimates of many samples; return the files written."""
    with Progress(options.progress) as told:
        told.say("drawing pictures")
        from .. import plotting

        return plotting.save_all({"estimates": plotting.table_figure(table)}, folder, options.format)


def draw_bootstrap(found: Bootstrap[Any], level: float, folder: Path, options: argparse.Namespace) -> list[Path]:
    """Draw a bootstrap with intervals of a level; return the files written."""
    with Progress(options.progress) as told:
        told.say("drawing pictures")
        from .. import plotting

        return plotting.save_all({"bootstrap": plotting.bootstrap_figure(found, level)}, folder, options.format)


def draw_study(found: Study, folder: Path, options: argparse.Namespace) -> list[Path]:
    """Draw a simulation study; return the files written."""
    with Progress(options.progress) as told:
        told.say("drawing pictures")
        from .. import plotting

        return plotting.save_all({"study": plotting.study_figure(found)}, folder, options.format)


def draw_sweep(
    result: SweepResult[Any], folder: Path, options: argparse.Namespace, histories: Histories[Any] | None = None
) -> list[Path]:
    """Draw a sweep, and histories where there are any; return the files written."""
    with Progress(options.progress) as told:
        told.say("drawing pictures")
        from .. import plotting

        also = {} if histories is None else {"histories": plotting.histories_figure(histories)}
        pictures = plotting.sweep_pictures(result) | also
        return plotting.save_all(pictures, folder, options.format, f"{what_decides(result)}: {' '.join(pictures)}.")


def standing_pictures(result: SweepResult[Any], folder: Path, suffix: str) -> list[Path]:
    """Return the pictures of a finished sweep that were drawn of this very result, all of them whole; none otherwise.

    Each bears what decides it and the names of all. Only PNG is looked at.
    """
    if not result.finished or suffix != "png":
        return []
    mark = re.compile(re.escape(f"{what_decides(result)}: ").encode() + rb"([\w ]+)\.")
    found = {path: mark.search(data) for path in sorted(folder.glob("*.png")) if (data := _whole_png(path))}
    names = next((match[1].decode().split() for match in found.values() if match), [])
    paths = [Path(folder, f"{name}.png") for name in names]
    return paths if all(found.get(path) for path in paths) else []


def what_decides(result: SweepResult[Any]) -> str:
    """Return what tells the pictures of a sweep from others: a digest of its settings, its axes and what has ended."""
    digest = hashlib.sha256(f"{text.caption(result)} {result.ended}".encode())
    for name, at in result.axes.items():
        digest.update(name.encode() + np.asarray(at).tobytes())
    return f"mlejax {__version__} {digest.hexdigest()[:16]}"


def _whole_png(path: Path) -> bytes:
    """Return a PNG file; nothing where its end is missing, as where the process that wrote it was killed."""
    data = path.read_bytes()
    return data if data.endswith(b"IEND\xaeB`\x82") else b""


def pictures_text(paths: Sequence[Path], before: str = "") -> str:
    """Return a line that names the files, after something; nothing of none."""
    return f"{before}pictures: {', '.join(map(str, paths))}" if paths else ""


def unfinished(status: np.ndarray, what: str = "runs", left_out: bool = False) -> str:
    """Return a line about results some of which are not there yet; nothing where all are.

    Args:
        status: of all of them.
        what: they are, in the plural.
        left_out: whether those are left out of what is made of them.
    """
    ended = int(np.count_nonzero(status != Status.RUNNING))
    if ended == status.size:
        return ""
    others = "left out" if left_out else "blank"
    return f"unfinished: {ended:,} of {status.size:,} {what} have ended; the others are {others}\n"
