"""Imports within mlejax only go down, and do nothing."""

import ast
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "mlejax"

# One row per floor; within a row, a module may import those in the groups before its own.
FLOORS = (
    ({"status", "constraints", "checks", "arithmetic"},),
    (
        {"models.base"}, {"models.continuous", "models.discrete", "models.normal"}, {"models"},
        {"separation"}, {"sufficient"}, {"kernel"}, {"rawdata"}, {"sample"}, {"likelihood"},
    ),
    ({"optimizers", "training"},),
    (
        {"devices", "datasets", "lanes", "results"}, {"schedule", "fitting", "plan"},
        {"collect", "provenance", "progress"}, {"sweep"},
    ),
    ({"plotting.style", "disk"}, {"plotting.fits", "plotting.sweeps"}, {"store", "plotting", "report", "tables"}),
    ({"reproduce", "explain", "verify", "arguments"}, {"cli"}, {"__main__"}),
)  # fmt: skip
GROUPS = tuple(itertools.chain.from_iterable(FLOORS))
RANK = {module: rank for rank, group in enumerate(GROUPS) for module in group}
LAZY = {"fitting", "collect", "results"}  # a method of a result may reach up to these when it is called
LAZY_TARGETS = {"store", "plotting", "report"}


def module_name(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def modules():
    return {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(source, package, known):
    """Pairs (module of mlejax, whether imported inside a function) from the text of a module in `package`."""
    found = []

    def visit(node, inside):
        if isinstance(node, ast.Import):
            found.extend(
                (alias.name.removeprefix("mlejax").removeprefix(".") or "__init__", inside)
                for alias in node.names
                if alias.name.split(".")[0] == "mlejax"
            )
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "mlejax"):
            base = package[: len(package) - node.level + 1] if node.level else ()
            rest = (node.module or "").split(".") if node.module else []
            base = [*base, *(rest[1:] if not node.level else rest)]
            for alias in node.names:
                whole = ".".join([*base, alias.name])
                found.append((whole if whole in known else ".".join(base) or "__init__", inside))
        for child in ast.iter_child_nodes(node):
            visit(child, inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))

    visit(ast.parse(source), False)
    return found


def violations(name, source, is_package, known):
    package = tuple(name.split(".")) if is_package else tuple(name.split("."))[:-1]
    wrong = []
    for target, inside in imports(source, package, known):
        if target == "__init__":  # the package's own names, its version among them
            allowed = RANK[name] >= RANK["reproduce"]
        else:
            allowed = RANK.get(target, len(RANK)) < RANK[name] or (inside and name in LAZY and target in LAZY_TARGETS)
        if not allowed:
            wrong.append(f"{name} imports {target}")
    return wrong


def test_every_module_has_a_floor():
    assert set(modules()) - {"__init__"} <= set(RANK)


@pytest.mark.parametrize("name", [name for name in modules() if name != "__init__"])
def test_imports_only_go_down(name):
    path = modules()[name]
    assert violations(name, path.read_text(), path.name == "__init__.py", set(modules())) == []


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("status", "from .checks import positive", ["status imports checks"]),
        ("training", "from . import fitting", ["training imports fitting"]),
        ("training", "import mlejax.fitting", ["training imports fitting"]),
        ("training", "from mlejax.sweep import sweep", ["training imports sweep"]),
        ("training", "def f():\n    from .report import table", ["training imports report"]),
        ("fitting", "from .report import table", ["fitting imports report"]),
        ("fitting", "def f():\n    from .cli import main", ["fitting imports cli"]),
        ("models.normal", "from ..sample import merge", ["models.normal imports sample"]),
        ("models.base", "from .normal import Normal", ["models.base imports models.normal"]),
        ("sample", "from . import Normal", ["sample imports __init__"]),
        ("fitting", "def f():\n    from .report import table", []),
        ("sample", "import jax\nfrom . import checks\nfrom .models.base import M\nfrom .models import Normal", []),
        ("models.normal", "from .base import Model\nfrom ..constraints import real", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_check_itself_finds_imports_that_go_up(name, source, expected):
    assert violations(name, source, False, set(RANK)) == expected


PROBE = """
import sys
import mlejax
from jax._src import xla_bridge
assert not xla_bridge.backends_are_initialized(), "importing mlejax started a JAX backend"
heavy = [name for name in ("matplotlib", "xarray", "zarr", "scipy.stats", "pandas", "sklearn") if name in sys.modules]
assert not heavy, f"importing mlejax imports {heavy}"
import jax
jax.config.update("jax_num_cpu_devices", 3)  # refused once a backend has started
assert not jax.config.jax_enable_x64
assert len(jax.devices("cpu")) == 3
"""


def test_importing_mlejax_starts_nothing_and_imports_nothing_heavy():
    command = [sys.executable, "-c", PROBE]
    environment = {"PATH": "/usr/bin:/bin", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
