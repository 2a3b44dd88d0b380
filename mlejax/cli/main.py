"""The command line: `mlejax reproduce`, `fit`, `sweep`, `plot`. No mathematics."""

import dataclasses
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .options import geometric, make_parser


class UsageError(Exception):
    """The command line, or a file that it names, is not as it should be; the message is all a person needs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status: 0 done, 2 bad usage or input, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    options = make_parser(COMMANDS).parse_args(arguments)
    options.arguments = arguments
    say = (lambda *_: None) if getattr(options, "json", None) == "-" else print
    try:
        _check_json(options)
        options.command(options, say)
        sys.stdout.flush()
    except (UsageError, ValueError, TypeError, OSError) as problem:
        if os.environ.get("MLEJAX_TRACEBACK"):
            raise
        if isinstance(problem, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"mlejax {options.name}: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print(f"\nmlejax {options.name}: interrupted. {interrupt}".rstrip(), file=sys.stderr)
        return 130
    return 0


# Commands ------------------------------------------------------------------------------------------------------------


def reproduce(options: Any, say: Callable[..., None]) -> None:
    from .. import article
    from ..results import text

    use_compilation_cache()
    folder = _folder(options.out)
    observations = article.article_observations()
    run, figures = article.article_run(observations)
    say("The article's run: N(7.2, 2.8^2), 100,000 draws, gradient ascent from (0, 1), learning rate 0.1.\n")
    say(article.figures_text(figures))
    say(f"\nended      {run.status.name} in epoch {run.epochs}\ndistance   {text.how_far(run.distance)}\n")
    say("Why the mean comes first\n")
    say(article.convergence_text())
    separate = article.separate_learning_rates(observations)
    say("\nMust both share one learning rate?\n")
    say(article.separate_rates_text(separate))
    ascents = article.compare_ascents(observations)
    say("\nAdaptive learning rates, all observations, each at its best rate\n")
    say(article.ascents_text(ascents))
    found = article.Reproduction(observations, run, figures, separate, ascents)
    _list(say, article.draw(found, folder, options.format))
    _json(options, article.record(found))


def fit(options: Any, say: Callable[..., None]) -> None:
    from ..ascent.optimizers import natural_gradient
    from ..ascent.train import train as run_train
    from ..models import Normal
    from ..results import record, text

    observations = read_numbers(options.file, options.column)
    folder = _folder(options.out)
    use_compilation_cache()
    natural = options.learning_rate is None
    result = run_train(
        Normal(options.start_mean, options.start_variance),
        observations,
        validation_fraction=options.validation_fraction,
        split_seed=options.split_seed,
        learning_rate=0.1 if natural else options.learning_rate,
        max_epochs=options.max_epochs,
        patience=options.patience,
        tolerance=options.tolerance,
        optimizer=natural_gradient() if natural else None,
        dtype=options.dtype,
    )
    say(f"{len(observations)} observations from {options.file}\n")
    say(text.train_report(result, text.closed_form_of(result, observations)))
    _list(say, _draw_fit(result, observations, folder, options.format))
    _json(options, record.train_record(result))


def sweep(options: Any, say: Callable[..., None]) -> None:
    from ..results import record, text
    from ..sweeps.sweep import sweep as run_sweep

    first = _start_devices(options)
    if options.explain:
        explain(options, say)
        return
    try:
        result = run_sweep(
            **sweep_arguments(options),
            out=options.out,
            repair=options.repair,
            attributes={"arguments": options.arguments},
            progress=first,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"Finished runs are safe in {options.out}; the same command goes on from there."
        ) from None
    if not first:  # of several processes the first speaks
        _leave()
        return
    say(text.sweep_report(result))
    say(f"\nresults: {options.out} (xarray.open_zarr opens it)")
    _list(say, _draw_sweep(result, Path(options.out), options.format))
    _json(options, record.sweep_record(result) if options.json else {})
    _wait_for_followers(options)


def sweep_arguments(options: Any) -> dict[str, Any]:
    """What `mlejax.sweep` is given for these options, the result directory excepted."""
    from ..models import Normal

    rates: Any = geometric("0.001:10:41") if options.learning_rates is None else options.learning_rates
    if options.learning_rate_mean is not None or options.learning_rate_variance is not None:
        if options.learning_rates is not None:
            raise UsageError(
                "--learning-rates is one rate for all; it cannot go with --learning-rate-mean or -variance"
            )
        default = np.float64(0.1)
        mean, variance = options.learning_rate_mean, options.learning_rate_variance
        rates = Normal(default if mean is None else mean, default if variance is None else variance)
    return {
        "model": Normal(0.0, 1.0),
        "seeds": options.seeds,
        "learning_rates": rates,
        "observations": read_numbers(options.file, options.column) if options.file else options.observations,
        "draw": options.draw,
        "max_epochs": options.max_epochs,
        "patience": options.patience,
        "tolerance": options.tolerance,
        "dtype": options.dtype,
    }


def explain(options: Any, say: Callable[..., None]) -> None:
    """`mlejax sweep --explain`."""
    from ..sweeps.cost import explain as predict

    found = predict(**sweep_arguments(options))
    say(str(found))
    _json(options, {"runs": [], "summary": dataclasses.asdict(found)})


def plot(options: Any, say: Callable[..., None]) -> None:
    from ..results import record
    from ..store.store import load

    result = load(options.directory)
    _list(say, _draw_sweep(result, Path(options.directory), options.format))
    _json(options, record.sweep_record(result) if options.json else {})


def verify(options: Any, say: Callable[..., None]) -> None:
    from ..store.store import load
    from ..sweeps.verify import verify as recompute

    use_compilation_cache()
    made_by = load(options.directory).attributes.get("arguments")
    if not made_by:
        raise UsageError(
            f"{options.directory} was not finished by `mlejax sweep`, so its arguments are not known here; "
            "mlejax.verify.verify takes them in Python"
        )
    given = make_parser(COMMANDS).parse_args(made_by)
    found = recompute(options.directory, runs=options.runs, **sweep_arguments(given))
    for record in found.different:
        say(f"different: {record}")
    say(f"{found.checked} runs recomputed, {len(found.different)} different")
    _json(options, {"runs": found.different, "summary": {"checked": found.checked, "different": len(found.different)}})
    if found.different:
        raise UsageError(f"{len(found.different)} of {found.checked} runs differ from those in {options.directory}")


def export(options: Any, say: Callable[..., None]) -> None:
    from ..store.export import write_table
    from ..store.store import load

    suffix = {"csv": ".csv", "parquet": ".parquet", "netcdf": ".nc"}[options.format]
    file = Path(options.out or str(options.directory).rstrip("/") + suffix)
    write_table(load(options.directory).to_xarray(), options.format, file)
    say(f"table: {file}")
    _json(options, {"runs": [], "summary": {"table": str(file), "format": options.format}})


def _draw_fit(result: Any, observations: np.ndarray, folder: Path, suffix: str) -> list[Path]:
    from .. import plotting

    pictures = {
        "log_likelihood": plotting.fit_figure(result),
        "distribution": plotting.distribution(result, observations),
        "surface": plotting.surface(result),
    }
    return plotting.save_all(pictures, folder, suffix)


def _draw_sweep(result: Any, folder: Path, suffix: str) -> list[Path]:
    from .. import plotting

    return plotting.save_all(plotting.sweep_pictures(result), folder, suffix)


def _start_devices(options: Any) -> bool:
    """Start JAX's devices, join the other processes where there are any; whether this is the first of them."""
    from .. import devices

    use_compilation_cache()
    devices.start(options.devices)
    cluster = (options.coordinator, options.num_processes, options.process_id)
    if options.distributed or any(part is not None for part in cluster):
        devices.join(*cluster)
    return devices.first()


