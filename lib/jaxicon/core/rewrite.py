"""Other names in a source text, and fewer statements, with nothing else changed: comments and layout stay."""

import ast
import re
from collections.abc import Iterator

from jaxicon.core.names import DEFINITIONS

DEFINED = re.compile(rb"(?:async\s+)?(?:def|class)\s+([^\s(:\[]+)")
Edit = tuple[int, int, bytes]  # bytes start .. end of the source become others


class Source:
    """A text as bytes, because that is what the columns of `ast` count."""

    def __init__(self, text: str):
        self.lines = text.encode().splitlines(keepends=True)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def span(self, node: ast.AST) -> tuple[int, int]:
        start = self.starts[node.lineno - 1] + node.col_offset
        return start, self.starts[node.end_lineno - 1] + node.end_col_offset

    def edited(self, edits: list[Edit]) -> str:
        content = b"".join(self.lines)
        for start, end, new in sorted(edits, reverse=True):
            content = content[:start] + new + content[end:]
        return content.decode()


class Renamed(ast.NodeTransformer):
    """A tree in which some nodes, by identity, have become names."""

    def __init__(self, names: dict[int, str]):
        self.names = names

    def visit(self, node: ast.AST) -> ast.AST:
        name = self.names.get(id(node))
        return ast.Name(name, ast.Load()) if name else self.generic_visit(node)


def rewrite(text: str, tree: ast.Module, names: list[tuple[ast.AST, str]], dropped: list[ast.stmt]) -> str:
    """`text` with the nodes of its `tree` called by `names`, and without the statements `dropped`."""
    source = Source(text)
    changed = {id(node): (node, name) for node, name in names if spelled(node) != name}
    edits = drop(source, tree, dropped)
    for string in outermost(tree, ast.JoinedStr):  # columns inside these are wrong before Python 3.12
        inside = {id(n): changed.pop(id(n))[1] for n in ast.walk(string) if id(n) in changed}
        if inside:
            edits.append((*source.span(string), ast.unparse(Renamed(inside).visit(string)).encode()))
    return source.edited(edits + [rename(source, node, name) for node, name in changed.values()])


def spelled(node: ast.AST) -> str:
    """The name that stands in the source; '' for an attribute of a module, which is two."""
    field = {ast.Name: "id", ast.Constant: "value", ast.Attribute: None}.get(type(node), "name")
    return getattr(node, field) if field else ""


def rename(source: Source, node: ast.AST, name: str) -> Edit:
    """Of a definition only its name is replaced, of a quoted annotation what the quotes hold."""
    start, end = source.span(node)
    if isinstance(node, DEFINITIONS):
        start, end = DEFINED.match(b"".join(source.lines), start).span(1)
    return start, end, (f'"{name}"' if isinstance(node, ast.Constant) else name).encode()


def outermost(node: ast.AST, kind: type) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield from [child] if isinstance(child, kind) else outermost(child, kind)


def drop(source: Source, tree: ast.Module, dropped: list[ast.stmt]) -> list[Edit]:
    """Whole lines go, at the top of a module with the empty lines after them; a block that was nothing else passes."""
    edits = []
    for block in blocks(tree):
        for statement in (s for s in block if s in dropped):
            first, last = statement.lineno - 1, statement.end_lineno
            while block is tree.body and last < len(source.lines) and not source.lines[last].strip():
                last += 1
            alone = statement is block[0] and all(s in dropped for s in block) and block is not tree.body
            left = b" " * statement.col_offset + b"pass\n" if alone else b""
            following = b"".join(source.lines[last : last + 1])
            if block is tree.body and following.startswith((b"class ", b"def ", b"@")):
                left = b"\n"
            edits.append((source.starts[first], source.starts[last], left))
    return edits


def blocks(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                yield block
