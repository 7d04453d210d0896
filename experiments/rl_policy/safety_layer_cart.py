"""SAC on a cart between two walls, once with a safety layer between the two and once without.

The cart has to come to a mark and stay there; a crash ends the episode. Crashes are counted from the first move on, the
uniform actions of the warm-up included: behind the layer there is none, because from every state that the layer allows
full braking is still in time. The return is that of the learned actions over 32 episodes of 100 steps.

Run      python -m experiments rl_policy/safety_layer_cart
Expect   safe_crashes <= 0 in 10 of 10 seeds
         free_crashes >= 8 in 10 of 10 seeds
         safe_return >= 88 in 10 of 10 seeds
Tour     safe_crashes in [0, 0]
Cost     40 s
"""

from dataclasses import dataclass

import jax
import numpy as np

from experiments._control import film, learning_curve
from experiments._side_by_side import same_for, side_by_side
from experiments.task import Result, Task, first_seed
from jaxicon.core.stream import nothing
from jaxicon.envs.cart import WALL, braking, cart
from jaxicon.envs.environment import Environment, Transition
from jaxicon.envs.experience import life
from jaxicon.rl_policy.sac import Config, sac
from jaxicon.rl_policy.safety_layer import safety_layer


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(
        hidden=(64, 64),
        actor_rate=1e-3,
        critic_rate=1e-3,
        alpha_rate=1e-3,
        first_alpha=0.2,
        mixing=0.02,
        discount=0.95,
        envs=2,
        buffer=4500,  # all that happens
        batch=64,
        warmup=250,
    )
    steps: int = 2000


def worlds() -> dict[str, Environment]:
    return {"free": cart(), "safe": safety_layer(cart(), braking)}


def lived(experiment: Experiment, state: dict) -> dict[str, Transition]:
    """All that happened in both worlds since the first move."""
    now = {name: life("cart", experiment.method, world) for name, world in worlds().items()}
    return {name: one.remembered(state[name].now) for name, one in now.items()}


def build(experiment: Experiment) -> Task:
    agents = {name: sac(experiment.method, world) for name, world in worlds().items()}
    stream = same_for([*agents], nothing)

    def measure(key, state) -> dict:
        return {f"{name}_crashes": past.terminal.sum().astype(float) for name, past in lived(experiment, state).items()}

    return Task(side_by_side(agents), experiment.steps, stream, stream, measure=measure, chunk=100)


def figures(result: Result) -> dict:
    curve = lambda name: learning_curve(
        result._replace(history=result.history | {"return": result.history[f"{name}_return"]}),
        result.experiment.method.envs,
        {"free": "Without the layer", "safe": "With the layer"}[name] + ": return while learning",
        95,
        "almost all there is: 95",
    )
    agent = sac(result.experiment.method, worlds()["safe"])
    alone = result._replace(state=result.state["safe"], task=result.task._replace(method=agent))
    return {
        "Where the cart has been while learning (first seed); a red point is a crash": portraits(result),
        "Return with the layer": curve("safe"),
        "Return without it": curve("free"),
        "One episode behind the layer (first seed), every second frame": film(
            alone, worlds()["safe"], lambda state, action, caption: picture(*state, caption), 2
        ),
    }


def portraits(result: Result):
    """Position and velocity at every moment, with and without the layer, and the edge of what can still be braked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    velocity = np.linspace(0, 2**0.5 * 2, 200)
    edge = WALL - velocity**2 / 2
    past = jax.tree.map(np.asarray, lived(result.experiment, first_seed(result)))
    for axes, name in zip(figure.subplots(1, 2, sharex=True, sharey=True), ("free", "safe"), strict=True):
        x, v = past[name].next_obs[:, 0], past[name].next_obs[:, 1]
        crash = past[name].terminal
        axes.scatter(x[~crash], v[~crash], s=2, color="#1f77b4", alpha=0.3)
        axes.scatter(x[crash], v[crash], s=14, color="#c0392b")
        for side in (1, -1):
            axes.plot(side * edge, side * velocity, color="black", lw=1.5)
        axes.set_title({"free": "without the layer", "safe": "with it"}[name], fontsize=13)
        axes.set_xlabel("position (m)", fontsize=12)
        axes.set_xlim(-1.25, 1.25)
    figure.axes[0].set_ylabel("velocity (m/s)", fontsize=12)
    return figure


def picture(x: float, velocity: float, mark: float, caption: str, width: int = 360, height: int = 120) -> np.ndarray:
    """uint8 [height, width, 3]: the walls, the mark, the cart and its velocity."""
    from PIL import Image, ImageDraw, ImageFont

    across = lambda x: width / 2 + (width / 2 - 30) * x
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    pen.line([(across(-WALL), 70), (across(WALL), 70)], fill="#888888", width=3)
    for side in (-WALL, WALL):
        pen.line([(across(side), 30), (across(side), 72)], fill="#c0392b", width=6)
    pen.line([(across(mark), 62), (across(mark), 80)], fill="#27ae60", width=4)
    pen.rectangle([across(x) - 9, 50, across(x) + 9, 68], fill="#2c3e50")
    pen.line([(across(x), 42), (across(x + 0.5 * velocity), 42)], fill="#e67e22", width=4)
    pen.text((12, height - 30), caption, fill="black", font=ImageFont.load_default(18))
    return np.asarray(image)
