"""A2C with one network: actor and critic are two heads on the same trunk, which learns from both.

Notes    CS182 §7.4.4.4
Paper    Mnih et al. 2016, arXiv:1602.01783, section 5.1: all but the last layer are shared
Systems  rl.ac_shared
Idea     grad of the trunk = that of the policy's loss + value_weight that of the value's: the weight balances what
         the features are good for, and the scale of the rewards is part of it                                       (1)
"""

from jaxicon.core.method import Agent
from jaxicon.envs.environment import Environment
from jaxicon.nn.actor_critic import shared_trunk
from jaxicon.rl_policy.a2c import Config, a2c


def shared_actor_critic(config: Config, env: Environment) -> Agent:
    """A2C with another network; `hidden` are the layers of the trunk."""
    return a2c(config, env, networks=shared_trunk)
