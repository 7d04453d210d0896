import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.frozen_lake import frozen_lake
from jaxicon.envs.probe import probes
from jaxicon.ops.exploration import Rule, constant, greedy, no_bonus, optimistic
from jaxicon.rl_tabular.q_learning import Config, q_learning

LISTING = Config(step_size=0.1, power=0.0, epsilon=0.1, pace=float("inf"))


def example():
    return q_learning(Config(), frozen_lake()), nothing


@pytest.mark.slow
@pytest.mark.system("rl.q_learning")
def test_learns_what_a_plain_loop_learns(x64, key):
    """The rule in NumPy, on the moves that the method makes; no episode is cut off, so one that is over is terminal."""
    mdp = frozen_lake()
    method = q_learning(Config(step_size=0.9, power=0.5, horizon=10**6), mdp)
    state, step = fresh(jax.random.clone(key), method), jax.jit(method.step)
    q, visits, ended, errors = np.zeros((16, 4)), np.zeros((16, 4), int), 0, []
    for t in range(3000):
        s = int(state.world.state[0])
        state, metrics = step(jax.random.fold_in(key, t), state, None)
        a = int(np.argmax(np.asarray(state.visits)[s] - visits[s]))
        over, after = int(state.world.time[0]) == 0, int(state.world.state[0])
        visits[s, a] += 1
        target = mdp.reward[s, a] + (0 if over else mdp.discount * q[after].max())
        errors.append((abs(target - q[s, a]), float(metrics["td_error"])))
        q[s, a] += 0.9 / visits[s, a] ** 0.5 * (target - q[s, a])
        ended += over
    np.testing.assert_allclose(state.q, q, rtol=1e-10)
    np.testing.assert_array_equal(state.visits, visits)
    np.testing.assert_allclose(*zip(*errors, strict=True), rtol=1e-9, atol=1e-12)
    assert ended > 100
    assert q[0].max() > 0


@pytest.mark.system("rl.q_learning")
@pytest.mark.parametrize("name", probes())
def test_probes_have_their_values(x64, name, key):
    probe = probes()[name]
    config = Config(power=0.6, epsilon=1.0, pace=float("inf"), horizon=probe.horizon)
    state, _ = train(key, q_learning(config, probe.mdp), nothing, 4000, chunk=4000)
    np.testing.assert_allclose(state.q, probe.values, atol=1e-2)


@pytest.mark.slow
@pytest.mark.system("rl.q_learning")
@pytest.mark.system("rl.q_frozenlake")
def test_the_slippery_lake_is_crossed_within_two_percent_of_the_optimum_in_five_of_five_seeds(key):
    method, keys = q_learning(Config(), frozen_lake()), jax.random.split(key, 5)
    state, _ = train(jax.random.clone(keys), method, nothing, 200_000, chunk=200_000)
    value = evaluate(keys, method, state, nothing, 1)["value"]
    assert (value >= 0.98 * 0.5420259320).all(), value
    assert (value <= 0.5420259320 + 1e-5).all(), value


@pytest.mark.slow
@pytest.mark.system("rl.q_frozenlake")
def test_the_listing_never_leaves_the_start_until_ties_are_broken_at_random(key):
    """On ice that is not slippery; the shortest way takes six steps, the last of which is rewarded: 0.99^5."""
    mdp, keys = frozen_lake(slippery=False), jax.random.split(key, 4)

    def first_of_the_best(values, epsilon):
        return (1 - epsilon) * jax.nn.one_hot(values.argmax(), values.size) + epsilon / values.size

    method = q_learning(LISTING, mdp, constant(0.1, first_of_the_best))
    literal, _ = train(jax.random.clone(keys), method, nothing, 100_000, chunk=100_000)
    assert not literal.q.any()
    assert (literal.visits[:, 0, 0] > 60_000).all()  # LEFT, against the wall
    method = q_learning(LISTING, mdp)
    state, _ = train(jax.random.clone(keys), method, nothing, 100_000, chunk=100_000)
    np.testing.assert_allclose(state.q[:, 0].max(-1), 0.99**5, atol=1e-4)
    np.testing.assert_allclose(evaluate(keys, method, state, nothing, 1)["value"], 0.99**5, atol=1e-5)


