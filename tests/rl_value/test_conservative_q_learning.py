"""On tables, where the minimum is known: its formula, and the values of its policy by a linear system."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import train
from jaxicon.core.stream import epochs
from jaxicon.envs.environment import Discrete, Transition
from jaxicon.nn.q_networks import table
from jaxicon.rl_value.conservative_q_learning import (
    Config,
    batch_constrained,
    conservative,
    conservative_q_learning,
)

STATES, ACTIONS, GAMMA = 4, 3, 0.8


def config(alpha: float) -> Config:
    return Config((), 3e-3, GAMMA, alpha, target_every=20)


def example():
    return conservative_q_learning(Config((8,)), Discrete(ACTIONS)), epochs(logged("biased")[0], 16)


def logged(kind: str) -> tuple[Transition, np.ndarray, np.ndarray, np.ndarray]:
    """(data, beta, reward, goes) of a deterministic model with the end for its last state; many rows are cut off.

    Each action of a state is taken twice (even), 1 to 4 times (biased), or never if it is the last one and every other
    is paid with less than nothing (partial).
    """
    rng = np.random.default_rng(3)
    goes, reward = rng.integers(0, STATES, (STATES - 1, ACTIONS)), rng.normal(size=(STATES - 1, ACTIONS))
    times = rng.integers(1, 5, reward.shape) if kind == "biased" else np.full(reward.shape, 2)
    if kind == "partial":
        times[:, -1], reward = 0, -1 - np.abs(reward)
    s, a = map(np.array, zip(*[pair for pair in np.ndindex(*times.shape) for _ in range(times[pair])], strict=True))
    over, eye = goes[s, a] == STATES - 1, np.eye(STATES)
    data = Transition(eye[s], a, reward[s, a], over, ~over & (a == 0), eye[goes[s, a]])
    return data, times / times.sum(1, keepdims=True), reward, goes


def softmax(q: np.ndarray) -> np.ndarray:
    e = np.exp(q - q.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@cache
def learned(kind: str, alpha: float, constrained: bool = False):
    """The table [s, outputs] before the end and the greedy actions there, after training on all rows at once."""
    data, caution = logged(kind)[0], batch_constrained(ACTIONS, 0.3) if constrained else conservative
    method = conservative_q_learning(config(alpha), Discrete(ACTIONS), caution, table)
    state, _ = train(jax.random.key(0), method, epochs(data, len(data.action)), 6000, chunk=6000)
    return np.asarray(state.params)[:-1], np.asarray(method.act(jax.random.key(1), state, jnp.eye(STATES)))[:-1]


def backup(kind: str, value: np.ndarray) -> np.ndarray:
    """r + discount V(s') for every pair; 0 at the end."""
    _, _, reward, goes = logged(kind)
    return reward + GAMMA * np.append(value, 0.0)[goes]


def policy_value(kind: str, actions: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """What a deterministic policy is worth, if every visit costs `lost`: a linear system."""
    _, _, reward, goes = logged(kind)
    rows = np.arange(STATES - 1)
    leads = np.eye(STATES)[goes[rows, actions]][:, :-1]
    return np.linalg.solve(np.eye(STATES - 1) - GAMMA * leads, reward[rows, actions] - lost)


@pytest.mark.system("rl.real_offline")
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_a_table_ends_at_the_formula(x64, alpha):
    """Q = y - alpha (softmax Q / beta - 1), so that over the data Q is y on average; at alpha = 0, optimal values."""
    q, _ = learned("biased", alpha)
    y, beta = backup("biased", q.max(1)), logged("biased")[1]
    np.testing.assert_allclose(q, y - alpha * (softmax(q) / beta - 1), atol=1e-4)
    np.testing.assert_allclose((beta * q).sum(1), (beta * y).sum(1), atol=1e-4)


@pytest.mark.system("rl.real_offline")
@pytest.mark.parametrize("kind", ["even", "biased"])
def test_a_table_expects_too_little_of_its_policy_by_a_known_amount(x64, kind):
    """Every visit costs alpha (softmax Q / beta - 1) at the greedy action. Where all actions are equally frequent, that
    is never below 0, so that no state is valued above what the policy is worth there."""
    q, greedy = learned(kind, 0.5)
    rows, beta = np.arange(STATES - 1), logged(kind)[1]
    np.testing.assert_array_equal(greedy, q.argmax(1))
    lost = 0.5 * (softmax(q)[rows, greedy] / beta[rows, greedy] - 1)
    np.testing.assert_allclose(q.max(1), policy_value(kind, greedy, lost), atol=5e-4)
    if kind == "even":
        assert (q.max(1) < policy_value(kind, greedy, 0 * lost) - 0.05).all()


@pytest.mark.system("rl.real_offline")
def test_only_caution_keeps_to_actions_that_were_tried(x64):
    """All that was tried costs something; what never was is still 0 in the table, and so looks best to Q-learning."""
    naive, cautious, constrained = (learned("partial", *how) for how in ((0.0,), (0.5,), (0.5, True)))
    assert (naive[1] == ACTIONS - 1).all()
    assert (cautious[1] < ACTIONS - 1).all()
    assert (constrained[1] < ACTIONS - 1).all()
    value = np.zeros(STATES - 1)
    for _ in range(200):
        value = backup("partial", value)[:, :-1].max(1)
    np.testing.assert_allclose(constrained[0][:, : ACTIONS - 1], backup("partial", value)[:, :-1], atol=1e-4)
    np.testing.assert_allclose(softmax(constrained[0][:, ACTIONS:])[:, :-1], 0.5, atol=0.01)  # the frequencies


@pytest.mark.system("rl.real_offline")
@pytest.mark.parametrize("constrained", [False, True])
def test_losses_are_those_of_a_plain_loop(x64, key, constrained):
    """Network and target differ: the one chooses the next action, among those allowed, and the other rates it.

    Where the choice is constrained, the best action is too rare and the next best is not the likeliest.
    """
    data, caution = logged("biased")[0], batch_constrained(ACTIONS, 0.2) if constrained else conservative
    width, rng = (1 + constrained) * ACTIONS, np.random.default_rng(5)
    online, target = rng.normal(size=(2, STATES, width))
    if constrained:
        online = np.array([0.0, 5, 9, 0, -1, -3]) + 0.1 * online
    method = conservative_q_learning(config(0.5), Discrete(ACTIONS), caution, table)
    state = method.init(key, data)._replace(params=jnp.asarray(online), target=jnp.asarray(target))
    losses, penalties, barred = [], [], 0
    for s, a, r, over, _, after in zip(*data, strict=True):
        here, there = online[s.argmax()], online[after.argmax()]
        chance = softmax(there[ACTIONS:]) if constrained else np.ones(ACTIONS)
        allowed = [b for b in range(ACTIONS) if chance[b] >= 0.2 * chance.max()]
        barred += ACTIONS - len(allowed)
        best = max(allowed, key=lambda b: there[b])
        y = r + (0 if over else GAMMA * target[after.argmax()][best])
        losses.append((y - here[a]) ** 2 / 2)
        penalties.append(-np.log(softmax(here[ACTIONS:] if constrained else here)[a]))
    assert (barred > 0) == constrained
    measured = jax.jit(method.evaluate)(key, state, data)
    np.testing.assert_allclose(measured["td_loss"], np.mean(losses), rtol=1e-12)
    np.testing.assert_allclose(measured["penalty"], np.mean(penalties), rtol=1e-12)


def test_the_target_is_copied_every_so_many_steps(key):
    data = logged("biased")[0]
    method = conservative_q_learning(config(0.5), Discrete(ACTIONS), network=table)
    state, step, copies = jax.jit(method.init)(key, data), jax.jit(method.step), []
    for t in range(1, 45):
        before = state.target
        state, _ = step(jax.random.key(t), state, data)
        copies += [t] * (not jnp.array_equal(before, state.target))
    assert copies == [20, 40]


def test_what_cannot_be_is_refused():
    for wrong in ({"alpha": -1.0}, {"discount": 1.1}, {"learning_rate": 0.0}, {"target_every": 0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            conservative_q_learning(Config(**wrong), Discrete(2))
    with pytest.raises(ConfigError, match="threshold"):
        batch_constrained(2, 1.5)
