"""PPO on CartPole, 4 environments by 128 steps, 4 epochs of 4 minibatches, two networks of 64-64: ours and SB3's.

A step is an update: 512 moves in the environments and 16 gradient steps. Stable-Baselines3 runs on PyTorch and the
environments of Gymnasium; on one thread, because with two it is more than ten times slower.

Run      python -m experiments bench speed/ppo_and_stable_baselines3 --repeats 5
Expect   ratio_sb3_1 >= 28
Cost     40 s
"""

from functools import partial

import jax

from experiments.timing.peers import by_threads, peer
from jaxicon.core.run import fresh, train
from jaxicon.envs.cartpole import cartpole
from jaxicon.rl_policy.ppo import Config, ppo

STEPS = 50  # 25,600 moves
CONFIG = Config(envs=4, steps=128, learning_rate=2.5e-4, epochs=4, minibatches=4)


def sb3(updates: int):
    """Updates of Stable-Baselines3 with what CONFIG says."""
    model = peer("stable_baselines3").PPO(
        "MlpPolicy",
        peer("stable_baselines3.common.env_util").make_vec_env("CartPole-v1", CONFIG.envs),
        n_steps=CONFIG.steps,
        batch_size=CONFIG.envs * CONFIG.steps // CONFIG.minibatches,
        n_epochs=CONFIG.epochs,
        learning_rate=CONFIG.learning_rate,
        gamma=CONFIG.discount,
        gae_lambda=CONFIG.trace,
        clip_range=CONFIG.clip,
        ent_coef=CONFIG.entropy_weight,
        vf_coef=CONFIG.value_weight,
        max_grad_norm=CONFIG.largest_gradient,
        device="cpu",
    )
    units = by_threads("sb3", lambda: model.learn(updates * CONFIG.envs * CONFIG.steps, reset_num_timesteps=False))
    return {"sb3_1": units["sb3_1"]}


def candidates():
    key, method = jax.random.key(0), ppo(CONFIG, cartpole())
    ours = partial(train, key, method, steps=STEPS, chunk=STEPS, state=fresh(key, method))
    return {"ours": ours, **sb3(STEPS)}
