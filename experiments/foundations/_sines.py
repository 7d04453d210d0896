"""One noisy wave with a gap: where it was not seen, a network should say that it does not know."""

import jax.numpy as jnp
import numpy as np

NOISE = 0.2  # standard deviation
GAP, RANGE = 1.0, 3.0  # x lies in -RANGE .. -GAP and GAP .. RANGE
LEFT = np.linspace(-RANGE, -GAP, 41)
ON_DATA = np.concatenate([LEFT, -LEFT[::-1]]).astype(np.float32)[:, None]
IN_GAP = np.linspace(-0.6 * GAP, 0.6 * GAP, 25).astype(np.float32)[:, None]
PLACES = np.linspace(-1.7 * RANGE, 1.7 * RANGE, 201).astype(np.float32)[:, None]


def truth(x):
    return jnp.sin(2 * x)


def points(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) [count 1] each, x uniform outside the gap."""
    random = np.random.default_rng(seed)
    x = random.uniform(GAP, RANGE, (count, 1)) * random.choice([-1, 1], (count, 1))
    y = np.sin(2 * x) + NOISE * random.normal(size=x.shape)
    return x.astype(np.float32), y.astype(np.float32)


def band(axes, mean, std, data, title: str) -> None:
    """Two standard deviations around the mean prediction, the wave and the data."""
    x = PLACES[:, 0]
    axes.axvspan(-GAP, GAP, color="0.93")
    axes.fill_between(x, mean - 2 * std, mean + 2 * std, alpha=0.3, label="mean ± 2 std")
    axes.plot(x, mean, lw=2, color="C0")
    axes.plot(x, truth(x), "k--", lw=1.2, label="the wave")
    axes.plot(*data, ".", color="C3", markersize=5, label="data")
    axes.set(ylim=(-3.5, 3.5), xlim=(x[0], x[-1]))
    axes.set_title(title, fontsize=13)
    axes.set_xlabel("x", fontsize=13)
    axes.grid(alpha=0.3)
