"""What the terminal says when a run is over."""

from rich.table import Table

from experiments.page.report import report
from experiments.progress import console
from experiments.run_directory import RunDirectory
from experiments.statistics import interval, readable
from experiments.task import Result

VERDICT = {True: "[green]met[/]", False: "[red]missed[/]", None: "not judged"}


def show_outcome(directory: RunDirectory, result: Result) -> None:
    """Metrics, verdicts, and where the page is."""
    summary = directory.summary()
    table = Table(box=None, padding=(0, 2))
    for title in ("metric", "mean ± 95 %", "per seed"):
        table.add_column(title)
    for name, values in result.metrics.items():
        if values.ndim == 1:
            single = [readable(float(x)) for x in values]
            table.add_row(name, readable(*interval(values)), " ".join(single[:8]) + " ..." * (len(single) > 8))
    console.print(table)
    for claim in summary["expect"]:
        console.print(f"expect {claim['text']}: {VERDICT[claim['met']]}", highlight=False)
    page = report([directory.path], directory / "report.html")
    console.print(
        f"compile {summary['compile_s']:.1f} s, wall {summary['wall_s']:.1f} s   {page}",
        soft_wrap=True,
        highlight=False,
    )
