"""PPO on MinAtar's Breakout, from its pixels, in 409,600 steps: a brick broken is 1.

Both networks are half as wide as MinAtar's: 8 features of 3 x 3 and 64 hidden units. The game is played without actions
that stick, as gymnax has it, so that an agent can learn one way to play by heart; it is kept from that by a high weight
of the entropy, without which most seeds end at the return of 6 to 9 that such a way first leads to. The return is that
of the likeliest actions over 32 episodes of at most 1000 steps; to follow the ball is worth 84, to move at random 0.4.

Run      python -m experiments rl_policy/ppo_breakout
Expect   return >= 10 over 10 seeds
Tour     return >= 1 with --method.updates 20
Cost     300 s
"""

from dataclasses import dataclass
from functools import partial

from experiments import pictures
from experiments._control import film, learning_curve
from experiments.task import Result, Task
from jaxicon.envs.breakout import breakout, observe
from jaxicon.nn.atari import minatar
from jaxicon.rl_policy.ppo import Config, ppo


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(
        learning_rate=5e-3, updates=200, envs=64, steps=32, epochs=3, discount=0.95, entropy_weight=0.08
    )
    sticky: float = 0.0  # probability with which the last action is repeated; MinAtar's is 0.1


def build(experiment: Experiment) -> Task:
    networks = partial(minatar, features=8, hidden=64)
    method = ppo(experiment.method, breakout(experiment.sticky), networks)
    return Task(method, experiment.method.updates, chunk=10)


def figures(result: Result) -> dict:
    moves = result.experiment.method.envs * result.experiment.method.steps
    title = "Breakout: return of drawn actions while learning"
    draw = lambda state, action, caption: pictures.breakout(observe(state), caption)
    frames = film(result, breakout(result.experiment.sticky), draw, 1)
    return {
        "Return of the last game of every copy while learning": learning_curve(result, moves, title, 10, "return 10"),
        "The first 200 steps of a game of the likeliest actions (first seed)": frames[:200],
    }
