"""Negative controls: agents that are paid noise learn nothing, and the same agents learn when they are paid the truth.

All play one contest: a side is drawn and shown, -1 or 1, and an action that takes it earns 1, one that takes the other
-1. Noise is what a random action would have earned in place of the agent's. To exchange the two sides changes nothing
then, so that over many runs every agent earns 0 on average, as a random policy does, and leans to neither side: unless
something about its own action has reached it, or it is not fair to the two.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from experiments._control import scaled_cartpole
from jaxicon.core import catalog
from jaxicon.core.catalog import load
from jaxicon.core.method import Agent, Learner, varied
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing
from jaxicon.envs import bandit as testbeds
from jaxicon.envs.environment import Box, Discrete, Environment, mean_return
from jaxicon.envs.memory import remembering
from jaxicon.envs.probe import DISCOUNT
from jaxicon.envs.recommendation import Audience
from jaxicon.envs.tabular import MDP, environment
from jaxicon.nn.regression import least_squares
from jaxicon.ops.action_noise import gaussian
from jaxicon.ops.exploration import constant, draw, greedy
from jaxicon.ops.search import covariance_adaptation, cross_entropy, evolution_strategy
from jaxicon.rl_policy import batch_actor_critic, cvar_policy_gradient, online_actor_critic, ppo, q_actor_critic
from jaxicon.rl_tabular import bandit, mc_control, options, q_learning
from jaxicon.rl_value import (
    conservative_q_learning,
    dqn,
    exploration,
    fitted_q_iteration,
    fully_fitted_q,
    lin_ucb,
    tile_coded_sarsa,
)
from jaxicon.rl_value.fully_fitted_q import collected
from tests.rl_policy import (
    test_a2c,
    test_a3c,
    test_ddpg,
    test_importance_weighted_actor_critic,
    test_natural_policy_gradient,
    test_off_policy_actor_critic,
    test_policy_search,
    test_ppo,
    test_recurrent_ppo,
    test_reinforce,
    test_sac,
    test_trpo,
    test_vpg,
)
from tests.rl_value import test_dqn, test_online_q_iteration, test_prioritized_dqn

pytestmark = pytest.mark.slow
RUNS = 64
HORIZON = 4
EITHER, ANY = Discrete(2), Box(-np.ones(1), np.ones(1))


@dataclass(frozen=True)
class World:
    """What is paid: so much for the side that is shown, for that which chance takes instead, for the right one."""

    truth: float = 0.0
    chance: float = 0.0
    right: float = 0.0


WORLDS = [World(chance=1.0), World(truth=1.0)]  # in which all agents learn


def contest(world: World, actions: Discrete | Box = EITHER) -> Environment:
    """A side at every step, whatever was done; seen as a one-hot vector."""
    shown = lambda key: jax.random.rademacher(key, (), float)

    def taken(action):
        return 2.0 * action - 1 if actions is EITHER else action[0]

    def any_side(key):
        return shown(key) if actions is EITHER else jax.random.uniform(key, minval=-1.0)

    def step(key, side, action):
        next_key, chance_key = jax.random.split(key)
        reward = world.truth * side * taken(action) + world.chance * side * any_side(chance_key)
        return shown(next_key), reward + world.right * taken(action), jnp.array(False)

    return Environment(shown, step, lambda side: (jnp.array([-1.0, 1.0]) == side).astype(float), actions, HORIZON)


def table(world: World) -> MDP:
    """One round of the contest: from the side that is shown to one of two states that pay 1 and -1, and so to the end.

    A table has no other noise than where one goes.
    """
    wins = world.truth * np.eye(2) + world.chance / 2 + world.right * np.array([[0.0, 1.0], [0.0, 1.0]])
    transition = np.zeros((5, 2, 5))
    transition[:2, :, 2], transition[:2, :, 3], transition[2:, :, 4] = wins, 1 - wins, 1
    reward = np.array([0.0, 0.0, 1.0, -1.0, 0.0])[:, None].repeat(2, 1)
    return MDP(transition, reward, DISCOUNT, np.arange(5) == 4, np.array([0.5, 0.5, 0, 0, 0]))


class Case(NamedTuple):
    """make(world) -> a method that measures `truth`, what it would earn by the true reward, and `right`, how far it
    leans to the right, both in [-1, 1] and 0 on average for whoever knows nothing."""

    make: Callable
    steps: int
    traced: bool = True  # the worlds are one program
    name: str = ""  # by which tests/conftest.py spreads the cases over its workers


def judged(agent: Agent, play: Callable) -> Learner:
    """play(world, key, policy) -> what is earned there; its metrics take the place of the agent's."""

    def measure(key, state, batch):
        policy = lambda key, obs: agent.act(key, state, obs)
        truth, right = (play(world, key, policy) for world in (World(truth=1.0), World(right=1.0)))
        return {"truth": truth, "right": right}

    return Learner(agent.init, agent.step, measure)


