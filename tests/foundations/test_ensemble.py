"""Ensembles against SciPy's mode and softmax, loops over members, and the statistics of resampling."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import mode

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs
from jaxicon.foundations.ensemble import bootstrapped, ensemble, scores, shuffled, vote
from jaxicon.foundations.mlp import Config, mlp

N = 12
X = np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32)
DATA = (X, np.arange(N, dtype=np.int32) % 3)
MEMBER = mlp(Config(hidden=(6,), learning_rate=1e-2), classes=3)


def example():
    return ensemble(MEMBER, 3), bootstrapped(DATA, 4, 3)


def members(state):
    """The state of each, out of the ensemble's."""
    return [jax.tree.map(lambda x: x[j], state) for j in range(jax.tree.leaves(state)[0].shape[0])]


def batches(stream, key, t0, n):
    arrays = stream.load(t0, n)
    rows = stream.plan(key, t0 + jnp.arange(n), arrays)
    return [stream.draw(rows[i], arrays) for i in range(n)]


@pytest.mark.system("ens.same_data")
@pytest.mark.parametrize("classes", [2, 4])
def test_the_vote_is_the_mode_with_ties_to_the_lowest_class(classes):
    logits = np.random.default_rng(1).normal(size=(6, 500, classes))
    expected = mode(logits.argmax(-1), axis=0).mode
    counts = np.sort(np.apply_along_axis(np.bincount, 0, logits.argmax(-1), minlength=classes), axis=0)
    assert (counts[-1] == counts[-2]).sum() > 50, "no ties to break"
    np.testing.assert_array_equal(vote(jnp.asarray(logits)), expected)


@pytest.mark.slow
@pytest.mark.system("ens.same_data")
def test_the_prediction_is_the_mean_probability_of_the_members(key, x64):
    method, stream = example()
    state, _ = train(key, method, stream, 5)
    x = jnp.asarray(X, float)
    p = np.mean([softmax(np.asarray(MEMBER.predict(m, x)), axis=1) for m in members(state)], axis=0)
    np.testing.assert_allclose(np.exp(method.predict(state, x)), p, atol=1e-12)
    found = method.evaluate(jax.random.key(1), state, (x, jnp.asarray(DATA[1])))
    assert found["nll"] == pytest.approx(-np.log(p[np.arange(N), DATA[1]]).mean(), abs=1e-12)
    assert found["accuracy"] == pytest.approx((p.argmax(1) == DATA[1]).mean(), abs=1e-12)


@pytest.mark.slow
@pytest.mark.system("ens.bootstrap")
@pytest.mark.parametrize("scale", [0.1, 1, 30])
def test_the_ensemble_is_never_worse_than_its_mean_member(scale, x64):
    """Jensen, term by term in NumPy; at a scale of 30 some p underflow and the logarithm must be taken of none."""
    random = np.random.default_rng(2)
    logits, y = scale * random.normal(size=(5, 40, 3)), random.integers(0, 3, 40)
    p = np.array([[softmax(row) for row in member] for member in logits])
    found = scores(jnp.asarray(logits), jnp.asarray(y))
    single = np.mean([-np.log(p[j, i, y[i]]) for j in range(5) for i in range(40)])
    whole = np.mean([-np.log(p[:, i, y[i]].mean()) for i in range(40)])
    assert single > whole
    assert found["nll"] == pytest.approx(whole, rel=1e-10)
    assert found["nll_gain"] == pytest.approx(single - whole, rel=1e-9)
    assert found["member_accuracy"] == pytest.approx((logits.argmax(-1) == y).mean(), abs=1e-12)
    distance = np.mean([((p[:, i] - p[:, i].mean(0)) ** 2).mean(0).sum() for i in range(40)])
    assert found["disagreement"] == pytest.approx(distance, rel=1e-9)


@pytest.mark.system("ens.same_data")
def test_the_variance_of_predictions_falls_as_one_over_the_number_of_members(key):
    """Over runs: members differ by independent randomness, so the mean of m of them has 1/m of the variance of one."""
    method = ensemble(MEMBER, 8)
    state, _ = train(jax.random.split(key, 48), method, shuffled(DATA, 4, 8), 30)
    predict = jax.vmap(jax.vmap(MEMBER.predict, (0, None)), (0, None))
    p = np.asarray(jax.nn.softmax(predict(state, jnp.asarray(X))))  # [run m n c]
    groups = {m: p.reshape(-1, m, N, 3).mean(1) for m in (1, 2, 4, 8)}
    variance = {m: p.var(0, ddof=1).mean() for m, p in groups.items()}
    for m in (2, 4, 8):
        assert variance[1] / variance[m] == pytest.approx(m, rel=0.2)


