import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs.probe import probes
from jaxicon.rl_tabular.mc_control import Config, State, learn, mc_control
from tests.rl_tabular._episodes import best, chain, lists, paths, taught


def example():
    return mc_control(Config(), chain()), nothing


@pytest.mark.system("rl.mc_control_es")
def test_the_policy_is_that_of_value_iteration(x64, key):
    """In every one of four runs, on a model whose best and second-best actions are at least a tenth apart."""
    mdp, keys = chain(), jax.random.split(key, 4)
    q = best(mdp)
    assert (np.abs(q[:3, 0] - q[:3, 1]) > 0.1).all()
    method = mc_control(Config(30), mdp)
    state, _ = train(jax.random.clone(keys), method, nothing, 2000, chunk=2000)
    found = np.asarray(state.q)
    assert (found[:, :3].argmax(-1) == q[:3].argmax(-1)).all()
    np.testing.assert_allclose(found[:, :3], np.tile(q[:3], (4, 1, 1)), atol=0.25)
    np.testing.assert_allclose(evaluate(keys, method, state, nothing, 1)["value"], mdp.start @ q.max(-1), atol=1e-9)
    first = jax.tree.map(lambda x: x[0], state)
    assert [int(method.act(jax.random.key(1), first, jnp.int32(s))) for s in range(3)] == q[:3].argmax(-1).tolist()
    assert (np.asarray(state.visits)[:, :3] >= 250).all(), "every pair begins one episode in six"
    assert not np.asarray(state.visits)[:, 3].any()


@pytest.mark.system("rl.mc_control_es")
def test_learns_the_mean_of_what_follows_the_first_visits_of_a_pair(x64, key):
    rows = paths(key, 200, 40)
    found = {}
    for states, actions, rewards in lists(rows):
        assert states[-1] == 3
        pairs = list(zip(states, actions, strict=False))
        for t, pair in enumerate(pairs):
            if pair not in pairs[:t]:
                found.setdefault(pair, []).append(sum(0.9**i * r for i, r in enumerate(rewards[t:])))
    start = State(jnp.full((4, 2), 7.0).at[3].set(0), jnp.zeros((4, 2), jnp.int32))
    state = jax.jit(lambda: jax.lax.scan(lambda s, path: (learn(0.9, s, path), None), start, rows)[0])()
    for pair, returns in found.items():
        np.testing.assert_allclose(state.q[pair], np.mean(returns), rtol=1e-10)
        assert state.visits[pair] == len(returns)
    assert len(found) == 6


@pytest.mark.system("rl.mc_control_es")
def test_without_exploring_starts_an_unlucky_action_is_never_tried_again(x64, key):
    """The best action looked bad once. With starts of all kinds it recovers."""
    q, mdp = best(chain()), chain()
    unlucky = jnp.asarray(np.where(q >= q.max(-1, keepdims=True), -5.0, q)).at[3].set(0)
    state = State(unlucky, jnp.ones((4, 2), jnp.int32))
    method = mc_control(Config(60), mdp)
    step = lambda state, t: (method.step(jax.random.fold_in(key, t), state, None)[0], None)
    after = jax.jit(lambda: jax.lax.scan(step, state, jnp.arange(1000))[0])()
    assert (after.q[:3].argmax(-1) == q[:3].argmax(-1)).all()


@pytest.mark.system("rl.mc_control_es")
def test_the_time_limit_does_not_cut_the_future(x64, key):
    """To stay is worth 1 / (1 - 1/2) though no episode is longer than three moves; the mean forgets slowly."""
    probe = probes()["time_limit"]
    state = taught(key, mc_control(Config(3), probe.mdp), 4000)
    np.testing.assert_allclose(state.q, probe.values, atol=0.02)


def test_a_horizon_without_a_move_is_refused():
    with pytest.raises(ConfigError, match="horizon is 0"):
        mc_control(Config(0), chain())
