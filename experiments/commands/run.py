"""python -m experiments NAME [--config FILE] [--flags]: one run."""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tyro

from experiments import session
from experiments.commands.show import show_outcome
from experiments.names import resolve
from experiments.plan import Options, Plan, from_file, module
from jaxicon.core.errors import ConfigError


def parse(name: str, words: list[str], vary: dict[str, list[float]] | None = None) -> Plan:
    """A plan from the flags of one experiment; tyro explains unknown or malformed flags and exits with 2.

    With `--config FILE` the fields of the file take the place of the defaults, and flags that of the file's.
    """
    name = resolve(name)
    start, words = defaults(name, words)
    flat = tyro.conf.arg(name="")

    class Flags(NamedTuple):
        experiment: Annotated[module(name).Experiment, flat] = start
        options: Annotated[Options, flat] = Options()

    flags = tyro.cli(Flags, args=words, prog=f"python -m experiments {name}", description=module(name).__doc__)
    return Plan(name, flags.experiment, flags.options, vary or {})


def defaults(name: str, words: list[str]) -> tuple[Any, list[str]]:
    """The experiment that flags change, and the words without `--config FILE`."""
    if "--config" not in words:
        return module(name).Experiment(), words
    place = words.index("--config")
    if place + 1 == len(words):
        raise ConfigError("--config: got nothing; expected a JSON file, for example the config.json of a run")
    return from_file(name, Path(words[place + 1])), words[:place] + words[place + 2 :]


def command(words: list[str]) -> None:
    result, directory = session.run(parse(words[0], words[1:]))
    show_outcome(directory, result)
