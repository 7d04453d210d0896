"""What an experiment builds and what its figures get.

An experiment is a module with a frozen dataclass `Experiment`, a function `build(experiment) -> Task` and, where people
would rather look than read, `figures(result) -> {caption: figure}`. The path is the name; there is no registry.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxicon.core.method import Key, Method, Metrics, State
from jaxicon.core.stream import Stream, nothing


class Task(NamedTuple):
    """A method, the data it learns from, and how the outcome is measured."""

    method: Method
    steps: int
    stream: Stream = nothing
    held_out: Stream = nothing  # method.evaluate runs on its first `batches` batches
    batches: int = 1
    measure: Callable[[Key, State], Metrics] | None = None  # what evaluate does not measure, of one finished run; pure
    chunk: int = 100  # steps between two lines of metrics.jsonl


class Result(NamedTuple):
    """A finished run of n seeds."""

    experiment: Any  # the module's Experiment, as it was run
    task: Task
    keys: Key  # [n]
    state: State  # leading axis n
    history: dict[str, np.ndarray]  # "t" [points], every metric [n, points]: means over the steps since the last point
    metrics: dict[str, np.ndarray]  # the outcome, every metric [n]


def first_seed(result: Result) -> Any:
    """The state of the first run."""
    import jax

    return jax.tree.map(lambda x: x[0], result.state)
