import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxicon.core.errors import ConfigError
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import Box, Discrete, Environment, vectorised
from jaxicon.envs.policy import LOG_STD, advantages, policy, rollout, values

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


def test_the_divergence_of_policies_is_the_mean_log_ratio_of_their_densities(x64, key):
    """Over a box by many draws, over discrete actions by the sum over all of them; of a policy from itself it is 0."""
    family, other = policy(BOX), OUTPUT + np.array([0.3, -0.1, 0.2, -0.4])
    draws = family.sample(family.noise(key, (200_000,)), jnp.tile(OUTPUT, (200_000, 1)))
    log_p = lambda output: family.log_prob(jnp.tile(output, (200_000, 1)), draws)
    ratio = log_p(OUTPUT) - log_p(other)
    both = family.divergence(jnp.stack([OUTPUT, OUTPUT]), jnp.stack([other, OUTPUT]))
    assert abs(both[0] - ratio.mean()) < 5 * float(ratio.std()) / 200_000**0.5 < 0.02
    np.testing.assert_allclose(both[1], 0, atol=1e-15)
    logits = jnp.array([[0.1, -1.0, 2.0], [0.0, 0.5, 0.7]])
    p, q = np.asarray(jax.nn.softmax(logits))
    np.testing.assert_allclose(policy(Discrete(3)).divergence(*logits), (p * np.log(p / q)).sum(), rtol=1e-12)


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
    np.testing.assert_allclose(next_value[counts], judge(seen.next_obs)[counts], rtol=1e-6, atol=1e-7)


def test_advantages_are_the_sums_of_a_plain_loop(x64, key):
    """Of every copy on its own; ends cut the bootstrap, the time limit does not."""
    envs = vectorised(cartpole()._replace(horizon=9), 3)
    tilted = lambda obs: jnp.zeros((3, 2)).at[:, 0].set(2.0)
    _, seen = rollout(key, envs, envs.reset(jax.random.key(1)), policy(Discrete(2)), tilted, 25)
    judge = lambda obs: jnp.sin(obs).sum(-1)
    got, value = advantages(judge, seen, 0.9, 0.8)
    following = np.where(seen.terminal, 0, judge(seen.next_obs))
    delta, over = seen.reward + 0.9 * following - judge(seen.obs), np.asarray(seen.terminal | seen.truncated)
    wanted, sum_ = np.zeros((25, 3)), np.zeros(3)
    for t in reversed(range(25)):
        wanted[t] = sum_ = delta[t] + 0.72 * np.where(over[t], 0, sum_)
    np.testing.assert_allclose(got, wanted, rtol=1e-10)
    np.testing.assert_allclose(value, judge(seen.obs), rtol=1e-12)
