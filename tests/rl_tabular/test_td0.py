import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.path import Path
from jaxicon.envs.probe import probes
from jaxicon.envs.random_walk import either_way, random_walk
from jaxicon.rl_tabular.mc_prediction import complete
from jaxicon.rl_tabular.td0 import Config, State, every_visit, learn, next_value, td0
from tests.rl_tabular._episodes import POLICY, chain, lists, paths, solved, taught


def example():
    mdp = random_walk()
    return td0(Config(initial=0.5), mdp, either_way(mdp)), nothing


@pytest.mark.system("rl.td0")
@pytest.mark.parametrize("power", [0.0, 0.8])
def test_learns_what_a_plain_loop_learns(x64, power, key):
    """Episodes of at most six moves: some end, some are cut off, after which the last state still has its value."""
    mdp, config = chain(), Config(0.3, power, 0.25, 6)
    state = taught(key, td0(config, mdp, POLICY), 100)
    value, visits, cut = np.array([0.25, 0.25, 0.25, 0.0]), np.zeros(4, int), 0
    for states, _, rewards in lists(paths(key, 6, 100)):
        for s, reward, after in zip(states[:-1], rewards, states[1:], strict=True):
            visits[s] += 1
            value[s] += 0.3 / visits[s] ** power * (reward + 0.9 * value[after] - value[s])
        cut += states[-1] != 3
    np.testing.assert_allclose(state.value, value, rtol=1e-10)
    np.testing.assert_array_equal(state.visits, visits)
    assert 20 < cut < 80


@pytest.mark.system("rl.td0")
def test_after_a_hundred_episodes_the_random_walk_is_known_to_a_tenth(key):
    """Root mean square error over the five states, from 1/2 everywhere, in every one of ten runs; 0.25 before."""
    mdp, keys = random_walk(), jax.random.split(key, 10)
    method = td0(Config(0.05, 0.0, 0.5), mdp, either_way(mdp))
    state, _ = train(jax.random.clone(keys), method, nothing, 100, chunk=100)
    error = np.sqrt(np.mean((np.asarray(state.value)[:, 1:-1] - np.arange(1, 6) / 6) ** 2, -1))
    assert (error < 0.1).all(), error
    np.testing.assert_allclose(evaluate(keys, method, state, nothing, 1)["error"], error, rtol=1e-4)


def batch_limit(played: list[tuple[list, list]], discount: float, target, states: int, rate: float) -> np.ndarray:
    """Where the values end when a fixed batch is presented again and again and changes are made after each round.

    A change is read off `learn` at a step size so small that it does not see its own earlier steps.
    """
    width, tiny = max(len(rewards) for _, rewards in played), 1e-7
    fill = lambda row, size: np.pad(row, (0, size - len(row)), mode="edge")
    columns = Path(
        jnp.array([fill(states, width + 1) for states, _ in played]),
        jnp.zeros((len(played), width), int),
        jnp.array([np.pad(np.array(rewards, float), (0, width - len(rewards))) for _, rewards in played]),
        jnp.array([len(rewards) for _, rewards in played]),
    )

    def change(value, path):
        start = State(value, jnp.zeros(states, jnp.int32))
        after = learn(Config(tiny), path, target(path, discount), every_visit(path), start)
        return (after.value - value) / tiny

    sweep = lambda _, value: value + rate * jax.vmap(change, (None, 0))(value, columns).sum(0)
    return jax.jit(lambda: jax.lax.fori_loop(0, 2000, sweep, jnp.zeros(states)))()


@pytest.mark.system("rl.td0")
def test_batch_td_is_the_certainty_equivalent_and_batch_monte_carlo_the_mean_return(x64, key):
    """The model that the counts suggest, solved; it is not what the returns of the same episodes say."""
    batch = []
    while len(batch) < 20:  # whole episodes
        key, draw_key = jax.random.split(key)
        batch += [(s, r) for s, _, r in lists(paths(draw_key, 30, 20)) if s[-1] == 3]
    counts, gains, returns = np.zeros((3, 4)), np.zeros(3), [[], [], []]
    for states, rewards in batch:
        for t, s in enumerate(states[:-1]):
            counts[s, states[t + 1]] += 1
            gains[s] += rewards[t]
            returns[s].append(sum(0.9**i * r for i, r in enumerate(rewards[t:])))
    visits = counts.sum(1)
    model = np.linalg.solve(np.eye(3) - 0.9 * counts[:, :3] / visits[:, None], gains / visits)
    mean = np.array([np.mean(r) for r in returns])
    td, mc = (batch_limit(batch, 0.9, target, 4, 0.5 / visits.max()) for target in (next_value, complete))
    np.testing.assert_allclose(td[:3], model, rtol=1e-4)
    np.testing.assert_allclose(mc[:3], mean, rtol=1e-4)
    assert np.abs(model - mean).max() > 0.01


@pytest.mark.system("rl.td0")
def test_you_are_the_predictor(x64):
    """Sutton & Barto, Example 6.4: A, 0, B, 0 once; B, 1 six times; B, 0 once. TD says A is worth 3/4, the mean 0."""
    batch = [([0, 1, 2], [0, 0])] + 6 * [([1, 2], [1])] + [([1, 2], [0])]
    np.testing.assert_allclose(batch_limit(batch, 1.0, next_value, 3, 0.1), [0.75, 0.75, 0], atol=1e-5)
    np.testing.assert_allclose(batch_limit(batch, 1.0, complete, 3, 0.1), [0, 0.75, 0], atol=1e-5)


@pytest.mark.system("rl.td0")
def test_the_time_limit_does_not_cut_the_future(x64, key):
    """To stay is worth 1 / (1 - 1/2), though every episode is cut off after three moves; to leave is worth 1."""
    mdp = probes()["time_limit"].mdp
    for leave in (0.0, 1.0):
        policy = np.tile([1 - leave, leave], (3, 1))
        true = solved(mdp, policy)
        np.testing.assert_allclose(true[1], 2 - leave)
        state = taught(jax.random.clone(key), td0(Config(0.5, horizon=3), mdp, policy), 200)
        np.testing.assert_allclose(state.value, true, atol=1e-9)


@pytest.mark.parametrize(
    ("config", "policy", "message"),
    [
        (Config(step_size=0.0), POLICY, "step_size is 0.0"),
        (Config(power=1.5), POLICY, "power is 1.5"),
        (Config(horizon=0), POLICY, "horizon is 0"),
        (Config(), POLICY.T, "policy"),
    ],
)
def test_what_cannot_be_is_refused(config, policy, message):
    with pytest.raises(ConfigError, match=message):
        td0(config, chain(), policy)
