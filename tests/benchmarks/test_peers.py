"""The programs that are compared do the same work: here they must give the same answers. Nothing is timed."""

import collections
import dataclasses
import functools
import json

import jax
import numpy as np
import pytest

import mlejax
from benchmarks import (
    batches,
    common,
    cores,
    epochs,
    jax_batches,
    lanes,
    peer_frameworks,
    peer_programs,
    peers,
    workers,
)

FEW = {"patience": 20, "tolerance": 1e-6, "max_epochs": 1_000}
SMALL = peer_programs.Problem(seeds=2, learning_rates=3, observations=1_000, **FEW)
COUNTS = (800, 200)
RUNS = 512  # more than a chunk of lanes


class Inside:
    """A worker in this process."""

    def __init__(self, make, arguments, **_):
        self.target = make(**json.loads(json.dumps(arguments, default=workers._plain)))

    def close(self):
        pass

    def call(self, method, **arguments):
        result = getattr(self.target, method)(**json.loads(json.dumps(arguments, default=workers._plain)))
        return json.loads(json.dumps(result, default=workers._plain))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture(scope="module", autouse=True)
def compile_once():
    with pytest.MonkeyPatch.context() as patch:
        compiled = functools.cache(common.compile_library)
        patch.setattr(common, "compile_library", lambda source, flags: compiled(source, tuple(flags)))
        yield


@pytest.fixture
def inside(monkeypatch):
    monkeypatch.setattr(workers, "Worker", Inside)


@pytest.fixture(scope="module")
def ends():
    """Runs that end in every way that does not hang on rounding."""
    runs = batches.batch(RUNS, rates=(0.1, 1.0), counts=COUNTS)
    rates = np.where(np.arange(RUNS) < 4, 1e308, runs.learning_rate)
    found = batches.NumPy(runs=runs.varying | {"learning_rate": rates}, **FEW | counts())
    found.advance(FEW["max_epochs"])
    return found


def counts():
    return {"train_count": COUNTS[0], "held_out_count": COUNTS[1]}


def cpp(*arguments, **settings):
    try:
        return batches.Cpp(*arguments, **settings)
    except common.NoCompilerError as reason:
        pytest.skip(str(reason))


PROGRAMS = {
    "C++ fast-math": cpp,
    "C++": lambda **settings: cpp(flags=("-O3",), **settings),
    "lanes": jax_batches.Lanes,
    "scan": jax_batches.Scan,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_end_alike(ends, name):
    program = PROGRAMS[name](runs=ends.runs.varying, **FEW | counts())
    program.advance(FEW["max_epochs"])
    found, expected = program.answer(), ends.answer()
    kinds = {mlejax.Status(int(status)).name for status in expected["status"]}
    assert kinds >= {"PATIENCE", "MAX_EPOCHS", "DIVERGED"}
    np.testing.assert_array_equal(found["status"], expected["status"])
    alike = found["epochs"] == expected["epochs"]
    assert np.mean(alike) > 0.9  # the others hang on rounding
    for key in ("best_epoch", "mean", "variance"):
        np.testing.assert_allclose(np.asarray(found[key])[alike], expected[key][alike], rtol=1e-9, err_msg=key)
    compared = epochs.agreement({k: np.asarray(v) for k, v in found.items()}, expected)
    assert compared["same_status"] == compared["runs"] == RUNS
    assert compared["same_end"] == np.sum(alike)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "make", [cpp, jax_batches.Lanes, jax_batches.Scan, batches.NumPy], ids=["C++", "lanes", "scan", "NumPy"]
)
def test_a_measurement_begins_at_the_start_and_keeps_all_lanes_busy(make, dtype):
    program = make(64, dtype, **batches.ENDLESS)
    assert program.seconds(batches.SCAN) > 0
    once = {name: np.array(values) for name, values in program.answer().items()}
    assert program.seconds(batches.SCAN) > 0
    for name, values in program.answer().items():
        np.testing.assert_array_equal(values, once[name])
    assert set(once["epochs"]) == {batches.SCAN}
    assert 0.9 < program.improving() <= 1


