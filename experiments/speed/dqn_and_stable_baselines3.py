"""DQN on CartPole, 10 environments, one update of 128 transitions for every move of all of them: ours and SB3's.

A step is a move in each environment and an update of a network of 64-64 with Adam. Both keep 100,000 transitions, copy
the network into the target every 20 updates and update from the first 1000 transitions on. Stable-Baselines3 runs on
PyTorch and the environments of Gymnasium, on one thread, the faster choice for networks this small.

Run      python -m experiments bench speed/dqn_and_stable_baselines3 --repeats 5
Expect   ratio_sb3_1 >= 8
Cost     60 s
"""

from functools import partial

import jax

from experiments.timing.peers import by_threads, peer
from jaxicon.core.run import fresh, train
from jaxicon.envs.cartpole import cartpole
from jaxicon.rl_value.dqn import Config, dqn

STEPS = 2000  # 20,000 moves
CONFIG = Config(epsilon_end=0.05, epsilon_steps=10_000.0, updates=STEPS)


def sb3(steps: int):
    """Steps of Stable-Baselines3 with what CONFIG says."""
    model = peer("stable_baselines3").DQN(
        "MlpPolicy",
        peer("stable_baselines3.common.env_util").make_vec_env("CartPole-v1", CONFIG.envs),
        learning_rate=lambda left: CONFIG.learning_rate * left,
        buffer_size=CONFIG.buffer,
        learning_starts=CONFIG.replay_start,
        batch_size=CONFIG.batch,
        gamma=CONFIG.discount,
        train_freq=1,
        gradient_steps=1,
        target_update_interval=CONFIG.target_every * CONFIG.envs,
        exploration_fraction=CONFIG.epsilon_steps / (steps * CONFIG.envs),
        exploration_final_eps=CONFIG.epsilon_end,
        policy_kwargs={"net_arch": [*CONFIG.hidden]},
        device="cpu",
    )
    units = by_threads("sb3", lambda: model.learn(steps * CONFIG.envs))
    return {"sb3_1": units["sb3_1"]}


def candidates():
    key, method = jax.random.key(0), dqn(CONFIG, cartpole())
    ours = partial(train, key, method, steps=STEPS, chunk=STEPS, state=fresh(key, method))
    return {"ours": ours, **sb3(STEPS)}
