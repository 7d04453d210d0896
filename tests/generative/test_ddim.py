import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.generative.ddim import ddim, slerp, step
from jaxicon.ops.diffusion import linear, posterior_mean, posterior_variance, spread

MEAN, STD = np.array([1.0, -0.5, 0.0]), np.array([0.3, 1.0, 1.5])


def exact(alpha_bar, centres=MEAN[None], std=STD):
    """The noise expected in x_t where the data are a mixture of N(centre, diag(std^2)): minus the scaled score."""

    def log_density(x, share):
        variance = share * jnp.asarray(std) ** 2 + 1 - share
        distance = (x[None] - jnp.sqrt(share) * jnp.asarray(centres)) ** 2 / variance[None]
        return jax.nn.logsumexp(-distance.sum(1) / 2)

    return lambda x, t: -jnp.sqrt(1 - alpha_bar[t])[:, None] * jax.vmap(jax.grad(log_density))(x, alpha_bar[t])


@pytest.mark.system("gen.ddim")
def test_eta_one_is_ddpm(x64, key):
    """Same mean and the same variance as q(x_s | x_t, x_0), between neighbours and between times far apart."""
    alpha_bar = linear(1000)
    x, noise, z = jax.random.normal(key, (3, 4))
    pairs = np.array([(t - 1, t) for t in (1, 2, 3, 500, 1000)] + [(0, 50), (100, 500), (950, 1000)])

    def both(s, t):
        x0 = (x - jnp.sqrt(1 - alpha_bar[t]) * noise) / jnp.sqrt(alpha_bar[t])
        mean, std = posterior_mean(alpha_bar, s, t, x0, x), jnp.sqrt(posterior_variance(alpha_bar, s, t))
        quiet, moved = (step(z, alpha_bar, s, t, x, noise, 1.0) for z in (jnp.zeros(4), jnp.ones(4)))
        return quiet - mean, moved - quiet - std, step(z, alpha_bar, s, t, x, noise, 1.0) - mean - std * z

    for difference in jax.jit(jax.vmap(both))(*pairs.T):
        np.testing.assert_allclose(difference, 0, atol=1e-12)


@pytest.mark.system("gen.ddim")
def test_every_eta_keeps_the_marginals(x64, key):
    """With the true noise, x_s has the mean sqrt(alpha_bar_s) x_0 and the variance 1 - alpha_bar_s, as q(x_s | x_0)."""
    alpha_bar, x0 = linear(100), jnp.array([0.7, -1.2])
    for s, t in ((0, 1), (30, 31), (30, 90)):
        for eta in (0.0, 0.4, 1.0):
            moved = lambda noise, z: step(
                z, alpha_bar, s, t, jnp.sqrt(alpha_bar[t]) * x0 + jnp.sqrt(1 - alpha_bar[t]) * noise, noise, eta
            )
            mean = moved(jnp.zeros(2), jnp.zeros(2))
            by_noise, by_z = moved(jnp.ones(2), jnp.zeros(2)) - mean, moved(jnp.zeros(2), jnp.ones(2)) - mean
            np.testing.assert_allclose(mean, jnp.sqrt(alpha_bar[s]) * x0, atol=1e-12)
            np.testing.assert_allclose(by_noise**2 + by_z**2, 1 - alpha_bar[s], atol=1e-12)
            np.testing.assert_allclose(by_z, eta * jnp.sqrt(posterior_variance(alpha_bar, s, t)), atol=1e-12)


@pytest.mark.system("gen.ddim")
def test_the_sampler_is_a_loop_over_its_times(x64, key):
    """Data N(0, 4): the noise in x_t is sqrt(1 - share) x_t / (4 share + 1 - share), share = alpha_bar_t."""
    alpha_bar, times = linear(100), [0, 5, 10, 40, 100]
    x = jax.random.normal(key, (3, 2))
    predict = exact(alpha_bar, np.zeros((1, 2)), np.full(2, 2.0))
    ours = ddim(jax.random.key(0), predict, alpha_bar, jnp.array(times), x)
    share, x = np.asarray(alpha_bar), np.asarray(x)
    for s, t in ((40, 100), (10, 40), (5, 10), (0, 5)):
        noise = np.sqrt(1 - share[t]) * x / (4 * share[t] + 1 - share[t])
        x0 = (x - np.sqrt(1 - share[t]) * noise) / np.sqrt(share[t])
        x = np.sqrt(share[s]) * x0 + np.sqrt(1 - share[s]) * noise
    np.testing.assert_allclose(ours, x, rtol=1e-10)


@pytest.mark.system("gen.ddim")
def test_without_eta_the_noise_at_the_start_decides_all(key):
    x_key, a_key, b_key = jax.random.split(key, 3)
    alpha_bar, x = linear(100), jax.random.normal(x_key, (5, 3))
    run = jax.jit(lambda key, eta: ddim(key, exact(alpha_bar), alpha_bar, spread(100, 20), x, eta))
    np.testing.assert_array_equal(run(a_key, 0.0), run(b_key, 0.0))
    assert abs(run(jax.random.clone(a_key), 0.5) - run(jax.random.clone(b_key), 0.5)).min() > 1e-3


