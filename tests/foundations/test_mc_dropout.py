"""MC-dropout against the enumeration of all masks of a small network, and its penalty against a KL by quadrature."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import norm

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.run import train
from jaxicon.core.stream import resident, synthetic
from jaxicon.foundations.mc_dropout import Config, keeps, log_likelihood, mc_dropout, moments, passes, penalty

SMALL = Config(hidden=(3, 2), keep=0.7, input_keep=0.9, precision=4.0)
KEEPS = [0.9] * 2 + [0.7] * 5  # of each unit


def example():
    def sample(key):
        x = jax.random.uniform(key, (8, 2), minval=-1)
        return x, jnp.sin(3 * x[:, :1])

    return mc_dropout(SMALL, outputs=1, examples=100), synthetic(sample)


def by_hand(params, x, mask):
    """Output of a thinned network, the mask as one tuple over inputs and hidden units."""
    h, start = np.asarray(x), 0
    for i in range(3):
        layer = params["params"][f"Dense_{i}"]
        kernel, keep = np.asarray(layer["kernel"]), 0.7 if i else 0.9
        h = np.maximum(h, 0) if i else h
        alive = np.array(mask[start : start + len(kernel)])
        start, h = start + len(kernel), (h * alive) @ kernel / keep + np.asarray(layer["bias"])
    return h


def enumerated(params, x):
    """(weights [m], outputs [m, b, k]) of all thinned networks of SMALL."""
    every = list(product([0, 1], repeat=7))
    weight = [np.prod([(k if m else 1 - k) for m, k in zip(mask, KEEPS, strict=True)]) for mask in every]
    return np.array(weight), np.array([[by_hand(params, row, mask) for row in np.asarray(x)] for mask in every])


@pytest.fixture
def fitted(key, x64):
    method, stream = example()
    state, _ = train(key, method, stream, 20)
    x = jax.random.normal(jax.random.key(3), (4, 2))
    return method, state, x, *enumerated(state.params, x)


@pytest.mark.system("found.mc_dropout")
def test_moments_converge_to_those_of_all_masks(fitted):
    _, state, x, weight, outputs = fitted
    assert weight.sum() == pytest.approx(1)
    mean = np.einsum("m,mbk->bk", weight, outputs)
    centred = outputs - mean
    variance, fourth = (np.einsum("m,mbk->bk", weight, centred**n) for n in (2, 4))
    count = 20_000
    found_mean, found_variance = moments(passes(jax.random.key(4), state.params, keeps(SMALL), x, count), 4.0)
    assert (abs(found_mean - mean) < 4.5 * np.sqrt(variance / count)).all()
    assert (abs(found_variance - 0.25 - variance) < 4.5 * np.sqrt((fourth - variance**2) / count)).all()
    assert (variance > 1e-4).all()


@pytest.mark.system("found.mc_dropout")
def test_the_mean_converges_at_the_root_of_the_number_of_passes(fitted):
    _, state, x, weight, outputs = fitted
    exact = np.einsum("m,mbk->bk", weight, outputs)
    variance = np.einsum("m,mbk->bk", weight, (outputs - exact) ** 2)
    counts, repeats = (16, 64, 256), 400
    errors = []
    for count in counts:
        run = lambda k, count=count: passes(k, state.params, keeps(SMALL), x, count).mean(0)
        means = jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(count), repeats))
        errors.append(np.sqrt(((np.asarray(means) - exact) ** 2).mean()))
    np.testing.assert_allclose(errors, np.sqrt(variance.mean() / np.array(counts)), rtol=0.1)
    assert np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(-0.5, abs=0.05)


@pytest.mark.system("found.mc_dropout")
def test_a_pass_has_one_mask_for_all_inputs(fitted):
    """Every pass is one of the enumerated functions, at all x together."""
    _, state, x, _, outputs = fitted
    found = np.asarray(passes(jax.random.key(4), state.params, keeps(SMALL), x, 30))
    distance = abs(found[:, None] - outputs[None]).max((2, 3)).min(1)
    assert (distance < 1e-10).all()


def test_predictive_log_likelihood_is_that_of_a_mixture(fitted):
    _, state, x, _, _ = fitted
    found = passes(jax.random.key(4), state.params, keeps(SMALL), x, 7)
    y = np.linspace(-1, 1, 4)[:, None]
    expected = logsumexp(norm.logpdf(y, np.asarray(found), 0.5).sum(-1), axis=0) - np.log(7)
    np.testing.assert_allclose(log_likelihood(found, jnp.array(y), 4.0), expected, atol=1e-12)


@pytest.mark.system("found.mc_dropout")
@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_the_penalty_is_the_divergence_from_the_prior(x64, keep):
    """KL(keep N(m / keep, s^2) + (1 - keep) N(0, s^2) || N(0, 1 / length^2)) of one weight, up to a constant."""
    length, std = 0.8, 0.02

    def divergence(m):
        q = lambda w: keep * norm.pdf(w, m / keep, std) + (1 - keep) * norm.pdf(w, 0, std)
        integrand = lambda w: q(w) * (np.log(q(w)) - norm.logpdf(w, 0, 1 / length)) if q(w) > 0 else 0.0
        return sum(quad(integrand, c - 10 * std, c + 10 * std, epsabs=1e-11)[0] for c in (0, m / keep))

    one = lambda m: {"params": {"Dense_0": {"kernel": jnp.array([[m]]), "bias": jnp.array([m])}}}
    weight_and_bias = lambda m: penalty(one(m), (keep,), length)
    bias = lambda m: length**2 * m**2 / 2  # KL(N(m, s^2) || N(0, 1 / length^2)) - a constant
    found = (weight_and_bias(1.5) - bias(1.5)) - (weight_and_bias(0.7) - bias(0.7))
    assert found == pytest.approx(divergence(1.5) - divergence(0.7), abs=1e-7)


def test_the_loss_is_error_and_penalty_in_their_proportion(key, x64):
    """With nothing dropped one step's gradient is that of ridge regression, tau X^T r + length^2 w; checked at w = 0
    plus the optimum: a step of the linear network moves nothing there."""
    config = Config(hidden=(), keep=1.0, input_keep=1.0, precision=4.0, length_scale=0.5)
    random = np.random.default_rng(0)
    x, y = random.normal(size=(12, 2)), random.normal(size=(12, 1))
    design = np.hstack([x, np.ones((12, 1))])
    optimum = np.linalg.solve(4.0 * design.T @ design + 0.25 * np.eye(3), 4.0 * design.T @ y)
    method = mc_dropout(config, outputs=1, examples=12)
    batch = jnp.array(x), jnp.array(y)
    state = method.init(key, batch)

    def value(flat):
        params = {"params": {"Dense_0": {"kernel": flat[:2], "bias": flat[2]}}}
        metrics = method.step(jax.random.key(1), state._replace(params=params), batch)[1]
        return metrics["squared_error"] / 2 + metrics["decay"]

    np.testing.assert_allclose(jax.grad(value)(jnp.array(optimum)), 0, atol=1e-12)
    assert abs(jax.grad(value)(jnp.array(1.1 * optimum))).max() > 0.01


@pytest.mark.slow
@pytest.mark.system("found.mc_dropout")
def test_variance_grows_where_there_are_no_data(key):
    x = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    y = np.sin(3 * x)
    method = mc_dropout(Config(hidden=(64,)), outputs=1, examples=40)
    state, _ = train(key, method, resident((x, y), 40), 2000)
    places = jnp.array([[-4.0], [0.0], [4.0]])
    left, inside, right = passes(jax.random.key(1), state.params, keeps(Config(hidden=(64,))), places, 500).var(0)[:, 0]
    assert min(left, right) > 4 * inside


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"keep": 0.0}, "mc_dropout: keep is 0.0"),
        ({"input_keep": 1.1}, "mc_dropout: input_keep is 1.1; expected 0 <= input_keep <= 1"),
        ({"precision": -1.0}, "mc_dropout: precision is -1.0"),
        ({"length_scale": 0.0}, "mc_dropout: length_scale is 0.0"),
        ({"passes": 0}, "mc_dropout: passes is 0"),
    ],
)
def test_numbers_that_cannot_be(wrong, message):
    with pytest.raises(ConfigError, match=message):
        mc_dropout(Config(**wrong), 1, 10)


def test_data_that_cannot_be(key):
    with pytest.raises(ConfigError, match="examples is 0"):
        mc_dropout(Config(), 1, 0)
    with pytest.raises(DataError, match=r"mc_dropout: y has shape \(4,\); expected 2 axes"):
        mc_dropout(Config(), 1, 10).init(key, (np.ones((4, 2)), np.ones(4)))
