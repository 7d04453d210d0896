"""A bundle does what the modules do that it is made of, without them."""

import ast
import builtins
import json
import subprocess
import symtable
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import jax
import numpy as np
import pytest

from jaxicon.core import bundle as bundler
from jaxicon.core import catalog, names
from jaxicon.core.errors import ConfigError
from jaxicon.core.run import train
from tests import test_contract as contract

# A package of ours in which everything is used that makes flattening hard; `show` says what it computes.
PACKAGE = {
    "nn/scale.py": '''
"""The factory has the method's name."""
from functools import partial
import math as m
from jaxicon.ops import numbers

class Config:
    size = 10

def scale(x):  # ten times x: × σ
    return numbers.sum(x) * Config.size + m.floor(1.5)

def part(function):
    return partial(function, 2)
''',
    "ops/numbers.py": '''
from collections.abc import Callable
from math import pi as tau

HIDDEN = 7

def sum(x: "Node") -> "Node":
    """Not Python's."""
    return x + int(tau) - 3

def max(x):
    return -x

class Node:
    sum: Callable = lambda self, first=sum: first(5)
    """A field is not the global."""

    def pair(self):
        counted = [HIDDEN for HIDDEN in range(HIDDEN)]
        return [self.sum(), max(3), counted, sum(1), f"{sum(2)} and {HIDDEN!r:>3} {'quoted'}"]
''',
    "ops/passing.py": """
from typing import get_type_hints
from jaxicon.ops.numbers import HIDDEN, sum as total
from jaxicon.nn import scale as layer

def deep(scale):
    return layer.scale(scale)

def lazily(x):
    from jaxicon.games.scale import Config
    return Config(x)

def only():
    try:
        from jaxicon.ops.numbers import Node as Other
    finally:
        import json
    return Other().pair(), json.dumps([1]), get_type_hints(total)['return'] is Other
""",
    "rl/late.py": """
class Config:
    late = "late"
""",
    "games/scale.py": '''
"""The method."""
from __future__ import annotations

import math
from dataclasses import dataclass

from jaxicon.nn import scale as nn
from jaxicon.ops import passing
from jaxicon.ops.passing import HIDDEN as secret, total

class Node:
    pass

@dataclass(frozen=True)
class Config:
    scale: int = 3

    def twice(self):
        return [scale for scale in (self.scale, nn.scale(self.scale))]

def shadow(sum, total, HIDDEN=5):
    layer = [nn.scale(total) for total in range(sum)]
    return layer, HIDDEN, secret, (lambda secret: secret + passing.deep(1))(2), builtin([1, 2])

def builtin(x):
    from jaxicon.rl.late import Config as Late
    assert [passing := value for value in x]
    return passing.real, sum(x), max(x), Late.late, f"{secret} {nn.Config.size:>{secret}} {nn.scale(1)=}"

def scale(x: int, *, math_=math.pi):
    return Config(x).twice(), shadow(2, 3), total(4), passing.lazily(x), passing.only(), nn.part(max)(5), math_
''',
}
SHOW = "print(json.dumps(repr(scale(4)).replace('jaxicon.games.scale.', '')))"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The hard package, in the place of ours."""
    for path, text in PACKAGE.items():
        file = tmp_path / "jaxicon" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.lstrip())
    (tmp_path / "jaxicon/__init__.py").write_text("")
    (tmp_path / "jaxicon/core").mkdir()
    (tmp_path / "jaxicon/core/method.py").write_text("")
    with in_place_of_ours(tmp_path, monkeypatch):
        yield tmp_path


@contextmanager
def in_place_of_ours(folder, monkeypatch):
    """The package that is in a folder, for the bundler."""
    monkeypatch.setattr(names, "SOURCES", folder)
    monkeypatch.setattr(catalog, "PACKAGE", folder / "jaxicon")
    caches = (bundler.module, catalog.entries, catalog.methods, catalog.kinds)
    [c.cache_clear() for c in caches]
    yield
    [c.cache_clear() for c in caches]


def python(program: str, folder, *paths) -> str:
    """What a fresh Python prints that sees nothing of this library but `paths`."""
    command = [sys.executable, "-I", "-W", "error", "-c", f"import sys; sys.path[:0] = {[*map(str, paths)]}\n{program}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_bundle_computes_what_python_imports(package):
    text = bundler.bundle("scale")
    (package / "alone.py").write_text(text)
    expected = python(f"import json\nfrom jaxicon.games.scale import scale\n{SHOW}", package, package)
    program = f"import json, runpy\nscale = runpy.run_path('alone.py')['scale']\n{SHOW}"
    assert python(program, package) == expected
    assert "[1]', True)" in json.loads(expected)


def test_a_bundle_keeps_text_and_order(package):
    text = bundler.bundle("scale")
    cells = [line for line in text.splitlines() if line.startswith("# %%")]
    assert cells == [
        "# %% imports",
        "# %% ops/numbers.py",
        "# %% rl/late.py",
        "# %% nn/scale.py",
        "# %% ops/passing.py",
        "# %% games/scale.py",
    ]
    assert "# ten times x: × σ" in text
    assert "def nn_scale(x):" in text
    assert "def scale(x: int" in text
    assert text.count("import math\n") == 1
    assert imports_of_ours(text) == []


def test_a_module_as_a_value_is_refused(package):
    (package / "jaxicon/games/value.py").write_text("from jaxicon.nn import scale as nn\nvalue = [nn]\n")
    with pytest.raises(ConfigError, match=r"jaxicon\.nn\.scale is no name but a module"):
        bundler.bundle("value")


def test_an_unknown_method_is_answered_with_near_ones():
    with pytest.raises(ConfigError, match="did you mean 'value_iteration'"):
        bundler.bundle("value_iteratoin")


def imports_of_ours(text: str) -> list[str]:
    return [
        ast.unparse(n)
        for n in ast.walk(ast.parse(text))
        if isinstance(n, names.IMPORTS) and "jaxicon" in ast.unparse(n)
    ]


def undefined(text: str) -> set[str]:
    """Globals that a file reads and does not define, by Python's own symbol tables."""
    tables = [symtable.symtable(text, "bundle", "exec")]
    known = {s.get_name() for s in tables[0].get_symbols() if s.is_assigned() or s.is_imported()}
    for table in tables:
        tables += table.get_children()
    read = {s.get_name() for t in tables for s in t.get_symbols() if s.is_global() and s.is_referenced()}
    return read - known - {*dir(builtins)} - {"__name__", "__file__"}


