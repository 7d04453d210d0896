"""The mean over a few seeds, how far to trust it, and how to write both.

Returns of agents are skewed, most seeds solve a task and one does not: theirs is the interquartile mean with a
bootstrap interval, as Agarwal et al. 2021, arXiv:2108.13264, recommend.
"""

import math
from collections.abc import Sequence

import numpy as np


def interval(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Mean and half-width of its 95 % t-interval; the half-width of one value is nan."""
    from scipy.special import stdtrit

    values = np.asarray(values, float).ravel()
    if len(values) < 2:
        return float(values.mean()), math.nan
    error = values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(stdtrit(len(values) - 1, 0.975) * error)


def interquartile(values: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    """Mean of the middle half, and the ends of its 95 % percentile-bootstrap interval (nan for one value)."""
    from scipy import stats

    values = np.asarray(values, float).ravel()
    middle = lambda x, axis=-1: stats.trim_mean(x, 0.25, axis=axis)
    if len(values) < 2:
        return float(values.mean()), math.nan, math.nan
    found = stats.bootstrap((values,), middle, n_resamples=2000, method="percentile", rng=np.random.default_rng(0))
    return float(middle(values)), float(found.confidence_interval.low), float(found.confidence_interval.high)


def measured(name: str, values: Sequence[float] | np.ndarray) -> str:
    """What an experiment measured over its seeds, in the way of its family."""
    if not name.startswith("rl_"):
        return readable(*interval(values))
    centre, low, high = interquartile(values)
    if not math.isfinite(low):
        return readable(centre)
    return f"IQM {rounded(centre, (high - low) / 2)} [{', '.join(rounded(x, (high - low) / 2) for x in (low, high))}]"


def readable(mean: float, half_width: float = math.nan) -> str:
    """'0.9750 ± 0.0042': two significant digits of the half-width decide; without one, four of the mean."""
    if not math.isfinite(half_width):
        return rounded(mean, half_width)
    return f"{rounded(mean, half_width)} ± {rounded(half_width, half_width)}"


def rounded(value: float, half_width: float) -> str:
    """The value with as many decimals as its half-width, 0.0042 say, gives a meaning to."""
    if not math.isfinite(half_width) or half_width == 0:
        return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"
    decimals = 1 - math.floor(math.log10(half_width))
    if not math.isfinite(value) or decimals > 6 or abs(value) >= 1e9:
        return f"{value:.4g}"
    return f"{round(value, decimals):,.{max(decimals, 0)}f}"
