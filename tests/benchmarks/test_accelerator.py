"""The benchmark of accelerators, run small on a CPU: its comparison, its table, its choice. Nothing is timed."""

import jax
import pytest

from benchmarks import accelerator, common
from mlejax import devices

WAYS = ("loop", "fixed", "registers")


@pytest.fixture(scope="module")
def found():
    return accelerator.results(
        jax.local_devices()[0], widths=[16, 64, 128], unrolls=[1, 2, 4], ways=["fixed"], runs=16, seconds=0.0,
        budget=0.0, dtypes=("float64",), megabytes=1,
    )  # fmt: skip


@pytest.mark.slow
def test_every_way_finds_what_the_cpu_finds():
    records = accelerator.agreements(jax.local_devices()[0], WAYS, 2, 32, ("float64", "float32"))
    assert [(record["way"], record["dtype"]) for record in records] == [
        (w, d) for d in accelerator.DTYPES for w in WAYS
    ]
    for record in records:
        assert record["same_status"] == record["same_end"] == record["runs"] == 32
        assert record["standard_errors"] == 0.0


def test_a_run_that_ends_elsewhere_is_seen():
    runs = accelerator.batches.batch(4, accelerator.batches.ANSWER_RATES)
    expected = {"mean": runs.train_mean, "variance": runs.train_variance}
    moved = {"mean": runs.train_mean + 0.01, "variance": runs.train_variance}
    error = (runs.train_variance / runs.train_count) ** 0.5
    assert accelerator._in_standard_errors("mean", moved, expected, runs) == pytest.approx(0.01 / error)
    assert accelerator._in_standard_errors("variance", moved, expected, runs).tolist() == [0.0] * 4


def test_the_middle_is_tried_with_everything_else_and_first():
    tried = accelerator.tunings(devices.ACCELERATOR, [16, 64, 128], [1, 2, 4], WAYS)
    assert [(t.lanes, t.unroll) for t in tried[:3]] == [(64, 2)] * 3
    assert {(t.lanes, t.unroll) for t in tried} == {(64, 2), (16, 2), (128, 2), (64, 1), (64, 4)}
    assert all(t.epochs % t.unroll == 0 and t.epochs >= devices.ACCELERATOR.epochs for t in tried)


@pytest.mark.slow
def test_what_there_is_no_time_for_is_said(found):
    assert {record["missing"] for record in found["results"]} == {"no time left"}
    assert found["best"] == {"float64": None}
    text = accelerator.report({"environment": common.environment(), **found})
    assert "no time left" in text


@pytest.mark.slow
def test_it_times_what_there_is_time_for(found):
    tuning = devices.Tuning(16, 16, epochs=8, unroll=2, advance="fixed", queue=1)
    (record,) = accelerator.timed(jax.local_devices()[0], [tuning], ("float64",), 0.0, float("inf"))
    record = accelerator.with_shares(record, found["limits"], found["work"])
    assert min(record[name] for name in ("rate", "compile", "arithmetic", "bandwidth")) > 0
    document = found | {"results": [record], "best": {"float64": accelerator.best([record], "float64")}}
    assert "float64: Tuning(lanes=16, chunk=16, epochs=8, unroll=2, advance='fixed', queue=1)" in accelerator.report(
        {"environment": common.environment(), **document}
    )


@pytest.mark.slow
def test_what_does_not_compile_is_said():
    tuning = devices.Tuning(16, 16, epochs=8, unroll=2, advance="elsewhere", queue=1)
    (record,) = accelerator.timed(jax.local_devices()[0], [tuning], ("float64",), 0.0, float("inf"))
    assert record["missing"] == "KeyError: 'elsewhere'"


def test_the_best_is_the_narrowest_of_those_nearly_as_fast_as_the_fastest():
    def timed(lanes, rate, dtype="float64"):
        return {"tuning": devices.Tuning(lanes, lanes, 256, 16)._asdict(), "dtype": dtype, "rate": rate}

    records = [timed(64, 90.0), timed(128, 96.0), timed(256, 100.0), timed(32, 500.0, "float32")]
    assert accelerator.best(records, "float64") == "Tuning(lanes=128, chunk=128, epochs=256, unroll=16)"
