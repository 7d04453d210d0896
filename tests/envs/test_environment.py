import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.run import fresh
from jaxicon.envs.environment import Discrete, Environment, episode, mean_return, vectorised, where_each
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.probe import probes
from jaxicon.envs.tabular import environment
from jaxicon.rl_tabular import q_learning as tabular
from jaxicon.rl_tabular.q_learning import q_learning
from jaxicon.rl_value import dqn as deep
from jaxicon.rl_value.dqn import dqn

SYSTEM = pytest.mark.system("rl.vectorised_env_api")


def counter(start: int = 0, goal: int = 3, horizon: int = 5) -> Environment:
    """Counts up by the action; reward = the new count; over at the goal."""

    def step(key, state, action):
        after = state + action
        return after, after.astype(float), after >= goal

    return Environment(lambda key: jnp.int32(start), step, lambda s: jnp.array([s, -s]), Discrete(2), horizon)


def replayed(actions, goal, horizon):
    """The same copies, one by one, in plain Python."""
    rows = []
    for track in np.asarray(actions).T:
        state, time, score, last = 0, 0, 0.0, 0.0
        for action in track:
            after, time = state + action, time + 1
            score, over = score + after, after >= goal
            cut = not over and time >= horizon
            last = score if over or cut else last
            rows.append((state, action, after, over, cut, after, last))
            state, time, score = (0, 0, 0.0) if over or cut else (after, time, score)
    return np.array(rows, float).reshape(actions.shape[1], actions.shape[0], 7).swapaxes(0, 1)


@SYSTEM
def test_copies_reset_and_are_cut_off_as_in_a_plain_loop(key):
    envs = vectorised(counter(), 4)
    actions = jax.random.bernoulli(jax.random.clone(key), 0.4, (40, 4)).astype(int)

    def advance(running, action):
        running, seen = envs.step(jax.random.key(0), running, action)
        return running, (*seen, running.last_score)

    _, (obs, action, reward, terminal, truncated, next_obs, last) = jax.lax.scan(advance, envs.reset(key), actions)
    got = np.stack([obs[..., 0], action, reward, terminal, truncated, next_obs[..., 0], last], -1)
    np.testing.assert_allclose(got, replayed(actions, goal=3, horizon=5))
    assert terminal.any()
    assert truncated.any()
    assert not (terminal & truncated).any()
    np.testing.assert_array_equal(next_obs[terminal][:, 0], 3)  # seen before the reset


@SYSTEM
def test_a_step_that_ends_at_the_horizon_is_terminal_not_truncated(key):
    envs = vectorised(counter(goal=2, horizon=2), 1)
    running = envs.reset(jax.random.clone(key))
    running, first = envs.step(jax.random.clone(key), running, jnp.array([1]))
    _, second = envs.step(key, running, jnp.array([1]))
    assert not first.terminal
    assert not first.truncated
    assert second.terminal
    assert not second.truncated


@SYSTEM
def test_copies_draw_independent_starts_and_again_at_each_reset(key):
    env = counter(horizon=1)._replace(reset=lambda key: jax.random.uniform(key), observe=lambda s: s)
    envs = vectorised(env, 8)
    first = envs.reset(jax.random.clone(key))
    second, _ = envs.step(jax.random.fold_in(key, 1), first, jnp.zeros(8, int))
    assert len(np.unique(np.concatenate([first.state, second.state]))) == 16


def test_an_episode_stops_counting_when_it_is_over(key):
    always = lambda key, obs: jnp.int32(1)
    played = episode(jax.random.clone(key), counter(), always)
    np.testing.assert_array_equal(played.state, [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(played.alive, [True, True, True, False, False])
    np.testing.assert_array_equal(played.reward, [1, 2, 3, 0, 0])
    assert mean_return(key, counter(), always, 3) == 6


def test_mean_return_is_that_of_a_random_policy(key):
    """Reward 1 a step and a fair coin that ends it: 2 - 2^(1 - horizon) steps are expected."""
    coin = Environment(lambda key: jnp.int32(0), lambda k, s, a: (s, jnp.ones(()), a == 1), lambda s: s, Discrete(2), 4)
    got = mean_return(key, coin, lambda key, obs: jax.random.bernoulli(key).astype(int), 20_000)
    np.testing.assert_allclose(got, 2 - 2**-3, atol=4 * 1.06 / 20_000**0.5)


def expected_return(mdp, policy, horizon) -> float:
    """Exact undiscounted return of policy [s, a] in `horizon` steps."""
    at, total = mdp.start, 0.0
    for _ in range(horizon):
        total += (at[:, None] * policy * mdp.reward).sum()
        at = np.einsum("s,sa,sap->p", at, policy, mdp.transition)
    return total


AGENTS = {  # all untrained: what they are worth is a question to the interfaces alone
    "uniform": lambda mdp, env: lambda key, obs: jax.random.randint(key, (), 0, env.actions.count),
    "tabular": lambda mdp, env: untrained(q_learning(tabular.Config(), mdp)),
    "deep": lambda mdp, env: untrained(dqn(deep.Config((8,), envs=2, buffer=4, batch=2), env)),
}
MDPS = {"probe": (probes()["both"].mdp, 4), "ice": (frozen_lake(), 12)}


def untrained(agent):
    state = fresh(jax.random.key(3), agent)
    return lambda key, obs: agent.act(key, state, obs)


@pytest.mark.slow
@pytest.mark.system("other.agent_env_interfaces")
@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("world", MDPS)
def test_any_agent_plays_in_any_environment_and_gets_what_its_policy_is_worth(agent, world, key):
    mdp, horizon = MDPS[world]
    env, states = environment(mdp, horizon), jnp.arange(mdp.terminal.size)
    if agent == "deep":
        env = env._replace(observe=lambda state: jax.nn.one_hot(state, states.size))
    act = AGENTS[agent](mdp, env)
    draws = jax.vmap(lambda key: jax.vmap(lambda s: act(key, env.observe(s)))(states))(jax.random.split(key, 4000))
    policy = np.asarray(jax.nn.one_hot(draws, env.actions.count).mean(0))
    returns = jax.vmap(lambda key: episode(key, env, act).reward.sum())(jax.random.split(jax.random.key(1), 4000))
    error = max(float(returns.std()) / 4000**0.5, 0.005)
    assert abs(returns.mean() - expected_return(mdp, policy, horizon)) < 5 * error


def test_where_each_takes_whole_rows_of_every_leaf():
    yes, no = {"a": jnp.ones((3, 2)), "b": jnp.arange(3)}, {"a": jnp.zeros((3, 2)), "b": -jnp.arange(3)}
    mixed = where_each(jnp.array([True, False, True]), yes, no)
    np.testing.assert_array_equal(mixed["a"], [[1, 1], [0, 0], [1, 1]])
    np.testing.assert_array_equal(mixed["b"], [0, -1, 2])
