"""By hand: what crashes, what does not, and what is seen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.envs.environment import episode
from jaxicon.envs.lane_change import (
    CRASH,
    FASTER,
    KEEP,
    LEFT,
    RIGHT,
    SLOWER,
    State,
    lane_change,
    others,
    safe,
    shielded,
)

STEP = jax.jit(lane_change().step)


def road(lane: int, speed: float, *cars: tuple[int, float, float]) -> State:
    """Our lane and speed; of the others lane, metres ahead, speed. Those not named are far away in lane 0."""
    cars = (*cars, *[(0, 300.0 + 50 * i, 20.0) for i in range(5 - len(cars))])
    lanes, ahead, speeds = zip(*cars, strict=True)
    return State(jnp.int32(lane), jnp.asarray(speed), jnp.array(lanes), jnp.array(ahead), jnp.array(speeds))


@pytest.mark.parametrize(
    ("lane", "action", "car", "crash"),
    [
        (1, KEEP, (1, 9.0, 20.0), True),  # 5 m/s faster: 6.5 m after the step? no: 9 - 0.5 * 10 = 4
        (1, KEEP, (1, 12.0, 20.0), False),
        (1, SLOWER, (1, 8.0, 27.5), False),
        (1, KEEP, (1, 4.0, 40.0), True),
        (1, KEEP, (2, 0.0, 30.0), False),
        (1, RIGHT, (2, 0.0, 30.0), True),
        (1, LEFT, (2, 0.0, 30.0), False),
        (2, RIGHT, (2, 40.0, 30.0), False),
        (1, RIGHT, (2, 8.0, 0.0), True),  # gone through in half a second
    ],
)
def test_only_who_comes_too_near_in_the_same_lane_crashes(lane, action, car, crash, key):
    _, reward, terminal = STEP(key, road(lane, 30.0, car), jnp.int32(action))
    assert bool(terminal) == crash
    assert (reward == -CRASH) == crash


def test_the_faster_the_better_within_what_the_car_can_do(key):
    for action, speed, reward in ((KEEP, 25.0, 0.5), (FASTER, 27.5, 0.625), (SLOWER, 22.5, 0.375)):
        after, got, _ = STEP(jax.random.clone(key), road(1, 25.0), jnp.int32(action))
        assert (float(after.speed), float(got)) == (speed, reward)
        np.testing.assert_allclose(after.ahead[0], 300 + 0.5 * (20 - speed))
    assert STEP(jax.random.clone(key), road(1, 35.0), jnp.int32(FASTER))[0].speed == 35
    assert STEP(jax.random.clone(key), road(0, 35.0), jnp.int32(LEFT))[0].lane == 0


def test_who_is_passed_comes_again_behind_all_others(key):
    after, _, _ = STEP(key, road(1, 35.0, (0, -9.0, 20.0), (2, 60.0, 20.0)), jnp.int32(KEEP))
    assert after.ahead[0] > after.ahead[1:].max()
    assert 18 <= after.speeds[0] <= 24


def test_a_driver_sees_the_next_cars_of_every_lane_ahead_and_behind():
    seen = lane_change().observe(road(1, 30.0, (0, 20.0, 18.0), (0, 60.0, 22.0), (2, -4.0, 24.0)))
    ahead, behind = [0.2, 1, 1, 1.2, 0, 0], [1, 1, 0.04, 0, 0, -0.6]
    wanted = [0, 1, 0, 0.5, *ahead, *behind]
    np.testing.assert_allclose(seen, wanted, atol=1e-6)


def test_a_careful_driver_never_crashes_and_a_blind_one_does(key):
    """Slow down behind who is near, else keep: safe, and slow. Always faster: a crash nearly always."""

    def careful(key, obs):
        lane = obs[:3].argmax()
        return jnp.where(obs[4:7][lane] < 0.35, SLOWER, KEEP)

    play = lambda policy: jax.jit(jax.vmap(lambda key: episode(key, lane_change(), policy)))
    crashed = lambda played: (played.reward == -CRASH).any(1).mean()
    keys = jax.random.split(key, 200)
    assert crashed(play(careful)(jax.random.clone(keys))) == 0
    assert crashed(play(lambda key, obs: jnp.int32(FASTER))(keys)) > 0.9
    lanes, ahead, speeds = others(jax.random.key(1))
    assert (np.diff(ahead) > 5).all()
    assert set(lanes.tolist()) <= {0, 1, 2}
    assert ((speeds >= 18) & (speeds <= 24)).all()


def brakes_in_time(lane: int, speed: float, *cars: tuple[int, float, float]) -> bool:
    """Whether to keep for one step and brake for ten more is no crash, step by step; nobody comes again in between."""
    state, crashed = road(lane, speed, *cars), False
    for action in (KEEP, *[SLOWER] * 10):
        state, _, terminal = STEP(jax.random.key(0), state, jnp.int32(action))
        crashed |= bool(terminal)
    return not crashed


def test_safe_is_what_braking_can_still_save():
    rng = np.random.default_rng(0)
    cars = [(1, float(ahead), float(v)) for ahead, v in rng.uniform([5, 15], [35, 25], (60, 2))]
    speeds = rng.uniform(15, 35, 60)
    wanted = [brakes_in_time(1, float(speed), car) for speed, car in zip(speeds, cars, strict=True)]
    got = [bool(safe(road(1, float(speed), car), jnp.int32(KEEP))) for speed, car in zip(speeds, cars, strict=True)]
    assert got == wanted
    assert 0.2 < np.mean(wanted) < 0.8


def test_nobody_changes_into_a_lane_that_is_not_free():
    at = lambda ahead: bool(safe(road(1, 20.0, (2, ahead, 20.0)), jnp.int32(RIGHT)))
    assert [at(ahead) for ahead in (-10.5, -9.5, 0.0, 4.5, 5.5)] == [True, False, False, False, True]


@pytest.mark.system("rl.app_driving")
def test_under_the_shield_nobody_crashes_whatever_he_does(key):
    anything = lambda key, obs: jax.random.randint(key, (), 0, 5)
    always_faster = lambda key, obs: jnp.int32(FASTER)
    for policy in (anything, always_faster):
        play = lambda env: jax.jit(jax.vmap(lambda key: episode(key, env, policy)))(jax.random.split(key, 500))
        with jax.debug_key_reuse(False):
            bare, shield = play(lane_change()), play(shielded(lane_change()))
        assert (bare.reward == -CRASH).any(1).mean() > 0.5
        assert not (shield.reward == -CRASH).any()
        assert shield.alive.all()
