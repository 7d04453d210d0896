"""CMA-ES on Rosenbrock's function in 40 dimensions, 64 samples a generation: ours, evosax's and pycma's.

A step is a search from the origin with deviation 0.5 until the best sample so far costs less than 1: of three seeds,
one after the other. A generation is the same work for all; that pycma counts in float64 is its own choice.

Run      python -m experiments bench speed/cma_es_and_pycma --repeats 5
Expect   ratio_evosax >= 1.0
         ratio_pycma >= 6
Cost     60 s
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from experiments.timing.peers import peer
from jaxicon.ops.cma_es import ask, begin, constants, tell

DIMENSION, POPULATION, STD, GOAL, LIMIT = 40, 64, 0.5, 1.0, 3000
STEPS = 3  # searches, one after the other


def cost(x):
    return (100 * (x[..., 1:] - x[..., :-1] ** 2) ** 2 + (1 - x[..., :-1]) ** 2).sum(-1)


def until_solved(key, start, generation):
    """The state and the number of generations; generation(key, state) -> state, lowest cost."""
    going = lambda carry: (carry[2] > GOAL) & (carry[0] < LIMIT)

    def advance(carry):
        t, state, best = carry
        state, lowest = generation(jax.random.fold_in(key, t), state)
        return t + 1, state, jnp.minimum(best, lowest)

    return jax.lax.while_loop(going, advance, (jnp.int32(0), start, jnp.inf))


@jax.jit
def ours(key):
    numbers = constants(DIMENSION, POPULATION)

    def generation(key, search):
        samples = ask(key, search, POPULATION)
        costs = cost(samples)
        return tell(search, samples, -costs, numbers), costs.min()

    return until_solved(key, begin(jnp.zeros(DIMENSION), STD), generation)[0]


def evosax():
    search = peer("evosax.algorithms").CMA_ES(population_size=POPULATION, solution=jnp.zeros(DIMENSION))
    params = search.default_params.replace(std_init=STD)

    @jax.jit
    def run(key):
        def generation(key, state):
            ask_key, tell_key = jax.random.split(key)
            samples, state = search.ask(ask_key, state, params)
            costs = cost(samples)
            return search.tell(tell_key, samples, costs, state, params)[0], costs.min()

        return until_solved(key, search.init(key, jnp.zeros(DIMENSION), params), generation)[0]

    return run


def pycma(seed: int):
    search = peer("cma").CMAEvolutionStrategy(
        np.zeros(DIMENSION), STD, {"popsize": POPULATION, "verbose": -9, "seed": seed + 1, "maxiter": LIMIT}
    )
    best = np.inf
    while best > GOAL and not search.stop():
        samples = search.ask()
        costs = cost(np.array(samples))
        search.tell(samples, costs.tolist())
        best = min(best, costs.min())


def candidates():
    keys = [jax.random.key(seed) for seed in range(STEPS)]
    each = lambda run, seeds: [run(seed) for seed in seeds]
    return {
        "ours": partial(each, ours, keys),
        "evosax": partial(each, evosax(), keys),
        "pycma": partial(each, pycma, range(STEPS)),
    }
