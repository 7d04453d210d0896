"""PPO with and without a memory on bsuite's MemoryChain: a bit is shown, and asked for five steps later.

Run      python -m experiments rl_policy/recurrent_ppo_memory_chain
Expect   recurrent_return >= 0.99 in 10 of 10 seeds
         plain_return 0 ± 0.2 over 10 seeds
Tour     recurrent_return in [0.9, 1]
Cost     30 s
"""

from dataclasses import dataclass

from experiments._side_by_side import same_for, side_by_side
from experiments.task import Task
from jaxicon.core.stream import nothing
from jaxicon.envs.gymnax import from_gymnax
from jaxicon.rl_policy import ppo as memoryless
from jaxicon.rl_policy.ppo import ppo
from jaxicon.rl_policy.recurrent_ppo import Config, recurrent_ppo


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(learning_rate=5e-3, updates=60, envs=32, steps=24, minibatches=2, episodes=256)
    plain: memoryless.Config = memoryless.Config(
        learning_rate=5e-3, updates=60, envs=32, steps=24, minibatches=2, episodes=256
    )


def build(experiment: Experiment) -> Task:
    env = from_gymnax("MemoryChain-bsuite")
    methods = {"recurrent": recurrent_ppo(experiment.method, env), "plain": ppo(experiment.plain, env)}
    stream = same_for(list(methods), nothing)
    return Task(side_by_side(methods), experiment.method.updates, stream, stream, chunk=2)
