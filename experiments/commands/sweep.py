"""python -m experiments sweep NAME --vary FIELD VALUES... [--vary ...] [--flags]: all combinations in one program."""

from itertools import product

from rich.table import Table

from experiments import session
from experiments.commands.run import parse
from experiments.page.report import report
from experiments.progress import console
from experiments.run_directory import RunDirectory
from experiments.statistics import interval, readable
from experiments.task import Result
from jaxicon.core.errors import ConfigError


def split(words: list[str]) -> tuple[list[str], dict[str, list[float]]]:
    """Take `--vary FIELD VALUE ...` out of the flags; raises ConfigError on a value that is no number."""
    rest, vary, position = [], {}, 0
    while position < len(words):
        end = next((i for i in range(position + 1, len(words)) if words[i].startswith("--")), len(words))
        if words[position] != "--vary":
            rest += words[position : position + 1]
            position += 1
            continue
        field, *values = words[position + 1 : end] or [""]
        if not values:
            raise ConfigError(f"sweep: --vary {field}: got no values; expected --vary method.FIELD NUMBER NUMBER ...")
        try:
            vary[field] = [float(value) for value in values]
        except ValueError as error:
            raise ConfigError(f"sweep: --vary {field}: {error}; expected numbers") from error
        position = end
    return rest, vary


def show(directory: RunDirectory, result: Result, vary: dict[str, list[float]]) -> None:
    """A row per configuration, metrics as mean ± 95 % over seeds."""
    table = Table(*vary, *result.metrics, box=None, padding=(0, 2))
    for i, values in enumerate(product(*vary.values())):
        table.add_row(*(f"{v:g}" for v in values), *(readable(*interval(x[:, i])) for x in result.metrics.values()))
    console.print(table)
    console.print(report([directory.path], directory / "report.html"))


def command(words: list[str]) -> None:
    rest, vary = split(words)
    if not rest or rest[0].startswith("-") or not vary:
        raise ConfigError("usage: python -m experiments sweep NAME --vary method.FIELD VALUE VALUE ... [--seeds 8]")
    result, directory = session.run(parse(rest[0], rest[1:], vary))
    show(directory, result, vary)
