"""What the experiments with flows on a line share: the grid, its bound, and the pictures of trajectories."""

import numpy as np

COUNT = 21
GRID = np.linspace(-1, 1, COUNT, dtype=np.float32)[:, None]
# A monotone h has mean(x h) >= mean(x) mean(h) = 0 on the grid (Chebyshev's sum inequality), so that
# mean (h + x)^2 = mean h^2 + 2 mean x h + mean x^2 >= mean x^2, which a constant h = 0 alone reaches.
BOUND = (COUNT + 1) / (3 * (COUNT - 1))


def over_time(axes, times: np.ndarray, paths: np.ndarray) -> None:
    """paths [t, n] of the first coordinate, the starts' signs in two colours, and where each ought to end."""
    for start, path in zip(paths[0], paths.T, strict=True):
        color = "tab:blue" if start < 0 else "tab:orange"
        axes.plot(times, path, color=color, linewidth=1.8)
        axes.plot(1.04, -start, "_", color=color, markersize=14, markeredgewidth=3)
    axes.set(xlim=(-0.02, 1.09), xticks=(0, 0.5, 1), yticks=(-1, 0, 1))
    axes.set_xlabel("time $t$ (bars at the right: the goals, $-x$)", fontsize=13)
    axes.set_ylabel("$u(t)$, from $u(0) = x$", fontsize=13)
