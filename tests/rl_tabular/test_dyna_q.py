import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import Transition
from jaxicon.envs.grid_world import star_grid
from jaxicon.envs.probe import probes
from jaxicon.ops.exploration import randomly
from jaxicon.rl_tabular.dyna_q import Model, dyna_q, imagined, observed
from jaxicon.rl_tabular.q_learning import Config
from tests.rl_tabular._episodes import best, chain

CONSTANT = Config(step_size=0.5, power=0.0, epsilon=0.1, pace=float("inf"), horizon=100)


def example():
    return dyna_q(CONSTANT, star_grid(), 3), nothing


def lived(method, key, steps: int):
    """States before every move, and the last one."""

    def step(state, t):
        return method.step(jax.random.fold_in(key, t), state, None)[0], state

    return jax.tree.map(
        np.asarray, jax.jit(lambda: jax.lax.scan(step, method.init(jax.random.key(1), None), jnp.arange(steps)))()
    )


@pytest.mark.system("rl.dyna_q")
def test_without_imagination_it_is_q_learning_and_its_model_the_counts(x64, key):
    """The rule in NumPy on the moves that were made, read off the counts of the model."""
    mdp = chain()
    last, before = lived(dyna_q(Config(0.5, 0.5, horizon=10**6), mdp, 0), key, 400)
    counts = np.concatenate([before.model.count, last.model.count[None]])
    q, visits = np.zeros((4, 2)), np.zeros((4, 2))
    for new, old in zip(counts[1:], counts[:-1], strict=True):
        s, a, after = np.argwhere(new != old)[0]
        visits[s, a] += 1
        target = mdp.reward[s, a] + 0.9 * (0 if after == 3 else q[after].max())
        q[s, a] += 0.5 / visits[s, a] ** 0.5 * (target - q[s, a])
    np.testing.assert_allclose(last.learned.q, q, rtol=1e-9)
    np.testing.assert_array_equal(last.model.count.sum(-1), visits)
    np.testing.assert_array_equal(last.learned.visits, visits)
    np.testing.assert_allclose(last.model.reward, mdp.reward)
    np.testing.assert_array_equal(last.model.terminal, mdp.terminal)


@pytest.mark.system("rl.dyna_q")
def test_much_imagination_solves_the_model_that_was_seen(x64, key):
    """After forty real moves: Q is optimal in the MDP of the counts (a linear program), which is not yet the world."""
    mdp = chain()
    last, _ = lived(dyna_q(Config(0.005, 0.0, horizon=10**6), mdp, 3000), key, 40)
    count = last.model.count
    assert (count.sum(-1)[:3] > 0).all()
    share = np.where(count.sum(-1, keepdims=True) > 0, count / count.sum(-1, keepdims=True).clip(1), np.eye(4)[:, None])
    seen = mdp._replace(transition=share, reward=np.where(count.sum(-1) > 0, mdp.reward, 0))
    wanted = best(seen)
    assert np.abs(wanted - best(mdp)).max() > 0.3
    np.testing.assert_allclose(last.learned.q, wanted, atol=0.25)


@pytest.mark.system("rl.dyna_q")
def test_the_model_has_the_mean_of_the_rewards_and_every_end(x64):
    model = Model(jnp.zeros((3, 2, 3), int), jnp.zeros((3, 2)), jnp.zeros(3, bool))
    for reward, after, over in ((1.0, 1, False), (4.0, 2, True), (10.0, 1, False)):
        model = observed(model, Transition(*map(jnp.asarray, (0, 1, reward, over, not over, after))))
    assert model.count[0, 1].tolist() == [0, 2, 1]
    assert model.count.sum() == 3
    np.testing.assert_allclose(model.reward, [[0, 5], [0, 0], [0, 0]], rtol=1e-12)
    assert model.terminal.tolist() == [False, False, True]


@pytest.mark.system("rl.dyna_q")
def test_what_is_imagined_has_the_frequencies_of_what_was_seen(key):
    """Of the pairs that were tried, all equally likely."""
    count = np.zeros((3, 2, 3), int)
    count[0, 1], count[1, 0] = [1, 2, 5], [0, 0, 3]
    reward = np.zeros((3, 2))
    reward[0, 1] = 4.0
    model = Model(jnp.asarray(count), jnp.asarray(reward), jnp.array([False, False, True]))
    seen = jax.jit(jax.vmap(lambda key: imagined(key, model)))(jax.random.split(key, 4000))
    got = np.zeros((3, 2, 3))
    np.add.at(got, (np.asarray(seen.obs), np.asarray(seen.action), np.asarray(seen.next_obs)), 1)
    expected = 2000 * count / count.sum(-1, keepdims=True).clip(1)
    assert not got[expected == 0].any()
    assert chisquare(got[expected > 0], expected[expected > 0]).pvalue > 1e-3
    np.testing.assert_array_equal(seen.reward, np.where(seen.obs == 0, 4.0, 0.0))
    np.testing.assert_array_equal(seen.terminal, seen.next_obs == 2)
    assert not seen.truncated.any()


@pytest.mark.slow
@pytest.mark.system("rl.dyna_q")
def test_the_more_is_imagined_the_fewer_moves_solve_the_grid(key):
    """Moves an episode over the first 300, in the mean of four runs; the shortest way has seven."""
    mdp, keys = star_grid(), jax.random.split(key, 4)
    moves = []
    for planning in (0, 5, 50):
        state, _ = train(jax.random.clone(keys), dyna_q(CONSTANT, mdp, planning), nothing, 300, chunk=300)
        moves.append(300 / np.asarray(state.model.count)[..., mdp.terminal].sum((1, 2, 3)).mean())
    assert moves[0] > 1.5 * moves[1], moves
    assert moves[1] > 1.1 * moves[2] > 1.1 * 7, moves


@pytest.mark.system("rl.dyna_q")
def test_the_time_limit_does_not_cut_the_future(x64, key):
    """Where episodes are cut off after three moves, the model does not take the last state for an end."""
    probe = probes()["time_limit"]
    method = dyna_q(Config(power=0.6, horizon=3), probe.mdp, 5, randomly())
    state, _ = train(jax.random.clone(key), method, nothing, 1500, chunk=1500)
    np.testing.assert_allclose(state.learned.q, probe.values, atol=0.02)
    np.testing.assert_array_equal(state.model.terminal, probe.mdp.terminal)
    assert method.act(jax.random.clone(key), state, jnp.int32(1)) == 0
    np.testing.assert_allclose(evaluate(key, method, state, nothing, 1)["value"], 1.0, atol=1e-6)


def test_less_than_no_imagination_is_refused():
    with pytest.raises(ConfigError, match="planning is -1"):
        dyna_q(CONSTANT, star_grid(), -1)
