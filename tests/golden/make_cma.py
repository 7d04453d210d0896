"""pycma's constants for many dimensions, and ten of its generations, sample by sample: tests/golden/cma.npz.

Run by hand where cma is installed:  python tests/golden/make_cma.py
"""

from pathlib import Path

import cma
import numpy as np
from cma.utilities.math import Mh

DIMENSIONS, CASES = range(2, 41), ((5, 8), (10, 20))


def strategy(n: int, population: int | None = None) -> cma.CMAEvolutionStrategy:
    options = {"verbose": -9, "seed": 1, "updatecovwait": 0, "CMA_eigenmethod": np.linalg.eigh}
    return cma.CMAEvolutionStrategy(
        np.linspace(-1, 1, n), 0.5, options | ({"popsize": population} if population else {})
    )


def ellipsoid(x: np.ndarray) -> float:
    return float((10.0 ** np.linspace(0, 3, x.size) * (x - 0.3) ** 2).sum())


def generations(n: int, population: int, count: int = 10) -> dict[str, np.ndarray]:
    """What was asked, how it was rated and what it made of that."""
    search, rows = strategy(n, population), []
    start = np.array(search.sm.C)
    for _ in range(count):
        samples = search.ask()
        costs = [ellipsoid(x) for x in samples]
        search.tell(samples, costs)
        state = search.mean, search.sigma, search.sm.C, search.pc, search.adapt_sigma.ps
        rows.append((samples, costs, *(np.array(x) for x in state)))
    names = ("samples", "costs", "mean", "sigma", "covariance", "path", "step_path")
    found = {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    return found | {
        "step_rate": search.adapt_sigma.cs,
        "damping": search.adapt_sigma.damps,
        "length": Mh.chiN(n),
        "start": start,
    }


def main() -> None:
    rows = []
    for n in DIMENSIONS:
        p = strategy(n).sp
        rows.append((p.weights.lambda_, p.weights.mueff, p.cc, p.c1, p.cmu, sum(p.weights), p.weights[-1]))
    out = {"constants": np.array(rows), "dimensions": np.array(DIMENSIONS), "version": cma.__version__}
    for n, population in CASES:
        out |= {f"{n}/{name}": value for name, value in generations(n, population).items()}
    np.savez_compressed(Path(__file__).with_name("cma.npz"), **out)


if __name__ == "__main__":
    main()
