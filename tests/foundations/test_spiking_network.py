"""Spiking neurons against snnTorch (golden values), the closed form of their firing rate and loops in Python."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.run import train
from jaxicon.core.stream import synthetic
from jaxicon.foundations.spiking_network import (
    Config,
    activity,
    latency_code,
    leaky,
    neuron,
    rate_code,
    spike,
    spiking_network,
)

GOLDEN = np.load(Path(__file__).parents[1] / "golden/spiking_network.npz")
NAMES = ("0/kernel", "0/bias", "1/kernel", "1/bias")


def example():
    def sample(key):
        return jax.random.bernoulli(key, 0.4, (8, 6, 5)).astype(float), jnp.arange(8) % 3

    return spiking_network(Config(hidden=(6, 4), beta=0.8), classes=3), synthetic(sample)


@pytest.mark.system("found.snn")
def test_a_constant_current_fires_at_the_steps_of_snntorch():
    potentials = leaky(jnp.full(20, 0.3), beta=0.9)
    np.testing.assert_array_equal(np.flatnonzero(potentials > 1), [3, 8, 12, 16])


@pytest.mark.system("found.snn")
@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize(("beta", "threshold"), [(0.9, 1.0), (0.5, 0.7)])
def test_spikes_and_potentials_of_a_hundred_steps_are_snntorchs(reset, beta, threshold, x64):
    potentials = leaky(jnp.asarray(GOLDEN["currents"]), beta, threshold, reset)
    np.testing.assert_allclose(potentials, GOLDEN[f"{reset}_{beta}/potentials"], atol=1e-12)
    spikes = spike(potentials - threshold, 2.0, "arctan")
    np.testing.assert_array_equal(spikes, GOLDEN[f"{reset}_{beta}/spikes"])
    assert 20 < spikes.sum() < 0.9 * spikes.size


@pytest.mark.system("found.snn")
@pytest.mark.parametrize("surrogate", ["fast_sigmoid", "arctan"])
@pytest.mark.parametrize("slope", [2.0, 25.0])
def test_surrogate_derivatives_are_snntorchs(surrogate, slope, x64):
    x = jnp.asarray(GOLDEN["x"])
    found = jax.vmap(jax.grad(lambda x: spike(x, slope, surrogate)))(x)
    np.testing.assert_allclose(found, GOLDEN[f"{surrogate}_{slope}"], rtol=1e-12)
    np.testing.assert_array_equal(spike(x, slope, surrogate), np.asarray(x) > 0)


@pytest.mark.slow
@pytest.mark.system("found.snn")
@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_the_gradient_through_time_of_two_layers_is_snntorchs(key, reset, x64):
    config = Config(hidden=(7,), beta=0.8, reset=reset, surrogate="fast_sigmoid", slope=3.0)
    get = lambda name: jnp.asarray(GOLDEN[f"{reset}/{name}"])
    params = tuple({part: get(f"{i}/{part}") for part in ("kernel", "bias")} for i in range(2))
    batch = jnp.asarray(GOLDEN["spikes"]).swapaxes(0, 1), jnp.asarray(GOLDEN["y"])
    for readout, expected in (("count", "counts"), ("potential", "potential")):
        method = spiking_network(Config(hidden=(7,), beta=0.8, reset=reset, readout=readout), classes=4)
        state = method.init(jax.random.clone(key), batch)._replace(params=params)
        np.testing.assert_allclose(method.predict(state, batch[0]), get(expected), atol=1e-12)

    def loss(params):
        logits = activity(params, batch[0], config)[-1][0].sum(0)
        return -jax.nn.log_softmax(logits)[jnp.arange(3), batch[1]].mean()

    value, grads = jax.value_and_grad(loss)(params)
    assert value == pytest.approx(float(get("loss")), abs=1e-12)
    for name in NAMES:
        layer, part = name.split("/")
        np.testing.assert_allclose(grads[int(layer)][part], get(f"grad/{name}"), rtol=1e-9, atol=1e-12)
    state = spiking_network(config, classes=4).init(jax.random.clone(key), batch)._replace(params=params)
    after, metrics = spiking_network(config, classes=4).step(jax.random.clone(key), state, batch)
    assert metrics["loss"] == pytest.approx(float(value), abs=1e-12)
    moved = np.asarray(after.params[0]["kernel"] - params[0]["kernel"])  # Adam's first step: the sign of the gradient
    np.testing.assert_allclose(moved, -config.learning_rate * np.sign(get("grad/0/kernel")), rtol=1e-3)


@pytest.mark.system("found.snn")
@pytest.mark.parametrize("refractory", [0.0, 3.0])
def test_the_firing_rate_is_the_closed_form(refractory, x64):
    """1 / (t_ref + tau ln(R I / (R I - V))) per ms: 10 ms, 40 megohm, V = 15 mV above the rest; currents in nA."""
    tau, resistance, rest, threshold = 10.0, 40.0, -65.0, -50.0
    currents = np.array([0.2, 0.38, 0.5, 1.0, 2.0])
    drive = resistance * currents
    with np.errstate(invalid="ignore"):
        period = refractory + tau * np.log(drive / (drive - (threshold - rest)))
    expected = np.where(drive > threshold - rest, 1 / period, 0)

    def rates(dt):
        steps = round(1000 / dt)
        inputs = jnp.broadcast_to(jnp.asarray(currents)[None], (steps, 5))
        spikes, potentials = neuron(inputs, dt, tau, resistance, threshold, rest, refractory)
        assert potentials.min() >= rest
        times = [np.flatnonzero(column) for column in np.asarray(spikes).T]
        return np.array([(len(t) - 1) / ((t[-1] - t[0]) * dt) if len(t) > 1 else 0 for t in times])

    np.testing.assert_allclose(rates(0.01), expected, rtol=0.01)
    assert abs(rates(0.01) - expected).max() < abs(rates(0.5) - expected).max() / 5


@pytest.mark.system("found.snn")
def test_the_potential_solves_the_differential_equation(x64):
    """Below the threshold: the integral of exp(-(t - s) / tau) R I(s) / tau for a current that changes midway."""
    tau, resistance, dt = 10.0, 2.0, 0.5
    current = jnp.where(jnp.arange(80) < 40, 1.0, -0.5)
    _, potentials = neuron(current, dt, tau, resistance, threshold=100.0, rest=-3.0)
    t = dt * np.arange(1, 81)
    first = 2.0 * (1 - np.exp(-np.minimum(t, 20) / tau)) * np.exp(-np.maximum(t - 20, 0) / tau)
    second = -1.0 * (1 - np.exp(-np.maximum(t - 20, 0) / tau))
    np.testing.assert_allclose(potentials, -3 + first + second, atol=1e-12)


def test_codes(key):
    x = jnp.asarray(GOLDEN["intensity"], jnp.float32)
    np.testing.assert_array_equal(latency_code(x, 10), GOLDEN["latency"])
    np.testing.assert_array_equal(latency_code(x[None], 10)[0], GOLDEN["latency"])
    p = jnp.array([[0.0, 0.1, 0.5], [0.9, 1.0, 0.3]])
    trains = rate_code(key, p, 10_000)
    assert trains.shape == (2, 10_000, 3)
    assert set(np.unique(trains)) == {0, 1}
    rates, error = np.asarray(trains).mean(1), 4 * np.sqrt(np.asarray(p * (1 - p)) / 10_000)
    assert (abs(rates - p) <= error).all()
    apart = np.corrcoef(np.asarray(trains[0, :-1, 2]), np.asarray(trains[0, 1:, 2]))[0, 1]
    assert abs(apart) < 0.04


def test_learns_which_half_fires_first(key):
    """Both halves spike equally often, so that only the time of their spikes tells the classes apart."""

    def sample(key):
        order_key, noise_key = jax.random.split(key)
        y = jax.random.bernoulli(order_key, shape=(64,)).astype(int)
        early = (jnp.arange(10) < 5)[None, :, None]
        left = (jnp.arange(8) < 4)[None, None, :]
        active = (early == left) == (y == 0)[:, None, None]
        return active * jax.random.bernoulli(noise_key, 0.6, (64, 10, 8)).astype(float), y

    method = spiking_network(Config(hidden=(32,), beta=0.8, learning_rate=1e-2), classes=2)
    _, history = train(key, method, synthetic(sample), 200)
    assert history["accuracy"][:5].mean() < 0.8
    assert history["accuracy"][-20:].mean() > 0.97


def test_bad_input():
    for field, name in (("reset", "zeros"), ("surrogate", "arctn"), ("readout", "counts")):
        with pytest.raises(ConfigError, match=f"spiking_network: no {field} '{name}'; did you mean"):
            spiking_network(Config(**{field: name}), classes=3)
    with pytest.raises(ConfigError, match="beta is 1.5; expected 0 <= beta <= 1"):
        spiking_network(Config(beta=1.5), classes=3)
    with pytest.raises(ConfigError, match="slope is 0; expected a finite number above 0"):
        spiking_network(Config(slope=0), classes=3)
    with pytest.raises(DataError, match=r"spiking_network: x has shape \(4, 5\); expected 3 axes"):
        spiking_network(Config(), classes=3).init(jax.random.key(0), (jnp.zeros((4, 5)), jnp.zeros(4, int)))
