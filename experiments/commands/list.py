"""python -m experiments: every experiment, what it costs and what it last gave. Imports no JAX."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from jaxicon.core import catalog


def last_result(name: str) -> str:
    """The means of the newest finished run of an experiment under runs/."""
    found = sorted((Path("runs") / name).glob("*/summary.json"), key=lambda path: path.stat().st_mtime)
    if not found:
        return ""
    metrics = json.loads(found[-1].read_text())["metrics"]
    means = {name: sum(x) / len(x) for name, x in metrics.items() if not isinstance(x[0], list)}
    return "  ".join(f"{name} {value:.4g}" for name, value in list(means.items())[:2])


def command(words: list[str]) -> None:
    table = Table(box=None, padding=(0, 2))
    for title in ("experiment", "what", "cost", "last result"):
        table.add_column(title, no_wrap=title == "experiment")
    for name, entry in catalog.experiments().items():
        table.add_row(name, entry.title.rstrip("."), entry.fields.get("Cost", ""), last_result(name))
    Console().print(table)
