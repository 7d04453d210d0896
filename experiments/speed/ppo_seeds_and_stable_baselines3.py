"""Eight seeds of PPO on CartPole, shared out between two devices of the CPU, and as many updates of one run of SB3.

A step is one update of one seed; all else is as in ppo_and_stable_baselines3.

Run      python -m experiments bench speed/ppo_seeds_and_stable_baselines3 --devices 2 --repeats 5
Expect   ratio_sb3_1 >= 40
Cost     90 s
"""

from functools import partial

import jax

from experiments.speed.ppo_and_stable_baselines3 import CONFIG, sb3
from jaxicon.core.run import RUNS, fresh, train
from jaxicon.core.shard import over, placed
from jaxicon.envs.cartpole import cartpole
from jaxicon.rl_policy.ppo import ppo

SEEDS, UPDATES = 8, 10
STEPS = SEEDS * UPDATES


def candidates():
    keys = placed(jax.random.split(jax.random.key(0), SEEDS), over(RUNS))
    method = ppo(CONFIG, cartpole())
    ours = partial(train, keys, method, steps=UPDATES, chunk=UPDATES, state=fresh(keys, method))
    return {"ours": ours, **sb3(STEPS)}
