"""From the start of a process to a solved CartPole: PPO here, and Stable-Baselines3 with the settings of its RL Zoo.

Solved is a mean return of 475 over 16 episodes of the likeliest actions, asked for every 10,240 moves. Imports count,
and here what is not yet in the compilation cache; a call before those that are timed fills it. Every call has a seed of
its own. Stable-Baselines3 runs on one thread, the faster choice.

Run      python -m experiments bench speed/solved_and_stable_baselines3 --repeats 5
Expect   ratio_sb3 >= 2.5
Cost     120 s
"""

import subprocess
import sys
from collections.abc import Callable
from itertools import count

from experiments.timing.peers import peer

STEPS = 1  # process
SOLVED, MOVES, EPISODES = 475, 10_240, 16


def ours(seed: int) -> None:
    import jax

    from experiments._control import scaled_cartpole
    from jaxicon.core import compilation_cache
    from jaxicon.core.run import evaluate, fresh, train
    from jaxicon.core.stream import nothing
    from jaxicon.rl_policy.ppo import Config, ppo

    compilation_cache.enable()
    config, key = Config(reward_scale=0.02, episodes=EPISODES), jax.random.key(seed)
    method, between = ppo(config, scaled_cartpole()), MOVES // (config.envs * config.steps)
    state = fresh(key, method)
    for start in range(0, config.updates, between):
        state, _ = train(key, method, nothing, between, state=state, start=start, chunk=between)
        if evaluate(key, method, state, nothing, 1)["return"] >= SOLVED:
            return
    raise AssertionError(f"seed {seed}: not solved after {config.updates} updates")


def sb3(seed: int) -> None:
    peer("torch").set_num_threads(1)
    envs = peer("stable_baselines3.common.env_util").make_vec_env("CartPole-v1", 8, seed=seed)
    falling = lambda first: lambda left: first * left
    model = peer("stable_baselines3").PPO(
        "MlpPolicy",
        envs,
        n_steps=32,
        batch_size=256,
        n_epochs=20,
        learning_rate=falling(1e-3),
        gamma=0.98,
        gae_lambda=0.8,
        clip_range=falling(0.2),
        ent_coef=0.0,
        device="cpu",
        seed=seed,
    )
    callbacks = peer("stable_baselines3.common.callbacks")
    enough = callbacks.StopTrainingOnRewardThreshold(SOLVED, verbose=0)
    look = callbacks.EvalCallback(
        peer("stable_baselines3.common.env_util").make_vec_env("CartPole-v1", 8, seed=seed + 1),
        callback_on_new_best=enough,
        n_eval_episodes=EPISODES,
        eval_freq=MOVES // 8,
        verbose=0,
    )
    model.learn(100_000, callback=look)
    if look.best_mean_reward < SOLVED:
        raise AssertionError(f"seed {seed}: {look.best_mean_reward} is the best mean return")


def started(name: str, seeds: count) -> Callable[[], None]:
    """A process that runs one of the two by the next seed."""
    call = f"from {__spec__.name} import {name}; {name}({{}})"
    return lambda: subprocess.run([sys.executable, "-W", "ignore", "-c", call.format(next(seeds))], check=True)


def candidates():
    return {name: started(name, count()) for name in ("ours", "sb3")}