def defined_twice(text: str) -> set[str]:
    """Functions and classes of which a later one would replace an earlier one."""
    defined = [n.name for n in ast.parse(text).body if isinstance(n, names.DEFINITIONS)]
    return {name for name in defined if defined.count(name) > 1}


@pytest.mark.parametrize("name", catalog.entries())
def test_every_bundle_is_closed(name):
    text = bundler.bundle(name)
    assert undefined(text) == set()
    assert defined_twice(text) == set()
    assert imports_of_ours(text) == []


TRAINED = """
import jax, json, numpy as np, optax
state, metrics = train(jax.random.key(0), mlp(Config((8,)), 3), resident((np.eye(3), np.arange(3)), 3), 5)
print(json.dumps({name: values.tolist() for name, values in metrics.items()}))
"""


@pytest.mark.slow
def test_a_bundled_method_trains_to_the_same_bits(tmp_path):
    (tmp_path / "alone.py").write_text(bundler.bundle("mlp"))
    ours = "from jaxicon.core.run import train\nfrom jaxicon.core.stream import resident\n"
    ours += "from jaxicon.foundations.mlp import Config, mlp\n"
    expected = python(ours + TRAINED, tmp_path, catalog.ROOT / "lib")
    assert python("from alone import *\n" + TRAINED, tmp_path, tmp_path) == expected
    assert json.loads(expected)["loss"][4] < json.loads(expected)["loss"][0]


def below(path: str, name: str) -> str:
    """The statements of a test module that define one of its names, and those that they need, also of other tests."""
    body = ast.parse((catalog.ROOT / path).read_text()).body
    defining = {bound: statement for statement in body for bound in names.bound([statement])}
    reached = [name]
    for found in reached:
        words = {n.id for n in ast.walk(defining[found]) if isinstance(n, ast.Name)}
        reached += [word for word in words & defining.keys() if word not in reached]
    wanted = [statement for statement in body if statement in [defining[found] for found in reached]]
    return "\n".join(text for statement in wanted for text in spelled_out(statement))


def spelled_out(statement: ast.stmt) -> Iterator[str]:
    """The text of a statement; of an import from another test, what that defines."""
    other = getattr(statement, "module", None) or ""
    if other.startswith("tests."):
        yield from (below(f"{other.replace('.', '/')}.py", alias.name) for alias in statement.names)
    else:
        yield ast.unparse(statement)


@pytest.fixture
def with_example(request, tmp_path, monkeypatch):
    """The library and one module more, `trial`: what the method's test module gives as an example, trained."""
    entry = request.param
    (tmp_path / "jaxicon/trial").mkdir(parents=True)
    for path in catalog.PACKAGE.iterdir():
        (tmp_path / "jaxicon" / path.name).symlink_to(path)
    text = below(f"tests/{entry.family}/test_{entry.name}.py", "example")
    (tmp_path / "jaxicon/trial/trial.py").write_text(f"{text}\n{TRIAL}")
    monkeypatch.setattr(catalog, "FAMILIES", (*catalog.FAMILIES, "trial"))
    with in_place_of_ours(tmp_path, monkeypatch):
        yield entry


TRIAL = """
import jax
from jaxicon.core.run import train

def trial():
    method, stream = example()
    return train(jax.random.key(0), method, stream, 2, chunk=4)[1]
"""
ALONE = "import json, sys\nsys.modules['jaxicon'] = None  # from now on an import of it fails\n"


@pytest.mark.slow
@pytest.mark.parametrize("with_example", catalog.methods(), ids=lambda e: e.name, indirect=True)
def test_every_bundled_method_trains_alone_to_the_same_bits(with_example, tmp_path):
    """What `example` and its data need is bundled with the method, which is all that the bundle is asked to do."""
    (tmp_path / "alone.py").write_text(bundler.bundle("trial"))
    show = "print(json.dumps({name: values.tolist() for name, values in alone.trial().items()}))"
    metrics = json.loads(python(f"{ALONE}import alone\n{show}", tmp_path, tmp_path))
    method, stream = contract.example(with_example.family, with_example.name)
    expected = train(jax.random.key(0), method, stream, 2, chunk=4)[1]
    assert metrics == {name: values.tolist() for name, values in expected.items()}
    assert np.isfinite([*metrics.values()]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", catalog.entries())
def test_every_bundle_runs_alone(name, tmp_path):
    (tmp_path / "alone.py").write_text(bundler.bundle(name))
    python(f"{ALONE}import alone\nassert callable(alone.{name})", tmp_path, tmp_path)
