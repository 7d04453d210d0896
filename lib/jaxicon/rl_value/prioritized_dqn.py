"""DQN with prioritised replay: what surprised is seen again sooner, and counts less each time.

Notes    RL & DL notebook U1
Paper    Schaul et al. 2016, arXiv:1511.05952, Algorithm 1, proportional, without its double Q-learning
Systems  rl.per
Idea     draw row i with P(i) = p_i^alpha / sum_j p_j^alpha, p = |TD error| + smallest                    (1)
         minimise  E_P w (r + discount max_a' Q_target(s', a') - Q(s, a))^2,  w = (N P)^-beta / max w     (2)
Erratum  The notebook's TD error is Q minus the reward, without the next state's value; it prints the weights without
         dividing by the largest, and priorities that are 0, and stay so, where the error is.
"""

from dataclasses import dataclass

from jaxicon.core.checks import positive, within
from jaxicon.core.method import Agent
from jaxicon.envs.environment import Environment
from jaxicon.ops.prioritised_replay import prioritised
from jaxicon.rl_value import dqn as base
from jaxicon.rl_value.dqn import dqn


@dataclass(frozen=True)
class Config(base.Config):
    alpha: float = 0.6  # 0 draws uniformly
    beta: float = 0.4  # rises linearly to 1
    beta_steps: float = 300_000.0  # in so many environment steps
    smallest: float = 1e-3  # priority


def prioritized_dqn(config: Config, env: Environment) -> Agent:
    """DQN with another memory; all else is the same."""
    positive("prioritized_dqn", beta_steps=config.beta_steps, smallest=config.smallest)
    within("prioritized_dqn", 0, 1, alpha=config.alpha, beta=config.beta)
    return dqn(config, env, memory=prioritised(config.alpha, config.beta, config.beta_steps, config.smallest))
