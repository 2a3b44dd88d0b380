"""Start-up: every core a device, unless the user chose otherwise or JAX already runs."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import helpers
import jax
import jaxlib
import numpy as np
import pytest
from helpers import ROOT

from mlejax import devices

CORES = devices.cores()
REPORT = "print(jax.local_device_count(), os.environ.get('XLA_FLAGS', ''), sep=';')"


def printed_by(program, **variables):
    """What a fresh process prints after `start`: the number of devices, and XLA_FLAGS."""
    unset = ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES")
    environment = {k: v for k, v in os.environ.items() if k not in unset} | {"JAX_PLATFORMS": "cpu"} | variables
    program = f"import os, jax, jaxlib; from mlejax import devices\n{program}\n{REPORT}"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    count, flags = done.stdout.strip().split(";")
    return int(count), flags


@pytest.mark.slow
def test_every_core_becomes_a_device_with_fast_loops():
    count, flags = printed_by("devices.start()")
    assert count == CORES
    assert (devices.FAST_LOOPS in flags) == (jax.lib.__version__ in devices.TRIED)


def test_the_number_may_be_given():
    assert printed_by("devices.start(3)")[0] == 3


@pytest.mark.slow
def test_the_users_settings_win():
    assert printed_by("devices.start()", JAX_NUM_CPU_DEVICES="2")[0] == 2
    count, flags = printed_by("devices.start()", XLA_FLAGS="--xla_force_host_platform_device_count=5")
    assert count == 5
    assert flags.startswith("--xla_force_host_platform_device_count=5")
    own = "--xla_backend_extra_options=xla_cpu_use_multi_output_fusion"
    assert printed_by("devices.start()", XLA_FLAGS=own) == (CORES, own)


@pytest.mark.slow
def test_flags_are_set_only_for_versions_that_were_tried():
    """An option that XLA does not know ends the process."""
    assert printed_by("jaxlib.__version__ = '99.0'; devices.start()") == (CORES, "")


@pytest.mark.slow
def test_nothing_happens_once_jax_runs():
    assert printed_by("import warnings; warnings.simplefilter('ignore'); jax.devices(); devices.start(3)") == (1, "")


LATE = """
import warnings
import jax.numpy as jnp
%s
with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    import mlejax
    for _ in range(2):
        mlejax.sweep(
            mlejax.Normal(0.0, 1.0), seeds=[0], learning_rates=[0.1],
            observations=mlejax.Draws(mlejax.Normal(1.0, 2.0), 50), max_epochs=5, progress=False,
        )
print(*(f"{Path(each.filename).name}: {each.message}" for each in heard), sep=chr(10))
"""


@pytest.mark.slow
def test_one_warning_says_what_it_costs_that_jax_ran_first_and_what_to_do():
    said = helpers.printed_by("from pathlib import Path\n" + LATE % "jnp.zeros(3)", XLA_FLAGS="").strip()
    assert said.count("JAX was at work in this process before mlejax") == 1
    assert "about three times as long" in said
    assert "devices.start()" in said
    cured = LATE % "from mlejax import devices; devices.start(); jnp.zeros(3)"
    assert helpers.printed_by("from pathlib import Path\n" + cured, XLA_FLAGS="").strip() == ""


@pytest.mark.slow
@pytest.mark.parametrize("first", ["log_likelihood", "summarize"])
def test_what_mlejax_computes_before_a_run_starts_jax_as_a_run_does(first):
    cured = LATE % f"import mlejax; mlejax.{first}(mlejax.Normal(3.0, 2.0), np.arange(9.0))"
    assert helpers.printed_by("from pathlib import Path\nimport numpy as np\n" + cured, XLA_FLAGS="").strip() == ""


@pytest.mark.slow
def test_importing_starts_nothing():
    program = """
