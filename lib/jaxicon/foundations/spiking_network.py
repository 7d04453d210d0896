"""Spiking neural network: leaky integrate-and-fire neurons, trained through their spikes by surrogate gradients.

Notes    RL & DL notebook U3, which names the network and gives no model of its neurons
Paper    Eshraghian et al. 2023, arXiv:2109.12894; Neftci, Mostafa & Zenke 2019, arXiv:1901.09948; Lapicque 1907
Systems  found.snn
Idea     tau dv/dt = -(v - v_rest) + R I;  above v_th a spike, then v_rest, held for a refractory time       (1)
         v_t = beta v_t-1 + I_t - theta s_t-1  or  beta (1 - s_t-1) v_t-1 + I_t,   s_t = [v_t > theta]            (2)
         backwards  ds/dv  is replaced by  1 / (1 + k |x|)^2  or  k / 2 / (1 + (pi k x / 2)^2),  x = v - theta   (3)
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import optax
from jax.nn.initializers import lecun_normal
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive, ranked, within
from jaxicon.core.errors import ConfigError, nearest
from jaxicon.core.method import Fit, Key, Predictor, from_loss
from jaxicon.ops.affine import affine

Batch = tuple[Float[Array, "b t d"], Int[Array, "b"]]  # trains of spikes, and what they stand for


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (256,)
    beta: float = 0.95  # what is left of a potential after a step: exp(-dt / tau)
    threshold: float = 1.0
    reset: str = "subtract"  # the threshold, from the potential after a spike; or to "zero"
    surrogate: str = "arctan"  # or "fast_sigmoid"
    slope: float = 2.0  # k of (3)
    readout: str = "count"  # of output spikes; or the mean "potential" of the output neurons
    learning_rate: float = 5e-4


# (1), (2): neurons


def neuron(
    current: Float[Array, "t *n"],
    dt: float,
    tau: float,
    resistance: float,
    threshold: float,
    rest: float = 0.0,
    refractory: float = 0.0,
) -> tuple[Float[Array, "t *n"], Float[Array, "t *n"]]:
    """(1) from rest on: spikes (0 or 1) and potentials before the reset. The solution is exact between spikes for a
    current that is constant over dt; times in one unit, potentials in another, currents in theirs over resistance."""
    left, held = jnp.exp(-dt / tau), jnp.round(refractory / dt)

    def step(carry, current):
        v, wait = carry
        v = jnp.where(wait > 0, rest, rest + left * (v - rest) + (1 - left) * resistance * current)
        fired = v > threshold
        return (jnp.where(fired, rest, v), jnp.where(fired, held, jnp.maximum(wait - 1, 0))), (fired, v)

    start = jnp.full_like(current[0], rest), jnp.zeros_like(current[0])
    fired, potentials = jax.lax.scan(step, start, current)[1]
    return fired.astype(current.dtype), potentials


RESETS = {
    "subtract": lambda beta, v, current, fired, threshold: beta * v + current - fired * threshold,
    "zero": lambda beta, v, current, fired, threshold: beta * ((1 - fired) * v) + current,
}


def leaky(
    currents: Float[Array, "t *n"], beta: float, threshold: float = 1.0, reset: str = "subtract"
) -> Float[Array, "t *n"]:
    """(2): the potentials, from 0 on; a spike, where they exceed the threshold, resets them one step later.

    As in snntorch.Leaky, no gradient passes through the reset.
    """

    def step(v, current):
        v = RESETS[reset](beta, v, current, (v > threshold).astype(v.dtype), threshold)
        return v, v

    return jax.lax.scan(step, jnp.zeros_like(currents[0]), currents)[1]


SURROGATES = {
    "fast_sigmoid": lambda x, slope: 1 / (1 + slope * jnp.abs(x)) ** 2,
    "arctan": lambda x, slope: slope / 2 / (1 + (jnp.pi / 2 * slope * x) ** 2),
}


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def spike(x: Float[Array, "*n"], slope: float, surrogate: str) -> Float[Array, "*n"]:
    """1 where x, the potential above the threshold, is positive, else 0; its derivative is (3)."""
    return (x > 0).astype(x.dtype)


@spike.defjvp
def spike_jvp(surrogate: str, primals: tuple, tangents: tuple) -> tuple:
    (x, slope), (dx, _) = primals, tangents
    return spike(x, slope, surrogate), SURROGATES[surrogate](x, slope) * dx


# Codes


def rate_code(key: Key, x: Float[Array, "*b d"], steps: int) -> Float[Array, "*b t d"]:
    """A spike at every step with probability x, independently."""
    p = jnp.broadcast_to(x[..., None, :], (*x.shape[:-1], steps, x.shape[-1]))
    return jax.random.bernoulli(key, p).astype(x.dtype)


def latency_code(x: Float[Array, "*b d"], steps: int, least: float = 0.01) -> Float[Array, "*b t d"]:
    """One spike, the earlier the larger x in [0, 1] is: at step (steps - 1)(1 - x), rounded; none below `least`."""
    time = jnp.round((steps - 1) * (1 - x))[..., None, :]
    step = jnp.arange(steps, dtype=x.dtype).reshape((1,) * (x.ndim - 1) + (-1, 1))
    return ((step == time) & (x[..., None, :] >= least)).astype(x.dtype)


# The network


def activity(
    params: tuple[dict, ...], x: Float[Array, "b t d"], config: Config
) -> list[tuple[Float[Array, "t b n"], Float[Array, "t b n"]]]:
    """(spikes, potentials) of every layer. A layer's currents of all steps are one product, as none flows backwards."""
    first, *others = params
    layers, currents = [], jnp.swapaxes(affine(x, **first), 0, 1)
    for following in (*others, None):
        potentials = leaky(currents, config.beta, config.threshold, config.reset)
        spikes = spike(potentials - config.threshold, config.slope, config.surrogate)
        layers.append((spikes, potentials))
        currents = affine(spikes, **following) if following else None
    return layers


