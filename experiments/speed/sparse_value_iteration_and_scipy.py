"""Value iteration on 100,000 states, 4 actions and 5 successors in float32, and with SciPy's sparse matrices.

SciPy's sweep is the maximum over the actions of r + discount * (P @ v), P a CSR matrix of 400,000 rows, also in
float32. Its product runs on one core, ours on all of them; on one core ours is still 2.5 times as fast.

Run      python -m experiments bench speed/sparse_value_iteration_and_scipy
Expect   ratio_scipy >= 2
Cost     20 s
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from scipy.sparse import csr_array

from jaxicon.core.run import fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.tabular import MDP, random_mdp
from jaxicon.rl_tabular.value_iteration import value_iteration

STATES, ACTIONS, SUCCESSORS = 100_000, 4, 5
STEPS = 50


def scipy_sweeps(mdp: MDP, dtype) -> Callable[[], np.ndarray]:
    """STEPS sweeps from zero, all of them in this dtype."""
    after, chance = mdp.transition
    rows = np.arange(0, after.size + 1, SUCCESSORS, dtype=np.int32)
    table = csr_array((chance.astype(dtype).ravel(), after.ravel(), rows), (STATES * ACTIONS, STATES))
    reward, discount = mdp.reward.astype(dtype), dtype(mdp.discount)

    def run():
        value = np.zeros(STATES, dtype)
        for _ in range(STEPS):
            value = (reward + discount * (table @ value).reshape(STATES, ACTIONS)).max(1)
        return value

    return run


def candidates() -> dict[str, Callable[[], Any]]:
    """In the default float."""
    mdp, key = random_mdp(0, STATES, ACTIONS, SUCCESSORS), jax.random.key(0)
    method = value_iteration(mdp)
    ours = partial(train, key, method, nothing, STEPS, state=fresh(key, method), chunk=STEPS)
    return {"ours": ours, "scipy": scipy_sweeps(mdp, np.dtype(jax.dtypes.canonicalize_dtype(float)).type)}
