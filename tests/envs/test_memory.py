import jax
import jax.numpy as jnp
import numpy as np

from jaxicon.envs.environment import Discrete, Environment, copies, episode
from jaxicon.envs.memory import Noted, noting, remembering
from jaxicon.envs.policy import policy, rollout


def counter(starts=None) -> Environment:
    """The state counts up to 3, whatever one does; an observation is the state."""

    def step(key, state, action):
        return state + 1, action.astype(float), state + 1 >= 3

    return Environment(lambda key: jnp.int32(0), step, lambda state: state[None], Discrete(2), 9, starts)


def listening(seen: Noted) -> Noted:
    """A memory that adds up all observations + 1; the action is 1 where it was odd before."""
    odd = seen.memory[..., :1] % 2
    return Noted(jnp.concatenate([1 - odd, odd], -1) * 100, seen.memory + seen.what + 1)


def test_what_is_noted_with_an_action_is_read_with_the_next_observation_and_lost_at_the_end(key):
    """States 0 1 2 are seen, so that the memories are 0, 1, 3 and then 0 again; 6 is before the reset."""
    for starts in (None, lambda key, n: jnp.zeros(n, jnp.int32)):
        envs = copies(remembering(counter(starts), 2), 3)
        start = envs.reset(jax.random.key(1))
        _, seen = rollout(jax.random.clone(key), envs, start, noting(policy(Discrete(2))), listening, 7)
        np.testing.assert_array_equal(seen.obs.memory[:, 1, 0], [0, 1, 3, 0, 1, 3, 0])
        np.testing.assert_array_equal(seen.next_obs.memory[:, 1, 0], [1, 3, 6, 1, 3, 6, 1])
        np.testing.assert_array_equal(seen.action.memory[:, 2, 1], [1, 3, 6, 1, 3, 6, 1])
        np.testing.assert_array_equal(seen.action.what[:, 0], [0, 1, 1, 0, 1, 1, 0])
        np.testing.assert_array_equal(seen.obs.what[:, 0, 0], [0, 1, 2, 0, 1, 2, 0])
        np.testing.assert_array_equal(seen.reward[:, 0], seen.action.what[:, 0])


def test_an_episode_remembers_too(key):
    family = noting(policy(Discrete(2)))
    played = episode(key, remembering(counter(), 1), lambda key, obs: family.mode(listening(obs)))
    np.testing.assert_array_equal(played.action.what[:3], [0, 1, 1])
    assert played.reward.sum() == 2


def test_probabilities_are_those_of_what_is_drawn():
    plain, family = policy(Discrete(2)), policy(Discrete(2))
    logits, other = jnp.array([0.3, -1.0]), jnp.array([1.0, 0.0])
    noted = noting(family)
    memory = jnp.arange(3.0)
    action = noted.sample(jnp.zeros(2), Noted(logits, memory))
    assert noted.log_prob(Noted(logits, memory), action) == plain.log_prob(logits, jnp.int32(0))
    assert noted.entropy(Noted(logits, memory)) == plain.entropy(logits)
    assert noted.divergence(Noted(logits, memory), Noted(other, memory)) == plain.divergence(logits, other)
    np.testing.assert_array_equal(noted.bounded(action).memory, memory)
