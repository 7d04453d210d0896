from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.envs.environment import episode, vectorised
from jaxicon.envs.pomdp import POMDP, check_pomdp, first_belief, next_belief, partial_environment, tiger
from jaxicon.envs.tabular import random_mdp
from jaxicon.ops.exploration import draw
from jaxicon.ops.information import markov_property


def foggy(states: int = 4, actions: int = 2, observations: int = 3) -> POMDP:
    """A small random model; its table is given by successors."""
    emission = np.random.default_rng(5).dirichlet(np.ones(observations), states)
    start = np.random.default_rng(6).dirichlet(np.ones(states))
    return POMDP(random_mdp(2, states, actions, 3)._replace(start=start), emission)


def by_enumeration(pomdp: POMDP, action: list[int], obs: list[int]) -> np.ndarray:
    """p(s_t | everything seen), from the probability of every sequence of states."""
    mdp, states = pomdp.mdp, len(pomdp.emission)
    table = mdp.transition if isinstance(mdp.transition, np.ndarray) else mdp.transition.dense()
    last = np.zeros(states)
    for path in product(range(states), repeat=len(obs)):
        chance = mdp.start[path[0]] * pomdp.emission[path[0], obs[0]]
        for before, a, after, seen in zip(path[:-1], action, path[1:], obs[1:], strict=True):
            chance *= table[before, a, after] * pomdp.emission[after, seen]
        last[path[-1]] += chance
    return last / last.sum()


def dense(pomdp: POMDP) -> POMDP:
    return pomdp._replace(mdp=pomdp.mdp._replace(transition=pomdp.mdp.transition.dense()))


@pytest.mark.system("rl.pomdp")
@pytest.mark.parametrize("pomdp", [tiger(), foggy(), dense(foggy())], ids=["tiger", "successors", "table"])
def test_the_belief_is_that_of_bayes_rule_over_all_paths(x64, pomdp):
    random = np.random.default_rng(0)
    _, actions = pomdp.mdp.reward.shape
    action, obs = random.integers(actions, size=4).tolist(), random.integers(pomdp.emission.shape[1], size=5).tolist()
    belief = first_belief(pomdp, jnp.int32(obs[0]))
    np.testing.assert_allclose(belief, by_enumeration(pomdp, [], obs[:1]), rtol=1e-12)
    for t, (a, seen) in enumerate(zip(action, obs[1:], strict=True)):
        belief = next_belief(pomdp, belief, jnp.int32(a), jnp.int32(seen))
        np.testing.assert_allclose(belief, by_enumeration(pomdp, action[: t + 1], obs[: t + 2]), rtol=1e-12)


@pytest.mark.system("rl.pomdp")
def test_hearing_the_tiger_thrice_on_the_left_is_bayes_odds(x64):
    belief = first_belief(tiger(), jnp.int32(0))
    for _ in range(2):
        belief = next_belief(tiger(), belief, jnp.int32(0), jnp.int32(0))
    odds = (0.85 / 0.15) ** 3
    np.testing.assert_allclose(belief, [odds / (1 + odds), 1 / (1 + odds)], rtol=1e-12)
    after = next_belief(
        tiger(), belief, jnp.int32(1), jnp.int32(1)
    )  # a door was opened: all that is left is one hearing
    np.testing.assert_allclose(after, [0.15, 0.85], rtol=1e-12)


@pytest.mark.system("rl.pomdp")
def test_play_shows_only_what_is_emitted(key):
    """Each pair of a state and what is seen of it has the probability of the emission; rewards are those of the MDP."""
    pomdp = tiger()
    env = partial_environment(pomdp, 50)
    policy = lambda key, obs: jax.random.randint(key, (), 0, 3)
    played = jax.vmap(lambda key: episode(key, env, policy))(jax.random.split(key, 200))
    state, obs = np.asarray(played.state.state).ravel(), np.asarray(played.state.obs).ravel()
    np.testing.assert_allclose((state == obs).mean(), 0.85, atol=4 * (0.85 * 0.15 / obs.size) ** 0.5)
    assert played.alive.all()
    action = np.asarray(played.action).ravel()
    np.testing.assert_array_equal(np.asarray(played.reward).ravel(), pomdp.mdp.reward[state, action].astype(np.float32))
    assert env.observe(played.state) is played.state.obs


@pytest.mark.system("rl.pomdp")
@pytest.mark.system("rl.markov_property_test")
def test_states_of_the_tiger_are_markov_and_its_growls_are_not(key):
    envs = vectorised(partial_environment(tiger(), 10**6), 1)

    @jax.jit
    def play(key):
        def move(running, t):
            act_key, step_key = jax.random.split(jax.random.fold_in(key, t))
            action = draw(act_key, jnp.array([0.8, 0.1, 0.1]))[None]
            hidden = jax.tree.map(lambda x: x[0], running.state)
            return envs.step(step_key, running, action)[0], (hidden, action[0])

        return jax.lax.scan(move, envs.reset(jax.random.clone(key)), jnp.arange(5001))[1]

    hidden, action = play(key)
    never = jnp.zeros(5000, bool)
    states, growls = (markov_property(x, action[:-1], never, 2, 3) for x in hidden)
    assert states.p_value > 0.01
    assert (states.freedom, growls.freedom) == (4, 6)  # one who listens stays where he is, whatever was before
    assert growls.p_value < 1e-6
    assert growls.information > 10 * states.information


@pytest.mark.parametrize(
    ("emission", "message"),
    [
        (np.ones((3, 2)) / 2, r"emission has shape \(3, 2\); expected \(2, o\)"),
        (np.ones((2, 2)), r"emission\(0,\) is no distribution"),
    ],
)
def test_emissions_that_are_none_are_refused(emission, message):
    with pytest.raises(ConfigError, match=message):
        check_pomdp(tiger()._replace(emission=emission))
