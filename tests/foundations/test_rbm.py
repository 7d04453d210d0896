"""The restricted Boltzmann machine against sums over all its states, NumPy loops and scikit-learn's BernoulliRBM."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, logsumexp

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import epochs, synthetic
from jaxicon.data.digits import digits
from jaxicon.foundations.rbm import (
    Config,
    Params,
    annealed_log_partition,
    energy,
    free_energy,
    gibbs,
    hidden_input,
    log_likelihood_gradient,
    log_partition,
    persistent_rbm,
    pseudo_likelihood,
    rbm,
    visible_input,
)
from jaxicon.ops.bulk import uniform

VISIBLE, HIDDEN = 6, 4


def example():
    sample = lambda key: jax.random.bernoulli(key, 0.3, (8, VISIBLE)).astype(float)
    return rbm(Config(hidden=HIDDEN, sweeps=5)), synthetic(sample)


def random_params(scale=1.0) -> Params:
    rng = np.random.default_rng(0)
    sizes = (VISIBLE, HIDDEN), VISIBLE, HIDDEN
    return Params(*(jnp.array(scale * rng.normal(size=size)) for size in sizes))


def every(size):
    return np.array(list(product((0.0, 1.0), repeat=size)))


def joint(params: Params):
    """p(v, h) [64, 16] and log Z, one state at a time."""
    w, a, b = (np.asarray(x) for x in params)
    minus = np.array([[a @ v + b @ h + v @ w @ h for h in every(HIDDEN)] for v in every(VISIBLE)])
    log_z = logsumexp(minus)
    return np.exp(minus - log_z), log_z


@pytest.mark.system("found.rbm")
def test_energies_and_conditionals_are_those_of_the_joint_distribution(x64):
    params = random_params()
    p, log_z = joint(params)
    v, h = every(VISIBLE), every(HIDDEN)
    pairs = np.repeat(v, len(h), 0), np.tile(h, (len(v), 1))
    np.testing.assert_allclose(-energy(params, *map(jnp.array, pairs)) - log_z, np.log(p).ravel(), atol=1e-10)
    np.testing.assert_allclose(-free_energy(params, jnp.array(v)) - log_z, np.log(p.sum(1)), atol=1e-10)
    np.testing.assert_allclose(expit(hidden_input(params, jnp.array(v))), p @ h / p.sum(1)[:, None], atol=1e-10)
    np.testing.assert_allclose(expit(visible_input(params, jnp.array(h))), p.T @ v / p.sum(0)[:, None], atol=1e-10)


@pytest.mark.system("found.rbm")
def test_log_partition_is_the_sum_over_all_states(x64):
    params = random_params()
    assert log_partition(params) == pytest.approx(joint(params)[1], abs=1e-10)
    turned = Params(params.weights.T, params.hidden_bias, params.visible_bias)
    assert log_partition(turned) == pytest.approx(joint(params)[1], abs=1e-10)
    large = Params(jnp.zeros((21, 21)), jnp.zeros(21), jnp.zeros(21))
    with pytest.raises(ConfigError, match="21 units are too many"):
        log_partition(large)


@pytest.mark.system("found.rbm")
def test_the_exact_gradient_is_the_difference_of_expectations(x64):
    """In data and model, summed over every (v, h) by hand; and the derivative of the exact log-likelihood."""
    params, rng = random_params(), np.random.default_rng(1)
    data = rng.integers(0, 2, (5, VISIBLE)).astype(float)
    p, _ = joint(params)
    v, h = every(VISIBLE), every(HIDDEN)
    row = {tuple(x): i for i, x in enumerate(v)}
    given = np.array([p[row[tuple(x)]] / p[row[tuple(x)]].sum() for x in data])  # p(h | v) of the data
    expected = (
        np.einsum("nv,nk,kh->vh", data, given, h) / 5 - np.einsum("ik,iv,kh->vh", p, v, h),
        data.mean(0) - p.sum(1) @ v,
        given.mean(0) @ h - p.sum(0) @ h,
    )
    likelihood = lambda params: -free_energy(params, jnp.array(data)).mean() - log_partition(params)
    for found in (log_likelihood_gradient(params, jnp.array(data)), jax.grad(likelihood)(params)):
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-10), found, Params(*expected))


def updated(params, velocity, data, start, uniforms, config):
    """One step of contrastive divergence, unit by unit; (params, velocity, ends of the chains)."""
    (w, a, b), (dw, da, db) = (tuple(np.array(x) for x in tree) for tree in (params, velocity))
    hidden = lambda v: [1 / (1 + np.exp(-b[j] - sum(v[i] * w[i, j] for i in range(VISIBLE)))) for j in range(HIDDEN)]
    visible = lambda h: [1 / (1 + np.exp(-a[i] - sum(w[i, j] * h[j] for j in range(HIDDEN)))) for i in range(VISIBLE)]
    ends = np.array(start)
    for draws in uniforms:
        u_hidden, u_visible = np.split(np.asarray(draws), [len(ends) * HIDDEN])
        for n, v in enumerate(ends):
            h = [float(u < p) for u, p in zip(u_hidden.reshape(-1, HIDDEN)[n], hidden(v), strict=True)]
            ends[n] = [float(u < p) for u, p in zip(u_visible.reshape(-1, VISIBLE)[n], visible(h), strict=True)]
    gradient = [np.zeros_like(x) for x in (w, a, b)]
    for sign, vectors in ((1, np.asarray(data)), (-1, ends)):
        for v in vectors:
            gradient[0] += sign * np.outer(v, hidden(v)) / len(vectors)
            gradient[1] += sign * v / len(vectors)
            gradient[2] += sign * np.array(hidden(v)) / len(vectors)
    gradient[0] -= config.weight_decay * w
    velocity = [config.momentum * u + config.learning_rate * g for u, g in zip((dw, da, db), gradient, strict=True)]
    return [x + u for x, u in zip((w, a, b), velocity, strict=True)], velocity, ends


@pytest.mark.system("found.rbm")
@pytest.mark.parametrize(("factory", "gibbs_steps"), [(rbm, 1), (rbm, 2), (persistent_rbm, 1)])
def test_steps_with_shared_uniforms_are_those_of_a_loop(factory, gibbs_steps, x64):
    """Two steps with momentum and decay, from the data anew or from where the first step's chains ended."""
    config = Config(hidden=HIDDEN, gibbs_steps=gibbs_steps, learning_rate=0.3, momentum=0.7, weight_decay=0.05)
    batches = jnp.array(np.random.default_rng(2).integers(0, 2, (2, 7, VISIBLE)).astype(float))
    method = factory(config)
    state = method.init(jax.random.key(0), batches[0])._replace(params=random_params())
    params, velocity, ends = state
    for t, batch in enumerate(batches):
        key = jax.random.key(t + 1)
        draws = [uniform(jax.random.fold_in(jax.random.clone(key), i), (7 * 10,), 0.0, 1.0) for i in range(gibbs_steps)]
        state, metrics = method.step(key, state, batch)
        start = batch if factory is rbm else ends
        params, velocity, ends = updated(params, velocity, batch, start, draws, config)
        np.testing.assert_array_equal(state.chains, ends)
        for found, expected in zip((*state.params, *state.velocity), (*params, *velocity), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-10)
        assert metrics["visible_gap"] == pytest.approx(abs(np.asarray(batch).mean(0) - ends.mean(0)).mean(), abs=1e-12)