def player(build: Callable, steps: int, actions: Discrete | Box = EITHER, sees: Callable = lambda env: env) -> Case:
    """Of an agent build(env), which acts on what it sees of an environment."""
    env = lambda world: sees(contest(world, actions))
    play = lambda world, key, policy: mean_return(jax.random.clone(key), env(world), policy, 16) / HORIZON
    return Case(lambda world: judged(build(contest(world, actions)), play), steps)


def tabular(build: Callable, steps: int) -> Case:
    """Of an agent build(mdp)."""
    play = lambda world, key, policy: mean_return(jax.random.clone(key), environment(table(world), 3), policy, 32)
    return Case(lambda world: judged(build(table(world)), play), steps, traced=False)


def given(name: str, config, *rest, **named) -> Callable:
    """build of a method by its name, its configuration and whatever else it takes."""
    return lambda env: load(name)(config, env, *rest, **named)


def logged(make: Callable) -> Callable:
    """build of a method that learns from transitions of others: of a policy of chance, all of them in every step."""
    learner, chance = make(EITHER), lambda key, obs: jax.random.randint(key, (), 0, 2)

    def build(env):
        def init(key, batch):
            play_key, fit_key = jax.random.split(key)
            data = collected(play_key, env, chance, 16, 8)
            return learner.init(fit_key, data), data

        def step(key, state, batch):
            fit, metrics = learner.step(key, *state)
            return (fit, state[1]), metrics

        return Agent(init, step, learner.evaluate, lambda key, state, obs: learner.act(key, state[0], obs))

    return build


def options_of(mdp: MDP) -> Agent:
    """Options that are the actions, played greedily."""
    learner = load("options")(options.Config(0.1, 0.5, 3), mdp, options.primitive(mdp))
    return Agent(*learner, lambda key, state, obs: draw(key, greedy(state.q[obs])))


def armed(world: World) -> Learner:
    """The contest as a bandit without anything to see: the side is drawn once, and stays hidden."""
    pull = lambda key, mean: world.truth * mean + world.chance * jax.random.rademacher(key, (), float)
    hidden = lambda key: jax.random.rademacher(key, (), float) * jnp.array([-1.0, 1.0])
    agent = load("bandit")(bandit.Config(), testbeds.Testbed(hidden, pull, testbeds.still), constant(0.3))

    def measure(key, state, batch):
        arm = agent.act(key, state, None)
        return {"truth": state.means[arm], "right": 2.0 * arm - 1}

    return Learner(agent.init, agent.step, measure)


def visited(world: World) -> Learner:
    """The contest as visitors of two kinds, each of whom would rather have the article of his own side."""
    rates = lambda key: jnp.array([[1.0, -1.0], [-1.0, 1.0]])
    visitor = lambda key: jax.random.permutation(key, jnp.array([1.0, 0.0]))

    def click(key, rates, who, article):
        return world.truth * (who @ rates[:, article]) + world.chance * jax.random.rademacher(key, (), float)

    agent = load("lin_ucb")(lin_ucb.Config(), Audience(rates, visitor, click))

    def measure(key, state, batch):
        shown = jnp.array([agent.act(jax.random.clone(key), state, who) for who in jnp.eye(2)])
        return {"truth": state.rates[jnp.arange(2), shown].mean(), "right": 2.0 * shown.mean() - 1}

    return Learner(agent.init, agent.step, measure)


