"""Against zennit; against the formulas in NumPy, every layer written out as a matrix, with an account of every loss."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.explain.lrp import composite, epsilon, gamma, lrp, relevances, zero
from jaxicon.nn.layered import Layered, avg_pool, conv, dense, flatten, max_pool, relu

NET = Layered(
    {
        "conv1": conv(4),
        "relu1": relu,
        "max_pool": max_pool(2),
        "conv2": conv(5),
        "relu2": relu,
        "avg_pool": avg_pool(2),
        "flatten": flatten,
        "dense1": dense(8),
        "relu3": relu,
        "dense2": dense(3),
    }
)
AFFINE = ("conv1", "conv2", "dense1", "dense2")
GOLDEN = np.load(Path(__file__).parents[1] / "golden/lrp.npz")
STRENGTHS = {  # (gamma, epsilon) of every layer with parameters
    "zero": [(0, 0)] * 4,
    "epsilon": [(0, 0.3)] * 4,
    "gamma": [(0.25, 0)] * 4,
    "composite": [(0.5, 0), (0.5, 0), (0, 0.1), (0, 0)],
}
MARKED = [pytest.param(name, marks=pytest.mark.system(f"xai.lrp_{name.replace('zero', '0')}")) for name in STRENGTHS]


def weights(bias: float = 1.0) -> dict:
    """The golden network's, with its biases times a factor."""
    affine = {n: {"kernel": GOLDEN[f"{n}_kernel"], "bias": bias * GOLDEN[f"{n}_bias"]} for n in AFFINE}
    return jax.tree.map(jnp.asarray, {name: affine.get(name, {}) for name in NET.layers})


def rules(name: str) -> dict:
    return {n: gamma(g) if g else epsilon(e) for n, (g, e) in zip(AFFINE, STRENGTHS[name], strict=True)}


def case():
    return jnp.asarray(GOLDEN["x"]), jnp.asarray(GOLDEN["target"])


@pytest.mark.slow
@pytest.mark.parametrize("name", MARKED)
def test_relevance_is_zennits(name, x64):
    x, target = case()
    np.testing.assert_allclose(NET.apply(weights(), x), GOLDEN["logits"], rtol=1e-11)
    found = jax.jit(lambda x: lrp(NET, weights(), x, target, rules(name)))(x)
    assert abs(GOLDEN[name]).max() > 0.05
    np.testing.assert_allclose(found, GOLDEN[name], rtol=1e-9, atol=1e-12)


@jax.jit
def matrices(params, inputs) -> dict[str, tuple]:
    """(weights [outputs, inputs], bias [outputs]) of every layer that is affine."""

    def written_out(name):
        apply = lambda a: NET.layers[name].apply(params[name], a[None]).ravel()
        zeros = jnp.zeros_like(inputs[name][0])
        bias = apply(zeros)
        return jax.jacobian(apply)(zeros).reshape(bias.size, -1), bias

    return {name: written_out(name) for name in (*AFFINE, "avg_pool")}


