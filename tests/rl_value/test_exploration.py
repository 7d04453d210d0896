import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.deep_sea import deep_sea
from jaxicon.envs.pendulum import pendulum
from jaxicon.envs.probe import probes
from jaxicon.envs.tabular import environment
from jaxicon.ops.exploration import constant, counting, one_of, optimistic, randomly, rules
from jaxicon.rl_value.exploration import Config, exploration


def seen(mdp, horizon, features=None):
    features = np.eye(mdp.terminal.size) if features is None else features
    return environment(mdp, horizon)._replace(observe=lambda state: jnp.asarray(features, float)[state])


def example():
    return exploration(Config(), seen(deep_sea(3), 3), counting(0.1)), nothing


@pytest.mark.system("rl.explore_count")
def test_weights_and_counts_are_those_of_a_plain_loop(x64, key):
    """On features that overlap, cut off in mid-episode, with a bonus in the bootstrap."""
    mdp = deep_sea(3)._replace(discount=0.9)
    features = np.random.default_rng(0).dirichlet(np.ones(4), 10)
    env, rule = seen(mdp, 2, features), counting(0.7, 0.6)
    method = exploration(Config(0.8, 0.3, 0.9), env, rule)
    state, step = fresh(jax.random.clone(key), method), jax.jit(method.step)
    weights, counts, cut = np.zeros((4, 2)), np.zeros((4, 2)), 0
    for t in range(60):
        s, time, before = int(state.world.state[0]), int(state.world.time[0]), np.asarray(state.counts)
        state, _ = step(jax.random.fold_in(key, t), state, None)
        phi = features[s]
        a = int((np.asarray(state.counts) - before).sum(0).argmax())
        tried = phi @ weights + 0.7 / (1 + phi @ counts) ** 0.6
        assert tried[a] >= tried.max() - 1e-12
        after = mdp.transition[s, a].argmax()
        counts[:, a] += phi
        hope = (features[after] @ weights + 0.7 / (1 + features[after] @ counts) ** 0.6).max()
        error = mdp.reward[s, a] + 0.9 * (0 if after == 9 else hope) - phi @ weights[:, a]
        weights[:, a] += 0.8 / (phi @ counts[:, a]) ** 0.3 * error * phi
        cut += time == 1 and after != 9
    assert cut > 10
    np.testing.assert_allclose(state.weights, weights, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(state.counts, counts, rtol=1e-9)


@pytest.mark.parametrize("name", probes())
def test_probes_have_their_values(x64, name, key):
    probe = probes()[name]
    env = seen(probe.mdp, probe.horizon)
    rule = one_of([randomly(), optimistic(5.0)], jnp.int32(0))  # one program for all but the shapes
    state, _ = train(key, exploration(Config(1.0, 0.6, probe.mdp.discount), env, rule), nothing, 4000, chunk=4000)
    np.testing.assert_allclose(state.weights, probe.values, atol=1e-2)


@pytest.mark.system("rl.explore_count")
@pytest.mark.system("rl.explore_optimistic")
@pytest.mark.system("rl.explore_eps_greedy")
def test_the_deep_sea_is_crossed_by_those_whom_the_unknown_attracts_from_afar(key):
    """One way in 256 pays; 300 episodes, 8 seeds."""
    names, size = ["optimistic", "count", "epsilon", "greedy"], 8
    table = [optimistic(1.0), counting(0.1, 2.0), constant(0.1), rules()["greedy"]]
    env = seen(deep_sea(size), size)

    def one(key, index):
        method = exploration(Config(1.0, 0.0), env, one_of(table, index))
        start_key, play_key = jax.random.split(key)
        advance = lambda t, state: method.step(jax.random.fold_in(play_key, t), state, None)[0]
        state = jax.lax.fori_loop(0, 300 * size, advance, method.init(start_key, None))
        return method.evaluate(jax.random.fold_in(play_key, 300 * size), state, None)["return"]

    keys = jax.random.split(key, 8)
    earned = jax.jit(jax.vmap(jax.vmap(one, (0, None)), (None, 0)))(keys, jnp.arange(4))
    earned = dict(zip(names, np.asarray(earned), strict=True))
    for name in ("optimistic", "count"):
        np.testing.assert_allclose(earned[name], 0.99, atol=1e-5)
    assert (earned["epsilon"] > 0.5).mean() <= 0.2
    assert (earned["greedy"] <= 0).all()


def test_act_is_greedy_and_evaluate_plays_it(key):
    """In the shallowest sea, of one cell, right is worth 0.99 once it was tried."""
    method = exploration(Config(), seen(deep_sea(1), 1), optimistic(2.0))
    state, _ = train(jax.random.clone(key), method, nothing, 10, chunk=10)
    assert method.act(key, state, jnp.array([1.0, 0.0])) == 1
    np.testing.assert_allclose(evaluate(key, method, state, nothing, 1)["return"], 0.99, rtol=1e-6)


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="discrete"):
        exploration(Config(), pendulum(), randomly())
    with pytest.raises(ConfigError, match="discount is 1.5"):
        exploration(Config(discount=1.5), seen(deep_sea(2), 2), randomly())