def test_a_measurement_with_ended_runs_is_refused(ends):
    with pytest.raises(RuntimeError, match="runs ended"):
        ends.improving()


@pytest.mark.slow
def test_epochs_record_and_report(inside, monkeypatch):
    monkeypatch.setattr(epochs, "STRETCH", batches.SCAN)
    monkeypatch.setattr(batches, "STRETCH", batches.SCAN)
    found = epochs.results((64,), ("float64",), rounds=1, seconds=0.0, runs=8)
    record = {"benchmark": "epochs", "environment": common.environment(), **found}
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    programs = [row["program"] for row in found["results"]]
    others = [name for name, *_ in epochs.OTHERS]
    assert programs == [epochs.YARDSTICK, "C++ -O3", "mlejax, lanes", *others, "JAX, vmap and scan", "NumPy"]
    assert {"C++ -O3", "mlejax, lanes", "JAX, vmap and scan", "NumPy"} >= set(found["agreement"])
    assert "mlejax, lanes" in epochs.report(record)


def test_programs_are_held_to_instructions():
    rows = epochs.table_rows((64,), ("float64",), limit := epochs.LIMITS["AVX2"])
    assert "NumPy" not in [row.program for row in rows]  # which knows no such limit
    assert rows[0].arguments["flags"] == limit.flags
    assert "-march=haswell" in limit.flags
    assert "-march=native" in epochs.table_rows((64,), ("float64",))[0].arguments["flags"]


@pytest.mark.slow
def test_cores_record_and_report(inside):
    if common.compiler() is None:
        pytest.skip("no C++ compiler")
    problem = peer_programs.Problem(seeds=4, learning_rates=5, observations=1_000, max_epochs=300)
    record = {"benchmark": "cores", "environment": common.environment(), "problem": dataclasses.asdict(problem)}
    record["results"] = cores.results(problem, [1, 2], rounds=2)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert [(row["program"], row["cores"]) for row in record["results"]] == [
        ("C++ fast-math", 1), ("mlejax.sweep", 1), ("C++ fast-math", 2), ("mlejax.sweep", 2),
    ]  # fmt: skip
    assert all(row["run_epochs"] > 0 for row in record["results"])
    assert record["results"][0]["speed"] == record["results"][0]["linear"] == 1
    assert "of linear" in cores.report(record)


# Peers -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def swept():
    return make("Sweep").fit()


