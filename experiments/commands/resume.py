"""python -m experiments resume RUN [--at STEP]: go on exactly where a run stopped."""

from pathlib import Path
from typing import Annotated

import tyro

from experiments.hosts import own
from experiments.run_directory import RunDirectory


def main(run: Annotated[Path, tyro.conf.Positional], at: int | None = None) -> None:
    """Go on from the last checkpoint of a run.

    Args:
        run: The run's directory.
        at: Go on from the checkpoint of this step, not from the last.
    """
    directory = RunDirectory(own(run))
    directory.config()
    directory.hold()
    from experiments import session  # the refusals above come before JAX is imported
    from experiments.commands.show import show_outcome

    show_outcome(directory, session.resume(directory, at))


def command(words: list[str]) -> None:
    tyro.cli(main, args=words, prog="python -m experiments resume")