import mlejax
from jax._src import xla_bridge
assert not xla_bridge.backends_are_initialized()
devices.start(2)
"""
    assert printed_by(program)[0] == 2


def test_the_mesh_has_one_axis():
    assert jax.local_device_count() == 4  # conftest.py
    whole, part = devices.mesh(), devices.mesh(jax.local_devices()[1:3])
    assert whole.axis_names == part.axis_names == ("runs",)
    assert whole.devices.shape == (4,)
    np.testing.assert_array_equal(part.devices, jax.local_devices()[1:3])
    assert devices.describe(whole) == f"4 x {jax.local_devices()[0].device_kind}"


def test_cores_are_counted_where_the_system_does_not_say_which_are_ours(monkeypatch):
    """Python before 3.13 on macOS has neither of the two functions."""
    for name in ("process_cpu_count", "sched_getaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    assert devices.cores() == os.cpu_count()


def test_the_cores_are_those_of_the_process():
    if hasattr(os, "sched_getaffinity"):
        assert devices.cores() == len(os.sched_getaffinity(0))


HIDDEN = """
import os, pathlib
for name in ("process_cpu_count", "sched_getaffinity"):
    if hasattr(os, name):
        delattr(os, name)
read_text = pathlib.Path.read_text
def refused(path, *arguments, **options):
    if str(path).startswith("/proc"):
        raise FileNotFoundError(path)
    return read_text(path, *arguments, **options)
pathlib.Path.read_text = refused
import mlejax
source = mlejax.Draws(mlejax.Normal(1.0, 2.0), 50)
spec = mlejax.SweepSpec.checked(mlejax.Normal(0.0, 1.0), seeds=[0], learning_rates=[0.1], observations=source)
result = mlejax.sweep(
    mlejax.Normal(0.0, 1.0), seeds=[0], learning_rates=[0.1], observations=source, max_epochs=5, progress=False
)
print(result.epochs.tolist(), spec.computed_by()["instructions"])
"""


@pytest.mark.slow
def test_a_sweep_runs_where_the_system_has_neither_affinities_nor_proc():
    assert helpers.printed_by(HIDDEN).split() == ["[[5]]", platform.machine()]


def test_the_instructions_name_what_decides_floating_point_loops(monkeypatch):
    flags = "flags\t\t: fpu sse4_2 avx fma avx2 avx512f avx512_bf16\n"
    monkeypatch.setattr(Path, "read_text", lambda _: f"processor : 0\n{flags}")
    assert devices.instructions() == f"{platform.machine()} avx avx2 fma avx512f"
    monkeypatch.setattr(Path, "read_text", lambda _: flags.replace("avx512f ", ""))
    assert devices.instructions() == f"{platform.machine()} avx avx2 fma"


def test_options_that_change_no_result_are_not_recorded(monkeypatch):
    plain = "--xla_cpu_max_isa=AVX2"
    monkeypatch.setenv("XLA_FLAGS", f"--xla_force_host_platform_device_count=3 {plain} --xla_dump_to=elsewhere")
    assert devices.computed_by()["xla_flags"] == ["xla_cpu_max_isa=AVX2"]
    monkeypatch.setenv("XLA_FLAGS", "")
    assert devices.computed_by()["xla_flags"] == []


def test_what_the_compiler_is_given_is_recorded_and_left_to_the_user_who_sets_it(monkeypatch):
    cpu, option = jax.local_devices()[0], "xla_cpu_prefer_vector_width"
    assert devices.compiler_options(cpu) == {option: 512}
    assert devices.computed_by()["compiler_options"] == [f"{option}=512"]
    monkeypatch.setenv("XLA_FLAGS", f"--{option}=256")
    assert devices.computed_by()["compiler_options"] == []
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr(jaxlib, "__version__", "0.9.0")
    assert devices.compiler_options(cpu) == {}


@pytest.mark.parametrize("given", [2, "cpu", [0, 1], jax.devices], ids=["count", "name", "numbers", "function"])
def test_a_mesh_is_made_of_devices_alone(given):
    with pytest.raises(TypeError, match=r"^devices must be a sequence of devices, such as jax\.local_devices"):
        devices.checked(given)
    with pytest.raises(ValueError, match=r"^devices must hold at least one device; got none$"):
        devices.checked([])


@pytest.mark.parametrize("process", [-1, 3])
def test_a_process_that_a_cluster_does_not_have_is_refused(process):
    with pytest.raises(ValueError, match=f"process must be from 0 to 2, one below processes; got {process}"):
        devices.join(processes=3, process=process)
    assert devices.process_count() == 1
