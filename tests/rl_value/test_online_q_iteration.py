import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import Box, vectorised
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.envs.tabular import MDP, environment
from jaxicon.nn.mlp import mlp
from jaxicon.nn.q_networks import table
from jaxicon.rl_value import online_q_iteration as module
from jaxicon.rl_value.online_q_iteration import Config, online_q_iteration

SMALL = Config((32,), 0.05, DISCOUNT, epsilon_end=0.5, epsilon_steps=1000.0, episodes=8)


def example():
    return online_q_iteration(SMALL, probes()["both"].environment()), nothing


def recorded(monkeypatch, key, config, steps):
    """Moves in a random MDP of six states with a table for a network: every transition, and the table after each."""
    seen, random = [], np.random.default_rng(0)
    transition, reward, end = random.dirichlet(np.ones(6), (6, 3)), random.normal(size=(6, 3)), np.arange(6) == 5
    transition[end], reward[end] = end, 0
    mdp = MDP(transition, reward, 0.9, end, ~end / 5)

    def watched(env, n):
        envs = vectorised(env, n)

        def step(key, running, action):
            running, transition = envs.step(key, running, action)
            jax.debug.callback(lambda now: seen.append(jax.tree.map(lambda x: x[0], now)), transition, ordered=True)
            return running, transition

        return envs._replace(step=step)

    monkeypatch.setattr(module, "vectorised", watched)
    env = environment(mdp, 5)._replace(observe=lambda state: jax.nn.one_hot(state, 6))
    method = online_q_iteration(config, env, table)

    def play(state, t):
        state = method.step(jax.random.fold_in(key, t), state, None)[0]
        return state, state.params

    tables = jax.jit(lambda state: jax.lax.scan(play, state, jnp.arange(steps))[1])(fresh(jax.random.key(1), method))
    jax.effects_barrier()
    return seen, np.asarray(tables)


@pytest.mark.system("rl.online_q_iteration")
@pytest.mark.parametrize("bits", [True, False])
def test_with_one_hot_states_it_is_tabular_q_learning(x64, monkeypatch, bits, key):
    """Against a loop of Python floats. With powers of two for alpha and the discount, whose products round nothing,
    bit for bit; with others to the last digits, for a compiler may fuse a product and a sum."""
    alpha, discount = (0.5, 0.5) if bits else (0.3, 0.9)
    seen, tables = recorded(monkeypatch, key, Config((), alpha, discount, epsilon_end=1.0), 400)
    q = [[0.0] * 3 for _ in range(6)]
    for t, (obs, action, reward, terminal, _, then) in enumerate(seen):
        s, a, following = int(np.argmax(obs)), int(action), max(q[int(np.argmax(then))])
        wanted = float(reward) + discount * (0.0 if terminal else following)
        q[s][a] = q[s][a] + alpha * (wanted - q[s][a])
        if bits:
            assert tables[t].tolist() == q
    np.testing.assert_allclose(tables[-1], q, rtol=1e-12)
    assert len(seen) == 400
    assert np.count_nonzero(q) == 15
    assert sum(bool(row.terminal) for row in seen) > 20
    assert sum(bool(row.truncated) for row in seen) > 20


@pytest.mark.system("rl.online_q_iteration")
def test_one_move_is_the_semi_gradient_of_a_perceptron(x64, key):
    """Back-propagation by hand; the value of the next state is held fixed."""
    config = Config((3,), 0.1, 0.9, epsilon_end=1.0)
    method = online_q_iteration(config, probes()["time_limit"].environment())
    state = fresh(jax.random.clone(key), method)
    probe = probes()["time_limit"]
    state = state._replace(params=jax.tree.map(lambda x: x + 0.4, state.params))
    after, metrics = jax.jit(method.step)(key, state, None)
    (w, b), (v, c) = ([np.asarray(p[k]) for k in ("kernel", "bias")] for p in state.params["params"].values())
    x, then = probe.features[0], probe.features[1]
    hidden = lambda x: np.maximum(x @ w + b, 0)
    changed = np.asarray(after.params["params"]["Dense_1"]["bias"]) != c
    assert changed.sum() == 1
    a = int(changed.argmax())
    error = (hidden(x) @ v + c)[a] - 0.9 * (hidden(then) @ v + c).max()  # the reward is 0
    np.testing.assert_allclose(metrics["td_error"], abs(error), rtol=1e-12)
    back = error * v[:, a] * (hidden(x) > 0)
    moved = {"kernel": w - 0.1 * np.outer(x, back), "bias": b - 0.1 * back}
    for part, value in moved.items():
        np.testing.assert_allclose(after.params["params"]["Dense_0"][part], value, rtol=1e-12)
    np.testing.assert_allclose(after.params["params"]["Dense_1"]["kernel"][:, a], v[:, a] - 0.1 * error * hidden(x))


@pytest.mark.system("rl.online_q_iteration")
@pytest.mark.parametrize("name", ["both", "time_limit"])
def test_probes_have_their_values(name, key):
    probe = probes()[name]
    method = online_q_iteration(SMALL, probe.environment())
    state, _ = train(jax.random.clone(key), method, nothing, 5000, chunk=5000)
    seen = jnp.asarray(probe.features, float)[~probe.mdp.terminal]
    np.testing.assert_allclose(mlp(32, 2).apply(state.params, seen), probe.values[~probe.mdp.terminal], atol=0.05)
    if name == "both":
        assert evaluate(key, method, state, nothing, 1)["return"] == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"discount": 1.1}, "0 <= discount <= 1"),
        ({"epsilon_end": -0.5}, "0 <= epsilon_end <= 1"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"epsilon_steps": 0.0}, "epsilon_steps is 0.0"),
        ({"episodes": 0}, "episodes is 0"),
    ],
)
def test_numbers_that_cannot_be_are_refused(wrong, says):
    with pytest.raises(ConfigError, match=f"^online_q_iteration: .*{says}"):
        online_q_iteration(Config(**wrong), probes()["both"].environment())


def test_actions_that_are_not_discrete_are_refused():
    with pytest.raises(ConfigError, match="online_q_iteration: needs discrete actions, got Box"):
        online_q_iteration(SMALL, probes()["both"].environment()._replace(actions=Box(np.zeros(1), np.ones(1))))