def use_compilation_cache() -> None:
    """Keep compiled programs for the next command, unless the user keeps them elsewhere."""
    import jax

    if jax.config.jax_compilation_cache_dir is None:  # type: ignore[attr-defined]
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", str(Path(cache, "mlejax")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _leave() -> None:
    from ..devices import leave

    leave()


def _wait_for_followers(options: Any) -> None:
    from ..store.lock import wait_for_followers

    wait_for_followers(Path(options.out))


def _folder(path: str) -> Path:
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _list(say: Callable[..., None], paths: Sequence[Path]) -> None:
    say("pictures: " + ", ".join(str(path) for path in paths))


def _check_json(options: Any) -> None:
    """Before the work, not after it."""
    file = getattr(options, "json", None)
    if file and not Path(file).parent.is_dir():
        raise UsageError(f"--json {file}: there is no such directory")


def _json(options: Any, record: dict[str, Any]) -> None:
    from ..results.record import write_json

    if options.json:
        write_json(record, options.json)


# Reading -------------------------------------------------------------------------------------------------------------


def read_numbers(file: str, column: str | None) -> np.ndarray:
    """Read one column of finite numbers from a file.

    Raises:
        UsageError: naming the file, and the line and column of the first thing that is not a finite number.
    """
    from ..samples.files import TableError, read_column

    try:
        return read_column(file, column).values
    except TableError as problem:
        raise UsageError(str(problem)) from None


COMMANDS = {
    "reproduce": reproduce,
    "fit": fit,
    "sweep": sweep,
    "plot": plot,
    "verify": verify,
    "export": export,
}
