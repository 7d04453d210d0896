"""Dueling DQN: one stream of the network for what a state is worth, another for what an action adds.

Notes    RL & DL notebook U1
Paper    Wang et al. 2016, arXiv:1511.06581, equation 9
Systems  rl.dueling
Idea     Q(s, a) = V(s) + A(s, a) - mean_a' A(s, a')                                                       (1)
Erratum  The notebook prints Q = V + A, in which any constant may go from V to A: neither has a meaning then.
"""

from functools import partial

from jaxicon.core.checks import positive
from jaxicon.core.method import Agent
from jaxicon.envs.environment import Environment
from jaxicon.nn.q_networks import dueling
from jaxicon.rl_value.dqn import Config, dqn


def dueling_dqn(config: Config, env: Environment) -> Agent:
    """DQN with another network, whose two streams part before the last of `hidden` layers; all else is the same.

    Raises ConfigError, beside DQN's own, where there is no hidden layer.
    """
    positive("dueling_dqn", hidden_layers=len(config.hidden))
    return dqn(config, env, network=partial(dueling, *config.hidden))
