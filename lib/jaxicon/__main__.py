"""The library's own commands: what there is, what it proves, and whether this machine can run it.

Only `doctor` imports JAX: the others answer at once.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

from jaxicon.core import catalog
from jaxicon.core.errors import ConfigError, JaxiconError, StorageError, nearest


class Parser(argparse.ArgumentParser):
    """Faults in the arguments are faults like all others."""

    def error(self, message: str):
        raise ConfigError(f"{message}\n{self.format_usage().strip()}")


def columns(rows: Iterable[tuple[str, ...]]) -> str:
    """Rows of words as text, each column but the last as wide as its widest word."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    return "\n".join("  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in rows)


def list_methods(family: str | None) -> str:
    """all methods, or those of one family"""
    if family not in (None, *catalog.FAMILIES):
        raise ConfigError(f"family {family!r}: not found{nearest(family, catalog.FAMILIES)}")
    return columns((e.name, e.family, e.title) for e in catalog.entries().values() if family in (None, e.family))


def show(name: str) -> str:
    """one method: its header, systems and files, and what it is expected to reach"""
    entry = catalog.find(name)
    place = lambda path: str(path.relative_to(catalog.ROOT))
    test = catalog.ROOT / "tests" / entry.family / f"test_{name}.py"
    proven = catalog.tested()
    rows = [("File", place(entry.path)), *([("Tests", place(test))] if test.exists() else [])]
    rows += [(field, line) for field in entry.fields if field != "Systems" for line in entry.fields[field].split("\n")]
    for id in entry.fields.get("Systems", "").split():
        _, system, notes = catalog.ledger().get(id, ("", "not in the ledger", ""))
        rows.append(("System", f"{id}: {system} ({notes}){', not tested' if proven and id not in proven else ''}"))
    for experiment in catalog.experiments_of(name):
        rows.append(("Run", experiment.fields.get("Run", place(experiment.path))))
        rows += [("Expect", line) for line in experiment.fields.get("Expect", "none").split("\n")]
    return f"{entry.title}\n\n{columns(rows)}"


def coverage() -> str:
    """rows of the notes that are claimed by a file and proven by a test, per chapter"""
    if not (catalog.ROOT / "tests").is_dir():
        raise ConfigError(f"coverage: no tests in {catalog.ROOT}; it needs a clone of the repository")
    chapters = catalog.coverage()
    total = sum(done for done, _ in chapters.values()), sum(rows for _, rows in chapters.values())
    return "\n".join(f"{chapter}  {done} / {rows}" for chapter, (done, rows) in [*chapters.items(), ("total", total)])


def doctor() -> str:
    """versions, devices, cache and what is missing, with a trial run"""
    from jaxicon.core.doctor import examine

    findings = examine()
    table = columns(
        ("!" if f.fault else "", f.topic, f"{f.value}: {f.fault}" if f.fault else f.value) for f in findings
    )
    faults = [f.topic for f in findings if f.fault]
    if faults:
        print(table, flush=True)
        raise ConfigError(f"doctor: see the lines marked with '!': {', '.join(faults)}")
    return table


def bundle(name: str, out: Path | None) -> str:
    """one file for one method, which needs nothing of this library"""
    from jaxicon.core.bundle import bundle

    text = bundle(name)
    if out is None:
        return text.rstrip("\n")
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"bundle: {out} not written: {error.strerror}") from error
    return f"{out}: {len(text.splitlines())} lines"


def parser() -> Parser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--debug", action="store_true", help="show the traceback of a fault")
    main = Parser("python -m jaxicon", description="A lexicon of deep learning and reinforcement learning.")
    commands = main.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, function: Callable) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=function.__doc__, description=function.__doc__, parents=[options])
        added.set_defaults(function=function)
        return added

    command("list", list_methods).add_argument("family", nargs="?", metavar="FAMILY")
    command("show", show).add_argument("name", metavar="NAME")
    command("coverage", coverage)
    command("doctor", doctor)
    bundled = command("bundle", bundle)
    bundled.add_argument("name", metavar="NAME")
    bundled.add_argument("--out", type=Path, metavar="FILE", help="write it there instead of printing it")
    return main


def run(arguments: list[str]) -> str:
    """The text that a command answers with; raises JaxiconError."""
    known = ("list", "show", "coverage", "doctor", "bundle")
    if arguments and not arguments[0].startswith("-") and arguments[0] not in known:
        raise ConfigError(f"command {arguments[0]!r}: not found{nearest(arguments[0], known)}")
    options = vars(parser().parse_args(arguments or ["--help"]))
    del options["debug"]
    return options.pop("function")(**options)


def write(answer: str) -> int:
    """Print an answer; the exit code."""
    try:
        print(answer, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python must not flush again at exit
        if not isinstance(error, BrokenPipeError):  # `| head` has read enough
            print(f"jaxicon: output: {error.strerror}", file=sys.stderr)
            return StorageError.code
    return 0


def main(arguments: list[str]) -> int:
    """The exit code of a command, its answer printed."""
    try:
        return write(run(arguments))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if "--debug" in arguments:
            traceback.print_exc()
        known = isinstance(error, JaxiconError)
        message = error if known else f"our bug: {type(error).__name__}: {error}\nthe traceback: add --debug"
        print(f"jaxicon: {message}", file=sys.stderr)
        return error.code if known else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
