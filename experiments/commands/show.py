"""What the terminal says when a run is over."""

from rich.table import Table

from experiments.commands.report import report
from experiments.commands.statistics import interval
from experiments.progress import console, readable
from experiments.run_directory import RunDirectory
from experiments.task import Result

VERDICT = {True: "[green]met[/]", False: "[red]missed[/]", None: "not judged"}


def mean(values) -> str:
    """Mean ± half-width of the 95 % interval over seeds."""
    centre, half = interval(values)
    return readable(centre) + (f" ± {half:.2g}" if len(values) > 1 else "")


def show_outcome(directory: RunDirectory, result: Result) -> None:
    """Metrics, verdicts, and where the page is."""
    summary = directory.summary()
    table = Table(box=None, padding=(0, 2))
    for title in ("metric", "mean ± 95 %", "per seed"):
        table.add_column(title)
    for name, values in result.metrics.items():
        if values.ndim == 1:
            table.add_row(name, mean(values), " ".join(map(readable, values[:8])) + (" ..." if len(values) > 8 else ""))
    console.print(table)
    for claim in summary["expect"]:
        console.print(f"expect {claim['text']}: {VERDICT[claim['met']]}", highlight=False)
    page = report([directory.path], directory / "report.html", title=directory.config()["title"])
    console.print(
        f"compile {summary['compile_s']:.1f} s, wall {summary['wall_s']:.1f} s   {page}",
        soft_wrap=True,
        highlight=False,
    )
