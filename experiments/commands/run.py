"""python -m experiments NAME [--flags]: one run."""

from typing import Annotated, NamedTuple

import tyro

from experiments import session
from experiments.commands.show import show_outcome
from experiments.names import resolve
from experiments.plan import Options, Plan, module


def parse(name: str, words: list[str], vary: dict[str, list[float]] | None = None) -> Plan:
    """A plan from the flags of one experiment; tyro explains unknown or malformed flags and exits with 2."""
    name = resolve(name)
    flat = tyro.conf.arg(name="")

    class Flags(NamedTuple):
        experiment: Annotated[module(name).Experiment, flat]
        options: Annotated[Options, flat]

    flags = tyro.cli(Flags, args=words, prog=f"python -m experiments {name}", description=module(name).__doc__)
    return Plan(name, flags.experiment, flags.options, vary or {})


def command(words: list[str]) -> None:
    result, directory = session.run(parse(words[0], words[1:]))
    show_outcome(directory, result)
