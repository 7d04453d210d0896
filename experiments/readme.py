"""The generated parts of the README: python -m experiments.readme writes them; a test sees that they are current.

Results come from experiments/results.json, which `python -m experiments verify --record` writes.
"""

import json
import re

from experiments.statistics import measured
from jaxicon.core import catalog

README = catalog.ROOT / "README.md"
RESULTS = catalog.ROOT / "experiments" / "results.json"


def results() -> dict[str, dict]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def row(name: str, result: dict) -> str:
    """One experiment: what was measured, over how many seeds, at what cost."""
    entry = catalog.experiments()[name]
    method, _, data = entry.name.rpartition("_")
    found = [f"{metric} {measured(name, values)}" for metric, values in result["metrics"].items()]
    cells = (
        method or entry.name,
        data,
        "<br>".join(found),
        "<br>".join(f"{text} {'✓' if met else '✗'}" for text, met in result["expect"].items()),
        str(result["seeds"]),
        f"{result['wall_s']:.0f}",
        f"{result['compile_s']:.0f}",
        f"`{name}`",
    )
    return "| " + " | ".join(cells) + " |"


def results_table() -> str:
    columns = ("measured: mean ± 95 %, or IQM [95 %]", "expected", "seeds", "wall s", "compile s")
    head = " | ".join(("| method", "data", *columns, "`python -m experiments` |"))
    machines = sorted({f"{r['hardware']}, jax {r['jax']}" for r in results().values()})
    rows = [row(name, result) for name, result in results().items()]
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *rows, "", "Measured on " + "; ".join(machines) + "."])


def current(text: str) -> str:
    """The README's text with its generated parts made anew."""
    for name, content in {"methods": catalog.methods_table(), "results": results_table()}.items():
        part = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = part.sub(lambda found, content=content: found[1] + content + "\n" + found[2], text)
    return text


if __name__ == "__main__":
    README.write_text(current(README.read_text()))
