"""Double DQN: the online network chooses the next action, the target network rates it.

Notes    RL & DL notebook U1
Paper    van Hasselt, Guez & Silver 2016, arXiv:1509.06461, equation 4
Systems  rl.ddqn
Idea     minimise  (r + discount Q_target(s', argmax_a' Q(s', a')) - Q(s, a))^2                     (1)
"""

from jaxtyping import Array, Float

from jaxicon.core.method import Agent
from jaxicon.envs.environment import Environment
from jaxicon.rl_value.dqn import Config, dqn


def online_choice_by_target(online: Float[Array, "a"], target: Float[Array, "a"]) -> Float[Array, ""]:
    """Noise that lifts one network's maximum is not in the other's opinion of it, so that (1) overestimates less."""
    return target[online.argmax()]


def double_dqn(config: Config, env: Environment) -> Agent:
    """DQN with another value of the next state; all else is the same."""
    return dqn(config, env, bootstrap=online_choice_by_target)