@pytest.mark.slow
@pytest.mark.system("ens.same_data")
def test_a_member_is_a_run_of_its_own(key):
    """One step of three members equals three steps of one, each on its own share; no two begin alike."""
    method, _ = example()
    batch = jax.tree.map(jnp.asarray, DATA)
    state = method.init(jax.random.key(1), batch)
    after, _ = method.step(jax.random.clone(key), state, batch)
    starts = members(state)
    for j, key_j in enumerate(jax.random.split(key, 3)):
        share = jax.tree.map(lambda x: x[4 * j : 4 * j + 4], batch)
        alone, _ = MEMBER.step(key_j, starts[j], share)
        for a, b in zip(jax.tree.leaves(members(after)[j].params), jax.tree.leaves(alone.params), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
    kernel = state.params["params"]["Dense_0"]["kernel"]
    assert len(np.unique(kernel.reshape(3, -1), axis=0)) == 3


@pytest.mark.system("ens.same_data")
def test_on_the_same_data_every_member_sees_every_example_once_an_epoch(key):
    drawn = np.stack([x for x, _ in batches(shuffled((np.arange(N), np.arange(N)), 4, 5), key, 0, 6)])
    orders = drawn.reshape(6, 5, 4).swapaxes(0, 1).reshape(5, 2, N)  # member, epoch
    assert (np.sort(orders, axis=-1) == np.arange(N)).all()
    assert len(np.unique(orders.reshape(-1, N), axis=0)) == 10


@pytest.mark.system("ens.bootstrap")
def test_a_member_of_a_bagging_sees_one_resample_all_along(key):
    """Of 1000 examples drawn 1000 times each is there Binomial(1000, 1/1000) times, the same in every epoch."""
    n, m = 1000, 4
    drawn = np.stack([x for x, _ in batches(bootstrapped((np.arange(n), np.arange(n)), 100, m), key, 0, 20)])
    epoch = drawn.reshape(2, 10, m, 100).swapaxes(1, 2).reshape(2, m, n)
    counts = np.array([[np.bincount(member, minlength=n) for member in e] for e in epoch])
    np.testing.assert_array_equal(counts[0], counts[1])
    assert (epoch[0] != epoch[1]).any(axis=-1).all(), "the order is the same in both epochs"
    share = [(counts[0] == k).mean() for k in range(3)]
    np.testing.assert_allclose(share, [0.3677, 0.3681, 0.1840], atol=0.035)  # 4 standard errors of 4000 draws
    correlation = np.corrcoef(counts[0])[~np.eye(m, dtype=bool)]
    assert abs(correlation).max() < 0.13, "two members have one resample"


@pytest.mark.slow
@pytest.mark.parametrize("make", [shuffled, bootstrapped])
def test_a_batch_is_a_function_of_key_and_t(make, key):
    stream = make(DATA, 5, 3)
    whole = batches(stream, key, 0, 12)
    for t0, n in ((0, 1), (3, 5), (11, 1)):
        for a, b in zip(batches(stream, jax.random.clone(key), t0, n), whole[t0 : t0 + n], strict=True):
            jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.system("ens.bootstrap")
def test_learns_and_is_as_good_as_its_mean_member(key):
    """Two classes, by the sign of the sum of the inputs."""
    x = np.random.default_rng(3).normal(size=(300, 5)).astype(np.float32)
    y = (x.sum(1) > 0).astype(np.int32)
    method = ensemble(mlp(Config(hidden=(6,), learning_rate=1e-2), classes=2), 5)
    state, _ = train(key, method, bootstrapped((x[:100], y[:100]), 20, 5), 200)
    found = evaluate(jax.random.key(1), method, state, epochs((x[100:], y[100:]), 200), 1)
    assert found["accuracy"] >= max(0.9, found["member_accuracy"])
    assert found["nll_gain"] > 0


def test_wrong_arguments_are_named(key):
    with pytest.raises(ConfigError, match="ensemble: members is 0"):
        ensemble(MEMBER, 0)
    with pytest.raises(ConfigError, match="ensemble: members is 0"):
        shuffled(DATA, 4, 0)
    with pytest.raises(DataError, match="a batch of 12 examples does not part into 5"):
        ensemble(MEMBER, 5).init(key, DATA)
    with pytest.raises(DataError, match="arrays need one common"):
        bootstrapped((X, DATA[1][:3]), 4, 2)
