"""SAC on the Reacher of gymnax: torques on two joints that bring the hand of an arm to a goal and hold it there.

It is seen as cosines, sines and speeds of the joints and the place of the goal, which one time in five is out of reach.
`gain` is the mean difference to an episode of uniform actions from the same start over 200 of them, `least_gain` the
lower end of its 99 % confidence interval: above 0 it is better than chance. 100 steps pay at most 1 each.

Run      python -m experiments rl_policy/sac_reacher
Expect   least_gain >= 25 in 10 of 10 seeds
         return 60 ± 8 over 10 seeds
Tour     gain in [25, 60]
Cost     60 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments._control import film, learning_curve
from experiments.task import Result, Task
from jaxicon.envs.environment import episode
from jaxicon.envs.gymnax import from_gymnax
from jaxicon.rl_policy.sac import Config, sac


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(
        hidden=(64, 64),
        actor_rate=1e-3,
        critic_rate=1e-3,
        alpha_rate=1e-3,
        first_alpha=0.1,
        mixing=0.01,
        discount=0.95,
        envs=8,
        buffer=80_000,
        batch=128,
        warmup=100,
    )
    steps: int = 6_000
    episodes: int = 200


def build(experiment: Experiment) -> Task:
    env = from_gymnax("Reacher-misc")
    method = sac(experiment.method, env)

    def measure(key, state) -> dict:
        chance = lambda key, obs: jax.random.uniform(key, (2,), minval=-1.0)
        returns = lambda act: jax.vmap(lambda key: episode(key, env, act).reward.sum())(
            jax.random.split(key, experiment.episodes)
        )
        gain = returns(lambda key, obs: method.act(key, state, obs)) - returns(chance)
        error = gain.std() / jnp.sqrt(experiment.episodes)
        return {"chance": returns(chance).mean(), "gain": gain.mean(), "least_gain": gain.mean() - 2.58 * error}

    return Task(method, experiment.steps, measure=measure, chunk=250)


def figures(result: Result) -> dict:
    moves, env = result.experiment.method.envs, from_gymnax("Reacher-misc")
    title = "Reacher: return of drawn actions while learning"
    draw = lambda state, action, caption: picture(state[0].angles, state[0].goal_xy, caption)
    return {
        "Return of the last episode of every copy while learning": learning_curve(
            result, moves, title, float(result.metrics["chance"].mean()), "uniform actions"
        ),
        "One episode of tanh(mean) (first seed), every second frame": film(result, env, draw, 2),
    }


def picture(angles: np.ndarray, goal: np.ndarray, caption: str, size: int = 260) -> np.ndarray:
    """uint8 [size, size, 3]: two links of length 1, both angles from the same axis, and the goal."""
    from PIL import Image, ImageDraw, ImageFont

    scale, middle = 0.22 * size, np.array([size / 2, size / 2])
    links = scale * np.stack([np.cos(angles), -np.sin(angles)], 1)  # the axis of pictures points down
    elbow, hand = middle + links[0], middle + links.sum(0)
    image = Image.new("RGB", (size, size), "white")
    pen = ImageDraw.Draw(image)
    x, y = middle + scale * goal * np.array([1, -1])
    pen.ellipse([x - 8, y - 8, x + 8, y + 8], fill="#27ae60")
    pen.line([*map(tuple, (middle, elbow, hand))], fill="#e67e22", width=9, joint="curve")
    for x, y in (middle, elbow):
        pen.ellipse([x - 7, y - 7, x + 7, y + 7], fill="#2c3e50")
    pen.text((12, size - 28), caption, fill="black", font=ImageFont.load_default(18))
    return np.asarray(image)