@pytest.mark.slow
def test_a_rule_is_told_the_values_the_visits_and_the_time(key):
    """Whoever plays by the clock plays 0, 1, 2, 3, 0, ...; by the visits of the state it is in, the least tried action;
    by the values, the best."""
    by_clock = Rule(lambda values, visits, t: jax.nn.one_hot(t % 4, 4))
    by_visits = Rule(lambda values, visits, t: jax.nn.one_hot(visits.argmin(), 4))
    by_value = Rule(lambda values, visits, t: greedy(values), initial=2.0)
    mdp, counts = frozen_lake(), {}
    for name, rule in (("clock", by_clock), ("visits", by_visits), ("value", by_value)):
        state, _ = train(jax.random.clone(key), q_learning(Config(), mdp, rule), nothing, 400, chunk=400)
        counts[name] = np.asarray(state.visits)
    np.testing.assert_array_equal(counts["clock"].sum(0), [100] * 4)
    assert (np.ptp(counts["visits"], axis=-1) <= 1).all()
    assert counts["value"].sum() == 400
    assert (counts["value"][~mdp.terminal & (counts["value"].sum(-1) >= 4)] > 0).all()


def test_epsilon_falls_with_the_steps_taken(key):
    """Of one state that is never left and two actions, the worse is played by chance alone: epsilon / 2 of the time."""
    world = probes()["time_limit"].mdp._replace(start=np.array([0.0, 1.0, 0.0]))
    stay = world._replace(transition=world.transition.copy(), reward=np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]))
    stay.transition[1, 1] = [0, 1, 0]
    method, keys = q_learning(Config(epsilon=0.8, pace=20.0), stay), jax.random.split(key, 400)
    state, _ = train(keys, method, nothing, 300, chunk=300)
    expected = 0.4 * (1 / (1 + np.arange(300) / 20)).sum()
    worse = np.asarray(state.visits)[:, 1, 1]
    ties = 0.2  # until it is known which is better: half of 0.2, half of that, ...
    assert abs(worse.mean() - expected - ties) < 4 * worse.std() / 20, worse.mean()


def test_what_is_bootstrapped_has_the_bonus_of_the_rule(x64, key):
    """From the first state to the second, whose actions were never tried: r + discount * (0 + bonus)."""
    rule = Rule(lambda values, visits, t: jnp.array([1.0, 0.0]), bonus=lambda visits: 3.0 / (1 + visits))
    method = q_learning(Config(power=0.0), probes()["time_limit"].mdp, rule)
    state, _ = train(key, method, nothing, 2, chunk=2)
    first = 0.5 * 3.0
    second = 1 + 0.5 * max(0 + 3.0 / 2, 3.0)  # of the action just taken, and of the other one
    np.testing.assert_allclose(state.q[:2, 0], [first, second])


def test_optimism_stops_at_what_is_over(x64, key):
    method = q_learning(Config(), frozen_lake(), optimistic(1.0))
    q = fresh(key, method).q
    np.testing.assert_array_equal(q, np.where(frozen_lake().terminal, 0.0, 1.0)[:, None] * np.ones((16, 4)))
    np.testing.assert_array_equal(no_bonus(jnp.arange(3)), np.zeros(3))


@pytest.mark.slow
def test_act_is_greedy_and_breaks_ties_at_random(key):
    method = q_learning(Config(), frozen_lake())
    state = fresh(jax.random.clone(key), method)
    state = state._replace(q=state.q.at[0].set(jnp.array([1.0, 0.0, 1.0, 0.5])))
    acts = jax.vmap(method.act, (0, None, None))(jax.random.split(key, 64), state, jnp.int32(0))
    assert set(acts.tolist()) == {0, 2}
