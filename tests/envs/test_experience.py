from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import Box, Environment
from jaxicon.envs.experience import life, unit_box


class Numbers(NamedTuple):
    envs: int = 2
    buffer: int = 8
    batch: int = 500
    warmup: int = 3
    discount: float = 0.9
    mixing: float = 0.1


def adder(high: float = 10.0) -> Environment:
    """Adds up its actions, between 0 and 10; over beyond 25, cut off after 4 steps."""

    def step(key, state, action):
        after = state + action[0]
        return after, action[0], after > 25

    box = Box(np.array([0.0]), np.array([high]))
    return Environment(lambda key: jnp.zeros(()), step, lambda state: state[None], box, 4)


def test_actions_of_the_unit_box_are_those_of_the_environment():
    inner, own = unit_box("test", adder())
    np.testing.assert_allclose(own(jnp.array([[-1.0], [0.0], [1.0]])), [[0], [5], [10]])
    after, reward, _ = inner.step(jax.random.key(0), jnp.ones(()), jnp.array([0.2]))
    np.testing.assert_allclose([after, reward], [7, 6])
    np.testing.assert_array_equal([inner.actions.low, inner.actions.high], [[-1], [1]])


def test_what_is_recalled_are_the_last_moves_with_their_own_ends(key):
    """Two copies go by 10 and by 5 a step: the first is over in its third step, the second cut off after four."""
    world = life("test", Numbers(buffer=6, warmup=1, batch=6), adder())
    now = world.start(jax.random.key(1))
    assert now.memory.written == 2
    first = np.asarray(world.observe(now))[:, 0]  # after the warm-up
    play = jax.jit(lambda key, now: world.move(key, now, jnp.array([[1.0], [0.0]])))
    overs = []
    for t in range(3):
        now, over = play(jax.random.fold_in(key, t), now)
        overs.append(np.asarray(over).tolist())
    recall = jax.jit(jax.vmap(world.recall, (0, None)))
    seen = jax.tree.map(np.asarray, recall(jax.random.split(jax.random.key(2), 60), now))
    rows = sorted(set(zip(*(x.reshape(360).tolist() for x in seen), strict=True)))
    wanted = []
    for copy, (start, unit, size) in enumerate(zip(first, (1.0, 0.0), (10, 5), strict=True)):
        for i in range(3):
            obs = np.float32(start + i * size)
            over = bool(obs + size > 25)
            assert overs[i][copy] == (over or i == 2)
            wanted.append((obs, unit, size, over, i == 2 and not over, np.float32(obs + size)))
    assert len(rows) == 6
    np.testing.assert_allclose(rows, sorted(wanted), rtol=1e-6)
    assert seen.terminal.dtype == seen.truncated.dtype == bool


def test_the_warm_up_plays_uniform_actions_in_every_copy(key):
    world = life("test", Numbers(envs=4, buffer=4000, warmup=500, batch=4000), adder())
    now = jax.jit(world.start)(key)
    assert now.memory.written == 2000
    action = np.asarray(now.memory.rows)[:2000, 1]
    assert len(np.unique(action)) > 1990
    np.testing.assert_allclose([action.min(), action.max(), action.mean()], [-1, 1, 0], atol=0.06)
    np.testing.assert_allclose(action.std(), 3**-0.5, rtol=0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"discount": 1.5}, "discount is 1.5"),
        ({"mixing": -0.1}, "mixing is -0.1"),
        ({"batch": 9, "buffer": 8}, "batch 9 is larger than buffer 8"),
        ({"buffer": 501}, "no multiple of envs 2"),
        ({"warmup": 0}, "warmup is 0"),
    ],
)
def test_numbers_that_cannot_be_are_refused(change, message):
    with pytest.raises(ConfigError, match=f"test: .*{message}"):
        life("test", Numbers(**{"buffer": 500, **change}), adder())


def test_actions_that_are_no_box_with_bounds_are_refused():
    with pytest.raises(ConfigError, match="test: needs actions in a box"):
        life("test", Numbers(buffer=500), cartpole())
    with pytest.raises(ConfigError, match="test: needs actions in a box"):
        life("test", Numbers(buffer=500), adder(np.inf))
