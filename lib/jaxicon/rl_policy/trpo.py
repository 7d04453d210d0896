"""Trust-region policy optimisation: as much of the natural step as the divergence allows and the advantages reward.

Notes    RL & DL notebook U2; deep-learning cookbook, Trust region policy optimisation
Paper    Schulman et al. 2015, arXiv:1502.05477, equation 14 and appendix C
Systems  rl.trpo
Idea     maximise  E pi(a | s) / pi_before(a | s) A(s, a)  where  E KL(pi_before || pi) <= delta               (1)
         theta <- theta + shrink^j sqrt(2 delta / (g^T F^-1 g)) F^-1 g,  the first j = 0, 1, ... where both hold:
         the KL is at most delta, and the objective is larger than before; else theta stays                    (2)
Erratum  The notebook leaves out the root in (2), without which a step has no length. That the return never falls is a
         theorem about another, far smaller step, with KL in the objective; of (2) it is not known.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxicon.core.checks import positive, within
from jaxicon.core.method import Agent
from jaxicon.envs.environment import Environment
from jaxicon.rl_policy import natural_policy_gradient as base
from jaxicon.rl_policy.natural_policy_gradient import Problem, natural_policy_gradient


@dataclass(frozen=True)
class Config(base.Config):
    shrink: float = 0.8  # from one try to the next
    tries: int = 10


def line_search(
    config: Config, problem: Problem, before: Float[Array, "d"], step: Float[Array, "d"]
) -> tuple[Float[Array, "d"], dict]:
    """(2); `accepted` is the share of the step that was taken, 0 where no try held."""
    known = problem.gain(before)

    def holds(share):
        after = before + share * step
        return (problem.divergence(after) <= config.divergence) & (problem.gain(after) > known)

    def again(search):
        tried, found = search
        return (tried < config.tries) & ~found

    def attempt(search):
        tried, _ = search
        return tried + 1, holds(config.shrink**tried)

    tried, found = jax.lax.while_loop(again, attempt, (jnp.zeros((), int), jnp.array(False)))
    share = jnp.where(found, config.shrink ** (tried - 1), 0.0)
    return before + share * step, {"accepted": share}


def trpo(config: Config, env: Environment) -> Agent:
    """The natural policy gradient with (2) in place of the whole step.

    Metrics of training: also `accepted`. Raises ConfigError for a `shrink` outside [0, 1] or no tries.
    """
    within("trpo", 0, 1, shrink=config.shrink)
    positive("trpo", tries=config.tries)
    return natural_policy_gradient(config, env, move=line_search)
