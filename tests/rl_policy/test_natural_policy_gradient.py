"""Against dense matrices built by NumPy, and a bandit whose natural gradient is known.

`retold` plays again what a step has played, and computes the step from the textbook's formulas: advantages with a loop,
the gradient from scores, F as their covariance over all actions, and a dense solution.
"""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import vectorised
from jaxicon.envs.policy import policy, rollout
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.ops.natural_gradient import fisher_product, trust_step
from jaxicon.rl_policy.natural_policy_gradient import Config, natural_policy_gradient

SMALL = Config((16,), envs=8, steps=16, divergence=0.02, discount=DISCOUNT, value_rate=1e-2, value_steps=20, episodes=8)
LINEAR = replace(SMALL, hidden=(), steps=9, envs=3, iterations=20, damping=0.05, trace=0.7, value_steps=1)


def example():
    return natural_policy_gradient(SMALL, probes()["both"].environment()), nothing


# The bandit: three arms with rewards 1, 2 and 5


REWARD = jnp.array([1.0, 2.0, 5.0])
START = jnp.array([0.3, -0.2])
PARAMETERS = {
    "logits": lambda theta: jnp.array([theta[0], theta[1], 0.0]),
    "redundant": lambda theta: jnp.array([theta[0] + theta[2], theta[1] + theta[2], theta[2]]),
    "mixed": lambda theta: jnp.array([2 * theta[0] - theta[1], 3 * theta[1], 0.0]),
    "curved": lambda theta: jnp.array([jnp.sinh(5 * theta[0]), theta[1] ** 3, 0.0]),
}
STARTS = {
    "logits": START,
    "redundant": jnp.array([*START, 0.7]),
    "mixed": jnp.array([(START[0] + START[1] / 3) / 2, START[1] / 3]),
    "curved": jnp.array([jnp.arcsinh(START[0]) / 5, jnp.cbrt(START[1])]),
}


def moved(name: str, divergence: float):
    """(natural, plain): how the probabilities of the arms change, over the root of the divergence."""
    logits = PARAMETERS[name]
    start = jnp.asarray(np.asarray(STARTS[name], float))
    chances = lambda theta: jax.nn.softmax(logits(theta))
    kl = lambda one, other: (jax.nn.softmax(one) * (jax.nn.log_softmax(one) - jax.nn.log_softmax(other))).sum()
    gradient = jax.grad(lambda theta: chances(theta) @ REWARD)(start)
    product = fisher_product(logits, kl, start)
    step = trust_step(product, gradient, divergence, 10)
    plain = gradient * np.sqrt(2 * divergence / (gradient @ product(gradient)))
    change = lambda step: (chances(start + step) - chances(start)) / divergence**0.5
    return change(step), change(plain)


@pytest.mark.system("rl.natural_pg")
@pytest.mark.parametrize("name", ["redundant", "mixed", "curved"])
def test_the_natural_gradient_of_a_bandit_is_the_same_in_all_parameters(name, x64):
    """The plain gradient is not, but where the parameters only have one more that changes nothing."""
    natural, plain = moved(name, 1e-12)
    wanted, other = moved("logits", 1e-12)
    np.testing.assert_allclose(natural, wanted, rtol=1e-4, atol=1e-5)
    assert (np.abs(plain - other).max() > 0.05) == (name != "redundant")


@pytest.mark.system("rl.natural_pg")
def test_it_lifts_every_logit_by_the_advantage_of_its_arm(x64):
    """Known in closed form: to first order pi (1 + step * A), A the reward above the mean."""
    natural, _ = moved("logits", 1e-12)
    p = np.asarray(jax.nn.softmax(PARAMETERS["logits"](jnp.asarray(np.asarray(START, float)))))
    advantage = np.asarray(REWARD) - p @ np.asarray(REWARD)
    length = np.sqrt(2 / (p @ advantage**2))  # so that the divergence, to second order the variance / 2, is 1
    np.testing.assert_allclose(natural, length * p * advantage, rtol=1e-4, atol=1e-5)


# A step of the method


class Told(NamedTuple):
    before: np.ndarray  # the actor's parameters
    step: np.ndarray  # the natural step of the wanted divergence
    kl: object  # of other parameters
    gain: object  # of other parameters: what they add to the objective
    value: np.ndarray  # [t, n] before the step
    target: np.ndarray
    obs: np.ndarray


