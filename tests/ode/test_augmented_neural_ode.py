import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.run import train
from jaxicon.core.stream import epochs
from jaxicon.ode import neural_ode as base
from jaxicon.ode.augmented_neural_ode import Config, augmented_neural_ode, lift
from jaxicon.ode.neural_ode import integrator, neural_ode, trajectory


def example():
    x = np.linspace(-1, 1, 8, dtype=np.float32)[:, None]
    return augmented_neural_ode(Config(hidden=(4,), tolerance=1e-2, max_steps=32)), epochs((x, -x), 4)


@pytest.mark.slow
@pytest.mark.system("ode.augmented_node")
def test_minus_x_is_solved_by_trajectories_that_pass_each_other(key):
    x = np.linspace(-1, 1, 9, dtype=np.float32)[:, None]
    config = Config(hidden=(16,), learning_rate=1e-2)
    state, history = train(key, augmented_neural_ode(config), epochs((x, -x), 9), 400)
    assert history["loss"][-1] < 1e-3  # a plain one: 0.42
    paths = trajectory(integrator(config), state.params["field"], lift(jnp.array(x), 1), jnp.linspace(0, 1, 40))
    np.testing.assert_array_equal(paths[0], np.stack([x[:, 0], np.zeros(9)], axis=1))
    np.testing.assert_allclose(paths[-1, :, 0], -x[:, 0], atol=0.1)
    apart = jnp.linalg.norm(paths[:, :, None] - paths[:, None], axis=-1) + 9 * jnp.eye(9)[None]
    assert apart.min() > 0.05


@pytest.mark.slow
@pytest.mark.system("ode.augmented_node")
def test_a_disc_is_lifted_out_of_its_annulus_in_fewer_steps_than_it_is_squeezed_out(key):
    rng = np.random.default_rng(0)
    y = np.arange(600) % 2
    radius, angle = np.where(y == 0, rng.uniform(0, 0.5, 600), rng.uniform(1, 1.5, 600)), rng.uniform(0, 2 * np.pi, 600)
    x = (radius * np.array([np.cos(angle), np.sin(angle)])).T.astype(np.float32)
    shared = dict(hidden=(32,), learning_rate=1e-2)
    data, steps = epochs((x, y.astype(np.int32)), 100), {}
    for name, method in (
        ("lifted", augmented_neural_ode(Config(**shared), 2)),
        ("squeezed", neural_ode(base.Config(**shared), 2)),
    ):
        _, history = train(jax.random.clone(key), method, data, 400)
        steps[name] = history["steps"][-50:].mean()
        if name == "lifted":
            assert history["accuracy"][-50:].mean() > 0.99
    assert steps["lifted"] < steps["squeezed"]
