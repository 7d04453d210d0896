"""PPO on the Pong of gymnax, from its 40 by 30 pixels, in 61,440 steps: a rally with an opponent that follows the ball.

Every step that the rally lasts is 1, until one side misses the ball or 1000 steps have passed. `drawn_return` is the
mean of the last game of every copy while learning, `random_return` that of 400 games of random moves. The ball starts
level and nothing is left to chance, so a paddle that never moves plays for ever: `return`, one game of the likeliest
actions, says less than the other two, for a paddle that has moved must get back in time.

Run      python -m experiments rl_policy/ppo_pong
Expect   drawn_return >= 700 over 10 seeds
         random_return 84 ± 4 over 10 seeds
         return >= 900 over 10 seeds
Tour     drawn_return >= 200
Cost     120 s
"""

from dataclasses import dataclass

import jax

from experiments import pictures
from experiments._control import film, learning_curve
from experiments.task import Result, Task
from jaxicon.core.method import Key, Metrics, State
from jaxicon.envs.environment import Environment, mean_return
from jaxicon.envs.gymnax import from_gymnax
from jaxicon.rl_policy.ppo import Config, ppo


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(updates=60, envs=16, steps=64, learning_rate=2e-3, reward_scale=0.1, episodes=1)


def pong() -> Environment:
    """The pixels in one row, as perceptrons take them."""
    env = from_gymnax("Pong-misc")
    return env._replace(observe=lambda state: env.observe(state).ravel())


def build(experiment: Experiment) -> Task:
    env = pong()

    def measure(key: Key, state: State) -> Metrics:
        anything = lambda key, obs: jax.random.randint(key, (), 0, env.actions.count)
        random = mean_return(key, env, anything, 400)
        return {"drawn_return": state.world.last_score.mean(), "random_return": random}

    return Task(ppo(experiment.method, env), experiment.method.updates, measure=measure, chunk=5)


def figures(result: Result) -> dict:
    moves = result.experiment.method.envs * result.experiment.method.steps
    title = "Pong: return of drawn actions while learning"
    curve = learning_curve(result, moves, title, 84, "moves at random: 84")
    draw = lambda state, action, caption: pictures.pong(state[1], caption)
    frames = film(result, pong(), draw, 2)
    return {
        "Return of the last game of every copy while learning": curve,
        "A game of the likeliest actions (first seed), every second of the first 200 steps": frames[:100],
    }
