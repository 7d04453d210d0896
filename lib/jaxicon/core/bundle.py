"""One method as one file that needs nothing of this library: for a notebook's cell, or to carry away and change.

Modules become cells, dependencies first, their text untouched but for two things: imports move to the top, and where
two modules use one name for two things, one of the two gets the name of its module in front.
"""

import ast
import builtins
import re
import sys
from functools import cache

from jaxicon import __version__
from jaxicon.core import catalog
from jaxicon.core.errors import ConfigError
from jaxicon.core.names import IMPORTS, Scope, Symbol, bound, imported, local_names, own, source_path, uses
from jaxicon.core.rewrite import rewrite

RUNNER = "jaxicon.core.run"  # every method is bundled with it
DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow"}


class Module:
    """The source of a module of ours, and what its names stand for."""

    def __init__(self, name: str):
        self.name, self.path = name, source_path(name)
        self.text = self.path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)
        ours = lambda statement: any(own(symbol.module) for symbol in imported(statement).values())
        imports = [s for s in ast.walk(self.tree) if isinstance(s, IMPORTS)]
        self.imports = [s for s in imports if ours(s)]
        self.others = [s for s in imports if not ours(s)]
        self.foreign = [s for s in self.others if s in self.tree.body]
        self.globals = {n: s or Symbol(name, n) for n, s in bound(self.tree.body).items()}
        for statement in self.foreign:
            self.globals |= imported(statement)
        self.uses = list(uses(self.tree, (Scope(self.globals),)))
        self.locals = local_names(self.tree)

    def needs(self, always: bool) -> list[str]:
        """The modules of ours that it imports; `always`: without those that only a function imports."""
        statements = [s for s in self.imports if s in self.tree.body or not always]
        return list(dict.fromkeys(symbol.module for s in statements for symbol in imported(s).values()))


module = cache(Module)


def resolve(symbol: Symbol) -> Symbol:
    """Where a name is defined that a module may only pass on; raises ConfigError for a module used as a value."""
    while own(symbol.module):
        meaning = module(symbol.module).globals.get(symbol.name)
        if meaning is None:
            where = f"{symbol.module}.{symbol.name}".strip(".")
            raise ConfigError(f"bundle: {where} is no name but a module, or is not there; only names can be bundled")
        if meaning == symbol:
            break
        symbol = meaning
    return symbol


def closure(names: list[str]) -> list[Module]:
    """The modules that some need, each after those that it needs to be imported; the first of `names` comes last."""
    ordered, reached = {}, [*names]
    for name in reached:
        reached += [n for n in module(name).needs(always=False) if n not in reached]

    def visit(name: str) -> None:
        if name not in ordered:
            for needed in module(name).needs(always=True):
                visit(needed)
            ordered[name] = module(name)

    for name in reversed(reached):
        visit(name)
    return list(ordered.values())


def final_names(modules: list[Module]) -> dict[Symbol, str]:
    """What every global is called in the bundle: as before where that is one thing only, in every place.

    The method keeps its names, then the packages that all use, then the other modules, in order.
    """
    method = modules[-1]
    foreign = [pair for m in (method, *modules) for pair in m.globals.items() if not own(pair[1].module)]
    ours = [pair for m in modules for pair in m.globals.items() if pair[1].module == m.name]
    kept = [pair for pair in ours if pair[1].module == method.name]
    words = {word for m in modules for word in re.findall(r"\w+", m.text)} | {*dir(builtins)}
    names = {}
    for name, symbol in [*kept, *foreign, *ours]:
        if symbol not in names:
            unsafe = name in names.values() or name in dir(builtins) or hidden(name, symbol, modules)
            names[symbol] = unused(prefixed(name, symbol), words) if unsafe else name
            words.add(names[symbol])
    return names


def hidden(name: str, symbol: Symbol, modules: list[Module]) -> bool:
    """Whether a module speaks of a global in other words and has a local of this name, which could be in the way."""
    others = [m for m in modules if name in m.locals and m.globals.get(name) != symbol]
    return any(resolve(used) == symbol for m in others for _, used in m.uses)


def prefixed(name: str, symbol: Symbol) -> str:
    """gan_Config, or for nn/mlp.py's mlp: nn_mlp."""
    folder, stem = ("", *symbol.module.split("."))[-2:]
    return f"{folder if stem == name or not own(symbol.module) else stem}_{name}"


def unused(name: str, words: set[str]) -> str:
    return name if name not in words else unused(name + "_", words)


def import_lines(modules: list[Module], names: dict[Symbol, str]) -> list[str]:
    """The imports of all modules, each name once, Python's own first."""
    sources = {}
    for statement in (s for m in modules for s in m.foreign):
        for alias, (name, symbol) in zip(statement.names, imported(statement).items(), strict=True):
            final = names[symbol]
            renamed = final != alias.name and (alias.asname or final != name)  # `import a.b` binds a
            what = f"{alias.name} as {final}" if renamed else alias.name
            source = f"from {statement.module} import " if isinstance(statement, ast.ImportFrom) else f"import {what}"
            sources.setdefault(source, set()).add(what if source.startswith("from") else "")
    order = lambda line: (package(line) != "__future__", package(line) not in sys.stdlib_module_names, line)
    return sorted((source + ", ".join(sorted(what)) for source, what in sources.items()), key=order)


def package(line: str) -> str:
    """The package that a line imports from."""
    return re.split(r"[\s.]", line)[1]


def bundle(name: str) -> str:
    """The text of the file for the method `name`; raises ConfigError where there is no such method."""
    entry = catalog.find(name)
    runner = [RUNNER] if entry in catalog.methods() else []
    modules = closure([f"jaxicon.{entry.family}.{name}", *runner])
    names = final_names(modules)
    lines = import_lines(modules, names)
    packages = {symbol.module.split(".")[0] for m in modules for s in m.others for symbol in imported(s).values()}
    wanted = sorted(DISTRIBUTIONS.get(p, p) for p in packages - sys.stdlib_module_names)
    made = f"# Made by `python -m jaxicon bundle {name}`, version {__version__}, Apache-2.0."
    head = f"# {name}: {entry.title}\n{made}\n# pip install {' '.join(wanted)}"
    cells = [head, "\n".join(["# %% imports", *lines])]
    for m in modules:
        final = [(node, names[resolve(symbol)]) for node, symbol in m.uses]
        text = rewrite(m.text, m.tree, final, dropped=[*m.imports, *m.foreign])
        cells.append(f"# %% {m.path.relative_to(catalog.PACKAGE).as_posix()}\n{text.strip()}")
    return "\n\n\n".join(cells) + "\n"
