"""Pendulum-v1 swung up by planning in its true model, a second ahead, anew at every step.

Twenty fixed starts, drawn once from the environment's own distribution; seeds differ in the search alone. Nothing is
learned: 200 steps are the episode. `return` is the mean over the starts, `worst` the lowest of them.

Run      python -m experiments rl_planning/mpc_pendulum
Expect   return >= -200 in 3 of 3 seeds
Tour     return in [-200, -80]
Cost     20 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments import pictures
from experiments.task import Result, Task
from jaxicon.core.stream import epochs
from jaxicon.envs.pendulum import State, pendulum, starts
from jaxicon.rl_planning.mpc import Config, mpc

STEP = 0.05  # seconds


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    starts: int = 20


def first_states(count: int) -> State:
    """The same in every run."""
    return jax.tree.map(np.asarray, starts(jax.random.key(0), count))


def build(experiment: Experiment) -> Task:
    env = pendulum()
    stream = epochs(first_states(experiment.starts), experiment.starts)
    return Task(mpc(experiment.method, env), env.horizon, stream, stream, chunk=50)


def replay(result: Result, start):
    """One episode again, from one state: the angle [t] in radians from upright, the torque [t], and the angles [t h]
    that the plan foresees at every step."""
    env, method = pendulum(), result.task.method

    def foreseen(world, plan):
        step = lambda world, action: (env.step(jax.random.key(0), world, action)[0],) * 2
        return jax.lax.scan(step, world, plan)[1].theta

    def advance(state, t):
        after, _ = method.step(jax.random.fold_in(result.keys[0], t), state, None)
        world, plan, action = jax.tree.map(lambda x: x[0], (after.world, after.plan, after.action))
        return after, (world.theta, action[0], foreseen(world, plan))

    @jax.jit
    def play(start):
        state = method.init(result.keys[0], jax.tree.map(lambda x: x[None], start))
        return jax.lax.scan(advance, state, jnp.arange(env.horizon))[1]

    return jax.tree.map(np.asarray, play(start))


def figures(result: Result) -> dict:
    states = first_states(result.experiment.starts)
    lowest = abs(states.theta).argmax()
    angle, torque, foreseen = replay(result, jax.tree.map(lambda x: x[lowest], states))
    shown = range(0, 120, 2)
    film = [pictures.pendulum(angle[t], torque[t], f"{STEP * (t + 1):.1f} s") for t in shown]
    return {
        "The swing-up from the start nearest to hanging": film,
        "The same, with what was planned on the way": plans(angle, torque, foreseen),
    }


def plans(angle: np.ndarray, torque: np.ndarray, foreseen: np.ndarray, every: int = 8, until: int = 120):
    """Angle and torque over time; at every eighth step the angles that the plan foresees."""
    from matplotlib.figure import Figure

    turns = 2 * np.pi * np.round(angle[-1] / (2 * np.pi))  # upright is 0 also after a turn or two
    degrees = lambda x: np.degrees(x - turns)
    seconds = STEP * np.arange(1, len(angle) + 1)
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    for t in range(0, until, every):
        ahead = seconds[t] + STEP * np.arange(foreseen.shape[1] + 1)
        label = "planned" if t == 0 else None
        above.plot(ahead, degrees(np.append(angle[t], foreseen[t])), color="#e67e22", lw=1.2, label=label)
    above.plot(seconds[:until], degrees(angle[:until]), color="#2c3e50", lw=2.5, label="done")
    above.set_ylabel("angle from upright (degrees)", fontsize=12)
    above.set_title("Planned a second ahead, done one step", fontsize=13)
    above.legend(fontsize=12)
    below.step(seconds[:until], torque[:until], color="#2980b9", where="pre")
    below.set_xlabel("time (s)", fontsize=12)
    below.set_ylabel("torque (N m)", fontsize=12)
    for axes in (above, below):
        axes.grid(alpha=0.3)
    return figure