@pytest.mark.system("found.rbm")
def test_gibbs_chains_have_the_exact_marginals(key, x64):
    """20,000 chains: mean and pairwise products of visible units, to five standard errors."""
    params, count = random_params(), 20_000
    p = joint(params)[0].sum(1)
    v = np.asarray(gibbs(key, params, jnp.zeros((count, VISIBLE)), 100))
    exact = np.einsum("n,ni,nj->ij", p, every(VISIBLE), every(VISIBLE))
    error = np.sqrt(exact * (1 - exact) / count)
    assert (abs(v.T @ v / count - exact) < 5 * error).all()
    state = fresh(jax.random.key(1), *example())._replace(params=params)
    drawn = rbm(Config(hidden=HIDDEN, sweeps=100)).sample(jax.random.key(2), state, count)
    assert (abs(drawn.T @ drawn / count - exact) < 5 * error).all()


@pytest.mark.system("found.rbm")
def test_annealing_finds_the_partition_function(key, x64):
    """Also with half-wrong rates; and the error it reports is the spread of repetitions."""
    params = random_params(scale=1.5)
    rates, exact = jnp.linspace(0.2, 0.8, VISIBLE), joint(params)[1]
    log_z, error = annealed_log_partition(jax.random.clone(key), params, rates, chains=200, steps=500)
    assert log_z == pytest.approx(exact, abs=0.1)
    assert error < 0.03
    coarse = lambda key: annealed_log_partition(key, params, rates, chains=100, steps=20)
    many, errors = jax.lax.map(coarse, jax.random.split(key, 200))
    z = np.exp(np.asarray(many) - exact)
    assert z.mean() == pytest.approx(1, abs=4 * z.std() / 200**0.5)  # unbiased
    assert np.median(errors) == pytest.approx(z.std(), rel=0.3)


