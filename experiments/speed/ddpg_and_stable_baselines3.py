"""DDPG on Pendulum, an update of 256 transitions for every move, networks of 64-64: ours and SB3's.

A step is a move in one environment and an update of critic, actor and both targets, with SB3's defaults but for the
networks, which are of 400-300 there. Stable-Baselines3 runs on PyTorch and the environments of Gymnasium, on one
thread, the faster choice for networks this small.

Run      python -m experiments bench speed/ddpg_and_stable_baselines3 --repeats 5
Expect   ratio_sb3_1 >= 5
Cost     40 s
"""

from functools import partial

import jax
import numpy as np

from experiments.timing.peers import by_threads, peer
from jaxicon.core.run import fresh, train
from jaxicon.envs.pendulum import pendulum
from jaxicon.ops.action_noise import gaussian
from jaxicon.rl_policy.ddpg import Config, ddpg

STEPS = 1000
CONFIG = Config((64, 64), 1e-3, 1e-3, 0.005, batch=256, warmup=256)
STD = 0.1


def sb3(steps: int):
    """Steps of Stable-Baselines3 with what CONFIG says."""
    model = peer("stable_baselines3").DDPG(
        "MlpPolicy",
        "Pendulum-v1",
        learning_rate=CONFIG.actor_rate,
        buffer_size=CONFIG.buffer,
        learning_starts=CONFIG.warmup,
        batch_size=CONFIG.batch,
        tau=CONFIG.mixing,
        gamma=CONFIG.discount,
        train_freq=1,
        gradient_steps=1,
        action_noise=peer("stable_baselines3.common.noise").NormalActionNoise(np.zeros(1), STD * np.ones(1)),
        policy_kwargs={"net_arch": [*CONFIG.hidden]},
        device="cpu",
    )
    model.learn(CONFIG.warmup)
    units = by_threads("sb3", lambda: model.learn(steps, reset_num_timesteps=False))
    return {"sb3_1": units["sb3_1"]}


def candidates():
    key, method = jax.random.key(0), ddpg(CONFIG, pendulum(), gaussian(STD))
    ours = partial(train, key, method, steps=STEPS, chunk=STEPS, state=fresh(key, method))
    return {"ours": ours, **sb3(STEPS)}
