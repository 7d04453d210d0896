"""Policy search: a policy is a vector of parameters, and what it earns is the score of the vector.

Nothing is asked of the reward or of the policy but a number at the end of an episode: no gradient, no value, no
Markov property. What searches is a rule of ops/search.py: the cross-entropy method, an evolution strategy or CMA-ES.

Notes    RL & DL notebook U2, evolutionary methods
Paper    Szita & Lörincz 2006, Neural Computation 18; Salimans et al. 2017, arXiv:1703.03864; Heidrich-Meisner & Igel
         2009, Journal of Algorithms 64
Systems  rl.es
Idea     maximise over theta the mean of E sum_t r_t under pi_theta,  from samples of theta alone             (1)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from jaxicon.core.checks import positive
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Agent, Key
from jaxicon.envs.environment import Discrete, Environment, mean_return
from jaxicon.envs.policy import policy
from jaxicon.nn.mlp import tanh_mlp
from jaxicon.ops.search import Rule, covariance_adaptation


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = ()
    population: int = 32  # vectors rated in a step
    rated: int = 4  # episodes that rate a vector: from the same starts for all of them
    std: float = 0.5  # of the first vectors
    episodes: int = 32  # in evaluate


def policy_search(config: Config, env: Environment, rule: Rule | None = None) -> Agent:
    """One step: a population of deterministic policies plays, and the rule, by default CMA-ES, learns from the returns.

    The agent acts by the mean of the search. evaluate: its `return` over fresh episodes. Raises ConfigError for a
    population below 4 or odd, and for a box of actions without bounds.
    """
    if config.population < 4 or config.population % 2:
        raise ConfigError(f"policy_search: population is {config.population}; expected an even number from 4 on")
    positive("policy_search", std=config.std, rated=config.rated, episodes=config.episodes)
    rule, family = rule or covariance_adaptation(), policy(env.actions)
    outputs = family.size if isinstance(env.actions, Discrete) else family.size // 2  # no deviations: nothing is drawn
    net = tanh_mlp(*config.hidden, outputs)
    template = lambda: jax.eval_shape(lambda key: net.init(key, env.observe(env.reset(key))), jax.random.key(0))
    zeros = lambda tree: jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), tree)

    def acts(vector: Float[Array, "p"], obs: Float[Array, "*b d"]) -> Array:
        params = ravel_pytree(zeros(template()))[1](vector)
        output = net.apply(params, obs)
        return family.mode(jnp.concatenate([output, jnp.zeros_like(output)], -1) if outputs < family.size else output)

    def plays(vector: Array) -> Callable:
        return lambda key, obs: acts(vector, obs)

    def init(key: Key, batch: None) -> Any:
        net_key, obs_key = jax.random.split(key)
        return rule.begin(ravel_pytree(net.init(net_key, env.observe(env.reset(obs_key))))[0], config.std)

    def step(key: Key, state: Any, batch: None) -> tuple[Any, dict]:
        ask_key, play_key = jax.random.split(key)
        vectors = rule.ask(ask_key, state, config.population)
        rate = lambda vector: mean_return(play_key, env, plays(vector), config.rated)
        scores = jax.vmap(rate)(vectors).astype(vectors.dtype)
        return rule.tell(state, vectors, scores), {"return": scores.mean(), "best": scores.max()}

    def act(key: Key, state: Any, obs: Float[Array, "*b d"]) -> Array:
        return acts(state.mean, obs)

    def evaluate(key: Key, state: Any, batch: None) -> dict:
        return {"return": mean_return(key, env, plays(state.mean), config.episodes)}

    return Agent(init, step, evaluate, act)
