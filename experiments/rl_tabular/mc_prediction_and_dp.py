"""Monte Carlo without the model and dynamic programming with it, on the random walk of five states.

Monte Carlo averages returns of first visits: its error is that of a mean, one over the root of the number of episodes,
slope -1/2 where both axes are logarithmic. Policy evaluation draws nothing: each sweep multiplies the error by the
largest eigenvalue of the walk, cos(pi/6) = 0.866, down to the last digit. An error is the root mean square over the
states, that of Monte Carlo also over 64 copies.

Run      python -m experiments rl_tabular/mc_prediction_and_dp --seeds 10
Expect   mc_slope -0.5 ± 0.04 over 10 seeds
         mc_error 0.0155 ± 0.0015 over 10 seeds
         dp_factor 0.866 ± 0.001 over 10 seeds
         dp_error <= 1e-6 in 10 of 10 seeds
Tour     mc_slope in [-0.65, -0.35]
Cost     20 s
"""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from experiments.task import Result, Task
from jaxicon.core.method import Learner
from jaxicon.envs.random_walk import either_way, random_walk
from jaxicon.envs.tabular import MDP, look_ahead
from jaxicon.rl_tabular.mc_prediction import MEAN, first_visit, mc_prediction

FROM = 16  # episodes at which the fit begins


@dataclass(frozen=True)
class Experiment:
    steps: int = 1024  # episodes
    copies: int = 64
    sweeps: int = 120


def sweeps(mdp: MDP, policy: np.ndarray, count: int) -> np.ndarray:
    """The error after every sweep of policy evaluation, in float64."""
    value, true, errors = np.zeros(len(mdp.reward)), np.arange(1, 6) / 6, []
    for _ in range(count):
        value = (policy * look_ahead(mdp, value)).sum(-1)
        errors.append(np.sqrt(np.mean((value[1:-1] - true) ** 2)))
    return np.array(errors)


def slope(errors: Array, known: Array) -> Array:
    """Of the line through log error over log episodes, at points that are evenly spread along it."""
    points = np.unique(np.geomspace(FROM, errors.size, 60).astype(int))
    weight = (points <= known).astype(float)
    mean = lambda x: (weight * x).sum() / jnp.maximum(weight.sum(), 1)
    x, y = jnp.log(points), jnp.log(jnp.maximum(errors[points - 1], 1e-9))
    spread = mean((x - mean(x)) ** 2)
    return mean((x - mean(x)) * (y - mean(y))) / jnp.where(spread > 0, spread, 1)


def build(experiment: Experiment) -> Task:
    mdp = random_walk()
    method = mc_prediction(replace(MEAN, horizon=60), mdp, either_way(mdp), first_visit)
    exact = sweeps(mdp, either_way(mdp), experiment.sweeps)
    many = lambda function: lambda key, *rest: jax.vmap(function)(jax.random.split(key, experiment.copies), *rest)

    def init(key, batch):
        return many(lambda key: method.init(key, None))(key), jnp.zeros(experiment.steps), jnp.int32(0)

    def step(key, state, batch):
        copies, errors, t = state
        copies, _ = many(lambda key, state: method.step(key, state, None))(key, copies)
        now = many(lambda key, state: method.evaluate(key, state, None)["error"])(key, copies)
        error = jnp.sqrt((now**2).mean())
        return (copies, errors.at[t].set(error, mode="drop"), t + 1), {"mc_error": error}

    def evaluate(key, state, batch):
        factor = jnp.asarray((exact[60] / exact[20]) ** (1 / 40))
        now = state[1][jnp.minimum(state[2], experiment.steps) - 1]
        return {"mc_slope": slope(*state[1:]), "mc_error": now, "dp_factor": factor, "dp_error": jnp.asarray(exact[-1])}

    return Task(Learner(init, step, evaluate), experiment.steps, chunk=256)


def figures(result: Result) -> dict:
    from matplotlib.figure import Figure

    mdp = random_walk()
    exact = sweeps(mdp, either_way(mdp), result.experiment.sweeps)
    samples, work = (Figure(figsize=(6, 4), layout="constrained") for _ in range(2))
    axes = samples.subplots()
    episodes, errors = np.arange(1, result.experiment.steps + 1), np.asarray(result.state[1])
    axes.loglog(episodes, errors.T, color="#1f77b4", alpha=0.3)
    axes.loglog(episodes, errors.mean(0), color="#1f77b4", lw=2.5, label="Monte Carlo, every seed and the mean")
    axes.loglog(episodes, errors.mean(0)[-1] * (episodes[-1] / episodes) ** 0.5, "k--", lw=1, label="slope -1/2")
    axes.set_xlabel("episodes", fontsize=12)
    axes.set_ylabel("error", fontsize=12)
    axes.legend(fontsize=11)
    axes = work.subplots()
    axes.semilogy(np.arange(1, exact.size + 1), exact, color="#e67e22", lw=2.5, label="dynamic programming")
    axes.set_xlabel("sweeps over all states", fontsize=12)
    axes.set_ylabel("error", fontsize=12)
    axes.legend(fontsize=11)
    return {
        "Without the model: the error over episodes, both axes logarithmic": samples,
        "With the model: the error over sweeps, one axis logarithmic; no sample is drawn": work,
    }
