"""How large the parts of the package are, and how much of them is said: `python tests/limits.py` prints the figures.

Everything is read from the text of the modules; nothing of the package is imported.
"""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "mlejax"


def modules(root=PACKAGE):
    """Return the paths of all modules by their dotted names, `sweeps.plan`; a folder's `__init__` by the folder's."""
    named = {}
    for path in sorted(root.rglob("*.py")):
        named[".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")] = path
    return named


def functions(tree):
    """Return the public functions of a module, and the public methods of its public classes, with their names."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
            found += [(f"{node.name}.{item.name}", item) for item in methods if is_public(item.name)]
        if isinstance(node, ast.FunctionDef) and is_public(node.name):
            found.append((node.name, node))
    return found


def is_public(name):
    return not name.startswith("_") or name in ("__init__", "__call__")


def arguments(function):
    """Return the arguments of a function but `self` and `cls`."""
    given = function.args
    every = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    return [argument for argument in every if argument is not None and argument.arg not in ("self", "cls")]


def aliases_of_any(trees):
    """Return every name in the package that stands for `typing.Any`, that name among them."""
    known = {"Any"}
    while True:
        found = set(known)
        for tree in trees:
            for node in tree.body:
                if isinstance(node, ast.Assign | ast.AnnAssign) and is_any(node.value, known):
                    targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
                    found |= {target.id for target in targets if isinstance(target, ast.Name)}
        if found == known:
            return known
        known = found


def is_any(annotation, known):
    """Tell whether an annotation says nothing: `Any`, a name for it, or a union or a choice with it."""
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return is_any(annotation.left, known) or is_any(annotation.right, known)
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).split(".")[-1] in ("Optional", "Union"):
        parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        return any(is_any(part, known) for part in parts)
    return isinstance(annotation, ast.Name | ast.Attribute) and ast.unparse(annotation).split(".")[-1] in known


def any_arguments(trees):
    """Return where public functions have annotated arguments, and where these are `Any`: `module.function(name)`."""
    known, annotated, vague = aliases_of_any(trees.values()), [], []
    for module, tree in trees.items():
        for name, function in functions(tree):
            for argument in arguments(function):
                annotation = argument.annotation
                if isinstance(annotation, ast.Constant) and annotation.value is not None:
                    annotation = ast.parse(annotation.value, mode="eval").body
                if annotation is not None:
                    where = f"{module}.{name}({argument.arg})"
                    annotated.append(where)
                    vague += [where] if is_any(annotation, known) else []
    return annotated, vague


def docstring_lines(tree):
    """Return how many lines of a module are docstrings, those of constants and fields included."""
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    said = [item for node in ast.walk(tree) if isinstance(node, holders) for item in node.body if is_text(item)]
    return sum(item.end_lineno - item.lineno + 1 for item in said)


def is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def measure(root=PACKAGE):
    """Return every figure by its name."""
    texts = {name: path.read_text() for name, path in modules(root).items()}
    trees = {name: ast.parse(text) for name, text in texts.items()}
    lines = {name: len(text.splitlines()) for name, text in texts.items()}
    counts = {f"{m}.{name}": len(arguments(f)) for m, tree in trees.items() for name, f in functions(tree)}
    annotated, vague = any_arguments(trees)
    return {
        "files in the top folder": len([path for path in root.iterdir() if path.is_file()]),
        "lines of the longest module": max(lines.values()),
        "most arguments of a public function": max(counts.values()),
        "share of docstrings": sum(map(docstring_lines, trees.values())) / sum(lines.values()),
        "share of Any": len(vague) / len(annotated),
    }


if __name__ == "__main__":
    for name, figure in measure().items():
        print(f"{name:<40} {figure:.3g}")
    trees = {name: ast.parse(path.read_text()) for name, path in modules().items()}
    annotated, vague = any_arguments(trees)
    print(f"{len(vague)} of {len(annotated)} arguments are Any:", *vague, sep="\n  ")
