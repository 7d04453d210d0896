"""The catalog is the file tree: one module, one method; nothing registers itself anywhere.

Everything here reads files and imports none of them, so that it is instant and works on a tree that does not run yet.

Systems  other.documented_tests
"""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from jaxicon.core.errors import ConfigError, nearest

PACKAGE = Path(__file__).parents[1]
ROOT = Path(__file__).parents[3]
FAMILIES = (
    "foundations",
    "vision",
    "sequence",
    "language",
    "generative",
    "representation",
    "graph",
    "ode",
    "meta",
    "rl_tabular",
    "rl_value",
    "rl_policy",
    "rl_planning",
    "rl_imitation",
    "games",
    "explain",
    "robustness",
)


class Entry(NamedTuple):
    """One file: a method or an experiment."""

    name: str  # the stem
    family: str  # the folder
    title: str  # first line of the docstring
    fields: dict[str, str]  # the header below it
    path: Path
    base: str | None  # the method of its own family that a variant imports


def header(path: Path) -> tuple[str, dict[str, str]]:
    """(title, fields) of a file's docstring; ('', {}) where there is none.

    A field is a capitalised name at column 0, two or more spaces, text; indented lines continue it.
    """
    docstring = ast.get_docstring(ast.parse(preamble(path.read_text(encoding="utf-8"))), clean=False) or ""
    title, _, rest = docstring.partition("\n")
    fields, name = {}, None
    for line in rest.splitlines():
        if field := re.match(r"([A-Z]\w*) {2,}(.*)", line):
            name = field[1]
            fields[name] = field[2].strip()
        elif name and line[:1] == " ":
            fields[name] += "\n" + line.strip()
        else:
            name = None
    return title.strip(), fields


def preamble(text: str) -> str:
    """A source text up to the end of its docstring: to parse 250 whole files takes a quarter of a second."""
    found = re.match(r'(\s*#.*\n|\s*\n)*r?"""(\\.|[^\\])*?"""', text)
    return found[0] if found else ""


def entry(path: Path) -> Entry:
    family = path.parent.name
    base = re.search(rf"^\s*from jaxicon\.{family}(?:\.| import )(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return Entry(path.stem, family, *header(path), path, base and base[1])


@cache
def entries() -> dict[str, Entry]:
    """Every file of every family, by its stem."""
    return {p.stem: entry(p) for family in FAMILIES for p in sorted((PACKAGE / family).glob("[!_]*.py"))}


@cache
def experiments() -> dict[str, Entry]:
    """Every experiment, by 'family/stem'."""
    folders = (ROOT / "experiments" / folder for folder in (*FAMILIES, "speed"))
    found = (entry(path) for folder in folders for path in sorted(folder.glob("[!_]*.py")))
    return {f"{e.family}/{e.name}": e._replace(base=None) for e in found}


@cache
def kinds() -> frozenset[str]:
    """The names of the tuples of core/method.py that are methods: init, step, evaluate and whatever follows."""
    tree = ast.parse((PACKAGE / "core/method.py").read_text(encoding="utf-8"))
    shapes = {c.name: [f.target.id for f in c.body if isinstance(f, ast.AnnAssign)] for c in classes(tree)}
    return frozenset(name for name, fields in shapes.items() if fields[:3] == ["init", "step", "evaluate"])


def classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in tree.body if isinstance(node, ast.ClassDef))


def factory(entry: Entry) -> ast.FunctionDef | None:
    """The function that is named like its file."""
    functions = (n for n in ast.parse(entry.path.read_text(encoding="utf-8")).body if isinstance(n, ast.FunctionDef))
    return next((f for f in functions if f.name == entry.name), None)


@cache
def methods() -> list[Entry]:
    """The files whose factory returns a method; the others hold plain functions."""
    returns = {name: f.returns for name, e in entries().items() if (f := factory(e)) and f.returns}
    return [entries()[name] for name, kind in returns.items() if ast.unparse(kind).strip("'").split(".")[-1] in kinds()]


def find(name: str) -> Entry:
    """The file called `name`; raises ConfigError with the nearest names where there is none."""
    if name not in entries():
        raise ConfigError(f"method {name!r}: not found{nearest(name, entries())}")
    return entries()[name]


def load(name: str) -> Callable:
    """Import a method's file and return its factory; raises ConfigError for unknown names."""
    module = import_module(f"jaxicon.{find(name).family}.{name}")
    if not hasattr(module, name):
        raise ConfigError(f"method {name!r}: {module.__name__} has no function of that name")
    return getattr(module, name)


@cache
def ledger() -> dict[str, tuple[str, str, str]]:
    """Every system of the notes: id -> (chapter, system, where the notes have it)."""
    rows = (line.split("\t") for line in (PACKAGE / "systems.tsv").read_text(encoding="utf-8").splitlines()[1:])
    return {id: (chapter, system, notes) for id, chapter, system, notes in rows}


def claimants() -> Iterator[tuple[str, Path]]:
    """(id, file) for every id in the `Systems` field of any header of library, experiments and notebooks."""
    for folder in (PACKAGE, ROOT / "experiments", ROOT / "colab"):
        for path in sorted(folder.rglob("*.py")):
            for id in header(path)[1].get("Systems", "").split():
                yield id, path


def claims() -> dict[str, Path]:
    """The file that claims each id; the tests see to it that there is only one."""
    return dict(claimants())


def tested() -> set[str]:
    """The ids in the marks `@pytest.mark.system("...")` of the tests."""
    return {id for ids in marks().values() for id in ids}


def marks() -> dict[Path, set[str]]:
    """The ids that each test module marks."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        calls = (n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call))
        marked = (call for call in calls if ast.unparse(call.func) == "pytest.mark.system")
        if ids := {a.value for call in marked for a in call.args if isinstance(a, ast.Constant)}:
            found[path] = ids
    return found


def coverage() -> dict[str, tuple[int, int]]:
    """Per chapter of the ledger: (rows that are claimed and tested, rows)."""
    done = claims().keys() & tested()
    chapters = [chapter for chapter, _, _ in ledger().values()]
    proven = [ledger()[id][0] for id in done & ledger().keys()]
    return {chapter: (proven.count(chapter), chapters.count(chapter)) for chapter in dict.fromkeys(chapters)}


@cache
def owners() -> dict[str, str]:
    """Experiment -> the method that it is called after, in the same family; the longer name where two fit."""
    fits = lambda e: [n for n, m in entries().items() if m.family == e.family and f"{e.name}_".startswith(f"{n}_")]
    return {key: max(names, key=len) for key, e in experiments().items() if (names := fits(e))}


def experiments_of(name: str) -> list[Entry]:
    """The experiments of a method: in its family's folder, called after it and their data."""
    return [experiments()[key] for key, owner in owners().items() if owner == name]


def methods_table() -> str:
    """The README's tables of methods, one per family."""
    return "\n\n".join(table for family in FAMILIES if (table := family_table(family)))


def family_table(family: str) -> str:
    link = lambda label, path: f"[{label}]({path.relative_to(ROOT).as_posix()})"
    rows = []
    for e in (e for e in entries().values() if e.family == family):
        runs = " ".join(link(x.name.removeprefix(e.name).strip("_") or x.name, x.path) for x in experiments_of(e.name))
        source = e.fields.get("Paper") or e.fields.get("Book", "")
        cells = link(e.name, e.path), e.title.rstrip("."), " ".join(source.split()), runs
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    head = f"**{family}**\n\n| method | what it is | source | experiments |\n|---|---|---|---|\n"
    return head + "\n".join(rows) if rows else ""
