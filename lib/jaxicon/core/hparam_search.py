"""Search for hyperparameters: random candidates, all of them trained in one program.

Notes    RL & DL notebook U1, best practices, where Optuna and Ray Tune are named
Paper    Bergstra & Bengio 2012, JMLR 13
Systems  rl.hparam_search
"""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jaxicon.core.checks import positive
from jaxicon.core.errors import ConfigError, nearest
from jaxicon.core.method import Key, Method, varied
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import Stream, nothing


class Range(NamedTuple):
    """Where a number may lie; on a logarithmic scale all orders of magnitude are equally likely."""

    low: float
    high: float
    log: bool = False


class Found(NamedTuple):
    """Candidates in the order in which they were drawn, and the mean score of each over the runs."""

    configs: list[Any]
    scores: Float[np.ndarray, "n"]

    @property
    def best(self) -> Any:
        """The configuration with the highest score; one without a score, NaN, is never the best."""
        return self.configs[int(np.nanargmax(self.scores))]


def candidates(key: Key, base: Any, space: dict[str, Range], count: int) -> list[Any]:
    """`count` copies of a config with the numbers of `space` drawn anew, a function of the key alone.

    Raises ConfigError for an unknown field, an empty range, or a logarithm of what is not positive.
    """
    positive("candidates", count=count)
    known, columns = {f.name for f in fields(base)}, {}
    for i, (name, bounds) in enumerate(sorted(space.items())):
        if name not in known:
            raise ConfigError(f"candidates: {type(base).__name__} has no field {name!r}{nearest(name, known)}")
        if not bounds.low < bounds.high or (bounds.log and bounds.low <= 0):
            raise ConfigError(f"candidates: {name} lies in {tuple(bounds)}; expected low < high, above 0 where log")
        share = np.asarray(jax.random.uniform(jax.random.fold_in(key, i), count), float)
        scale = (np.log, np.exp) if bounds.log else (float, np.asarray)
        low, high = scale[0](bounds.low), scale[0](bounds.high)
        columns[name] = np.clip(scale[1](low + (high - low) * share), bounds.low, bounds.high)
    return [replace(base, **{name: float(x[i]) for name, x in columns.items()}) for i in range(count)]


def hparam_search(
    key: Key,
    factory: Callable[[Any], Method],
    base: Any,
    space: dict[str, Range],
    score: str,
    steps: int,
    count: int = 32,
    runs: int = 1,
    stream: Stream = nothing,
    held_out: Stream = nothing,
) -> Found:
    """Train factory(config) for `count` candidates and rank them by the metric `score` of evaluate, higher is better.

    Every candidate sees the same `runs` keys and the same batches. Raises ConfigError for a field that is no float and
    for a metric that is not measured.
    """
    draw_key, train_key = jax.random.split(key)
    configs = candidates(draw_key, base, space, count)
    method, keys = varied(factory, configs), jax.random.split(train_key, runs)
    state, _ = train(jax.random.clone(keys), method, stream, steps, chunk=steps)
    measured = evaluate(keys, method, state, held_out, 1)
    if score not in measured:
        raise ConfigError(f"hparam_search: no metric {score!r}{nearest(score, measured)}")
    return Found(configs, np.asarray(measured[score], float).mean(0))