DQN, PPO, RULES = test_dqn.SMALL, test_ppo.SMALL, (cross_entropy(), evolution_strategy(), covariance_adaptation())
TABLE = q_learning.Config(epsilon=0.5, pace=float("inf"), horizon=3)
LEARNER = batch_actor_critic.Config((16,), 1e-2, 1e-2, envs=4, steps=16, fits=8, discount=DISCOUNT)
ONLINE = online_actor_critic.Config((16,), 1e-2, 1e-2, envs=8, discount=DISCOUNT)
OFF_BOX = dict(buffer=400, batch=32, warmup=20, envs=4)
RECURRENT = test_recurrent_ppo.SMALL
CASES = {
    "a2c": player(given("a2c", test_a2c.SMALL), 50),
    "a3c": player(given("a3c", test_a3c.SMALL), 25),
    "shared_actor_critic": player(given("shared_actor_critic", test_a2c.SMALL), 50),
    "importance_weighted_actor_critic": player(
        given("importance_weighted_actor_critic", test_importance_weighted_actor_critic.SMALL), 50
    ),
    "batch_actor_critic": player(given("batch_actor_critic", LEARNER), 25),
    "online_actor_critic": player(given("online_actor_critic", ONLINE), 150),
    "q_actor_critic": player(
        given("q_actor_critic", q_actor_critic.Config((16,), 1e-2, 1e-2, envs=8, discount=DISCOUNT)), 200
    ),
    "off_policy_actor_critic": player(given("off_policy_actor_critic", test_off_policy_actor_critic.SMALL), 100),
    "reinforce": player(given("reinforce", test_reinforce.SMALL, test_reinforce.TINY), 30),
    "vpg": player(given("vpg", test_vpg.SMALL), 150),
    "cvar_policy_gradient": player(
        given("cvar_policy_gradient", cvar_policy_gradient.Config((16,), 2e-2, 20, DISCOUNT), 0.5), 40
    ),
    "natural_policy_gradient": player(given("natural_policy_gradient", test_natural_policy_gradient.SMALL), 10),
    "trpo": player(given("trpo", test_trpo.SMALL), 10),
    "ppo": player(given("ppo", PPO), 10),
    "ppo box": player(given("ppo", PPO), 10, ANY),
    "recurrent_ppo": player(given("recurrent_ppo", RECURRENT), 8, sees=lambda env: remembering(env, RECURRENT.units)),
    "ddpg": player(given("ddpg", replace(test_ddpg.SMALL, hidden=(16,), **OFF_BOX), gaussian(0.3)), 150, ANY),
    "sac": player(given("sac", replace(test_sac.SMALL, hidden=(16,), **OFF_BOX)), 150, ANY),
    "policy_search cem": player(given("policy_search", test_policy_search.SMALL, RULES[0]), 15),
    "policy_search es": player(given("policy_search", test_policy_search.SMALL, RULES[1]), 30),
    "policy_search cma": player(given("policy_search", test_policy_search.SMALL, RULES[2]), 15),
    "dqn": player(given("dqn", DQN), 150),
    "double_dqn": player(given("double_dqn", DQN), 150),
    "dueling_dqn": player(given("dueling_dqn", DQN), 150),
    "prioritized_dqn": player(given("prioritized_dqn", test_prioritized_dqn.CONFIG), 120),
    "online_q_iteration": player(given("online_q_iteration", test_online_q_iteration.SMALL), 300),
    "exploration": player(given("exploration", exploration.Config(discount=DISCOUNT), constant(0.3)), 300),
    "tile_coded_sarsa": player(
        given("tile_coded_sarsa", tile_coded_sarsa.Config((-0.5,) * 2, (1.5,) * 2, 1, 2, 0.1, 0.5, DISCOUNT)), 300
    ),
    "fully_fitted_q": player(
        given("fully_fitted_q", fully_fitted_q.Config(DISCOUNT, envs=16, moves=8), least_squares(2)), 10
    ),
    "fitted_q_iteration": player(
        logged(
            lambda actions: load("fitted_q_iteration")(fitted_q_iteration.Config(DISCOUNT), actions, least_squares(2))
        ),
        10,
    ),
    "conservative_q_learning": player(
        logged(
            lambda actions: load("conservative_q_learning")(
                conservative_q_learning.Config((16,), 1e-2, DISCOUNT, 0.1, 20), actions
            )
        ),
        100,
    ),
    "lin_ucb": Case(visited, 100),
    "bandit": Case(armed, 50),
    "q_learning": tabular(given("q_learning", TABLE), 200),
    "sarsa": tabular(given("sarsa", TABLE), 200),
    "dyna_q": tabular(given("dyna_q", TABLE, 2), 200),
    "mc_control": tabular(given("mc_control", mc_control.Config(3)), 100),
    "options": tabular(options_of, 200),
}
LEVEL = 1 - 0.01 / len(CASES)  # all are within in at least 99 of 100 suites
OTHERS = {  # that do not choose by the rewards of their moves, and by what they are judged instead
    "values of a policy that is given": "td0 n_step_td mc_prediction mc_off_policy policy_evaluation",
    "a model that is known": "value_iteration q_value_iteration policy_iteration fitted_value_iteration"
    " constrained_policy_gradient mpc",
    "what others do": "behavioral_cloning",
    "the equilibria of a game": "independent_q_learning",
}