@pytest.mark.system("gen.ddim")
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_with_the_exact_noise_the_samples_have_mean_and_variance_of_the_data(x64, key, eta):
    """In closed form: one step is x_s = a x_t + c + b z in every coordinate."""
    alpha_bar, times = linear(1000), spread(1000, 1000)
    predict = exact(alpha_bar)

    def transition(s, t):
        at = lambda x, z: step(z, alpha_bar, s, t, x, predict(x[None], t[None])[0], eta)
        start, one = jnp.zeros(3), jnp.ones(3)
        return at(one, start) - at(start, start), at(start, start), at(start, one) - at(start, start)

    a, c, b = map(np.asarray, jax.jit(jax.vmap(transition))(times[:-1], times[1:]))
    mean, variance = np.zeros(3), np.ones(3)
    for i in reversed(range(len(a))):
        mean, variance = a[i] * mean + c[i], a[i] ** 2 * variance + b[i] ** 2
    np.testing.assert_allclose(mean, MEAN, atol=0.01)
    np.testing.assert_allclose(np.sqrt(variance), STD, rtol=0.015)

    x = jax.random.normal(key, (4000, 3))
    few = jax.jit(lambda x: ddim(jax.random.key(1), predict, alpha_bar, spread(1000, 200), x, eta))(x)
    assert (abs(few.mean(0) - MEAN) < 0.05 + 4.5 * STD / np.sqrt(4000)).all()
    assert (abs(few.std(0) / STD - 1) < 0.1).all()


@pytest.mark.system("gen.ddim_ode")
def test_the_steps_are_those_of_euler(x64, key):
    """The flow takes N(0, 1) to the data's Gaussian along x_t = mean_t + std_t u, with u fixed: error in 1 / steps."""
    alpha_bar = linear(1600)
    x = jax.random.normal(key, (6, 3))
    share = float(alpha_bar[-1])
    u = (x - np.sqrt(share) * MEAN[None]) / np.sqrt(share * STD**2 + 1 - share)[None]
    end = MEAN[None] + STD[None] * u
    counts, errors = [50, 100, 200, 400], []
    for count in counts:
        run = jax.jit(lambda x: ddim(jax.random.key(0), exact(alpha_bar), alpha_bar, spread(1600, count), x))
        errors.append(np.abs(np.asarray(run(x)) - end).mean())
    slope = np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slope == pytest.approx(-1, abs=0.15)
    assert errors[-1] < 0.02


class Classes:
    """Ten classes in sixteen dimensions."""

    centres = np.random.default_rng(0).normal(size=(10, 16))
    centres -= centres.mean(0)
    std = np.full(16, 0.2)
    alpha_bar = linear(1000)

    @classmethod
    def run(cls, key, x, count, eta):
        predict = exact(cls.alpha_bar, cls.centres, cls.std)
        return np.asarray(jax.jit(lambda x: ddim(key, predict, cls.alpha_bar, spread(1000, count), x, eta))(x))


@pytest.mark.system("gen.ddim_consistency", "gen.ddim")
def test_the_same_noise_gives_the_same_sample_whatever_the_number_of_steps(key):
    cosine = lambda a, b: ((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).mean()
    x = jax.random.normal(key, (100, 16))
    ten, fifty, thousand = (Classes.run(jax.random.key(n), x, n, 0.0) for n in (10, 50, 1000))
    assert cosine(fifty, thousand) > 0.95
    assert cosine(ten, thousand) > 0.9
    random_fifty, random_thousand = (Classes.run(jax.random.key(n), x, n, 1.0) for n in (50, 1000))
    assert abs(cosine(random_fifty, random_thousand)) < 0.2


@pytest.mark.system("gen.ddim_interpolation")
def test_the_arc_keeps_the_length_and_the_straight_line_does_not(x64, key):
    x, y = jax.random.normal(key, (2, 4, 4))
    y = y * jnp.linalg.norm(x) / jnp.linalg.norm(y)
    np.testing.assert_allclose(slerp(x, y, 0.0), x, atol=1e-12)
    np.testing.assert_allclose(slerp(x, y, 1.0), y, atol=1e-12)
    for share in (0.2, 0.5, 0.9):
        between = np.asarray(slerp(x, y, share))
        np.testing.assert_allclose(np.linalg.norm(between), np.linalg.norm(x), rtol=1e-12)
        angle = np.arccos((between * x).sum() / (x**2).sum())
        np.testing.assert_allclose(angle, share * np.arccos((x * y).sum() / (x**2).sum()), rtol=1e-9)
    assert np.linalg.norm((x + y) / 2) < 0.9 * np.linalg.norm(x)


@pytest.mark.system("gen.ddim_interpolation")
def test_between_two_noises_the_class_changes_once(x64, key):
    """Two classes at +-2 on an axis; their log-odds at x_0 rise with the share, and the sample stays in the classes."""
    centres, std, alpha_bar = np.array([[-2.0, 0.0], [2.0, 0.0]]), np.full(2, 0.5), linear(200)
    x, y = jax.random.normal(key, (2, 2)) + jnp.array([[-1.0, 0.0], [1.0, 0.0]])
    path = jax.vmap(slerp, (None, None, 0))(x, y, jnp.linspace(0, 1, 41))
    predict = exact(alpha_bar, centres, std)
    end = np.asarray(jax.jit(lambda x: ddim(jax.random.key(0), predict, alpha_bar, spread(200, 50), x))(path))
    log_odds = end @ (centres[1] - centres[0]) / 0.25
    assert log_odds[0] < -5
    assert log_odds[-1] > 5
    assert (np.diff(log_odds) > 0).all() or (np.diff(np.sign(log_odds)) != 0).sum() == 1
