"""A bit to be remembered, and the same numbers played and learned from."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import Discrete, Environment, copies
from jaxicon.envs.memory import Noted, noting, remembering
from jaxicon.envs.policy import advantages, policy, rollout
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.nn.recurrent import recurrent_actor_critic
from jaxicon.rl_policy import ppo as memoryless
from jaxicon.rl_policy.ppo import ppo
from jaxicon.rl_policy.recurrent_ppo import Config, recurrent_ppo

SMALL = Config(
    (16,), 1e-2, updates=40, envs=16, steps=10, epochs=4, minibatches=2, discount=DISCOUNT, entropy_weight=0.003,
    episodes=64, units=8,
)  # fmt: skip


def example():
    return recurrent_ppo(SMALL, probes()["both"].environment()), nothing


def chain(length: int = 3, horizon: int = 100) -> Environment:
    """A bit, -1 or 1, is shown at first and asked for after `length` moves: reward 1 for its action, else -1."""

    def reset(key):
        return jnp.int32(0), jax.random.bernoulli(key).astype(int)

    def step(key, state, action):
        time, bit = state
        asked = time == length
        return (time + 1, bit), jnp.where(asked, 2.0 * (action == bit) - 1, 0.0), asked

    def observe(state):
        time, bit = state
        return jnp.stack([jnp.where(time == 0, 2.0 * bit - 1, 0.0), (time == length).astype(float)])

    return Environment(reset, step, observe, Discrete(2), horizon)


@pytest.mark.slow
@pytest.mark.system("imit.history_policy")
def test_what_was_seen_is_remembered_and_without_a_memory_nothing_can_be_known(key):
    """Segments of ten moves, episodes of four: memories are carried over, and emptied within a segment."""
    method = recurrent_ppo(SMALL, chain())
    state, _ = train(jax.random.clone(key), method, nothing, 40, chunk=40)
    assert evaluate(jax.random.key(1), method, state, nothing, 1)["return"] == 1
    plain = ppo(memoryless.Config((16,), 1e-2, 40, 16, 10, 4, 2, DISCOUNT, episodes=512), chain())
    state, _ = train(key, plain, nothing, 40, chunk=40)
    assert abs(evaluate(jax.random.key(1), plain, state, nothing, 1)["return"]) < 4 / 512**0.5


@pytest.mark.slow
@pytest.mark.system("imit.history_policy")
@pytest.mark.parametrize("horizon", [100, 2])
def test_the_memory_that_is_learned_from_is_the_one_that_played(x64, horizon, key):
    """At rate 0 every ratio is one, over ends and cuts of episodes, from update to update."""
    method = recurrent_ppo(replace(SMALL, learning_rate=0.0, epochs=1), chain(2, horizon))
    _, history = train(key, method, nothing, 4, chunk=4)
    np.testing.assert_allclose(history["kl"], 0, atol=1e-14)
    assert (history["entropy"] < np.log(2)).all()


@pytest.mark.system("imit.history_policy")
def test_the_policy_hears_all_of_the_past_and_nothing_of_the_future(x64, key):
    """Derivatives of every output by every observation: a lower triangle, without a zero."""
    net, obs = recurrent_actor_critic(6, (5,), 2), jax.random.normal(jax.random.key(1), (5, 3))
    params = net.init(key, obs[0], jnp.zeros(6))

    def outputs(obs):
        def move(memory, obs):
            output, _, memory = net.apply(params, obs, memory)
            return memory, output

        return jax.lax.scan(move, jnp.zeros(6), obs)[1]

    heard = jnp.abs(jax.jacrev(outputs)(obs)).sum((1, 3))  # [t of the output, t of the observation]
    np.testing.assert_array_equal(heard > 0, np.tri(5, dtype=bool))


@pytest.mark.slow
@pytest.mark.system("imit.history_policy")
def test_the_gradient_is_that_of_a_plain_loop_over_time(x64, key):
    """Through all moves of a segment, from the memory that another one left, empty after every end: Adam's first moment
    is a tenth of the gradient, and in the first pass every ratio is one."""
    config = replace(SMALL, envs=2, steps=7, epochs=1, minibatches=1, largest_gradient=1e9)
    env, method = chain(2), recurrent_ppo(config, chain(2))
    first, step = fresh(key, method), jax.jit(method.step)
    state, _ = step(jax.random.key(2), first, None)
    state, step_key = state._replace(opt_state=first.opt_state), jax.random.key(3)
    after, _ = step(jax.random.clone(step_key), state, None)
    net, plain = recurrent_actor_critic(8, (16,), 2), policy(Discrete(2))

    def output(seen: Noted) -> Noted:
        logits, _, memory = net.apply(state.params, *seen)
        return Noted(logits, memory)

    def played(key):
        envs = copies(remembering(env, 8), 2)
        _, seen = rollout(key, envs, state.world, noting(plain), output, 7)
        judge = lambda obs: net.apply(state.params, *obs)[1]
        return seen, *advantages(judge, seen, config.discount, config.trace)

    seen, advantage, value = jax.jit(played)(jax.random.split(step_key)[0])
    vector, unravel = ravel_pytree(state.params)

    def loss(vector):
        memory, rows = seen.obs.memory[0], []
        for t in range(7):
            *judged, memory = net.apply(unravel(vector), seen.obs.what[t], memory)
            rows.append(judged)
            memory = jnp.where(seen.terminal[t][:, None], 0.0, memory)
        outputs, values = (jnp.stack(column) for column in zip(*rows, strict=True))
        credit = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        gain = (plain.log_prob(outputs, seen.action.what) * credit).mean()
        error = ((values - advantage - value) ** 2).mean()
        return -gain + config.value_weight * error - config.entropy_weight * plain.entropy(outputs).mean()

    assert (seen.obs.memory[0] != 0).any()
    assert seen.terminal[:6].any()
    gradient = jax.jit(jax.grad(loss))(vector)
    np.testing.assert_allclose(after.opt_state[1].mu, 0.1 * gradient, rtol=1e-8, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["both", "time_limit"])
def test_probes_are_solved_and_valued(name, key):
    """On the time limit, an episode that is cut off bootstraps with its memory, and one that is over does not."""
    probe = probes()[name]
    method = recurrent_ppo(replace(SMALL, updates=80), probe.environment())
    state, _ = train(key, method, nothing, 80, chunk=80)
    seen = jnp.asarray(probe.features[:2], float)
    net, empty = recurrent_actor_critic(8, (16,), 2), jnp.zeros(8)
    if name == "both":
        value = net.apply(state.params, seen, jnp.zeros((2, 8)))[1]
        np.testing.assert_allclose(value, 1, atol=0.1)
    else:
        _, first, memory = net.apply(state.params, seen[0], empty)
        _, second, _ = net.apply(state.params, seen[1], memory)
        np.testing.assert_allclose([first, second], [1, 2], atol=0.15)


def test_act_takes_and_returns_the_memory(key):
    method = recurrent_ppo(SMALL, chain())
    state = fresh(key, method)
    inner = remembering(chain(), SMALL.units)
    seen = inner.observe(inner.reset(jax.random.key(1)))
    action = method.act(jax.random.key(2), state, seen)
    assert isinstance(action, Noted)
    after, _, _ = inner.step(jax.random.key(3), inner.reset(jax.random.key(1)), action)
    np.testing.assert_array_equal(inner.observe(after).memory, action.memory)
    assert (action.memory != 0).any()


def test_environments_that_are_no_multiple_of_the_minibatches_are_refused():
    with pytest.raises(ConfigError, match="minibatches"):
        recurrent_ppo(replace(SMALL, minibatches=3), chain())
    with pytest.raises(ConfigError, match="units"):
        recurrent_ppo(replace(SMALL, units=0), chain())
