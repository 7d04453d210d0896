import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxicon.core.errors import ConfigError
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import Box, Discrete, Environment, vectorised
from jaxicon.envs.policy import LOG_STD, policy, rollout, values

BOX = Box(np.array([-2.0, 0.0]), np.array([2.0, 10.0]))
OUTPUT = np.array([0.5, -0.2, -1.0, 0.3])  # two means, two log standard deviations, in half widths


def test_draws_over_a_box_have_the_moments_that_the_network_names(x64, key):
    draws = policy(BOX).sample(policy(BOX).noise(key, (40_000,)), jnp.tile(OUTPUT, (40_000, 1)))
    std = np.array([2.0, 5.0]) * np.exp(OUTPUT[2:])
    np.testing.assert_allclose(draws.mean(0), [1.0, 4.0], atol=5 * std.max() / 200)
    np.testing.assert_allclose(draws.std(0), std, rtol=0.02)


def test_the_density_over_a_box_is_that_of_the_actions_themselves(x64):
    action = np.array([-0.3, 12.0])  # drawn beyond the bound: its density counts, not that of the bound
    wanted = stats.norm([1.0, 4.0], np.array([2.0, 5.0]) * np.exp(OUTPUT[2:]))
    family = policy(BOX)
    np.testing.assert_allclose(family.log_prob(jnp.asarray(OUTPUT), jnp.asarray(action)), wanted.logpdf(action).sum())
    np.testing.assert_allclose(family.entropy(jnp.asarray(OUTPUT)), wanted.entropy().sum())


def test_what_is_played_lies_within_the_box():
    family = policy(BOX)
    np.testing.assert_allclose(family.bounded(jnp.array([[-3.0, 5.0], [1.0, 11.0]])), [[-2, 5], [1, 10]])
    np.testing.assert_allclose(family.mode(jnp.array([3.0, 0.0, 9.0, 9.0])), [2, 5])
    assert family.entropy(jnp.array([0.0, 0.0, 9.0, 9.0])) == family.entropy(jnp.array([0.0, 0.0, *LOG_STD[1:] * 2]))


def test_discrete_actions_are_drawn_as_their_logits_say(key):
    family = policy(Discrete(3))
    p = np.array([0.2, 0.5, 0.3])
    draws = family.sample(family.noise(key, (20_000,)), jnp.tile(jnp.log(p), (20_000, 1)))
    assert stats.chisquare(np.bincount(draws), 20_000 * p).pvalue > 1e-3
    assert family.mode(jnp.log(p)) == 1
    np.testing.assert_allclose(jax.nn.softmax(jnp.log(p)), p, rtol=1e-6)


def test_a_box_without_bounds_is_refused():
    with pytest.raises(ConfigError, match="bounded"):
        policy(Box(np.array([-np.inf]), np.array([np.inf])))


def test_a_rollout_plays_bounded_actions_and_keeps_those_that_were_drawn(key):
    """The state adds up what is played; between -1 and 1, and the policy draws from N(0, e^4)."""

    def step(key, state, action):
        return state + action[0], action[0], jnp.array(False)

    box = Box(np.array([-1.0]), np.array([1.0]))
    envs = vectorised(Environment(lambda key: jnp.zeros(()), step, lambda state: state[None], box, 100), 4)
    output = lambda obs: jnp.tile(jnp.array([0.0, 2.0]), (4, 1))
    start = envs.reset(jax.random.key(1))
    running, seen = rollout(key, envs, start, policy(box), output, 50)
    assert seen.action.shape == (50, 4, 1)
    assert jnp.abs(seen.action).max() > 2
    np.testing.assert_allclose(seen.reward, jnp.clip(seen.action[..., 0], -1, 1))
    np.testing.assert_allclose(seen.next_obs[:-1], seen.obs[1:])
    np.testing.assert_allclose(running.state, seen.reward.sum(0), rtol=1e-5, atol=1e-5)
    assert len(np.unique(seen.action)) == 200


@pytest.mark.parametrize(("horizon", "cut"), [(500, False), (9, True)])
def test_the_value_of_what_follows_is_that_of_the_state_before_any_reset(key, horizon, cut):
    """Row by row, wherever it counts, with episodes that end of themselves and with some that are cut off."""
    envs = vectorised(cartpole()._replace(horizon=horizon), 4)
    tilted = lambda obs: jnp.zeros((4, 2)).at[:, 0].set(2.0)
    _, seen = jax.jit(lambda key: rollout(key, envs, envs.reset(jax.random.key(1)), policy(Discrete(2)), tilted, 64))(
        key
    )
    assert seen.terminal.any()
    assert seen.truncated.any() == cut
    judge = lambda obs: jnp.sin(obs).sum(-1)
    value, next_value = jax.jit(lambda seen: values(judge, seen))(seen)
    counts = ~np.asarray(seen.terminal)
    np.testing.assert_allclose(value, judge(seen.obs), rtol=1e-6)
    np.testing.assert_allclose(next_value[counts], judge(seen.next_obs)[counts], rtol=1e-6)