READOUTS: dict[str, Callable] = {
    "count": lambda spikes, potentials: spikes.sum(0),
    "potential": lambda spikes, potentials: potentials.mean(0),
}


def checked(config: Config) -> None:
    positive("spiking_network", threshold=config.threshold, slope=config.slope, learning_rate=config.learning_rate)
    within("spiking_network", 0, 1, beta=config.beta)
    for field, known in (("reset", RESETS), ("surrogate", SURROGATES), ("readout", READOUTS)):
        name = getattr(config, field)
        if name not in known:
            raise ConfigError(f"spiking_network: no {field} {name!r}{nearest(name, known)}")


def spiking_network(config: Config, classes: int) -> Predictor:
    """A classifier of trains of spikes x [b, t, d] into `classes`; batches are (x, y) with y [b] in 0 .. classes - 1.

    `rate_code` and `latency_code` make trains of numbers. Raises ConfigError for an unknown reset, surrogate or
    readout, DataError where x has other axes.
    """
    checked(config)

    def init(key: Key, batch: tuple):
        ranked("spiking_network", 3, x=batch[0])
        sizes = [*pairwise((batch[0].shape[-1], *config.hidden, classes))]
        keys = jax.random.split(key, len(sizes))
        return tuple({"kernel": lecun_normal()(keys[i], s), "bias": jnp.zeros(s[1])} for i, s in enumerate(sizes))

    def loss(key: Key, params, batch: Batch):
        x, y = batch
        layers = activity(params, x, config)
        logits = READOUTS[config.readout](*layers[-1])
        value = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()
        accuracy = (logits.argmax(-1) == y).mean(dtype=logits.dtype)
        firing = jnp.stack([spikes.mean() for spikes, _ in layers]).mean()  # of a neuron, per step
        return value, {"loss": value, "accuracy": accuracy, "firing": firing}

    def predict(state: Fit, x: Float[Array, "b t d"]) -> Float[Array, "b c"]:
        """Logits: output spikes of every class, or its mean potential."""
        return READOUTS[config.readout](*activity(state.params, x, config)[-1])

    return Predictor(*from_loss(init, loss, optax.adam(config.learning_rate)), predict)