def retold(key, state, config, env) -> Told:
    """For an actor and a critic that are affine, and discrete actions."""
    family, envs = policy(env.actions), vectorised(env, config.envs)
    net = tanh_mlp(family.size)
    _, seen = rollout(key, envs, state.world, family, lambda obs: net.apply(state.params["actor"], obs), config.steps)
    seen = jax.tree.map(np.asarray, seen)
    affine = lambda params, obs: (
        obs @ np.asarray(params["params"]["Dense_0"]["kernel"]) + np.asarray(params["params"]["Dense_0"]["bias"])
    )
    judge = lambda obs: affine(state.params["critic"], obs)[..., 0]
    value, following = judge(seen.obs), judge(seen.next_obs)
    advantage = np.zeros_like(value)
    for i in range(config.envs):
        later = 0.0
        for t in reversed(range(config.steps)):
            future = 0.0 if seen.terminal[t, i] else following[t, i]
            delta = config.reward_scale * seen.reward[t, i] + config.discount * future - value[t, i]
            over = seen.terminal[t, i] or seen.truncated[t, i]
            later = delta + config.discount * config.trace * (0.0 if over else later)
            advantage[t, i] = later
    target = advantage + value
    advantage = (advantage - advantage.mean()) / advantage.std()
    before, unravel = jax.flatten_util.ravel_pytree(state.params["actor"])

    def log_p(vector):
        logits = affine(unravel(jnp.asarray(vector)), seen.obs)
        return logits - np.log(np.exp(logits).sum(-1, keepdims=True))

    # d logit_k / d (bias_k, kernel_jk) = (1, obs_j); ravel_pytree has the bias first.
    rows = np.concatenate([np.ones((*value.shape, 1)), seen.obs], -1)
    a = family.size
    p = np.exp(log_p(before))
    scores = (
        np.einsum("tnj,akz->tnajkz", rows, np.eye(a)[:, :, None])[..., 0]
        - np.einsum("tnj,tnk->tnjk", rows, p)[:, :, None]
    )
    scores = scores.reshape(*value.shape, a, -1)
    size = value.size
    fisher = np.einsum("tna,tnai,tnaj->ij", p, scores, scores) / size
    drawn = np.take_along_axis(scores, seen.action[..., None, None], 2)[:, :, 0]
    gradient = np.einsum("tn,tni->i", advantage, drawn) / size
    matrix = fisher + config.damping * np.eye(len(gradient))
    direction = np.linalg.solve(matrix, gradient)
    chosen = lambda vector: np.take_along_axis(log_p(vector), seen.action[..., None], -1)[..., 0]
    return Told(
        np.asarray(before),
        np.sqrt(2 * config.divergence / (gradient @ direction)) * direction,
        lambda vector: (p * (log_p(before) - log_p(vector))).sum(-1).mean(),
        lambda vector: ((np.exp(chosen(vector) - chosen(before)) - 1) * advantage).mean(),
        value,
        target,
        seen.obs,
    )


@pytest.mark.system("rl.natural_pg")
def test_a_step_is_the_dense_solution(x64, key):
    """On episodes some of which are over, and some cut off."""
    env = probes()["time_limit"].environment()
    method = natural_policy_gradient(LINEAR, env)
    state = fresh(jax.random.clone(key), method)
    told = retold(jax.random.clone(key), state, LINEAR, env)
    after, metrics = jax.jit(method.step)(key, state, None)
    vector = jax.flatten_util.ravel_pytree(after.params["actor"])[0]
    np.testing.assert_allclose(vector, told.before + told.step, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(metrics["kl"], told.kl(vector), rtol=1e-6)
    np.testing.assert_allclose(metrics["gain"], told.gain(vector), rtol=1e-6)
    # Adam's first moment is a tenth of the gradient of half the mean square.
    moment = after.opt_state[0].mu["params"]["Dense_0"]
    wrong = told.value - told.target
    np.testing.assert_allclose(moment["bias"], [0.1 * wrong.mean()], rtol=1e-8)
    np.testing.assert_allclose(
        moment["kernel"][:, 0], 0.1 * np.einsum("tn,tnd->d", wrong, told.obs) / wrong.size, rtol=1e-8
    )


@pytest.mark.slow
def test_a_probe_is_solved(key):
    method = natural_policy_gradient(SMALL, probes()["both"].environment())
    state, history = train(jax.random.clone(key), method, nothing, 40, chunk=40)
    assert evaluate(key, method, state, nothing, 1)["return"] == 1
    assert (history["kl"][:5] > 0).all()


@pytest.mark.parametrize("change", [{"divergence": 0.0}, {"discount": -0.1}, {"damping": float("nan")}, {"trace": 2.0}])
def test_what_cannot_be_is_refused(change):
    with pytest.raises(ConfigError, match=f"natural_policy_gradient: {next(iter(change))}"):
        natural_policy_gradient(replace(SMALL, **change), probes()["both"].environment())
