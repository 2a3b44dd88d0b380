"""Imports within mlejax only go down the rows of the house, and do nothing."""

import ast
import subprocess
import sys

import pytest
from helpers import ROOT

PACKAGE = ROOT / "mlejax"

# One row per folder or group of modules at the top; a module imports from the rows above its own, and from its own row
# without going round in a circle.
ROWS = (
    ("status", "checks", "devices", "progress"),
    ("models",),
    ("formula",),
    ("samples",),
    ("likelihood",),
    ("results",),
    ("ascent",),
    ("store",),
    ("sweeps",),
    ("plotting",),
    ("article",),
    ("cli", "__main__"),
)
RANK = {name: rank for rank, row in enumerate(ROWS) for name in row}
LAZY = {("results", "ascent.intervals"), ("results", "sweeps.bootstrap"), ("results", "plotting")}
"""Where a method of a result may reach down the rows when it is called."""


def module_name(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def modules():
    return {
        module_name(path): path
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.parent != PACKAGE or path.stem != "__init__"
    }


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
                if alias.name == "__version__":  # in the module that loads nothing
                    continue
                whole = ".".join([*base, alias.name])
                found.append((whole if whole in known else ".".join(base) or "__init__", inside))
        for child in ast.iter_child_nodes(node):
            visit(child, inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))

    visit(ast.parse(source), False)
    return found


def row(name):
    return RANK.get(name.split(".")[0], len(ROWS))


def violations(name, source, is_package, known):
    package = tuple(name.split(".")) if is_package else tuple(name.split("."))[:-1]
    wrong = []
    for target, inside in imports(source, package, known):
        if target == "__init__":  # the package's own names, its version among them
            allowed = row(name) >= RANK["article"]
        else:
            lazy = inside and any(
                name.split(".")[0] == folder and (target == reach or target.startswith(f"{reach}."))
                for folder, reach in LAZY
            )
            allowed = row(target) <= row(name) or lazy
        if not allowed:
            wrong.append(f"{name} imports {target}")
    return wrong


def circle(graph):
    """A circle of modules that import each other, or None."""
    done, path = set(), []

    def visit(name):
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return None
        path.append(name)
        found = next((found for target in sorted(graph.get(name, ())) if (found := visit(target))), None)
        path.pop()
        done.add(name)
        return found

    return next((found for name in sorted(graph) if (found := visit(name))), None)


def test_every_module_has_a_row():
    assert {name.split(".")[0] for name in modules()} == set(RANK)


@pytest.mark.parametrize("name", modules())
def test_imports_only_go_down(name):
    path = modules()[name]
    assert violations(name, path.read_text(), path.name == "__init__.py", set(modules())) == []


@pytest.mark.slow
def test_no_imports_go_round_in_a_circle():
    known, graph = set(modules()), {}
    for name, path in modules().items():
        package = tuple(name.split(".")) if path.name == "__init__.py" else tuple(name.split("."))[:-1]
        found = imports(path.read_text(), package, known)
        graph[name] = {target for target, inside in found if not inside and target in known} - {name}
    assert circle(graph) is None


def test_the_check_itself_finds_a_circle():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("status", "from .models import Normal", ["status imports models"]),
        ("samples.raw", "from ..ascent import step", ["samples.raw imports ascent.step"]),
        ("ascent.step", "import mlejax.sweeps.sweep", ["ascent.step imports sweeps.sweep"]),
        ("ascent.step", "from mlejax.sweeps.sweep import sweep", ["ascent.step imports sweeps.sweep"]),
        ("results.train", "def f():\n    from ..cli.main import main", ["results.train imports cli.main"]),
        ("results.train", "from ..plotting import fits", ["results.train imports plotting.fits"]),
        ("models.normal", "from ..samples.summary import merge", ["models.normal imports samples.summary"]),
        ("samples.raw", "from .. import Normal", ["samples.raw imports __init__"]),
        ("results.train", "def f():\n    from ..plotting import fits", []),
        (
            "samples.raw",
            "import jax\nfrom .. import checks\nfrom ..models.base import M\nfrom ..models import Normal",
            [],
        ),
        ("models.normal", "from .base import Model\nfrom .constraints import real", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_check_itself_finds_imports_that_go_up(name, source, expected):
    assert violations(name, source, False, set(modules())) == expected


PROBE = """
import sys
import mlejax
assert mlejax.sweep and mlejax.train and mlejax.Normal
from jax._src import xla_bridge
assert not xla_bridge.backends_are_initialized(), "importing mlejax started a JAX backend"
heavy = [name for name in ("matplotlib", "xarray", "zarr", "scipy.stats", "pandas", "sklearn") if name in sys.modules]
assert not heavy, f"importing mlejax imports {heavy}"
import jax
jax.config.update("jax_num_cpu_devices", 3)  # refused once a backend has started
assert not jax.config.jax_enable_x64
assert len(jax.devices("cpu")) == 3
"""


@pytest.mark.slow
def test_importing_mlejax_starts_nothing_and_imports_nothing_heavy():
    command = [sys.executable, "-c", PROBE]
    environment = {"PATH": "/usr/bin:/bin", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
