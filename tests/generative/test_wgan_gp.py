from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.integrate import quad
from scipy.stats import kstest, norm

from jaxicon.core.errors import ConfigError
from jaxicon.core.stream import synthetic
from jaxicon.generative.gan import judge, non_saturating, saturating
from jaxicon.generative.wgan_gp import (
    Config,
    critic_loss,
    gradient_penalty,
    interpolate,
    slopes,
    wasserstein,
    wgan_gp,
)
from jaxicon.nn.mlp import mlp


def example():
    sample = lambda key: jax.random.normal(key, (8, 2))
    return wgan_gp(Config(latent=2, hidden=(5,), critic_steps=2)), synthetic(sample)


@pytest.mark.system("gen.wgan_gp")
def test_the_penalty_of_a_linear_critic(x64):
    points = jnp.array(np.random.default_rng(0).normal(size=(7, 3)))
    for w in (np.array([3.0, 0.0, 4.0]), np.array([0.1, 0.2, -0.2]), np.zeros(3)):
        penalty = gradient_penalty(slopes(lambda x: x @ jnp.array(w), points))
        np.testing.assert_allclose(penalty, (np.linalg.norm(w) - 1) ** 2, rtol=1e-12)


@pytest.mark.system("gen.wgan_gp")
def test_the_loss_of_a_linear_critic(x64):
    rng = np.random.default_rng(1)
    real, fake, w = rng.normal(1, 1, (6, 2)), rng.normal(-1, 1, (6, 2)), np.array([1.0, 2.0])
    loss, metrics = critic_loss(lambda x: x @ jnp.array(w), *map(jnp.array, (real, fake, real)), 10.0)
    gap = np.mean([x @ w for x in real]) - np.mean([x @ w for x in fake])
    np.testing.assert_allclose(loss, -gap + 10 * (np.sqrt(5) - 1) ** 2, rtol=1e-12)
    np.testing.assert_allclose(metrics["gap"], gap, rtol=1e-12)


@pytest.mark.slow
def test_slopes_are_those_of_finite_differences_and_can_be_differentiated(x64, key):
    init_key, x_key = jax.random.split(key)
    x = jax.random.normal(x_key, (5, 3))
    params = mlp(16, 16, 1).init(init_key, x)
    h, around = 1e-6, []
    for i in range(3):
        e = h * np.eye(3)[i][None]
        around.append((judge(params, x + e) - judge(params, x - e)) / (2 * h))
    np.testing.assert_allclose(slopes(partial(judge, params), x), np.linalg.norm(around, axis=0), rtol=1e-6)
    flat = jax.tree.map(jnp.zeros_like, params)
    grads = jax.grad(lambda params: gradient_penalty(slopes(partial(judge, params), x)))(flat)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))


def test_interpolates_lie_between_their_pair_uniformly(x64, key):
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(2000, 3)), rng.normal(size=(2000, 3))
    points = np.asarray(interpolate(key, jnp.array(real), jnp.array(fake)))
    share = (points - fake) / (real - fake)
    np.testing.assert_allclose(share, np.repeat(share[:, :1], 3, axis=1), rtol=1e-6)
    assert kstest(share[:, 0], "uniform").pvalue > 0.001


def fit_critic(key, site, weight=10.0, steps=500):
    """A critic between N(0, 1) and N(3, 1); returns the means of its metrics over the last 100 steps."""
    init_key, data_key = jax.random.split(key)
    optimizer = optax.adam(optax.linear_schedule(1e-2, 1e-4, steps))
    params = mlp(32, 32, 1).init(init_key, jnp.zeros((1, 1)))

    def body(carry, t):
        params, opt_state = carry
        data_key_t, point_key = jax.random.split(jax.random.fold_in(data_key, t))
        noise = jax.random.normal(data_key_t, (2, 256, 1))
        real, fake = noise[0], 3 + noise[1]
        points = interpolate(point_key, real, fake) if site == "interpolates" else real
        loss = lambda params: critic_loss(partial(judge, params), real, fake, points, weight)
        grads, metrics = jax.grad(loss, has_aux=True)(params)
        updates, opt_state = optimizer.update(grads, opt_state)
        return (optax.apply_updates(params, updates), opt_state), metrics

    _, metrics = jax.lax.scan(body, (params, optimizer.init(params)), jnp.arange(steps))
    return {name: float(values[-100:].mean()) for name, values in metrics.items()}


@pytest.mark.system("gen.wgan_gp")
def test_the_critic_measures_the_distance_with_slope_one(key):
    """The loss is least where the mean slope is 1 + W / (2 lambda); W of two shifted Gaussians is the shift."""
    found = fit_critic(key, "interpolates")
    assert found["slope"] == pytest.approx(1 + 3 / 20, abs=0.03)
    assert found["gap"] == pytest.approx(3 * (1 + 3 / 20), abs=0.15)


@pytest.mark.system("gen.wgan_gp")
def test_the_slope_can_be_held_at_the_data_instead(key):
    assert fit_critic(key, "data", weight=50.0)["slope"] == pytest.approx(1 + 3 / 100, abs=0.03)


@pytest.mark.slow
def test_the_site_decides_where_the_penalty_acts(key):
    """On one state and one batch, slopes at the data are the site's `data`; between, another number."""
    init_key, key = jax.random.split(key)
    x = jnp.array(np.random.default_rng(0).normal(3, 1, (64, 2)), jnp.float32)
    sites = {
        site: wgan_gp(Config(latent=2, hidden=(8,), critic_steps=1, site=site)) for site in ("data", "interpolates")
    }
    state = sites["data"].init(init_key, x)
    found = {site: float(m.evaluate(jax.random.clone(key), state, x)["slope"]) for site, m in sites.items()}
    at_data = float(slopes(partial(judge, state.critic), x).mean())
    assert found["data"] == pytest.approx(at_data, rel=1e-5)
    assert abs(found["interpolates"] - at_data) > 1e-3


def test_an_unknown_site_is_refused():
    with pytest.raises(ConfigError, match="nowhere"):
        wgan_gp(Config(site="nowhere"))


@pytest.mark.system("gen.gan_gradient_failure")
def test_where_the_discriminator_wins_only_its_gradient_vanishes(x64):
    """Data N(0, 1), generator z + s, each critic at its best: D* has the logit s^2/2 - s x, the slope-one f is -x."""
    nodes = jnp.linspace(-12, 12, 4001)
    weights = norm.pdf(nodes) * (nodes[1] - nodes[0])

    def pull(loss, critic, s):
        """d/ds of E_z loss(critic(z + s)), the critic held fixed."""
        each = jax.vmap(lambda z, s: loss(critic(z + s)[None]), (0, None))
        return float(jax.grad(lambda s: weights @ each(nodes, s))(s))

    pulls = []
    for s in (1.0, 3.0, 6.0, 10.0):
        logit = lambda x: s**2 / 2 - s * x
        d = lambda x: 1 / (1 + np.exp(-logit(x)))
        by_hand, _ = quad(lambda x: norm(s).pdf(x) * d(x) * s, s - 12, s + 12, points=[s / 2, s])
        pulls.append(pull(saturating, logit, s))
        assert pulls[-1] == pytest.approx(by_hand, abs=1e-6)
        assert pull(wasserstein, lambda x: -x, s) == pytest.approx(1, abs=1e-12)
    assert pulls[0] > 0.3
    assert pulls[-1] < 1e-4
    assert pull(non_saturating, lambda x: 50 - 10 * x, 10.0) > 9
