"""One method as one file that needs nothing of this library: for a notebook's cell, or to carry away and change.

Modules become cells, dependencies first, their text untouched but for two things: imports move to the top, and where two
modules use one name for two things, one of the two gets the name of its module in front.
"""

import ast
import builtins
import re
import sys
from collections.abc import Iterator
from functools import cache

from jaxicon.core import catalog
from jaxicon.core.errors import ConfigError
from jaxicon.core.names import (
    IMPORTS,
    Scope,
    Symbol,
    bound,
    imported,
    local_names,
    own,
    source_path,
    uses,
)

RUNNER = "jaxicon.core.run"  # every method is bundled with it
DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow"}


class Module:
    """The source of a module of ours, and what its names stand for."""

    def __init__(self, name: str):
        self.name, self.text = name, source_path(name).read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)
        top = [s for s in self.tree.body if isinstance(s, IMPORTS)]
        self.foreign = [s for s in top if not any(own(symbol.module) for symbol in imported(s).values())]
        self.globals = {n: s or Symbol(name, n) for n, s in bound(self.tree.body).items()}
        for statement in self.foreign:
            self.globals |= imported(statement)
        self.uses = list(uses(self.tree, (Scope(self.globals),)))
        self.locals = local_names(self.tree)
        self.imports = [s for s in ast.walk(self.tree) if isinstance(s, IMPORTS) and s not in self.foreign and is_own(s)]

    def needs(self, statements: list) -> list[str]:
        """The modules of ours that some import statements name."""
        symbols = [s for statement in statements for s in imported(statement).values()]
        return [s.module for s in symbols if source_path(s.module).exists()]


def is_own(statement: ast.Import | ast.ImportFrom) -> bool:
    return any(own(symbol.module) for symbol in imported(statement).values())


module = cache(Module)


def closure(names: list[str]) -> list[Module]:
    """The modules needed by some, those imported at the top of a module before it."""
    done, ordered = set(), []

    def visit(name: str) -> None:
        if name not in done:
            done.add(name)
            of = module(name)
            for needed in of.needs([s for s in of.imports if s in of.tree.body]):
                visit(needed)
            ordered.append(of)

    reached = list(names)
    for name in reached:
        reached += [n for n in module(name).needs(module(name).imports) if n not in reached]
    for name in reversed(reached):
        visit(name)
    return ordered
