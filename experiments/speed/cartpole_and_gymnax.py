"""2,048 copies of CartPole with automatic reset, 500 steps of given random actions: ours, gymnax's own, and Gymnasium's
one environment for all copies in NumPy (its vector entry point).

Run      python -m experiments bench speed/cartpole_and_gymnax
Expect   ratio_gymnax >= 2
         ratio_gymnasium >= 1.2
Cost     20 s
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from experiments.timing.peers import peer
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import vectorised

COPIES, STEPS = 2048, 500


@jax.jit
def ours(key, actions):
    envs = vectorised(cartpole(), COPIES)

    def step(running, now):
        t, action = now
        running, seen = envs.step(jax.random.fold_in(key, t), running, action)
        return running, (seen.reward.mean(), seen.next_obs.mean())

    return jax.lax.scan(step, envs.reset(key), (jnp.arange(STEPS), actions))


def theirs():
    env, params = peer("gymnax").make("CartPole-v1")
    reset, move = jax.vmap(env.reset, (0, None)), jax.vmap(env.step, (0, 0, 0, None))

    @jax.jit
    def run(key, actions):
        def step(state, now):
            t, action = now
            obs, state, reward, *_ = move(jax.random.split(jax.random.fold_in(key, t), COPIES), state, action, params)
            return state, (reward.mean(), obs.mean())

        state = reset(jax.random.split(key, COPIES), params)[1]
        return jax.lax.scan(step, state, (jnp.arange(STEPS), actions))

    return run


def numpy_steps(actions):
    envs = peer("gymnasium").make_vec("CartPole-v1", COPIES, vectorization_mode="vector_entry_point")
    envs.reset(seed=0)
    return [(reward.mean(), obs.mean()) for obs, reward, *_ in map(envs.step, actions)]


def candidates():
    key = jax.random.key(0)
    actions = jax.random.bernoulli(key, 0.5, (STEPS, COPIES)).astype(int)
    return {
        "ours": partial(ours, key, actions),
        "gymnax": partial(theirs(), key, actions),
        "gymnasium": partial(numpy_steps, np.asarray(actions, dtype=np.int64)),
    }
