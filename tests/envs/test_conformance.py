import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.envs import bandit
from jaxicon.envs.acrobot import acrobot
from jaxicon.envs.battery import battery
from jaxicon.envs.blackjack import blackjack
from jaxicon.envs.breakout import breakout
from jaxicon.envs.cart import cart
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.conformance import check_environment, rehearse
from jaxicon.envs.data_centre import data_centre
from jaxicon.envs.deep_sea import deep_sea
from jaxicon.envs.environment import Box, Discrete, Environment, vectorised
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.gymnax import from_gymnax
from jaxicon.envs.lane_change import lane_change, shielded
from jaxicon.envs.mountain_car import mountain_car, mountain_car_continuous
from jaxicon.envs.order_execution import order_execution
from jaxicon.envs.pendulum import pendulum
from jaxicon.envs.pomdp import partial_environment, tiger
from jaxicon.envs.probe import probes
from jaxicon.envs.randomised import randomised
from jaxicon.envs.residual import residual
from jaxicon.envs.tabular import environment
from jaxicon.envs.treatment import treatment

pytestmark = pytest.mark.system("rl.custom_env")
OURS = {
    "acrobot": acrobot,
    "breakout": breakout,
    "cart": cart,
    "cartpole": cartpole,
    "data_centre": data_centre,
    "lane_change": lane_change,
    "lane_change_shielded": lambda: shielded(lane_change()),
    "mountain_car": mountain_car,
    "mountain_car_continuous": mountain_car_continuous,
    "order_execution": order_execution,
    "pendulum": pendulum,
    "pendulum_residual": lambda: residual(pendulum(), lambda obs: -obs[1:2], 0.5),
    "cartpole_randomised": lambda: randomised(cartpole, lambda key: jax.random.uniform(key, minval=0.25, maxval=1.0)),
    "lake": lambda: environment(frozen_lake(), 100),
    "battery": lambda: environment(battery(), 48),
    "blackjack": lambda: environment(blackjack(), 10),
    "treatment": lambda: environment(treatment(), 20),
    "sea": lambda: environment(deep_sea(4), 4),
    "tiger": lambda: partial_environment(tiger(), 20),
    "bandit": lambda: bandit.environment(bandit.gaussian(3), np.arange(3.0)),
    "probe": lambda: probes()["time_limit"].environment(),
    "gymnax_catch": lambda: from_gymnax("Catch-bsuite"),
    "gymnax_car": lambda: from_gymnax("MountainCarContinuous-v0"),
}


def thermostat(**changes) -> Environment:
    """An environment of one's own: keep a room that cools at random between 18 and 22 degrees; 5 or 30 ends it."""

    def step(key, state, action):
        warmth = state["warmth"] + action[0] - jax.random.uniform(key)
        after = {"warmth": warmth, "time": state["time"] + 1}
        return after, -jnp.abs(warmth - 20), (warmth < 5) | (warmth > 30)

    room = Environment(
        lambda key: {"warmth": 18 + 4 * jax.random.uniform(key), "time": jnp.int32(0)},
        step,
        lambda state: jnp.stack([state["warmth"], state["time"] / 100]),
        Box(np.array([0.0]), np.array([1.0])),
        100,
    )
    return room._replace(**changes)


def returning(after=None, reward=None, terminal=None) -> Environment:
    """The thermostat, with a step that returns something else."""

    def step(key, state, action):
        got = thermostat().step(key, state, action)
        return tuple(f(x) if f else x for f, x in zip((after, reward, terminal), got, strict=True))

    return thermostat(step=step)


def chance_of_the_host(key, state, action):
    after, reward, terminal = thermostat().step(key, state, action)
    return after, reward + np.random.default_rng().normal(), terminal


def branching(key, state, action):
    return thermostat().step(key, state, action) if state["warmth"] > 20 else (state, 0.0, False)


SHAPES = {  # what is wrong -> (environment, words of the message)
    "a horizon of none": (thermostat(horizon=0), "horizon is 0; expected a whole number"),
    "no space": (thermostat(actions=(0, 1)), "expected Discrete"),
    "no action": (thermostat(actions=Discrete(0)), "actions.count is 0"),
    "an empty box": (thermostat(actions=Box(np.ones(1), np.ones(1))), "expected low < high"),
    "no function": (thermostat(reset=3), "reset is 3; expected a function"),
    "a branch": (thermostat(step=branching), "step cannot be traced: TracerBoolConversionError"),
    "two results": (thermostat(step=lambda k, s, a: (s, 0.0)), r"expected \(state, reward, terminal\)"),
    "a time that becomes real": (
        returning(lambda s: s | {"time": s["time"] + 0.5}),
        "the state after a step is .*float32.*expected .*int32",
    ),
    "a state that grows": (returning(lambda s: s | {"new": s["time"]}), "the state after a step is .*new"),
    "a reward for each wall": (returning(reward=lambda r: jnp.ones(4) * r), r"the reward is float32\[4\]"),
    "a whole reward": (returning(reward=lambda r: jnp.int32(1)), r"the reward is int32\[\]; expected a floating"),
    "an end by number": (returning(terminal=lambda end: end * 1.0), r"terminal is float32\[\]; expected bool\[\]"),
    "two observations": (thermostat(observe=lambda s: (s["warmth"], s["time"])), "expected one array"),
    "one start for many": (thermostat(starts=lambda key, n: thermostat().reset(key)), r"starts\(key, 3\) is"),
}
PLAY = {
    "chance beside the key": (thermostat(step=chance_of_the_host), "the reward is not a function of the key"),
    "a reward without bound": (returning(reward=lambda r: r / 0), "the reward is not finite after step 0"),
    "an observation of nothing": (
        thermostat(observe=lambda s: jnp.log(s["warmth"] - 19)),
        "the observation is not finite",
    ),
}


@pytest.mark.parametrize("name", OURS)
def test_every_environment_of_ours_passes(name, key):
    rehearse(key, OURS[name]())


def test_one_of_ones_own_passes_and_can_be_played(key):
    """The room is not warmed: it cools by 1/2 a step on average, from 20 on average."""
    rehearse(jax.random.clone(key), thermostat())
    envs = vectorised(thermostat(), 500)
    running = envs.reset(jax.random.clone(key))
    for t in range(10):
        running, seen = envs.step(jax.random.fold_in(key, t), running, jnp.zeros((500, 1)))
    assert abs(float(seen.next_obs[:, 0].mean()) - 15) < 4 * (4 / 3 + 10 / 12) ** 0.5 / 500**0.5
    assert not seen.terminal.any()


@pytest.mark.parametrize("fault", SHAPES)
def test_a_broken_one_is_named_before_anything_is_compiled(fault):
    env, words = SHAPES[fault]
    with pytest.raises(ConfigError, match=words):
        check_environment(env)
    with pytest.raises(ConfigError, match=words):
        vectorised(env, 2)


@pytest.mark.parametrize("fault", PLAY)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_only_play_shows_is_named(fault, key):
    env, words = PLAY[fault]
    check_environment(env)
    with pytest.raises(ConfigError, match=words):
        rehearse(key, env)
