"""Against torch, the regulator of SciPy's Riccati equation, and the known values of a probe."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.linalg import solve_discrete_are

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import Box, Environment, Transition
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.nn.critic import critics
from jaxicon.nn.flat import flat
from jaxicon.nn.network import Network
from jaxicon.ops.action_noise import gaussian
from jaxicon.rl_policy import ddpg as module
from jaxicon.rl_policy.ddpg import Config, Pair, State, ddpg

GOLDEN = Path(__file__).parents[1] / "golden" / "ddpg.npz"
SMALL = Config(
    (32, 32), 2e-3, 5e-3, 0.05, discount=DISCOUNT, envs=4, buffer=4000, batch=64, warmup=50, episodes=8
)  # fmt: skip


BOX = Box(np.array([-1.0]), np.array([1.0]))


def still(obs: int, actions: Box) -> Environment:
    """Nothing ever changes."""
    step = lambda key, state, action: (state, jnp.zeros(()), jnp.array(False))
    return Environment(lambda key: jax.random.normal(key, (obs,)), step, lambda state: state, actions, 10)


def example():
    return ddpg(replace(SMALL, hidden=(16,)), ends(), gaussian(0.3)), nothing


def golden_update(golden) -> tuple[State, dict]:
    """One step with the golden networks: the state after it, and metrics."""
    config = Config((16, 16), 0.01, 0.02, 0.1, 0.9, buffer=8, batch=1, warmup=1)
    method = ddpg(config, still(3, Box(-np.ones(2), np.ones(2))))
    nets = [Pair(*(vector(golden, f"before/{part}/{name}") for name in Pair._fields)) for part in ("params", "target")]
    state = method.init(jax.random.key(0), None)._replace(params=nets[0], target=nets[1])
    return jax.jit(method.step)(jax.random.key(1), state, None)


def vector(golden, prefix: str):
    """Weights of torch as one vector of ours."""
    layer = lambda i: {name: jnp.asarray(golden[f"{prefix}/{i}/{name}"]) for name in ("kernel", "bias")}
    return ravel_pytree({"params": {f"Dense_{i}": layer(i) for i in range(3)}})[0]


@pytest.mark.slow
@pytest.mark.system("rl.ddpg")
def test_one_update_is_that_of_torch(x64, monkeypatch):
    """Targets, the critic's gradient, dQ/da dmu/dtheta at the critic that has just learned, Adam, and the averages.

    Some rows are terminal and some truncated: torch bootstraps from the second kind.
    """
    golden = np.load(GOLDEN)
    seen = Transition(**{name: jnp.asarray(golden[f"batch/{name}"]) for name in Transition._fields})
    real = module.life
    monkeypatch.setattr(module, "life", lambda *args: real(*args)._replace(recall=lambda key, now: seen))
    after, metrics = golden_update(golden)
    np.testing.assert_allclose(metrics["td_loss"], golden["loss"], rtol=1e-12)
    for name in Pair._fields:
        moment = getattr(after.opt_state, name)[0].mu  # Adam's first: (1 - 0.9) times the gradient
        np.testing.assert_allclose(moment, 0.1 * vector(golden, f"grad/{name}"), rtol=1e-9, atol=1e-14)
        near = lambda got, part: np.testing.assert_allclose(
            getattr(got, name), vector(golden, f"after/{part}/{name}"), rtol=1e-9, atol=1e-11
        )
        near(after.params, "params")
        near(after.target, "target")


@pytest.mark.system("rl.ddpg_nets_s4")
def test_the_networks_of_the_notes_have_their_sizes_and_bounds(key):
    """10-400-300-2 and 12-400-300-1; actions within the box also where the network is pushed far out."""
    box = Box(np.array([-2.0, -0.5]), np.array([2.0, 0.5]))
    method = ddpg(Config(buffer=1, batch=1, warmup=1), still(10, box))
    state = fresh(jax.random.clone(key), method)
    assert state.params.actor.shape == (125_302,) == (10 * 400 + 400 + 400 * 300 + 300 + 300 * 2 + 2,)
    assert state.params.critic.shape == (125_801,)
    far = state._replace(params=state.params._replace(actor=30 * state.params.actor))
    actions = np.asarray(method.act(jax.random.key(1), far, jax.random.normal(key, (500, 10))))
    np.testing.assert_allclose([abs(actions).max(0)], [box.high], rtol=1e-6)
    assert (abs(actions) <= box.high).all()


A, B = np.array([[1.0, 0.2], [-0.1, 0.9]]), np.array([[0.0], [0.4]])
Q, R = np.diag([1.0, 0.3]), np.array([[0.5]])
MOST = 3.0  # of u: what is played stays so far below it that tanh is almost straight


def regulator() -> Environment:
    """x' = A x + B u at the cost x'Q x + u'R u, from states about the origin."""

    def step(key, x, u):
        a, b, q, r = (jnp.asarray(matrix, x.dtype) for matrix in (A, B, Q, R))
        return a @ x + b @ u, -(x @ q @ x + u @ r @ u), jnp.array(False)

    reset = lambda key: jax.random.uniform(key, (2,), minval=-1.0)
    return Environment(reset, step, lambda x: x, Box(np.array([-MOST]), np.array([MOST])), 12)


def products() -> Network:
    """A critic that is a quadratic form: a weight for each product of two of x1, x2 and u."""
    pairs = np.triu_indices(3)

    def apply(weights, obs, action):
        both = jnp.concatenate([obs, action], -1)
        return (both[..., pairs[0]] * both[..., pairs[1]] @ weights)[None]

    return Network(lambda key, obs, action: jnp.zeros(6), apply)


