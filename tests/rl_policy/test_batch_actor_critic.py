"""Against the sum over all trajectories, and NumPy in the order of the algorithm."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import Transition, vectorised
from jaxicon.envs.policy import advantages, policy, rollout
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.envs.tabular import MDP
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.rl_policy.batch_actor_critic import Config, actor_loss, batch_actor_critic
from tests.rl_policy._enumeration import expected_return, log_probs, probabilities, trajectories

SMALL = Config((16,), 1e-2, 1e-2, envs=4, steps=16, fits=8, discount=DISCOUNT, episodes=8)


def example():
    return batch_actor_critic(SMALL, probes()["both"].environment()), nothing


def two_states() -> MDP:
    """From the first state to the second or to the end, by the action; from the second to the end."""
    transition = np.array([[[0, 0.8, 0.2], [0, 0.3, 0.7]], [[0, 0, 1], [0, 0, 1]], [[0, 0, 1], [0, 0, 1]]])
    reward = np.array([[0.2, 1.0], [2.0, -1.0], [0, 0]])
    return MDP(transition, reward, 1.0, np.array([False, False, True]), np.array([1.0, 0, 0]))


@pytest.mark.system("rl.batch_actor_critic")
def test_the_expected_step_is_the_exact_gradient_if_the_critic_is_right(x64):
    """All trajectories of two states, each with the actor's loss and the advantages of its own rows."""
    mdp, logits = two_states(), jnp.array([[0.3, -0.2], [0.5, 0.1], [0.0, 0.0]])
    played = trajectories(mdp, 2)
    pi = np.asarray(jax.nn.softmax(logits))
    value = np.zeros(3)
    for s in (1, 0):
        value[s] = pi[s] @ (mdp.reward[s] + mdp.transition[s] @ value)
    over = mdp.terminal[played.next_state]
    columns = played.state, played.action, played.reward, over, np.zeros_like(over), played.next_state
    seen = Transition(*(jnp.asarray(x.T) for x in columns))
    advantage, _ = advantages(lambda state: jnp.asarray(value)[state], seen, mdp.discount, 0.0)
    advantage = jnp.where(played.alive.T, advantage, 0).T

    def ascent(logits):
        losses = jax.vmap(actor_loss)(log_probs(played, logits), advantage) * 2  # of two rows, of which it is the mean
        return -(jax.lax.stop_gradient(probabilities(played, logits)) * losses).sum()

    wanted = jax.grad(lambda logits: expected_return(played, logits))(logits)
    np.testing.assert_allclose(jax.grad(ascent)(logits), wanted, atol=1e-13)
    assert jnp.abs(wanted).max() > 0.05


def affine(params):
    layer = params["params"]["Dense_0"]
    return np.array(layer["kernel"]), np.array(layer["bias"])


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.system("rl.batch_actor_critic")
def test_a_step_is_fit_then_judge_then_ascend_as_in_numpy(x64, key):
    """Affine networks and plain gradient descent; episodes end and are cut off within the batch, which goes on."""
    probe = probes()["time_limit"]
    env = probe.environment()
    config = Config((), 0.3, 0.2, envs=2, steps=7, fits=3, discount=0.9)
    method = batch_actor_critic(config, env, optax.sgd)
    state = fresh(jax.random.clone(key), method)
    envs, family = vectorised(env, 2), policy(env.actions)
    output = lambda obs: tanh_mlp(2).apply(state.actor, obs)
    step_key = jax.random.key(5)
    _, seen = rollout(jax.random.clone(step_key), envs, state.world, family, output, 7)
    seen = jax.tree.map(np.asarray, seen)
    assert seen.terminal.any()
    assert seen.truncated.any()
    w, b = affine(state.critic)
    v = lambda obs: (obs @ w + b)[..., 0]
    target, following = np.zeros((7, 2)), v(seen.next_obs[-1])
    for t in reversed(range(7)):
        cut = np.where(seen.truncated[t], v(seen.next_obs[t]), following)
        following = target[t] = seen.reward[t] + 0.9 * np.where(seen.terminal[t], 0, cut)
    for _ in range(3):
        error = v(seen.obs) - target
        w, b = w - 0.2 * (error[..., None, None] * seen.obs[..., None]).mean((0, 1)), b - 0.2 * error.mean()
    advantage = seen.reward + 0.9 * np.where(seen.terminal, 0, v(seen.next_obs)) - v(seen.obs)
    u, c = affine(state.actor)
    score = np.eye(2)[seen.action] - softmax(seen.obs @ u + c)
    u = u + 0.3 * (advantage[..., None, None] * seen.obs[..., None] * score[..., None, :]).mean((0, 1))
    c = c + 0.3 * (advantage[..., None] * score).mean((0, 1))
    after, metrics = jax.jit(method.step)(step_key, state, None)
    for got, wanted in zip((*affine(after.critic), *affine(after.actor)), (w, b, u, c), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(metrics["value_loss"], ((v(seen.obs) - target) ** 2).mean() / 2, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.system("rl.batch_actor_critic")
@pytest.mark.parametrize("name", ["both", "time_limit"])
def test_probes_are_solved_and_valued(name, key):
    """On the time limit, an episode that is cut off bootstraps, and one that is over does not."""
    probe = probes()[name]
    method = batch_actor_critic(SMALL, probe.environment())
    state, _ = train(key, method, nothing, 200, chunk=200)
    wanted = probe.values[~probe.mdp.terminal]
    obs = jnp.asarray(probe.features, float)[: len(wanted)]
    np.testing.assert_allclose(tanh_mlp(16, 1).apply(state.critic, obs)[:, 0], wanted.max(-1), atol=0.1)
    chosen = np.asarray(method.act(jax.random.key(1), state, obs))
    np.testing.assert_allclose(wanted[np.arange(len(wanted)), chosen], wanted.max(-1))


def test_rewards_are_scaled_before_anything_is_learned(x64, key):
    """With the critic's rate at 0 and a scale of 0, the advantages are those of no reward at all."""
    env = probes()["both"].environment()
    config = Config((), 0.3, 0.0, envs=2, steps=4, fits=1, reward_scale=0.0)
    method = batch_actor_critic(config, env, optax.sgd)
    state = fresh(key, method)
    still = jax.tree.map(jnp.zeros_like, state.critic)
    after, _ = jax.jit(method.step)(jax.random.key(1), state._replace(critic=still), None)
    jax.tree.map(np.testing.assert_array_equal, after.actor, state.actor)


@pytest.mark.parametrize("wrong", [{"discount": -0.1}, {"steps": 0}, {"fits": 0}])
def test_numbers_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        batch_actor_critic(replace(SMALL, **wrong), probes()["both"].environment())
