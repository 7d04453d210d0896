from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import mean_return
from jaxicon.envs.matrix_game import matrix_games
from jaxicon.envs.pendulum import pendulum
from jaxicon.envs.tabular import environment
from jaxicon.ops.exploration import decaying
from jaxicon.rl_value.dqn import Config as DeepConfig
from jaxicon.rl_value.dqn import dqn
from jaxicon.rl_value.exploration import Config, exploration
from jaxicon.rl_value.q_limits import corridor, heads, q_limits, value_at_start, worst_reply

pytestmark = pytest.mark.system("rl.q_downsides")
ALIKE = np.zeros(4, int)


def worth(mdp, looks, policy) -> float:
    """By numpy.linalg.solve."""
    played = policy[looks]
    chain = np.einsum("sa,sap->sp", played, mdp.transition)
    return float(mdp.start @ np.linalg.solve(np.eye(4) - mdp.discount * chain, (played * mdp.reward).sum(-1)))


def test_where_cells_look_alike_chance_beats_every_deterministic_policy(x64):
    """By a search over the probability of going right, 10^-4 apart."""
    mdp = corridor()
    found = q_limits(mdp, ALIKE)
    one_way = [worth(mdp, ALIKE, np.eye(2)[[a]]) for a in (0, 1)]
    np.testing.assert_allclose(one_way, -1 / (1 - 0.9), rtol=1e-9)  # for ever on the way
    np.testing.assert_allclose(found.deterministic, max(one_way), rtol=1e-9)
    p = np.linspace(0, 1, 10_001)
    values = np.array([worth(mdp, ALIKE, np.array([[1 - x, x]])) for x in p])
    np.testing.assert_allclose(found.stochastic, values.max(), rtol=1e-7)
    np.testing.assert_allclose(found.policy[0, 1], p[values.argmax()], atol=2e-4)
    assert found.stochastic > found.deterministic + 2


def test_without_discount_the_best_probability_has_a_closed_form(x64):
    """Sutton & Barto: 2 - sqrt 2 for going right, and -2 (3 + 2 sqrt 2) = -11.66 at the start."""
    policy = jnp.array([[2**0.5 - 1, 2 - 2**0.5]])
    np.testing.assert_allclose(value_at_start(corridor(1.0), ALIKE, policy), -6 - 4 * 2**0.5, rtol=1e-9)
    nearby = [float(value_at_start(corridor(1.0), ALIKE, policy + e * jnp.array([[1, -1]]))) for e in (-0.01, 0.01)]
    assert max(nearby) < -6 - 4 * 2**0.5


def test_who_can_tell_the_cells_apart_needs_no_chance(x64):
    mdp, looks = corridor(), np.arange(4)
    found = q_limits(mdp, looks)
    assert found.actions[:3] == (1, 0, 1)
    best = max(worth(mdp, looks, np.eye(2)[list(choice)]) for choice in product((0, 1), repeat=4))
    np.testing.assert_allclose([found.deterministic, best], -(1 + 0.9 + 0.81), rtol=1e-9)
    np.testing.assert_allclose(found.stochastic, best, atol=0.01)


def test_the_greedy_policy_of_q_learning_loses_what_chance_would_win(key):
    """It has no better policy to learn: in 100 steps it never arrives, at the best odds one does after 11.66."""
    env = environment(corridor(1.0), 100)._replace(observe=lambda state: jnp.ones(1))
    method = exploration(Config(0.5, 0.5, 0.9), env, decaying(1.0, 1000.0))
    learn_key, play_key = jax.random.split(key)
    state, _ = train(learn_key, method, nothing, 5000, chunk=5000)
    assert state.weights[0, 0] != state.weights[0, 1]
    greedy = mean_return(jax.random.clone(play_key), env, lambda key, obs: method.act(key, state, obs), 20)
    assert greedy == -100
    odds = lambda key, obs: jax.random.bernoulli(key, 2 - 2**0.5).astype(int)
    assert abs(mean_return(play_key, env, odds, 2000) + 6 + 4 * 2**0.5) < 4 * 11 / 2000**0.5


def test_whoever_always_plays_one_hand_is_found_out():
    payoff = matrix_games()["rock_paper_scissors"].row
    assert [worst_reply(payoff, np.eye(3)[a]) for a in range(3)] == [-1, -1, -1]
    np.testing.assert_allclose(worst_reply(payoff, np.full(3, 1 / 3)), 0, atol=1e-15)


def test_a_table_of_actions_grows_with_the_power_of_the_dimension():
    """So many, evenly spaced, cover the square; one less along each side do not."""
    random = np.random.default_rng(0).uniform(-1, 1, (20_000, 2))
    for tolerance in (0.5, 0.3, 0.1):
        side = round(heads(2, tolerance) ** 0.5)
        for count, covered in ((side, True), (side - 1, False)):
            grid = (2 * np.arange(count) + 1) / count - 1
            far = np.abs(random[:, :, None] - grid).min(-1).max()
            assert (far <= tolerance + 1e-12) == covered
    assert (heads(1, 0.1), heads(8, 0.1)) == (10, 100_000_000)


def test_actions_of_a_continuum_are_refused():
    with pytest.raises(ConfigError, match="discrete"):
        dqn(DeepConfig(), pendulum())
    with pytest.raises(ConfigError, match=r"looks has shape \(3,\)"):
        q_limits(corridor(), np.zeros(3, int))
