"""What a caller can get wrong, caught at the edge, before anything is compiled.

Traced numbers pass: a sweep traces the numbers of its configurations, each of which it has built once before.
"""

import math

import jax
import numpy as np

from jaxicon.core.errors import ConfigError, DataError


def known(value: float | np.ndarray | jax.Array) -> bool:
    """Whether a number or an array has its value already."""
    return not isinstance(value, jax.core.Tracer)


def positive(where: str, **numbers: float | jax.Array) -> None:
    """Raises ConfigError, in the name of `where`, for the first number that is not finite and above 0."""
    for name, value in numbers.items():
        if known(value) and not 0 < value < math.inf:
            raise ConfigError(f"{where}: {name} is {value}; expected a finite number above 0")


def within(where: str, low: float, high: float, **numbers: float | jax.Array) -> None:
    """Raises ConfigError for the first number outside low <= number <= high."""
    for name, value in numbers.items():
        if known(value) and not low <= value <= high:
            raise ConfigError(f"{where}: {name} is {value}; expected {low} <= {name} <= {high}")


def ranked(where: str, rank: int, **arrays: jax.Array | np.ndarray) -> None:
    """Raises DataError for the first array that has another number of axes, or none along the first."""
    for name, array in arrays.items():
        shape = np.shape(array)
        if len(shape) != rank or shape[0] == 0:
            raise DataError(f"{where}: {name} has shape {shape}; expected {rank} axes, the first of them not empty")


def finite(where: str, **arrays: np.ndarray) -> None:
    """Raises DataError for the first array with an entry that is no finite number, and says where that is."""
    for name, array in arrays.items():
        if not np.issubdtype(array.dtype, np.number):
            raise DataError(f"{where}: {name} holds {array.dtype}; expected numbers")
        if not np.isfinite(array).all():
            place = np.argwhere(~np.isfinite(array))[0].tolist()
            raise DataError(f"{where}: {name}{place} is {array[tuple(place)]}; expected finite numbers")
