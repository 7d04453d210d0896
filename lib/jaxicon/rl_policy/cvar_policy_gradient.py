"""Policy gradient of CVaR: only the worst episodes teach, and what they teach is to become rarer.

Notes    RL & DL notebook U2, part c, where risk is only named
Paper    Tamar, Glassner & Mannor 2015, AAAI, arXiv:1404.3862, proposition 1 and algorithm 1
Systems  rl.real_risk
Idea     grad CVaR(R) = E [sum_t grad log pi(a_t | o_t)  min(R - VaR, 0) / level]                               (1)
"""

from functools import partial

import jax
from jaxtyping import Array, Bool, Float

from jaxicon.core.checks import positive, within
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Environment, episode
from jaxicon.ops.policy_gradient import full_return
from jaxicon.ops.risk import cvar, value_at_risk
from jaxicon.rl_policy.reinforce import Config, of_batch, reinforce


def all_but_the_tail(credit: Float[Array, "n t"], alive: Bool[Array, "n t"], level: float) -> Float[Array, "n t"]:
    """What to subtract from the returns of n episodes so that the credit of (1) is left."""
    below = (credit - value_at_risk(credit[:, 0], level)).clip(max=0)
    return credit - below / level


def cvar_policy_gradient(config: Config, env: Environment, level: float = 0.1, judged_by: float | None = None) -> Agent:
    """REINFORCE with the credit (1), VaR being that of the batch, in which level * batch episodes are the tail.

    evaluate: `return` and `cvar` of the likeliest actions over fresh episodes, the latter at the level `judged_by`, by
    default that of learning. At level 1, CVaR is the mean. Raises ConfigError for a level outside
    (0, 1] and what `reinforce` refuses. With a discount below 1, it is the discounted return whose tail counts.
    """
    positive("cvar_policy_gradient", level=level)
    within("cvar_policy_gradient", 0, 1, level=level)
    agent = reinforce(config, env, of_batch(partial(all_but_the_tail, level=level)), full_return)

    def evaluate(key: Key, state, batch: None) -> dict:
        play = lambda key: episode(key, env, lambda key, obs: agent.act(key, state, obs)).reward.sum()
        returns = jax.vmap(play)(jax.random.split(key, config.episodes))
        return {"return": returns.mean(), "cvar": cvar(returns, judged_by or level)}

    return agent._replace(evaluate=evaluate)
