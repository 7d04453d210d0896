"""What every name in a module stands for: the scopes of Python, as far as renaming a module's globals needs them."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

SOURCES = Path(__file__).parents[2]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
IMPORTS = (ast.Import, ast.ImportFrom)


class Symbol(NamedTuple):
    """A global of a module; with an empty name, the module itself."""

    module: str
    name: str


class Scope(NamedTuple):
    """What the names of a function (or class, or module) stand for; None: something local.

    Every statement of a class has a scope of its own: a name there is a global until the class binds it.
    """

    names: dict[str, Symbol | None]
    is_class: bool = False


Use = tuple[ast.AST, Symbol]  # a node that stands for a global


def own(module: str) -> bool:
    return module.split(".")[0] == "jaxicon"


def source_path(module: str) -> Path:
    """Where a module of ours is, or would be."""
    path = SOURCES / module.replace(".", "/")
    return path / "__init__.py" if (path / "__init__.py").exists() else path.with_suffix(".py")


def imported(statement: ast.Import | ast.ImportFrom) -> dict[str, Symbol]:
    """What an import binds."""
    if isinstance(statement, ast.Import):
        pairs = (
            (a.asname or a.name.split(".")[0], a.name if a.asname else a.name.split(".")[0]) for a in statement.names
        )
        return {name: Symbol(module, "") for name, module in pairs}
    return {a.asname or a.name: attribute(statement.module, a.name) for a in statement.names}


def attribute(module: str, name: str) -> Symbol:
    """What `from module import name` means; a name of someone else's is the same as the module of that path."""
    is_module = not own(module) or source_path(f"{module}.{name}").exists()
    return Symbol(f"{module}.{name}", "") if is_module else Symbol(module, name)


def bound(nodes: Iterable[ast.AST]) -> dict[str, Symbol | None]:
    """What statements bind in the scope that they stand in; functions and classes inside have scopes of their own."""
    names, todo = {}, [*nodes]
    while todo:
        node = todo.pop()
        if isinstance(node, IMPORTS):
            names |= {name: s if own(s.module) else None for name, s in imported(node).items()}
        elif isinstance(node, DEFINITIONS):
            names[node.name] = None
        elif isinstance(node, COMPREHENSIONS):
            names |= {n.target.id: None for n in ast.walk(node) if isinstance(n, ast.NamedExpr)}
        elif not isinstance(node, ast.Lambda):
            stored = node.id if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) else None
            name = stored or getattr(node, "name", None) or getattr(node, "rest", None)  # except, match
            names |= {name: None} if name else {}
            todo += ast.iter_child_nodes(node)
    return names


def arguments(node: ast.arguments) -> dict[str, None]:
    return {n.arg: None for n in ast.walk(node) if isinstance(n, ast.arg)}


def lookup(name: str, scopes: tuple[Scope, ...]) -> Symbol | None:
    """The global that `name` stands for; None for locals and builtins. A class is invisible to the functions in it."""
    for depth, scope in enumerate(reversed(scopes)):
        if name in scope.names and (depth == 0 or not scope.is_class):
            return scope.names[name]
    return None


def parts(node: ast.AST, scopes: tuple[Scope, ...]) -> Iterator[tuple[ast.AST, tuple[Scope, ...]]]:
    """The children of a node, each with the scopes that it is evaluated in."""
    outer, inner = [*ast.iter_child_nodes(node)], []
    if isinstance(node, FUNCTIONS):
        body = node.body if isinstance(node.body, list) else [node.body]
        scope = Scope(arguments(node.args) | bound(body))
        inner = [(child, scope) for child in body]
    elif isinstance(node, ast.ClassDef):
        inner = [(child, Scope(bound(node.body[:i]), is_class=True)) for i, child in enumerate(node.body)]
    elif isinstance(node, COMPREHENSIONS):
        first, *others = node.generators
        scope = Scope({n.id: None for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)})
        values = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        outer, inner = [first.iter], [(child, scope) for child in (first.target, *first.ifs, *others, *values)]
    inside = {id(child) for child, _ in inner}
    yield from ((child, scopes) for child in outer if id(child) not in inside)
    yield from ((child, (*scopes, scope)) for child, scope in inner)


def uses(node: ast.AST, scopes: tuple[Scope, ...]) -> Iterator[Use]:
    """Every node below that stands for a global: a name, an attribute of a module of ours, a definition."""
    symbol, in_class = None, scopes[-1].is_class
    if isinstance(node, ast.Name) and not (in_class and isinstance(node.ctx, ast.Store)):
        symbol = lookup(node.id, scopes)
    elif isinstance(node, DEFINITIONS) and not in_class:
        symbol = lookup(node.name, scopes)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        module = lookup(node.value.id, scopes)
        if module and own(module.module) and not module.name:
            yield node, attribute(module.module, node.attr)
            return
    if symbol:
        yield node, symbol
    for field in ("annotation", "returns"):
        quoted = getattr(node, field, None)
        if isinstance(quoted, ast.Constant) and (symbol := lookup(str(quoted.value), scopes)):
            yield quoted, symbol
    for child, inside in parts(node, scopes):
        yield from uses(child, inside)


def local_names(tree: ast.Module) -> set[str]:
    """Every name that any function or class of a module binds for itself, but for imports of ours."""
    scopes = []
    todo = [(tree, ())]
    while todo:
        node, chain = todo.pop()
        todo += parts(node, chain)
        scopes += chain[-1:]
    return {name for scope in scopes for name, symbol in scope.names.items() if symbol is None}
