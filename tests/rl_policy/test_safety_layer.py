import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from jaxicon.core.errors import ConfigError
from jaxicon.envs.cart import braking, cart
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import Box, episode
from jaxicon.rl_policy.safety_layer import barrier, nearest_safe, safety_layer

RADIUS, SECONDS = 0.5, 0.1
layer = jax.jit(nearest_safe)


def quadratic_program(wish, normals, limits) -> np.ndarray:
    """SciPy's answer."""
    constraint = {"type": "ineq", "fun": lambda a: limits - normals @ a, "jac": lambda a: -normals}
    options = {"ftol": 1e-14, "maxiter": 200}
    cost = lambda a: ((a - wish) ** 2).sum() / 2
    return minimize(cost, wish, jac=lambda a: a - wish, constraints=[constraint], method="SLSQP", options=options).x


@pytest.mark.system("rl.real_safety_layer")
def test_the_closed_form_is_the_solution_of_the_quadratic_program(x64):
    """One half-space in three dimensions, and pairs of opposite ones, at most one of which is active."""
    random = np.random.default_rng(0)
    active = 0
    for _ in range(40):
        wish, normal, limit = random.normal(size=3), random.normal(size=3), random.normal()
        opposite = np.stack([normal, -normal]), np.array([limit, 0.5 - limit])
        for normals, limits in ((normal[None], np.array([limit])), opposite):
            got = layer(jnp.asarray(wish), (jnp.asarray(normals), jnp.asarray(limits)))
            np.testing.assert_allclose(got, quadratic_program(wish, normals, limits), atol=1e-6)
            assert (normals @ got <= limits + 1e-12).all()
            active += not np.array_equal(got, wish)
    assert 20 < active < 70


@pytest.mark.system("rl.real_safety_layer")
def test_a_safe_wish_is_granted_to_the_last_bit(key):
    normals, limits = jnp.array([[1.0, 2.0], [-1.0, 0.5], [0.0, 0.0]]), jnp.array([3.0, 2.0, -1.0])
    wish = jax.random.uniform(key, (2,))
    np.testing.assert_array_equal(layer(wish, (normals, limits)), wish)


@pytest.mark.system("rl.real_safety_layer")
def test_of_two_violated_half_spaces_the_one_with_the_larger_multiplier_is_obeyed(x64):
    normals, limits, wish = jnp.array([[1.0, 0.0], [0.0, 0.1]]), jnp.zeros(2), jnp.array([1.0, 1.0])
    np.testing.assert_allclose(layer(wish, (normals, limits)), [1, 0], atol=1e-12)  # multipliers 1 and 10


def adversary(env):
    """Random pushes of full force that last for a second: [x, velocity, terminal] of 200 episodes of 100 steps."""

    def play(key):
        push = jnp.sign(jax.random.normal(jax.random.fold_in(key, 0), (10,)))
        start = env.reset(jax.random.fold_in(key, 1))

        def advance(state, t):
            after, _, terminal = env.step(key, state, push[t // 10][None])
            return after, (after.x, after.velocity, terminal)

        return jax.lax.scan(advance, start, jnp.arange(100))[1]

    return jax.tree.map(np.asarray, jax.jit(jax.vmap(play))(jax.random.split(jax.random.key(0), 200)))


@pytest.mark.system("rl.real_safety_layer")
def test_behind_the_layer_no_wish_leads_into_a_wall_and_without_it_most_do():
    _, _, crashed = adversary(cart())
    assert crashed.any(1).mean() > 0.8
    x, velocity, crashed = adversary(safety_layer(cart(), braking))
    assert not crashed.any()
    assert (np.abs(x) + np.maximum(np.sign(x) * velocity, 0) ** 2 / 2 < 1).all()
    assert (np.abs(x) > 0.99).any(), "it must not keep off more than is needed"


@pytest.mark.system("rl.real_safety_layer")
def test_a_barrier_around_a_disc_keeps_a_point_out_of_it_whatever_it_wishes(x64, key):
    """h = |x|^2 - r^2 of the next state is convex in the velocity: its tangent is on the safe side."""
    h = lambda x: (x @ x - RADIUS**2)[None]
    following = lambda x, action: x + SECONDS * action
    halfspaces = barrier(h, following, 0.5, dims=2)

    def play(key, shielded):
        def advance(x, t):
            wish = -3 * x / jnp.sqrt(x @ x) + jax.random.normal(jax.random.fold_in(key, t), (2,))  # to the centre
            played = nearest_safe(wish, halfspaces(x)) if shielded else wish
            after = following(x, played)
            return after, (h(x)[0], h(after)[0], after, played)

        start = jnp.array([1.0, 0.2])
        return jax.lax.scan(advance, start, jnp.arange(200))[1]

    before, after, where, _ = jax.tree.map(np.asarray, jax.jit(lambda key: play(key, True))(jax.random.clone(key)))
    assert (after >= 0.5 * before - 1e-12).all()
    assert (after > 0).all()
    assert np.linalg.norm(where, axis=1).min() < 1.05 * RADIUS
    assert (jax.jit(lambda key: play(key, False))(key)[1] < 0).any()


def test_the_half_space_of_a_barrier_is_the_condition_itself_where_all_is_affine(x64):
    """A wall at 1 for a point that moves by its action: h(s') >= (1 - kappa) h(s) is a <= kappa (1 - x) / dt."""
    halfspaces = barrier(lambda x: 1 - x, lambda x, action: x + SECONDS * action, 0.3, dims=1)
    normals, limits = halfspaces(jnp.array([0.4]))
    np.testing.assert_allclose(limits / normals[:, 0], 0.3 * 0.6 / SECONDS, rtol=1e-12)


def test_the_layer_cuts_a_wish_to_the_box_first_and_refuses_other_actions():
    env = safety_layer(cart(), lambda state: (jnp.array([[1.0]]), jnp.array([0.25])))
    played = episode(jax.random.key(0), env._replace(horizon=1), lambda key, obs: jnp.array([7.0]))
    start = jax.tree.map(lambda x: x[0], played.state)
    wanted = cart().step(jax.random.key(0), start, jnp.array([0.25]))[1]
    np.testing.assert_allclose(played.reward[0], wanted, rtol=1e-6)
    plane = cart()._replace(
        step=lambda key, state, action: (state, action[0] - 10 * action[1], jnp.array(False)),
        actions=Box(-np.ones(2), np.ones(2)),
    )
    env = safety_layer(plane, lambda state: (jnp.array([[1.0, 1.0]]), jnp.array([0.5])))
    reward = env.step(jax.random.key(0), start, jnp.array([7.0, 0.0]))[1]
    np.testing.assert_allclose(reward, 0.75 + 10 * 0.25, rtol=1e-6)  # of [1, 0], the nearest one is [0.75, -0.25]
    with pytest.raises(ConfigError, match="needs actions in a box"):
        safety_layer(cartpole(), braking)
    with pytest.raises(ConfigError, match="kappa is 1.5"):
        barrier(lambda x: x, lambda x, action: x, 1.5, dims=1)
