"""CartPole with poles of 0.2 to 4 metres, a new one in every episode, and what that is good for on a pole never seen.

`transfer` is the return with a pole of 6 metres and one of 0.1, halves of 3 and 0.05, none of which was in training,
`nominal` that with the usual pole of one metre; `transfer_lead` is what the randomised agent has there before an agent
that trained as long with the usual pole alone. Neither is told the length.

Run      python -m experiments rl_policy/ppo_randomised_cartpole
Expect   transfer_lead >= 50 over 10 seeds
         nominal >= 475 over 10 seeds
Tour     nominal in [400, 500]
Cost     60 s
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from experiments._control import scaled
from experiments.task import Result, Task
from jaxicon.core.method import Key, Metrics, State
from jaxicon.core.run import train
from jaxicon.core.stream import nothing
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import mean_return
from jaxicon.envs.randomised import randomised
from jaxicon.rl_policy.ppo import Config, ppo

UNSEEN = (0.05, 3.0)  # half lengths in metres
SHOWN = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 4.0)


@dataclass(frozen=True)
class Experiment:
    method: Config = Config(reward_scale=0.02)
    shortest: float = 0.1  # half a pole, in metres
    longest: float = 2.0


def pole(half_length):
    return scaled(cartpole(half_length), 2.0, 2.0, 0.2, 2.0)


def agent(experiment: Experiment, varied: bool):
    span = jnp.log(experiment.longest / experiment.shortest)
    draw = lambda key: experiment.shortest * jnp.exp(span * jax.random.uniform(key))
    return ppo(experiment.method, randomised(pole, draw) if varied else pole(0.5))


def score(key: Key, method, state: State, half_length) -> jax.Array:
    return mean_return(key, pole(half_length), lambda key, obs: method.act(key, state, obs), 32)


def build(experiment: Experiment) -> Task:
    method, alone = agent(experiment, varied=True), agent(experiment, varied=False)

    def measure(key: Key, state: State) -> Metrics:
        train_key, test_key = jax.random.split(key)
        advance = lambda other, t: (alone.step(jax.random.fold_in(train_key, t), other, None)[0], None)
        other, _ = jax.lax.scan(advance, alone.init(train_key, None), jnp.arange(experiment.method.updates))
        returns = [[score(test_key, method, s, half) for half in (*UNSEEN, 0.5)] for s in (state, other)]
        transfer, nominal_transfer = (sum(r[:-1]) / len(UNSEEN) for r in returns)
        return {"transfer": transfer, "transfer_lead": transfer - nominal_transfer, "nominal": returns[0][-1]}

    return Task(method, experiment.method.updates, measure=measure, chunk=10)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    alone = agent(result.experiment, varied=False)
    other, _ = train(result.keys, alone, nothing, result.experiment.method.updates)
    for label, state in (("every episode another pole", result.state), ("always 1 metre", other)):
        returns = jax.jit(
            jax.vmap(lambda state: jnp.stack([score(jax.random.key(0), alone, state, half) for half in SHOWN]))
        )(state)
        (line,) = axes.semilogx(2 * np.array(SHOWN), np.mean(returns, 0), "o-", lw=2.5, label=label)
        axes.plot(2 * np.array(SHOWN), np.transpose(returns), color=line.get_color(), alpha=0.2)
    axes.axvspan(2 * result.experiment.shortest, 2 * result.experiment.longest, color="0.93", zorder=0)
    axes.set_xlabel("pole in metres (grey: in training)", fontsize=12)
    axes.set_ylabel("return", fontsize=12)
    axes.legend(fontsize=11, loc="lower center")
    return {"Return over the length of the pole: all seeds": figure}