def make(name):
    runs = SMALL.runs()
    plain = {key: values.tolist() for key, values in runs.varying.items()}
    return getattr(peers, name)(dataclasses.asdict(SMALL), plain, counts(), 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Cpp", "NumPy", "WhileLoop", "Torch"])
def test_peers_find_what_the_sweep_finds(swept, name):
    if name == "Torch":
        pytest.importorskip("torch")
    if name == "Cpp" and common.compiler() is None:
        pytest.skip("no C++ compiler")
    found = make(name).timed()["found"]
    np.testing.assert_array_equal(found["status"], swept["status"])
    np.testing.assert_array_equal(found["epochs"], swept["epochs"])
    for key in ("mean", "variance"):
        np.testing.assert_allclose(found[key], swept[key], rtol=1e-9, err_msg=key)


def test_torch_step_follows_every_rule(ends):
    torch = pytest.importorskip("torch")
    data = torch.tensor(np.stack(list(ends.runs.varying.values())))
    zeros = torch.zeros(RUNS, dtype=torch.float64)
    state = (zeros, zeros + 1, zeros, zeros + 1, zeros - torch.inf, zeros, zeros, zeros)
    for _ in range(FEW["max_epochs"]):
        state = peer_frameworks.torch_step(FEW, COUNTS[1], data, state)
    np.testing.assert_array_equal(state[-1], ends.answer()["status"])


@pytest.mark.slow
def test_while_loop_follows_every_rule(ends):
    columns = ends.runs.varying.values()
    *_, status = jax_batches.wide(jax.vmap(lambda *one: peer_frameworks.while_loop(FEW, COUNTS[1], *one)))(*columns)
    np.testing.assert_array_equal(status, ends.answer()["status"])


@pytest.mark.parametrize(("name", "tolerance"), [("SciPy", 1e-7), ("NumPyro", 1e-3)])
def test_optimisers_arrive_at_the_maximum(name, tolerance):
    if name == "NumPyro":
        pytest.importorskip("numpyro")
    peer = make(name)
    if name == "NumPyro":
        peer.problem = dataclasses.replace(peer.problem, max_epochs=4_000)
        peer.runs = dataclasses.replace(peer.runs, learning_rate=np.full(len(peer.runs), 5.0))
    found = peer.fit()
    assert peers.differ(found, {"mean": peer.runs.train_mean, "variance": peer.runs.train_variance}) < tolerance


@pytest.mark.slow
def test_peers_record_report_and_chart(inside, monkeypatch):
    rows = [
        peers.Row("mlejax.sweep", peer_programs.Sweep, 1, note="draws"),
        peers.Row("NumPy", peer_programs.NumPy, 1, part=3),
        peers.Row("SciPy", peer_programs.SciPy, 1),
        peers.Row("absent", peer_frameworks.Torch, 1, ("no_such_package",)),
    ]
    monkeypatch.setattr(peers, "table_rows", lambda cores: rows)
    found = peers.results(SMALL, cores=1, rounds=1)
    machine = common.environment()
    record = {"benchmark": "peers", "environment": machine, "problem": dataclasses.asdict(SMALL), **found}
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    mlejax_row, numpy_row, scipy_row, absent = found["results"]
    assert (mlejax_row["same_end"], mlejax_row["difference_of_all"], mlejax_row["times_mlejax"]) == (1, 0, 1)
    assert numpy_row["scaled_from_runs"] == 3
    assert numpy_row["same_end"] == 1
    assert scipy_row["same_end"] is None
    assert absent["missing"] == "pip install no_such_package"
    text = peers.report(record)
    assert "pip install no_such_package" in text
    assert "NumPy: 3" in text
    assert len(peers.chart(record).axes[0].patches) == 3


# Lanes -------------------------------------------------------------------------------------------------------------


def test_a_while_loop_waits_for_the_slowest_of_its_batch():
    assert lanes.executed_by_batches(np.array([3, 10, 2, 1, 5]), 2) == 2 * 10 + 2 * 2 + 2 * 5


@pytest.mark.slow
def test_lanes_record_and_report(inside):
    problem = peer_programs.Problem(seeds=2, learning_rates=4, observations=1_000, max_epochs=100)
    rows = lanes.results(problem, 1, (4,))
    assert [row["width"] for row in rows] == [None, 4, 4]
    assert all(0 < row["useful"] <= 1 for row in rows)
    record = {
        "benchmark": "lanes",
        "environment": common.environment(),
        "problem": dataclasses.asdict(problem),
        "results": rows,
    }
    assert json.loads(json.dumps(record)) == record
    assert "vmap of while_loop" in lanes.report(record)


# Workers -----------------------------------------------------------------------------------------------------------


def test_workers_answer_and_say_what_failed():
    with workers.Worker(collections.Counter, {"a": 2}, environment={"XLA_FLAGS": "--x"}) as worker:
        assert worker.call("most_common", n=1) == [["a", 2]]
        with pytest.raises(workers.WorkerError, match=r"AttributeError: .*nothing"):
            worker.call("nothing")
        assert worker.call("total") == 2
    with pytest.raises(workers.WorkerError, match="ModuleNotFoundError"):
        workers.Worker(type("Nothing", (), {"__module__": "no_such_module"}), {})
