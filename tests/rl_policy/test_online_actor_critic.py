import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxicon.core.run import fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import vectorised
from jaxicon.envs.policy import policy, rollout
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.envs.random_walk import random_walk
from jaxicon.envs.tabular import environment
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.rl_policy.online_actor_critic import Config, online_actor_critic
from tests.rl_policy.test_batch_actor_critic import affine, softmax


def example():
    return online_actor_critic(Config((8,), discount=DISCOUNT, episodes=8), probes()["both"].environment()), nothing


@pytest.mark.slow
@pytest.mark.system("rl.online_actor_critic")
@pytest.mark.parametrize("critic_rate", [0.0, 0.2])
def test_a_step_is_the_formula(x64, critic_rate, key):
    """At a fixed V, and with a critic that learns first, and from whose word after that the actor learns."""
    env = probes()["time_limit"].environment()
    method = online_actor_critic(Config((), 0.3, critic_rate, discount=0.9), env, optax.sgd)
    state, step = fresh(key, method), jax.jit(method.step)
    ends = set()
    for t in range(8):
        step_key = jax.random.key(t)
        output = lambda obs, actor=state.actor: tanh_mlp(2).apply(actor, obs)
        played = rollout(jax.random.clone(step_key), vectorised(env, 1), state.world, policy(env.actions), output, 1)[1]
        s, a, r, terminal, truncated, after = (np.asarray(x)[0, 0] for x in played)
        ends |= {(bool(terminal), bool(truncated))}
        (w, b), (u, c) = affine(state.critic), affine(state.actor)
        v = lambda x, w=w, b=b: (x @ w + b)[0]
        error = r + 0.9 * (0 if terminal else v(after)) - v(s)
        w, b = w + critic_rate * error * s[:, None], b + critic_rate * error
        v = lambda x, w=w, b=b: (x @ w + b)[0]
        advantage = r + 0.9 * (0 if terminal else v(after)) - v(s)
        score = np.eye(2)[a] - softmax(s @ u + c)
        state, _ = step(step_key, state, None)
        wanted = (w, b, u + 0.3 * advantage * np.outer(s, score), c + 0.3 * advantage * score)
        for got, x in zip((*affine(state.critic), *affine(state.actor)), wanted, strict=True):
            np.testing.assert_allclose(got, x, rtol=1e-10, atol=1e-13)
    assert ends == {(False, False), (True, False), (False, True)}


@pytest.mark.system("rl.online_actor_critic")
def test_on_a_chain_of_three_states_the_better_end_is_preferred_everywhere(key):
    """Beside the left end 0.3 can be had at once, and 0.9^2 later; one environment, one move at a time."""
    env = environment(random_walk(3, left=0.3, right=1.0), 50)
    env = env._replace(observe=lambda state: jax.nn.one_hot(state - 1, 3))
    method = online_actor_critic(Config((), 3e-3, 1e-2, discount=0.9), env)
    state, _ = train(key, method, nothing, 10_000, chunk=10_000)
    right = jax.nn.softmax(tanh_mlp(2).apply(state.actor, jnp.eye(3)))[:, 1]
    assert (right > 0.95).all(), right
    value = tanh_mlp(1).apply(state.critic, jnp.eye(3))[:, 0]
    np.testing.assert_allclose(value[1:], [0.9, 1.0], atol=0.05)  # the first one is rarely visited any more


def test_the_time_limit_probe_has_its_values(key):
    """An episode that is cut off bootstraps, and one that is over does not."""
    probe = probes()["time_limit"]
    config = Config((), 1e-2, 2e-2, envs=4, discount=DISCOUNT)
    state, _ = train(key, online_actor_critic(config, probe.environment()), nothing, 1500, chunk=1500)
    value = tanh_mlp(1).apply(state.critic, jnp.asarray(probe.features[:2], float))[:, 0]
    np.testing.assert_allclose(value, probe.values[:2].max(-1), atol=0.1)
