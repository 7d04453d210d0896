import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.mountain_car import mountain_car, mountain_car_continuous
from jaxicon.envs.probe import probes
from jaxicon.rl_value.tile_coded_sarsa import Config, tile_coded_sarsa
from tests.ops.test_tiles import by_hand

TABLE = Config((-1.5,), (1.5,), 1, 3, 0.02, 1.0, 0.5)  # one tile for each state of a probe: -1, 1 and the end


def example():
    return tile_coded_sarsa(Config(episodes=2), mountain_car()), nothing


@pytest.mark.system("rl.mountaincar")
def test_learns_what_a_plain_loop_learns(x64, key):
    """The rule in NumPy on weights by the name of the tile, on the moves that the method makes."""
    env = mountain_car()._replace(horizon=150)
    method = tile_coded_sarsa(Config(tilings=4, bins=3, epsilon=0.2), env)

    @jax.jit
    def moves(key):
        def step(state, t):
            after, metrics = method.step(jax.random.fold_in(key, t), state, None)
            seen = env.step(jax.random.key(0), jax.tree.map(lambda x: x[0], state.world.state), state.action)[0]
            return after, (
                jnp.stack(jax.tree.map(lambda x: x[0], state.world.state)),
                state.action,
                jnp.stack(seen),
                metrics["td_error"],
            )

        return jax.lax.scan(step, method.init(jax.random.key(1), None), jnp.arange(400))

    obs, action, after, error = jax.tree.map(np.asarray, moves(key)[1])
    unit = lambda x: (x - np.array([-1.2, -0.07])) / np.array([1.8, 0.14])
    weights, cut = {}, 0
    q = lambda x, a: sum(weights.get((a, name), 0.0) for name in by_hand(unit(x), 4, 3))
    for t in range(399):
        if over := (t + 1) % 150 == 0:  # it is cut off, and still bootstraps: from one of three actions, not played
            wanted = [-1 + q(after[t], a) for a in range(3)]
            target = min(wanted, key=lambda w: abs(abs(w - q(obs[t], action[t])) - error[t]))
            cut += 1
        else:
            target = -1 + q(after[t], action[t + 1])
        difference = target - q(obs[t], action[t])
        np.testing.assert_allclose(abs(difference), error[t], rtol=1e-9)
        for name in by_hand(unit(obs[t]), 4, 3):
            weights[action[t], name] = weights.get((action[t], name), 0.0) + 0.5 / 4 * difference
        assert over == bool(np.abs(after[t] - obs[t + 1]).max() > 1e-12)
    assert cut == 2


@pytest.mark.system("rl.mountaincar")
@pytest.mark.parametrize("name", ["both", "time_limit"])
def test_probes_have_the_values_of_the_policy_that_plays(x64, name, key):
    """Actions at random, a tile a state: Q = r + discount P mean_a' Q, solved; nobody sees the time limit."""
    probe = probes()[name]
    mdp, states = probe.mdp, np.flatnonzero(~probe.mdp.terminal)
    mean = np.full(mdp.reward.shape, 0.5)
    value = np.linalg.solve(
        np.eye(len(mdp.start)) - 0.5 * np.einsum("sa,sap->sp", mean, mdp.transition), (mean * mdp.reward).sum(-1)
    )
    true = mdp.reward + 0.5 * mdp.transition @ value
    state, _ = train(key, tile_coded_sarsa(TABLE, probe.environment()), nothing, 6000, chunk=6000)
    tile = np.floor((probe.features[states, 0] + 1.5) / 3 * 3).astype(int)
    np.testing.assert_allclose(np.asarray(state.weights)[:, tile].T, true[states], atol=0.1)


@pytest.mark.slow
@pytest.mark.system("rl.mountaincar")
def test_the_car_gets_up_in_fewer_than_150_steps(key):
    method, keys = tile_coded_sarsa(Config(), mountain_car()), jax.random.split(key, 4)
    before = evaluate(
        jax.random.clone(keys), method, jax.vmap(lambda k: fresh(k, method))(jax.random.clone(keys)), nothing, 1
    )
    assert (before["return"] == -200).all()
    state, _ = train(jax.random.clone(keys), method, nothing, 60_000, chunk=60_000)
    returned = evaluate(keys, method, state, nothing, 1)["return"]
    assert (returned > -150).all(), returned


@pytest.mark.parametrize(
    ("config", "env", "message"),
    [
        (Config(), mountain_car_continuous(), "needs discrete actions"),
        (Config(low=(0.0,), high=(1.0,)), mountain_car(), r"bounds of \(2,\) numbers"),
        (Config(low=(1.0, 0.0), high=(1.0, 1.0)), mountain_car(), "low"),
        (Config(epsilon=1.1), mountain_car(), "epsilon is 1.1"),
        (Config(discount=-0.1), mountain_car(), "discount is -0.1"),
        (Config(tilings=0), mountain_car(), "tilings is 0"),
    ],
)
def test_what_cannot_be_is_refused(config, env, message):
    with pytest.raises(ConfigError, match=message):
        tile_coded_sarsa(config, env)
