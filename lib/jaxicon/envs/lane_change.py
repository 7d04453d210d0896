"""A motorway with three lanes: get past slower cars without touching one.

The penalty of a crash makes crashes rare, not impossible. A shield lets only those actions through after which braking
still avoids one, so that nobody crashes under it, whatever has been learned.

Notes    RL & DL notebook U2, applications: autonomous driving; 6.S191 lecture 5
Systems  rl.app_driving
Paper    Leurent 2018, An environment for autonomous driving decision-making, for the kind of task;
         Alshiekh et al. 2018, Safe reinforcement learning via shielding, section 5, for the shield
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxicon.core.method import Key
from jaxicon.envs.environment import Discrete, Environment

LANES, CARS, SECONDS, STEPS = 3, 5, 0.5, 80
NEAR, FAR = 5.0, 100.0  # metres: closer than NEAR in one lane is a crash; farther than FAR is not seen
SLOW, FAST, STEP = 15.0, 35.0, 2.5  # m/s, and what one action changes
CRASH = 50.0  # a crash costs as much as 50 steps at full speed bring
LEFT, KEEP, RIGHT, FASTER, SLOWER = range(5)


class State(NamedTuple):
    lane: Int[Array, ""]
    speed: Float[Array, ""]  # m/s
    lanes: Int[Array, "cars"]
    ahead: Float[Array, "cars"]  # metres from us to the others
    speeds: Float[Array, "cars"]


def others(key: Key) -> tuple[Array, Array, Array]:
    """Lanes, distances and speeds of cars on the road: 25 m from one to the next, 18 to 24 m/s."""
    lane_key, place_key, speed_key = jax.random.split(key, 3)
    jitter = jax.random.uniform(place_key, (CARS,), minval=0, maxval=10)
    speeds = jax.random.uniform(speed_key, (CARS,), minval=18, maxval=24)
    return jax.random.randint(lane_key, (CARS,), 0, LANES), 25.0 * (1 + jnp.arange(CARS)) + jitter, speeds


def reset(key: Key) -> State:
    lanes, ahead, speeds = others(key)
    return State(jnp.int32(1), jnp.full((), 25.0, ahead.dtype), lanes, ahead, speeds)


def driven(state: State, action: Int[Array, ""]) -> tuple[Int[Array, ""], Float[Array, ""]]:
    """Lane and speed after an action. Who would leave the road stays in the lane."""
    lane = jnp.clip(state.lane + (action == RIGHT) - (action == LEFT), 0, LANES - 1)
    change = (action == FASTER).astype(state.speed.dtype) - (action == SLOWER)
    return lane, jnp.clip(state.speed + STEP * change, SLOW, FAST)


def step(key: Key, state: State, action: Int[Array, ""]) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
    """Half a second: change the lane or the speed, then all move on. A crash costs CRASH and is the end.

    The reward of a step is the speed above SLOW as a share of what is possible. A car that is passed comes again at
    the far end, in a lane and with a speed of its own.
    """
    lane, speed = driven(state, action)
    before = state.ahead
    ahead = before + SECONDS * (state.speeds - speed)
    here = state.lanes == lane
    passed_through = jnp.sign(before) != jnp.sign(ahead)
    crash = (here & ((jnp.abs(ahead) < NEAR) | (jnp.abs(before) < NEAR) | passed_through)).any()
    behind = ahead < -2 * NEAR
    lanes, _, speeds = others(key)
    last = jnp.maximum(ahead.max(), FAR) + 25.0
    after = State(
        lane,
        speed,
        jnp.where(behind, lanes, state.lanes),
        jnp.where(behind, last, ahead),
        jnp.where(behind, speeds, state.speeds),
    )
    reward = jnp.where(crash, -CRASH, (speed - SLOW) / (FAST - SLOW))
    return after, reward, crash


def observe(state: State) -> Float[Array, "d"]:
    """Our lane and speed; of every lane the distance to the next car ahead, how fast we come up to it, and both of the
    next car behind, which comes up to us. All of order one; who is farther than FAR away is not seen."""
    own = jax.nn.one_hot(state.lane, LANES, dtype=state.ahead.dtype)
    of_lane = state.lanes[None] == jnp.arange(LANES)[:, None]

    def nearest(distance: Array, approach: Array) -> Array:
        """[2 lanes] of the cars with positive distances."""
        seen = jnp.where(of_lane & (distance > 0)[None], distance[None], FAR)
        near = jnp.minimum(seen.min(1), FAR)
        return jnp.concatenate([near / FAR, jnp.where(near < FAR, approach[seen.argmin(1)], 0) / 10])

    faster = state.speed - state.speeds
    parts = [own, (state.speed - 25)[None] / 10, nearest(state.ahead, faster), nearest(-state.ahead, -faster)]
    return jnp.concatenate(parts)


def lane_change() -> Environment:
    """40 seconds; the actions are left, keep, right, faster, slower."""
    return Environment(reset, step, observe, Discrete(5), STEPS)


def safe(state: State, action: Int[Array, ""]) -> Bool[Array, ""]:
    """Whether to brake from the next step on avoids a crash: the lane we then are in is free beside and behind us, and
    the gap to the next car is wide enough.

    Braking from s to the other's v closes the gap by SECONDS * (s - v) a step, where s falls by STEP.
    """
    lane, speed = driven(state, action)
    here = state.lanes == lane
    beside = here & (state.ahead < NEAR) & (state.ahead > -2 * NEAR)
    steps = jnp.arange(1 + int((FAST - SLOW) / STEP), dtype=speed.dtype)
    braking = jnp.maximum(speed - STEP * steps, SLOW)
    closed = SECONDS * jnp.maximum(braking[:, None] - state.speeds[None], 0).sum(0)
    return ~(beside | (here & (state.ahead > 0) & (state.ahead - closed < NEAR))).any()


def shielded(env: Environment) -> Environment:
    """The motorway where SLOWER takes the place of an action that is not safe."""

    def step(key: Key, state: State, action: Int[Array, ""]) -> tuple[State, Float[Array, ""], Bool[Array, ""]]:
        return env.step(key, state, jnp.where(safe(state, action), action, SLOWER))

    return env._replace(step=step)
