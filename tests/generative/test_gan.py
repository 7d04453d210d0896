from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import train
from jaxicon.core.stream import synthetic
from jaxicon.generative.gan import Config, gan, judge, non_saturating, optimal_discriminator, saturating, value
from jaxicon.nn.mlp import mlp
from jaxicon.ops.divergences import jensen_shannon


def example():
    sample = lambda key: jax.random.normal(key, (4, 2))
    return gan(Config(latent=2, hidden=(5,), critic_steps=2, decay_steps=10)), synthetic(sample)


@pytest.mark.system("gen.gan_nonsaturating")
def test_gradients_of_the_generators_losses_in_a_logit(x64):
    logits = jnp.array([-12.0, -1.0, 0.0, 2.0, 30.0])
    d = 1 / (1 + np.exp(-np.asarray(logits)))
    each = lambda loss: jax.vmap(jax.grad(lambda logit: loss(logit[None])))(logits)
    np.testing.assert_allclose(each(saturating), -d, rtol=1e-10)
    np.testing.assert_allclose(each(non_saturating), -(1 - d), rtol=1e-10, atol=1e-15)


@pytest.mark.system("gen.gan_optimal_d")
def test_the_game_at_the_optimal_discriminator_is_twice_jensen_shannon_less_log_four(x64):
    rng = np.random.default_rng(0)
    p, q = (jnp.array(rng.dirichlet(np.ones(6))) for _ in range(2))

    def game(d):  # E_p log D + E_q log(1 - D), summed by hand
        return (np.asarray(p) * np.log(d) + np.asarray(q) * np.log(1 - d)).sum()

    best = np.asarray(optimal_discriminator(p, q))
    np.testing.assert_allclose(game(best), 2 * jensen_shannon(p, q) - np.log(4), rtol=1e-12)
    others = rng.uniform(0.01, 0.99, (500, 6))
    nudged = (best + 1e-3 * rng.normal(size=(500, 6))).clip(1e-6, 1 - 1e-6)
    assert all(game(d) < game(best) for d in [*others, *nudged])


@pytest.mark.slow
@pytest.mark.system("gen.gan_optimal_d")
def test_a_trained_discriminator_finds_the_ratio_of_densities(key):
    init_key, data_key = jax.random.split(key)
    p, q = norm(-1, 0.8), norm(1, 1.2)
    optimizer = optax.adam(optax.linear_schedule(1e-2, 0.0, 600))
    params = mlp(32, 32, 1).init(init_key, jnp.zeros((1, 1)))

    def body(t, carry):
        params, opt_state = carry
        noise = jax.random.normal(jax.random.fold_in(data_key, t), (2, 512, 1))
        real, fake = -1 + 0.8 * noise[0], 1 + 1.2 * noise[1]
        grads = jax.grad(lambda params: -value(judge(params, real), judge(params, fake)))(params)
        updates, opt_state = optimizer.update(grads, opt_state)
        return optax.apply_updates(params, updates), opt_state

    params, _ = jax.lax.fori_loop(0, 600, body, (params, optimizer.init(params)))
    x = np.linspace(-2.5, 2.5, 41)
    found = jax.nn.sigmoid(judge(params, jnp.array(x)[:, None]))
    expected = p.pdf(x) / (p.pdf(x) + q.pdf(x))
    np.testing.assert_allclose(found, expected, atol=0.05)
    np.testing.assert_allclose(optimal_discriminator(jnp.array(p.pdf(x)), jnp.array(q.pdf(x))), expected, rtol=1e-5)


@pytest.mark.system("gen.gan_minimax")
def test_the_value_of_the_game(x64, key):
    assert value(jnp.zeros(3), jnp.zeros(5)) == pytest.approx(-np.log(4), abs=1e-12)
    x = jax.random.normal(key, (2, 200_000))  # D(x) = sigmoid(2 - x); data N(1, 1), generator N(-1, 1)
    logit = lambda x: 2 - x
    integral = sum(
        quad(lambda x: norm(m).pdf(x) * np.log(1 / (1 + np.exp(sign * logit(x)))), -15, 15)[0]
        for m, sign in [(1, -1), (-1, 1)]
    )
    assert value(logit(x[0] + 1), logit(x[1] - 1)) == pytest.approx(integral, abs=0.02)


@pytest.mark.slow
@pytest.mark.system("gen.gan_minimax")
def test_a_gaussian_is_matched(key):
    run_key, sample_key = jax.random.split(key)
    data = synthetic(lambda key: 1 + 0.5 * jax.random.normal(key, (3 * 128, 1)))
    method = gan(Config(latent=1, critic_steps=3, learning_rate=1e-3, beta1=0.0, decay_steps=2000))
    state, metrics = train(run_key, method, data, 2000, chunk=500)
    x = np.asarray(method.sample(sample_key, state, 10_000))
    assert x.mean() == pytest.approx(1, abs=0.1)
    assert x.std() == pytest.approx(0.5, abs=0.1)
    assert metrics["value"][-200:].mean() == pytest.approx(-np.log(4), abs=0.05)


@pytest.mark.slow
def test_one_step_is_the_critics_turns_and_then_the_generators(x64, key):
    """Adam's first step is the learning rate against the gradient's sign; the generator faces the improved critic."""
    init_key, step_key = jax.random.split(key)
    method = gan(Config(latent=2, hidden=(4,), learning_rate=1e-2))
    x = jnp.array(np.random.default_rng(0).normal(size=(8, 2)))
    before = method.init(init_key, x)
    after, metrics = method.step(step_key, before, x)
    noise_key, _ = jax.random.split(jax.random.fold_in(step_key, 0))
    fake = method.sample(noise_key, before, 8)
    critic_loss = lambda params: -value(judge(params, x), judge(params, fake))
    play = lambda params: method.sample(jax.random.fold_in(step_key, 1), before._replace(generator=params), 8)
    generator_loss = lambda critic, params: non_saturating(judge(critic, play(params)))
    for old, new, grads in [
        (before.critic, after.critic, jax.grad(critic_loss)(before.critic)),
        (before.generator, after.generator, jax.grad(partial(generator_loss, after.critic))(before.generator)),
    ]:
        expected = jax.tree.map(lambda p, g: p - 1e-2 * g / (abs(g) + 1e-8), old, grads)
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-9), new, expected)
    np.testing.assert_allclose(metrics["value"], -critic_loss(before.critic))


def test_a_batch_that_cannot_be_cut_is_refused(key):
    method = gan(Config(critic_steps=3))
    with pytest.raises(ConfigError, match="batch of 8 cannot be cut into 3"):
        jax.eval_shape(
            lambda key, x: method.step(key, method.init(jax.random.fold_in(key, 0), x), x), key, jnp.zeros((8, 2))
        )