@pytest.mark.slow
@pytest.mark.system("rl.ddpg")
def test_on_a_linear_quadratic_task_gain_and_values_are_those_of_the_riccati_equation(key):
    """A discount is a factor sqrt(discount) of A and B. The actor's gain is its slope at the origin."""
    config = Config((), 5e-3, 0.1, 0.05, 0.9, envs=8, buffer=8000, batch=128, warmup=200)
    method = ddpg(config, regulator(), gaussian(0.4), products())
    state, _ = train(key, method, nothing, 4000, chunk=4000)
    root, discount = config.discount**0.5, config.discount
    p = solve_discrete_are(root * A, root * B, Q, R)
    wanted = np.linalg.solve(R + discount * B.T @ p @ B, discount * B.T @ p @ A)
    gain = -jax.jacobian(lambda x: method.act(jax.random.key(1), state, x))(jnp.zeros(2))
    np.testing.assert_allclose(gain, wanted, atol=0.03)
    both = np.hstack([A, MOST * B])  # of x and of u in half widths
    form = -np.block([[Q, np.zeros((2, 1))], [np.zeros((1, 2)), MOST**2 * R]]) - discount * both.T @ p @ both
    wanted = (form * (2 - np.eye(3)))[np.triu_indices(3)]
    np.testing.assert_allclose(state.params.critic, wanted, rtol=0.01)


def ends() -> Environment:
    """Reward 1, whatever one does: from one state for ever, until cut off after three steps; from the other once."""
    step = lambda key, state, action: (state, jnp.ones(()), state == 1)
    reset = lambda key: jax.random.bernoulli(key).astype(int)
    return Environment(reset, step, lambda state: 2.0 * state[None] - 1, BOX, 3)


def learned() -> np.ndarray:
    """What the critic says of both states, for three actions [states, 3]."""
    state, _ = train(jax.random.key(0), ddpg(SMALL, ends(), gaussian(1.0)), nothing, 400, chunk=400)
    q = lambda action: flat(critics(*SMALL.hidden)).apply(
        state.params.critic, jnp.array([[-1.0], [1.0]]), jnp.full((2, 1), action)
    )
    return np.stack([q(action)[0] for action in (-0.8, 0.0, 0.8)], 1)


@pytest.mark.slow
@pytest.mark.system("rl.ddpg")
def test_a_time_limit_does_not_cut_the_bootstrap_and_an_end_does(monkeypatch):
    """1 / (1 - discount) and 1; to never cut it makes both equal."""
    np.testing.assert_allclose(learned(), [[1 / (1 - DISCOUNT)] * 3, [1] * 3], atol=0.05)
    real = module.one_step_target
    never = lambda reward, terminal, *rest: real(reward, terminal & False, *rest)
    monkeypatch.setattr(module, "one_step_target", never)
    assert (learned()[1] > 1.5).all()


@pytest.mark.slow
@pytest.mark.system("rl.ddpg")
def test_noise_goes_on_within_an_episode_and_starts_anew_in_the_next(key):
    """An actor of zero weights, so that what is played is the noise; it keeps its value, 0.5 at first, or walks."""
    env = still(2, BOX)._replace(horizon=5)
    played = {}
    for scale in (0.0, 0.01):
        config = replace(SMALL, actor_rate=0.0, envs=2, warmup=5, batch=1)
        method = ddpg(config, env, module.Noise(1.0, scale))
        state = fresh(jax.random.clone(key), method)
        params = state.params._replace(actor=0 * state.params.actor)
        state = state._replace(params=params, noise=0.5 + 0 * state.noise)
        state, _ = train(jax.random.clone(key), method, nothing, 15, state=state, chunk=15)
        played[scale] = np.asarray(state.now.memory.rows)[10:40, 2].reshape(3, 5, 2)  # episodes of both copies
    np.testing.assert_array_equal(played[0.0], np.repeat([0.5, 0.0, 0.0], 10).reshape(3, 5, 2))
    assert len(np.unique(played[0.01])) == 30
    steps = np.diff(played[0.01] - played[0.0], axis=1, prepend=0)
    np.testing.assert_allclose(steps.std(), 0.01, rtol=0.5)


def test_evaluate_is_the_return_without_noise_in_the_units_of_the_environment(key):
    box = Box(np.array([0.0]), np.array([2.0]))

    def step(key, state, action):
        return state, -((action[0] - 1.2) ** 2), jnp.array(True)

    env = Environment(lambda key: jnp.zeros(1), step, lambda state: state, box, 1)
    method = ddpg(replace(SMALL, reward_scale=0.3), env, gaussian(0.3))
    state, history = train(jax.random.clone(key), method, nothing, 400, chunk=400)
    np.testing.assert_allclose(method.act(jax.random.key(1), state, jnp.zeros(1)), [1.2], atol=0.05)
    assert -0.01 < evaluate(key, method, state, nothing, 1)["return"] <= 0
    np.testing.assert_allclose(history["return"][-100:].mean(), -(0.3**2), atol=0.03)  # half a width is 1


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ConfigError, match="ddpg: needs actions in a box"):
        ddpg(SMALL, probes()["both"].environment())
    with pytest.raises(ConfigError, match="ddpg: discount is 1.1"):
        ddpg(replace(SMALL, discount=1.1), ends())
    with pytest.raises(ConfigError, match="ddpg: batch 8000 is larger than buffer 4000"):
        ddpg(replace(SMALL, batch=8000), ends())
