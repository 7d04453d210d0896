"""The rules of the house, read off the source: who imports whom, what nobody calls, how long a function may be."""

import ast
import re
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from jaxicon.core import catalog

ROOT, LIBRARY = catalog.ROOT, catalog.PACKAGE
OURS = sorted(LIBRARY.rglob("*.py"))
SHIPPED = [*OURS, *sorted((ROOT / "experiments").rglob("*.py"))]
BELOW = {  # who may import whom of ours
    "__main__.py": {"core"},
    "core": {"core"},
    "ops": {"ops"},
    "data": {"core", "ops", "data"},
    "envs": {"core", "ops", "envs"},
    "nn": {"core", "ops", "nn"},
}
OWNERS = {"flax": {"nn"}, "jraph": {"graph", "data", "nn"}, "diffrax": {"ode", "generative"}, "gymnax": {"envs"}}
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
MODULES = {"scikit-learn": "sklearn", "pillow": "PIL", "scikit-image": "skimage", "imageio": "imageio"}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def part(path: Path) -> str:
    return path.relative_to(LIBRARY).parts[0]


def imports(path: Path):
    """(statement, what it imports, with dots) of every import, also those inside functions."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = f"{node.module or '.' * node.level}." if isinstance(node, ast.ImportFrom) else ""
            yield from ((node, module + alias.name) for alias in node.names)


def library(name: str) -> str | None:
    """The part of the library that a name belongs to: core of jaxicon.core.run.train."""
    words = name.split(".")
    return words[1] if words[0] == "jaxicon" and words[1:] != ["__version__"] else None


@pytest.mark.parametrize("path", OURS, ids=lambda p: str(p.relative_to(LIBRARY)))
def test_imports_follow_the_arrows(path):
    if path.parent == LIBRARY and path.name == "__init__.py":
        return
    allowed = BELOW.get(part(path), {part(path), "nn", "envs", "data", "core", "ops"})
    for node, module in imports(path):
        where = f"line {node.lineno}: {ast.unparse(node)}"
        assert library(module) in (None, *allowed), where
        assert module.split(".")[0] != "experiments", where
        assert part(path) in OWNERS.get(module.split(".")[0], {part(path)}), where


@pytest.mark.parametrize("entry", catalog.entries().values(), ids=lambda e: e.name)
def test_a_method_imports_at_most_one_base_of_its_family(entry):
    bases = {tuple(name.split(".")[:3]) for _, name in imports(entry.path) if library(name) == entry.family}
    assert len(bases) <= 1
    assert entry.base is None or entry.base in catalog.entries()


@pytest.mark.parametrize("path", OURS, ids=lambda p: str(p.relative_to(LIBRARY)))
def test_imports_have_the_form_that_bundles_can_flatten(path):
    for node, module in imports(path):
        where = f"line {node.lineno}: {ast.unparse(node)}"
        assert isinstance(node, ast.Import) or node.level == 0, f"{where}: relative"
        assert not any(alias.name == "*" for alias in node.names), f"{where}: a star hides names"
        assert isinstance(node, ast.ImportFrom) or not module.startswith("jaxicon"), f"{where}: from ... import"
    assert not any(isinstance(node, ast.Global) for node in ast.walk(tree(path)))


def test_gymnax_is_imported_where_it_is_used():
    top = [(p, s) for p in SHIPPED for s in tree(p).body if isinstance(s, ast.Import | ast.ImportFrom)]
    assert [str(p) for p, s in top if re.match(r"(from|import) (gymnax|orbax|matplotlib)\b", ast.unparse(s))] == []


def test_only_declared_packages_are_imported():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["data"], *extras["track"]]
    declared = {MODULES.get(name, name) for name in (re.match(r"[\w-]+", line)[0] for line in lines)}
    known = {*sys.stdlib_module_names, *declared, "jaxicon", "experiments", "scipy", "packaging", "jaxlib"}
    foreign = {(str(p.relative_to(ROOT)), m) for p in SHIPPED for _, m in imports(p) if m.split(".")[0] not in known}
    assert foreign == set()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_runs_what_it_reads(path):
    assert not {module.split(".")[0] for _, module in imports(path)} & UNSAFE
    for call in (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        where = f"line {call.lineno}: {name}"
        assert name not in ("eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec"), where
        assert not re.fullmatch(r"yaml\.\w*load\w*|(np|numpy|jnp)\.loads", name), where
        pickled = [k for k in call.keywords if k.arg == "allow_pickle" and ast.unparse(k.value) != "False"]
        assert not pickled, where


def length(function: ast.FunctionDef) -> int:
    """Lines of a body without its docstring and without the definitions nested in it."""
    first, *others = function.body
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and others
    start = others[0] if documented else first
    nested = [n for n in function.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    return function.end_lineno - start.lineno + 1 - sum(n.end_lineno - n.lineno + 1 for n in nested)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_function_is_longer_than_a_screen(path):
    functions = [n for n in ast.walk(tree(path)) if isinstance(n, ast.FunctionDef)]
    assert {f.name: length(f) for f in functions if length(f) > 40} == {}


def public() -> list:
    """(file, function) above core that another part of the code imports, or that its file is called after."""
    other = lambda path, module: path not in OURS or library(module) != part(path)
    asked = {module for path in SHIPPED for _, module in imports(path) if other(path, module)}
    spelled = lambda path, f: ".".join(["jaxicon", *path.relative_to(LIBRARY).with_suffix("").parts, f.name])
    files = [p for p in OURS if part(p) != "core"]
    found = [(p, f) for p in files for f in tree(p).body if isinstance(f, ast.FunctionDef)]
    return [(path, f) for path, f in found if f.name == path.stem or spelled(path, f) in asked]


@cache
def words_of_tests() -> set[str]:
    return {word for path in (ROOT / "tests").rglob("test_*.py") for word in re.findall(r"\w+", path.read_text())}


@pytest.mark.system("other.documented_tests")
@pytest.mark.parametrize(("path", "function"), public(), ids=lambda x: getattr(x, "name", ""))
def test_what_others_use_is_documented_typed_and_tested(path, function):
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    assert ast.get_docstring(function), "no docstring"
    assert [a.arg for a in arguments if a.annotation is None and a.arg != "params"] == []  # any pytree
    assert function.returns is not None
    assert function.name in words_of_tests(), "in no test"


def test_the_rules_see_through_functions(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text(
        "def f():\n    from flax import nnx\n    import torch.nn as nn\n    from . import x\n" + "    1\n" * 60
    )
    assert [name for _, name in imports(file)] == ["flax.nnx", "torch.nn", "..x"]
    assert length(tree(file).body[0]) == 63