@pytest.mark.system("found.rbm")
def test_pseudo_likelihood_is_that_of_the_conditionals_and_of_sklearn(x64):
    from sklearn.neural_network import BernoulliRBM

    params = random_params()
    p, v = joint(params)[0].sum(1), every(VISIBLE)
    row = {tuple(x): i for i, x in enumerate(v)}
    others = lambda x, i: row[(*x[:i], 1 - x[i], *x[i + 1 :])]
    expected = [sum(np.log(p[n] / (p[n] + p[others(x, i)])) for i in range(VISIBLE)) for n, x in enumerate(v)]
    found = pseudo_likelihood(params, jnp.array(v))
    np.testing.assert_allclose(found, expected, atol=1e-10)
    peer = BernoulliRBM(HIDDEN, random_state=np.random.RandomState(0))
    peer.components_, peer.intercept_visible_, peer.intercept_hidden_ = (
        np.asarray(x) for x in (params.weights.T, params.visible_bias, params.hidden_bias)
    )
    estimates = [peer.score_samples(v) for _ in range(4000)]  # of one unit, chosen by chance
    error = np.std(estimates, axis=0) / 4000**0.5
    assert (abs(np.mean(estimates, 0) - found) < 5 * error).all()


@pytest.mark.system("found.rbm")
def test_persistent_chains_go_on_and_survive_a_pause(key):
    stream = synthetic(lambda key: jnp.zeros((8, VISIBLE)))
    method = persistent_rbm(Config(hidden=HIDDEN, learning_rate=1e-9))
    modes = Params(20 * jnp.ones((VISIBLE, HIDDEN)), -40 * jnp.ones(VISIBLE), -60 * jnp.ones(HIDDEN))
    strong = fresh(jax.random.key(0), method, stream)._replace(params=modes, chains=jnp.ones((8, VISIBLE)))
    # two modes, all units on and all off: persistent chains stay in theirs, those from the data begin in the other
    stay, _ = method.step(jax.random.key(1), strong, jnp.zeros((8, VISIBLE)))
    anew, _ = rbm(Config(hidden=HIDDEN)).step(jax.random.key(1), strong, jnp.zeros((8, VISIBLE)))
    assert (np.asarray(stay.chains) == 1).all()
    assert (np.asarray(anew.chains) == 0).all()
    whole, _ = train(jax.random.clone(key), method, stream, 7, chunk=4)
    half, _ = train(jax.random.clone(key), method, stream, 3, chunk=4)
    rest, _ = train(jax.random.clone(key), method, stream, 4, state=half, start=3, chunk=4)
    jax.tree.map(np.testing.assert_array_equal, whole, rest)


@pytest.mark.system("found.rbm")
def test_learns_the_digits_as_well_as_sklearn(key):
    """Pseudo-likelihood of held-out binary digits after ten epochs at the same settings, with persistent chains."""
    from sklearn.neural_network import BernoulliRBM

    x, held_out = ((part[0] > 0.5).astype(np.float32) for part in digits())
    peer = BernoulliRBM(64, learning_rate=0.1, batch_size=10, n_iter=10, random_state=0).fit(x)
    theirs = Params(*map(jnp.array, (peer.components_.T, peer.intercept_visible_, peer.intercept_hidden_)))
    method = persistent_rbm(Config(hidden=64, learning_rate=0.1, momentum=0.0, weight_decay=0.0))
    state, _ = train(jax.random.clone(key), method, epochs(x, 10), 1440, chunk=1440)
    ours = evaluate(key, method, state, epochs(held_out, 360), 1)["pseudo_likelihood"]
    assert ours == pytest.approx(pseudo_likelihood(theirs, jnp.array(held_out)).mean(), abs=0.5)
    assert ours > -20


def test_what_is_refused(key):
    for wrong in ({"hidden": 0}, {"gibbs_steps": 0}, {"learning_rate": 0.0}, {"momentum": 1.5}, {"weight_decay": -0.1}):
        name, value = next(iter(wrong.items()))
        with pytest.raises(ConfigError, match=f"rbm: {name} is {value}"):
            rbm(Config(**wrong))
    with pytest.raises(DataError, match="v has shape"):
        rbm(Config()).init(key, jnp.zeros((0, 3)))
