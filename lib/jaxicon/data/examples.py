"""A data set of one's own, checked before anything is learnt from it."""

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from jaxicon.core.checks import finite, ranked
from jaxicon.core.errors import DataError


def examples(
    x: ArrayLike, y: ArrayLike, classes: int | None = None
) -> tuple[Float[np.ndarray, "n ..."], Int[np.ndarray, "n"] | Float[np.ndarray, "n ..."]]:
    """(x, y) as float32 and, with `classes`, int32 labels 0 .. classes - 1; without, y float32 too.

    Raises DataError for no examples, for x and y of different lengths, for numbers that are not finite, and for labels
    that are no whole numbers or out of range; each names the first place.
    """
    x, y = np.asarray(x), np.asarray(y)
    ranked("examples", max(x.ndim, 2), x=x)
    ranked("examples", 1 if classes else max(y.ndim, 1), y=y)
    if len(x) != len(y):
        raise DataError(f"examples: {len(x)} rows of x and {len(y)} of y; expected one y for each x")
    finite("examples", x=x, y=y)
    if classes is None:
        return x.astype(np.float32), y.astype(np.float32)
    strange = np.flatnonzero((y != np.floor(y)) | (y < 0) | (y >= classes))
    if strange.size:
        place = strange[0]
        raise DataError(f"examples: y[{place}] is {y[place]}; expected whole numbers 0 .. {classes - 1}")
    return x.astype(np.float32), y.astype(np.int32)
