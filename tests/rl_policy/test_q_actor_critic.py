"""Against a linear solve, and SARSA's formulas in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import vectorised
from jaxicon.envs.pendulum import pendulum
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.envs.tabular import environment
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.rl_policy.q_actor_critic import Config, q_actor_critic
from tests.rl_policy._enumeration import small_mdp
from tests.rl_policy.test_batch_actor_critic import affine, softmax


def example():
    return q_actor_critic(Config((8,), envs=4, discount=DISCOUNT, episodes=8), probes()["both"].environment()), nothing


@pytest.mark.system("rl.q_actor_critic")
def test_with_a_frozen_actor_the_critic_converges_to_its_action_values(x64, key):
    """A table, a policy that prefers some actions, episodes that end; Q^pi by a linear solve."""
    mdp = small_mdp(3)
    env = environment(mdp, 1000)._replace(observe=lambda state: jax.nn.one_hot(state, 3))
    falling = lambda rate: optax.sgd(lambda t: rate / (1 + t / 200))
    method = q_actor_critic(Config((), 0.0, 1.0, envs=64, discount=0.9), env, falling)
    state = fresh(key, method)
    logits = jnp.array([[0.5, -0.5], [-1.0, 0.3], [0.0, 0.0]])
    frozen = {"params": {"Dense_0": {"kernel": logits, "bias": jnp.zeros(2)}}}
    state, _ = train(jax.random.key(1), method, nothing, 4000, state=state._replace(actor=frozen), chunk=4000)
    pi = softmax(np.asarray(logits))
    follow = np.einsum("sap,pb->sapb", mdp.transition, pi).reshape(6, 6)  # from (s, a) to (s', a')
    wanted = np.linalg.solve(np.eye(6) - 0.9 * follow, mdp.reward.reshape(6)).reshape(3, 2)
    learned = tanh_mlp(2).apply(state.critic, jnp.eye(3))
    np.testing.assert_allclose(learned[:2], wanted[:2], atol=0.03)
    assert np.abs(wanted).max() > 0.3
    jax.tree.map(np.testing.assert_array_equal, state.actor, frozen)


@pytest.mark.slow
@pytest.mark.system("rl.q_actor_critic")
def test_a_step_is_sarsa_and_the_score_times_q(x64, key):
    """One copy, affine networks, plain gradient descent: what is played next is what the target was made of, unless an
    episode was over in between. The two states are seen as -1 and 1, and the actor prefers other actions there."""
    env = probes()["time_limit"].environment()
    method = q_actor_critic(Config((), 0.2, 0.3, envs=1, discount=0.9), env, optax.sgd)
    state, step = fresh(key, method), jax.jit(method.step)
    prefers = {"params": {"Dense_0": {"kernel": jnp.array([[1.2, -1.2]]), "bias": jnp.zeros(2)}}}
    state, ends = state._replace(actor=prefers), set()
    for t in range(40):
        (w, b), (u, c) = affine(state.critic), affine(state.actor)
        q = lambda x, w=w, b=b: x @ w + b
        step_key = jax.random.key(t)
        env_key, act_key = jax.random.split(jax.random.clone(step_key))
        s, a, r, terminal, truncated, following = (
            np.asarray(x)[0] for x in vectorised(env, 1).step(env_key, state.world, state.action)[1]
        )
        ends |= {(bool(terminal), bool(truncated))}
        noise = np.asarray(jax.random.gumbel(act_key, (1, 2)))[0]
        then = np.argmax(following @ u + c + noise)
        error = r + 0.9 * (0 if terminal else q(following)[then]) - q(s)[a]
        score, chosen = np.eye(2)[a] - softmax(s @ u + c), np.eye(2)[a]
        wanted = (
            w + 0.3 * error * np.outer(s, chosen),
            b + 0.3 * error * chosen,
            u + 0.2 * q(s)[a] * np.outer(s, score),
            c + 0.2 * q(s)[a] * score,
        )
        state, metrics = step(step_key, state, None)
        for got, x in zip((*affine(state.critic), *affine(state.actor)), wanted, strict=True):
            np.testing.assert_allclose(got, x, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(metrics["td_loss"], error**2 / 2, rtol=1e-10)
        if not (terminal or truncated):
            assert int(state.action[0]) == then
    assert ends == {(False, False), (True, False), (False, True)}


@pytest.mark.slow
@pytest.mark.system("rl.q_actor_critic")
@pytest.mark.parametrize("name", ["both", "time_limit"])
def test_probes_have_their_values(name, key):
    """Of the actions that are still taken: those of the best one. Cut off, an episode bootstraps; over, it does not."""
    probe = probes()[name]
    method = q_actor_critic(Config((16,), 1e-2, 2e-2, envs=16, discount=DISCOUNT), probe.environment())
    state, _ = train(key, method, nothing, 1500, chunk=1500)
    wanted = probe.values[~probe.mdp.terminal]
    obs = jnp.asarray(probe.features, float)[: len(wanted)]
    chosen = np.asarray(method.act(jax.random.key(1), state, obs))
    np.testing.assert_allclose(wanted[np.arange(len(wanted)), chosen], wanted.max(-1))
    learned = np.asarray(tanh_mlp(16, 2).apply(state.critic, obs))
    np.testing.assert_allclose(learned[np.arange(len(wanted)), chosen], wanted.max(-1), atol=0.1)


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ConfigError, match="discrete"):
        q_actor_critic(Config(), pendulum())
    with pytest.raises(ConfigError, match="discount"):
        q_actor_critic(Config(discount=2.0), probes()["both"].environment())
