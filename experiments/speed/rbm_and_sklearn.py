"""Ten epochs of a restricted Boltzmann machine of 256 hidden units on the digits, batch 10, and scikit-learn's.

`ours` and scikit-learn's BernoulliRBM do the same: persistent chains, one Gibbs step per update, no momentum, float32.
`contrastive` starts its chains at the data (CD-1). Ours also takes the examples in a new order in every epoch.

Run      python -m experiments bench speed/rbm_and_sklearn --repeats 5
Expect   ratio_sklearn >= 1
         ratio_contrastive <= 1.3
Cost     10 s
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from experiments.timing.peers import peer
from jaxicon.core.run import fresh, train
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.foundations.rbm import Config, persistent_rbm, rbm

EPOCHS = 10
BATCH = 10
STEPS = EPOCHS * -(-1437 // BATCH)
CONFIG = Config(hidden=256, learning_rate=0.1, momentum=0.0, weight_decay=0.0)


def compared(batch: int, steps: int) -> dict[str, Callable[[], Any]]:
    """Ours, ours by contrastive divergence, and scikit-learn's, on binary digits."""
    x, key = (digits().train[0] > 0.5).astype(np.float32), jax.random.key(0)
    stream = epochs(x, batch)

    def ours(factory: Callable) -> Callable[[], Any]:
        method = factory(CONFIG)
        return partial(train, key, method, stream, steps, state=fresh(key, method, stream), chunk=steps)

    settings = dict(learning_rate=CONFIG.learning_rate, batch_size=batch, n_iter=EPOCHS, random_state=0)
    theirs = peer("sklearn.neural_network").BernoulliRBM(CONFIG.hidden, **settings)
    return {
        "ours": ours(persistent_rbm),
        "contrastive": ours(rbm),
        "sklearn": lambda: theirs.fit(x).components_,
    }


def candidates():
    return compared(BATCH, STEPS)
