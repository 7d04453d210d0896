"""python -m experiments report [RUN ...] [--out FILE]: one page about any number of runs. Imports no JAX."""

from pathlib import Path

import tyro
from tyro.conf import Positional

from experiments.page.report import report
from jaxicon.core.errors import ConfigError


def main(runs: Positional[tuple[Path, ...]] = (), out: Path = Path("runs/report.html"), title: str = "Jaxicon") -> None:
    """One self-contained page about runs.

    Args:
        runs: Run directories; default: all below runs/.
        out: The page to write.
        title: Its heading.
    """
    found = runs or sorted(path.parent for path in Path("runs").rglob("config.json"))
    if not found:
        raise ConfigError("report: no runs below runs/; make one with: python -m experiments NAME")
    print(report(list(found), out, title))


def command(words: list[str]) -> None:
    tyro.cli(main, args=words, prog="python -m experiments report")
