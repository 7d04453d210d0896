"""What the experiments on classic control share: environments of order one, learning curves and films of a policy."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from experiments import pictures
from experiments.task import Result, first_seed
from jaxicon.envs.acrobot import acrobot
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import Environment, episode
from jaxicon.envs.pendulum import pendulum


def scaled(raw: Environment, *units: float) -> Environment:
    """The environment with observations in these units."""
    return raw._replace(observe=lambda state: raw.observe(state) / jnp.array(units))


def scaled_cartpole() -> Environment:
    """CartPole-v1: position, velocity, angle, angular velocity in units of 2, 2, 0.2 and 2."""
    return scaled(cartpole(), 2.0, 2.0, 0.2, 2.0)


def scaled_pendulum() -> Environment:
    """Pendulum-v1: cosine and sine of the angle, angular velocity in units of 8, the fastest there is."""
    return scaled(pendulum(), 1.0, 1.0, 8.0)


def scaled_acrobot() -> Environment:
    """Acrobot-v1: cosines and sines of the angles, angular velocities in units of 3 and 6, usual ones in a swing."""
    return scaled(acrobot(), 1.0, 1.0, 1.0, 1.0, 3.0, 6.0)


def learning_curve(result: Result, moves: int, title: str, level: float, label: str, unit: str = "environment steps"):
    """The metric `return` of every seed and their mean, over so many of a `unit` (`moves` an update), with a line at
    `level`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    steps, returns = moves * result.history["t"], result.history["return"]
    for single in returns:
        axes.plot(steps, single, color="#1f77b4", alpha=0.3)
    axes.plot(steps, returns.mean(0), color="#1f77b4", lw=2.5, label="mean of the seeds")
    axes.axhline(level, color="#c0392b", ls="--", label=label)
    axes.set_title(title, fontsize=13)
    axes.set_xlabel(unit, fontsize=12)
    axes.set_ylabel("return", fontsize=12)
    axes.legend(fontsize=12, loc="lower right")
    return figure


def film(result: Result, env: Environment, draw: Callable, every: int) -> list[np.ndarray]:
    """One frame in `every` of an episode of the first seed: draw(state, action, caption)."""
    state = first_seed(result)
    play = jax.jit(lambda key: episode(key, env, lambda key, obs: result.task.method.act(key, state, obs)))
    played = play(jax.random.key(0))
    moments, last = jax.tree.map(np.asarray, (played.state, played.action)), int(played.alive.sum())
    frame = lambda t: draw(*jax.tree.map(lambda x: x[t], moments), f"step {t + 1} of {last}")
    return [frame(t) for t in range(0, last, every)]


def cartpole_film(result: Result) -> list[np.ndarray]:
    """Every fourth frame."""
    draw = lambda state, action, caption: pictures.cartpole(state.x, state.theta, caption)
    return film(result, scaled_cartpole(), draw, 4)


def pendulum_film(result: Result) -> list[np.ndarray]:
    """Every second frame."""
    draw = lambda state, action, caption: pictures.pendulum(state.theta, action[0], caption)
    return film(result, scaled_pendulum(), draw, 2)


def acrobot_film(result: Result) -> list[np.ndarray]:
    """Every step."""
    draw = lambda state, action, caption: pictures.acrobot(state.shoulder, state.elbow, int(action) - 1, caption)
    return film(result, scaled_acrobot(), draw, 1)