def by_hand(inputs, affine, relevance, strengths) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Relevance of the input of every layer for one image, and what every layer absorbed; formulas (1), (2), (3)."""
    found, absorbed = {}, {}
    for name in reversed(NET.layers):
        a = inputs[name]
        if name == "max_pool":
            windows = a.reshape(4, 2, 4, 2, -1).transpose(0, 2, 4, 1, 3).reshape(4, 4, -1, 4)
            won = np.eye(4)[windows.argmax(-1)] * relevance[..., None]
            relevance = won.reshape(4, 4, -1, 2, 2).transpose(0, 3, 1, 4, 2)
        elif name in affine:
            w, b = affine[name]
            parts = np.column_stack([w * a.ravel()[None], b])  # [k, j and 0]
            z = parts.sum(1, keepdims=True)
            favour, damp = strengths.get(name, (0, 0))
            parts = parts * (1 + favour * (np.sign(parts) == np.sign(z)))
            total = parts.sum(1, keepdims=True) + damp * np.sign(z)
            shares = parts / np.where(total == 0, 1, total) * relevance.reshape(-1, 1)
            absorbed[name] = relevance.sum() - shares[:, :-1].sum()
            relevance = shares[:, :-1].sum(0)
        found[name] = relevance = relevance.reshape(a.shape)
    return found, absorbed


@pytest.mark.slow
@pytest.mark.parametrize("name", MARKED)
def test_with_biases_the_residual_is_what_biases_and_epsilon_absorbed(name, x64):
    x, target = case()
    params = weights()
    outputs = jax.jit(NET.activations)(params, x)
    inputs = {n: np.asarray(a) for n, a in zip(NET.layers, [x, *(outputs[n] for n in NET.layers)], strict=False)}
    affine = jax.tree.map(np.asarray, matrices(params, inputs))
    found = jax.jit(lambda x: relevances(NET, params, x, target, rules(name)))(x)
    for i in range(3):
        score = np.where(np.arange(3) == target[i], outputs["dense2"][i], 0)
        image = {n: a[i] for n, a in inputs.items()}
        expected, absorbed = by_hand(image, affine, score, dict(zip(AFFINE, STRENGTHS[name], strict=True)))
        for layer, relevance in expected.items():
            np.testing.assert_allclose(found[layer][i], relevance, rtol=1e-9, atol=1e-12)
        residual = score.sum() - found["conv1"][i].sum()
        assert abs(residual) > 0.01
        np.testing.assert_allclose(residual, sum(absorbed.values()), rtol=1e-9)
        assert absorbed["avg_pool"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", MARKED)
def test_without_biases_nothing_is_lost_as_epsilon_vanishes(name, x64):
    x, target = case()
    params = weights(bias=0.0)
    score = NET.apply(params, x)[jnp.arange(6), target]

    @jax.jit
    def residual(scale: float):
        """The largest in any layer, in units of the score."""
        scaled = {n: gamma(g) if g else epsilon(scale * e) for n, (g, e) in zip(AFFINE, STRENGTHS[name], strict=True)}
        found = relevances(NET, params, x, target, scaled)
        return abs(jnp.stack([r.reshape(6, -1).sum(1) for r in found.values()]) / score[None] - 1).max()

    assert residual(0.0) < 1e-9
    if name in ("epsilon", "composite"):
        assert residual(1e-11) < 1e-9
        assert residual(1.0) > 1e-3
        assert residual(1e-4) / residual(1e-5) == pytest.approx(10, rel=0.05)


@pytest.mark.system("xai.lrp_0")
def test_the_plain_rule_is_gradient_times_input(x64):
    x, target = case()
    params = weights()
    score = lambda x: NET.apply(params, x)[jnp.arange(6), target].sum()
    found = jax.jit(lambda x: lrp(NET, params, x, target, {}))(x)
    np.testing.assert_allclose(found, x * jax.jit(jax.grad(score))(x), rtol=1e-9, atol=1e-13)


@pytest.mark.system("xai.lrp_epsilon")
def test_the_larger_epsilon_the_less_relevance(x64):
    x, target = case()
    mass = lambda e: abs(lrp(NET, weights(), x, target, dict.fromkeys(AFFINE, epsilon(e)))).sum((1, 2, 3))
    masses = jax.jit(jax.vmap(mass))(jnp.array([0.01, 0.03, 0.1, 0.3, 1.0, 3.0]))
    assert (jnp.diff(masses, axis=0) < 0).all()


@pytest.mark.system("xai.lrp_epsilon")
def test_epsilon_has_the_sign_of_its_neuron(x64):
    """z = 2 - 3 = -1: with epsilon 1 half of the relevance stays; without the sign the division would be by zero."""
    params = {"kernel": jnp.array([[2.0], [-3.0]]), "bias": jnp.zeros(1)}
    found = epsilon(1.0)(dense(1), params, jnp.ones((1, 2)), jnp.array([[-1.0]]))
    np.testing.assert_allclose(found, [[1.0, -1.5]])


@pytest.mark.system("xai.lrp_gamma")
def test_gamma_leads_from_the_plain_rule_to_the_one_of_positive_contributions(x64, key):
    """On inputs that are not negative, the relevance of neurons that fire."""
    a_key, w_key, r_key = jax.random.split(key, 3)
    a, w = jax.random.uniform(a_key, (2, 7)), jax.random.normal(w_key, (7, 5))
    params = {"kernel": w, "bias": jnp.full(5, 0.1)}
    relevance = jnp.where(a @ w + 0.1 > 0, jax.random.uniform(r_key, (2, 5)), 0)
    run = lambda rule: np.asarray(rule(dense(5), params, a, relevance))
    np.testing.assert_allclose(run(gamma(0.0)), run(zero), rtol=1e-12)
    positive = np.asarray(a)[:, :, None] * np.maximum(w, 0)[None]
    shares = positive / (positive.sum(1, keepdims=True) + 0.1) * np.asarray(relevance)[:, None]
    np.testing.assert_allclose(run(gamma(1e12)), shares.sum(-1), rtol=1e-9)
    assert (run(zero) < -1e-3).any()
    raised = np.asarray(a)[:, :, None] * (np.asarray(w) + 0.5 * np.maximum(w, 0))[None]
    shares = raised / (raised.sum(1, keepdims=True) + 0.15) * np.asarray(relevance)[:, None]
    np.testing.assert_allclose(run(gamma(0.5)), shares.sum(-1), rtol=1e-9)


@pytest.mark.system("xai.lrp_composite")
def test_a_composite_gives_its_rules_to_the_layers_by_depth():
    low, middle = gamma(0.25), epsilon(0.1)
    found = composite(NET, weights(), low, middle, zero)
    assert found == {"conv1": low, "conv2": low, "dense1": middle, "dense2": zero}


def test_a_rule_for_no_layer_is_refused():
    x, target = case()
    with pytest.raises(ConfigError, match="'conv3' with parameters; did you mean 'conv"):
        lrp(NET, weights(), x, target, {"conv3": zero})
    with pytest.raises(ConfigError, match="'relu1' with parameters"):
        lrp(NET, weights(), x, target, {"relu1": gamma(0.25)})
