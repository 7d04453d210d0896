"""DeepSea: a treasure that only an unbroken series of right moves reaches, each of which costs a little.

Of the 2^size ways down one finds it, and every reward on the way advises against it: who explores at random needs a
time that doubles with every row, who goes where he has not been needs a few visits of every cell.

Paper    Osband et al. 2020, arXiv:1908.03568, appendix B.1; Osband et al. 2019, JMLR 20
"""

import numpy as np

from jaxicon.core.checks import positive
from jaxicon.envs.tabular import MDP


def deep_sea(size: int = 10, discount: float = 0.99) -> MDP:
    """Cells row by row from the upper left, then the end; every move is one row down, action 0 left and 1 right.

    A move to the right costs 0.01 / size, and 1 is paid for one from the lower right corner. Raises ConfigError for a
    size that is not positive.
    """
    positive("deep_sea", size=size)
    end = size * size
    row, column = np.divmod(np.arange(end), size)
    aside = np.clip(column[:, None] + (-1, 1), 0, size - 1)
    goes = np.where(row[:, None] == size - 1, end, (row[:, None] + 1) * size + aside)
    transition = np.eye(end + 1)[np.vstack([goes, [end, end]])]
    reward = np.zeros((end + 1, 2))
    reward[:end, 1] = -0.01 / size
    reward[end - 1, 1] += 1
    cells = np.arange(end + 1)
    return MDP(transition, reward, discount, cells == end, (cells == 0).astype(float))
