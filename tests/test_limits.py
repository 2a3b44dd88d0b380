"""The house stays small enough to be read: sizes, types, docstrings, and a test file for every module."""

import ast

import limits
import pytest
from helpers import ROOT

TESTS = ROOT / "tests"
LIMITS = {
    "files in the top folder": (0, 9),
    "lines of the longest module": (0, 350),
    "most arguments of a public function": (0, 18),
    "share of docstrings": (0.18, 1),
    "share of Any": (0, 0.1),
}
ELSEWHERE = {
    "__init__": "test_api",
    "__main__": "cli/test_main",
    "ascent.alike": "ascent/test_fit",
    "ascent.beside": "ascent/test_outward",
    "cli.data": "cli/test_commands",
    "cli.fits": "cli/test_commands",
    "cli.machine": "cli/test_main",
    "cli.option": "cli/test_options",
    "cli.table": "cli/test_options",
    "models.normal": "models/test_families",
    "models.circular": "models/test_families",
    "models.continuous": "models/test_families",
    "models.discrete": "models/test_families",
    "models.extremes": "models/test_families",
    "models.heavy_tails": "models/test_families",
    "models.symmetric": "models/test_families",
    "samples.table": "samples/test_files",
    "samples.text": "samples/test_files",
    "store.batches": "store/test_repair",
    "store.reading": "store/test_store",
    "sweeps.collect": "store/test_store",
    "sweeps.outcomes": "sweeps/test_collect",
    "sweeps.recomputed": "sweeps/test_verify",
}
"""Modules whose tests stand in the file of others. A folder's `__init__` is tested by `test_api`."""


@pytest.fixture(scope="module")
def measured():
    return limits.measure()


@pytest.mark.parametrize("name", LIMITS)
def test_the_package_keeps_its_limits(name, measured):
    least, most = LIMITS[name]
    assert least <= measured[name] <= most


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_a_file_of_tests_has_at_most_400_lines(path):
    assert len(path.read_text().splitlines()) <= 400


def file_for(name, path):
    if path.name == "__init__.py" and name != "__init__":
        return TESTS / "test_api.py"
    *folders, last = name.split(".")
    return TESTS / f"{ELSEWHERE.get(name, '/'.join([*folders, f'test_{last}']))}.py"


def test_every_module_has_a_file_of_tests():
    without = {name for name, path in limits.modules().items() if not file_for(name, path).is_file()}
    assert without == set()


def quick(text):
    """Return the tests of a file that are not marked slow."""
    items = ast.parse(text).body
    if any(isinstance(item, ast.Assign) and ast.unparse(item) == "pytestmark = pytest.mark.slow" for item in items):
        return []
    tests = [item for item in items if isinstance(item, ast.FunctionDef) and item.name.startswith("test_")]
    return [test.name for test in tests if not any(ast.unparse(d) == "pytest.mark.slow" for d in test.decorator_list)]


def test_the_quick_subset_has_something_of_every_module():
    without = {name for name, path in limits.modules().items() if not quick(file_for(name, path).read_text())}
    assert without == set()


def test_what_is_marked_slow_is_not_quick():
    text = "@pytest.mark.slow\ndef test_a(): ...\n\ndef test_b(): ...\n"
    assert quick(text) == ["test_b"]
    assert quick(f"pytestmark = pytest.mark.slow\n{text}") == []


# The measures themselves ------------------------------------------------------------------------------------------

SAMPLE = '''"""A module.

With three lines.
"""
from typing import Any, TypeAlias
Anything: TypeAlias = Any
Either = int | Anything
VERSION = "0.1.0"
"""A constant."""

class Public:
    """A class."""
    def method(self, a: int, *rest: float, b: Anything = None, **more: "Any"): ...
    def _hidden(self, a: Any): ...

class _Private:
    def method(self, a: Any): ...

def function(a: Either, b: dict[str, Any], c): ...
'''


@pytest.fixture
def package(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "folder" / "__init__.py").write_text('"""A folder."""\n')
    (tmp_path / "folder" / "module.py").write_text(SAMPLE)
    return tmp_path


def test_figures_of_a_small_package_by_hand(package):
    found = limits.measure(package)
    lines = len(SAMPLE.splitlines())
    assert found == {
        "files in the top folder": 1,
        "lines of the longest module": lines,
        "most arguments of a public function": 4,
        "share of docstrings": 7 / (lines + 1),
        "share of Any": 3 / 6,
    }


def test_any_is_found_behind_its_names(package):
    trees = {name: ast.parse(path.read_text()) for name, path in limits.modules(package).items()}
    _, vague = limits.any_arguments(trees)
    where = "folder.module."
    assert vague == [f"{where}Public.method(b)", f"{where}Public.method(more)", f"{where}function(a)"]
