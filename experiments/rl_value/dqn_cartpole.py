"""DQN on CartPole-v1: 300,000 environment steps, 30,000 updates; 500 is the highest return there is.

The network sees position, velocity, angle and angular velocity divided by 2, 2, 0.2 and 2: all of order one. Without a
ceiling on what is bootstrapped from, the values of every seed grew to thousands of times what can be earned, Huber loss
and slow target or not, while the return often stayed good; so `value` is expected too.

Run      python -m experiments rl_value/dqn_cartpole
Expect   return >= 475 in 7 of 8 seeds
         value 100 ± 1 over 8 seeds
Tour     return in [400, 500]
Cost     80 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments.pictures import cartpole
from experiments.task import Result, Task, first_seed
from jaxicon.envs.environment import Environment, episode
from jaxicon.envs.gymnax import from_gymnax
from jaxicon.rl_value.dqn import Config, dqn


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(ceiling=100.0)  # 1 / (1 - discount): upright for ever


def environment() -> Environment:
    """CartPole-v1 with observations of order one."""
    raw = from_gymnax("CartPole-v1")
    return raw._replace(observe=lambda state: raw.observe(state) / jnp.array([2.0, 2.0, 0.2, 2.0]))


def build(experiment: Experiment) -> Task:
    return Task(dqn(experiment.method, environment()), experiment.method.updates, chunk=500)


def figures(result: Result) -> dict:
    return {
        "Return of the episodes played while learning": learning_curve(result),
        "One episode of the greedy policy (first seed), every fourth frame": film(result),
    }


def learning_curve(result: Result):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for returns in result.history["return"]:
        axes.plot(result.history["t"], returns, color="#1f77b4", alpha=0.3)
    axes.plot(result.history["t"], result.history["return"].mean(0), color="#1f77b4", lw=2.5, label="mean of the seeds")
    axes.axhline(475, color="#c0392b", ls="--", label="solved: 475")
    axes.set_title("CartPole: return while learning, exploration included", fontsize=13)
    axes.set_xlabel("updates (ten environment steps each)", fontsize=12)
    axes.set_ylabel("return (steps upright)", fontsize=12)
    axes.set_ylim(0, 510)
    axes.legend(fontsize=12, loc="lower right")
    return figure


def film(result: Result) -> list[np.ndarray]:
    """Every fourth frame of one episode."""
    state, env = first_seed(result), environment()
    play = jax.jit(lambda key: episode(key, env, lambda key, obs: result.task.method.act(key, state, obs)))
    played = play(jax.random.key(0))
    game, last = played.state[0], int(played.alive.sum())
    return [cartpole(float(game.x[t]), float(game.theta[t]), f"step {t + 1} of {last}") for t in range(0, last, 4)]