def measured(key, method, steps: int) -> dict[str, np.ndarray]:
    """Metrics of runs after so many steps, [runs] or [runs, worlds]."""
    learn_key, measure_key = jax.random.split(key)
    state, _ = train(jax.random.split(learn_key, RUNS), method, nothing, steps, chunk=steps)
    return evaluate(jax.random.split(measure_key, RUNS), method, state, nothing, 1)


def in_both_worlds(key, case: Case) -> dict[str, np.ndarray]:
    """`truth` and `right` [runs, worlds] of an agent."""
    if case.traced:
        return measured(key, varied(case.make, WORLDS), case.steps)
    each = [measured(jax.random.clone(key), case.make(world), case.steps) for world in WORLDS]
    return jax.tree.map(lambda *columns: np.stack(columns, -1), *each)


def width(values: np.ndarray) -> float:
    """Half the interval around 0 in which, with a chance of `LEVEL`, the mean lies if 0 is expected."""
    return stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * stats.sem(values)


def test_no_agent_is_left_out():
    names = {entry.name for entry in catalog.methods() if entry.family.startswith("rl_")}
    others = {name for names in OTHERS.values() for name in names.split()}
    assert names == {name.split()[0] for name in CASES} | others


@pytest.mark.parametrize("case", [case._replace(name=name) for name, case in CASES.items()], ids=CASES)
def test_noise_teaches_nothing_and_the_truth_does(case, key):
    found = in_both_worlds(key, case)
    noise, truth = found["truth"].T
    leaning = found["right"][:, 0]
    assert abs(noise.mean()) <= width(noise)
    assert abs(leaning.mean()) <= width(leaning)
    assert truth.mean() > width(noise)


# At real scale: CartPole without an end, since an end is worth 0, and whether that is more than what noise seems to
# promise is a reason to last or to fall: a maximum over estimates promises more, and DQN learns to balance from it.

FEW, UNTRAINED = 10, 4  # runs that learn, and times as many that do not
BALANCERS = {
    "ppo": (given("ppo", ppo.Config((32,), updates=40, envs=8, steps=64)), 40),
    "dqn": (given("dqn", dqn.Config((32,), updates=5000, batch=32, buffer=10_000, epsilon_steps=5000.0)), 5000),
}


def balancing(build: Callable) -> Callable:
    """world -> an agent to whom a fall costs 1, and who then starts afresh; measured by how long it balances."""
    env = scaled_cartpole()

    def make(world: World) -> Learner:
        def step(key, state, action):
            move_key, start_key, chance_key = jax.random.split(key, 3)
            after, _, falls = env.step(move_key, state, action)
            after = jax.tree.map(lambda start, after: jnp.where(falls, start, after), env.reset(start_key), after)
            return after, world.chance * jax.random.normal(chance_key) - world.truth * falls, jnp.array(False)

        agent = build(env._replace(step=step))

        def measure(key, state, batch):
            return {"return": mean_return(key, env, lambda key, obs: agent.act(key, state, obs), 8)}

        return Learner(agent.init, agent.step, measure)

    return make


@pytest.mark.parametrize("name", BALANCERS)
def test_after_noise_cartpole_is_played_as_by_the_untrained(name, key):
    build, updates = BALANCERS[name]
    method = varied(balancing(build), WORLDS)

    def returns(key, steps):
        learn_key, measure_key = jax.random.split(key)
        state, _ = train(jax.random.split(learn_key, FEW), method, nothing, steps)
        return evaluate(jax.random.split(measure_key, FEW), method, state, nothing, 1)["return"]

    trained_key, *others = jax.random.split(key, 1 + UNTRAINED)
    untrained = np.concatenate([returns(key, 0)[:, 0] for key in others])
    noise, truth = returns(trained_key, updates).T
    spread = untrained.std(ddof=1) * np.sqrt(1 / FEW + 1 / untrained.size)
    interval = stats.t.ppf(0.995, untrained.size - 1) * spread
    assert abs(noise.mean() - untrained.mean()) <= interval
    assert truth.mean() > untrained.mean() + interval
