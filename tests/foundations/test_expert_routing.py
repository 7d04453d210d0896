"""Routing against the exact expected cost over all choices, and on digits in three guises that are three tasks."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import mode

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.run import train
from jaxicon.core.stream import epochs, synthetic
from jaxicon.data.digits import digits
from jaxicon.foundations.expert_routing import Config, evenness, expert_routing, objective, of_chosen, policy

TINY = Config(experts=3, channels=(2,), policy_channels=(2,), learning_rate=1e-2)


def example():
    stream = synthetic(lambda key: (jax.random.normal(key, (6, 4, 4, 1)), jnp.arange(6) % 3))
    return expert_routing(TINY, classes=3), stream


@pytest.mark.system("found.choose_cnn")
def test_the_mean_gradient_over_all_choices_is_that_of_the_expected_cost(x64):
    """Two choices for each of two images, of three experts: 81 outcomes, each as likely as the product says."""
    random = np.random.default_rng(0)
    logits, preferences = jnp.asarray(random.normal(size=(3, 2, 4))), jnp.asarray(random.normal(size=(2, 3)))
    y = jnp.array([3, 1])
    chance = np.exp(log_softmax(preferences, axis=1))
    slope = jax.grad(lambda logits, preferences, k: objective(logits, preferences, k, y).mean(), argnums=(0, 1))
    estimate, mean = jax.jit(slope), [0.0, 0.0]
    for k in product(range(3), repeat=4):
        k = np.array(k).reshape(2, 2)
        likely = chance[0, k[:, 0]].prod() * chance[1, k[:, 1]].prod()
        mean = [m + likely * np.asarray(g) for m, g in zip(mean, estimate(logits, preferences, k), strict=True)]

    def expected(logits, preferences):
        cost = -jax.nn.log_softmax(logits)[:, jnp.arange(2), y].T
        return (jnp.exp(preferences) * cost).sum(1) @ (1 / jnp.exp(preferences).sum(1)) / 2

    exact = jax.grad(expected, argnums=(0, 1))(logits, preferences)
    np.testing.assert_allclose(mean[0], exact[0], atol=1e-12)
    np.testing.assert_allclose(mean[1], exact[1], atol=1e-12)
    np.testing.assert_allclose(  # the value is the cost of what was picked
        objective(logits, preferences, jnp.array([[2, 0], [1, 1]]), y),
        [[-log_softmax(logits[e, i])[y[i]] for i, e in enumerate(row)] for row in ((2, 0), (1, 1))],
        atol=1e-12,
    )


@pytest.mark.system("found.choose_cnn")
def test_only_the_expert_that_was_picked_learns():
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4, 5)), jnp.float32)
    choice, y = jnp.array([[2, 0, 2, 1], [2, 1, 2, 1]]), jnp.array([0, 1, 2, 3])
    np.testing.assert_array_equal(of_chosen(logits, choice), np.asarray(logits)[choice, np.arange(4)[None]])
    slope = jax.grad(lambda logits: objective(logits, jnp.zeros((4, 3)), choice, y).sum())(logits)
    picked = np.zeros((3, 4), bool)
    picked[choice, np.arange(4)[None]] = True
    np.testing.assert_array_equal((slope != 0).any(-1), picked)


@pytest.mark.slow
@pytest.mark.system("found.choose_cnn")
def test_prediction_is_the_likeliest_experts(key, x64):
    method, stream = example()
    state, _ = train(key, method, stream, 3)
    x = jax.random.normal(jax.random.key(1), (20, 4, 4, 1))
    choice = np.asarray(policy(TINY).apply(state.params["policy"], x)).argmax(1)
    assert len(np.unique(choice)) > 1
    found = method.predict(state, x)
    for i, k in enumerate(choice):
        own = jax.tree.map(lambda p: p if p.ndim < 1 else p[jnp.array([k, k, k])], state.params["experts"])
        alone = state._replace(params=state.params | {"experts": own})  # all experts are expert k
        np.testing.assert_allclose(found[i], method.predict(alone, x[i : i + 1])[0], atol=1e-12)


def test_evenness_is_the_entropy_of_the_mean_policy(x64):
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    share = p.mean(0)
    assert evenness(jnp.log(p)) == pytest.approx(-(share * np.log(share)).sum(), abs=1e-12)
    assert evenness(jnp.array([[0.0, -9e3], [0.0, -9e3]])) == 0
    assert evenness(jnp.array([[0.0, -9e3], [-9e3, 0.0]])) == pytest.approx(np.log(2))


def domains(x, y):
    """Digits as they are, negative, and with every other pixel negative; the labels are 3 y + 1 and 7 y + 4 there."""
    x, board = x.reshape(-1, 8, 8, 1), np.indices((8, 8)).sum(0)[None, :, :, None] % 2
    images = np.concatenate([x, 1 - x, abs(x - board)]).astype(np.float32)
    return images, np.concatenate([y, (3 * y + 1) % 10, (7 * y + 4) % 10]).astype(np.int32)


@pytest.mark.slow
@pytest.mark.system("found.choose_cnn")
def test_three_experts_take_a_domain_each_and_beat_one(key):
    data, accuracy = digits(), {}
    x, y = map(jnp.asarray, domains(*data.test))
    for experts in (1, 3):
        config = Config(experts=experts)
        method = expert_routing(config, classes=10)
        state, _ = train(jax.random.clone(key), method, epochs(domains(*data.train), 96), 600)
        accuracy[experts] = method.evaluate(jax.random.key(1), state, (x, y))["accuracy"]
        choice = np.asarray(policy(config).apply(state.params["policy"], x)).argmax(1).reshape(3, -1)
    usual = mode(choice, axis=1).mode
    assert sorted(usual) == [0, 1, 2]
    assert (choice == usual[:, None]).mean() > 0.95
    assert accuracy[3] > accuracy[1] + 0.02


def test_wrong_arguments_are_named(key):
    with pytest.raises(ConfigError, match="expert_routing: experts is 0"):
        expert_routing(Config(experts=0), classes=3)
    with pytest.raises(ConfigError, match="samples is 1; expected 2"):
        expert_routing(Config(samples=1), classes=3)
    with pytest.raises(ConfigError, match="balance is -1"):
        expert_routing(Config(balance=-1.0), classes=3)
    with pytest.raises(DataError, match="expected 4 axes"):
        expert_routing(TINY, classes=3).init(key, (np.zeros((2, 64)), np.zeros(2, np.int32)))
