"""python -m experiments tour: the cheapest method of every family, one fresh seed each, from nothing to a report."""

import time
from itertools import groupby
from pathlib import Path

import jax
import tyro
from rich.table import Table

from experiments import expect, session
from experiments.commands.run import parse
from experiments.commands.show import VERDICT
from experiments.page.report import report
from experiments.progress import console
from experiments.run_directory import next_free
from experiments.statistics import readable
from jaxicon.core import catalog
from jaxicon.core.errors import NumericError


def seconds(entry: catalog.Entry) -> float:
    return float(entry.fields["Cost"].split()[0])


def cheapest() -> list[str]:
    """One experiment of every family that has any."""
    known = {name: entry for name, entry in catalog.experiments().items() if entry.family != "speed"}
    families = groupby(known, key=lambda name: known[name].family)
    return [min(names, key=lambda name: seconds(known[name])) for _, names in families]


def main(seed: int = 2026, out: Path | None = None) -> None:
    """Train, measure and show; exit code 5 when a result lies outside its interval.

    Args:
        seed: Where the keys come from.
        out: Where the runs and the report go; default: runs/tour/1, 2, ...
    """
    began, folder = time.perf_counter(), out or next_free(Path("runs") / "tour")
    table = Table("experiment", "interval", "", "measured", "compile s", "wall s", box=None, padding=(0, 2))
    runs, missed = [], []
    try:
        for name in cheapest():
            (claim,) = expect.claims(catalog.experiments()[name].fields["Tour"], name)
            runs.append(folder / name)
            flags = [*claim.flags, "--seed", str(seed), "--out", str(runs[-1])]
            result, directory = session.run(parse(name, flags))
            met = claim.holds(result.metrics)
            summary = directory.summary() | {"tour": {"text": claim.text, "met": met}}
            directory.conclude(summary)
            measured = readable(float(result.metrics[claim.metric][0]))
            table.add_row(
                name, claim.text, VERDICT[met], measured, f"{summary['compile_s']:.1f}", f"{summary['wall_s']:.1f}"
            )
            missed += [] if met else [f"{name}: {claim.text}: measured {measured}"]
            jax.clear_caches()
    finally:
        console.print(table)
        page = report(
            [run for run in runs if (run / "config.json").exists()], folder / "report.html", title="A tour of Jaxicon"
        )
        console.print(f"{time.perf_counter() - began:.0f} s   {page}", soft_wrap=True, highlight=False)
    if missed:
        raise NumericError("outside their intervals:\n" + "\n".join(missed))


def command(words: list[str]) -> None:
    tyro.cli(main, args=words, prog="python -m experiments tour")
