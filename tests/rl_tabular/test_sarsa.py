import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.run import fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.grid_world import cliff_walking, star_grid
from jaxicon.envs.probe import probes
from jaxicon.ops.exploration import constant, randomly
from jaxicon.rl_tabular import td0 as prediction
from jaxicon.rl_tabular.q_learning import Config, q_learning
from jaxicon.rl_tabular.sarsa import sarsa
from tests.rl_tabular._episodes import best, chain, solved

CONSTANT = Config(step_size=0.5, power=0.0, epsilon=0.1, pace=float("inf"), horizon=25)


def example():
    return sarsa(CONSTANT, star_grid()), nothing


@pytest.mark.system("rl.sarsa")
def test_learns_what_a_plain_loop_learns_of_the_actions_that_are_played(x64, key):
    """Where an episode is cut off, the last state has one of its actions' values, though none is played there."""
    mdp = star_grid()
    method = sarsa(CONSTANT, mdp, constant(0.3))

    @jax.jit
    def moves():
        def step(state, t):
            after, metrics = method.step(jax.random.fold_in(key, t), state, None)
            return after, (state.learned.world.state[0], state.action, after.learned.world.time[0], metrics["td_error"])

        return jax.lax.scan(step, method.init(jax.random.key(1), None), jnp.arange(1500))

    state, (s, a, time, error) = jax.tree.map(np.asarray, moves())
    q, cut, ended = np.zeros(mdp.reward.shape), 0, 0
    for t in range(1499):
        after = mdp.transition[s[t], a[t]].argmax()  # it is certain
        wanted = [mdp.reward[s[t], a[t]] + q[after, following] for following in range(4)]
        if time[t] > 0:
            target = wanted[a[t + 1]]
            assert after == s[t + 1]
        elif mdp.terminal[after]:
            target, ended = mdp.reward[s[t], a[t]], ended + 1
        else:
            target, cut = min(wanted, key=lambda w: abs(abs(w - q[s[t], a[t]]) - error[t])), cut + 1
        np.testing.assert_allclose(abs(target - q[s[t], a[t]]), error[t], rtol=1e-9, atol=1e-12)
        q[s[t], a[t]] += 0.5 * (target - q[s[t], a[t]])
    same = np.ones(q.shape, bool)
    same[s[-1], a[-1]] = False  # the last move has no next one here
    np.testing.assert_allclose(np.asarray(state.learned.q)[same], q[same], rtol=1e-9)
    assert ended > 5
    assert cut > 5


@pytest.mark.system("rl.sarsa")
@pytest.mark.parametrize("name", ["both", "time_limit"])
def test_probes_have_the_values_of_the_policy_that_plays(x64, name, key):
    probe = probes()[name]
    mdp, mean = probe.mdp, np.full(probe.mdp.reward.shape, 0.5)
    true = mdp.reward + mdp.discount * mdp.transition @ solved(mdp, mean)
    method = sarsa(Config(power=0.7, horizon=probe.horizon), mdp, randomly())
    state, _ = train(key, method, nothing, 8000, chunk=8000)
    np.testing.assert_allclose(state.learned.q, true, atol=0.03)


@pytest.mark.slow
@pytest.mark.system("rl.q_vs_sarsa_plot")
def test_one_policy_three_answers(x64, key):
    """Epsilon-greedy with epsilon 1/2. TD(0) of the policy at which SARSA arrives: V^pi. SARSA: the Q that is the Q^pi
    of its own policy. Q-learning, though it plays as SARSA does: Q*. Half the distance between the two is no match."""
    mdp, keys = chain(), jax.random.split(key, 4)
    optimal = best(mdp)
    policy = 0.25 + 0.5 * np.eye(2)[optimal.argmax(-1)]  # pi is greedy in Q*, or what follows would say so
    value = solved(mdp, policy)
    q = mdp.reward + mdp.discount * mdp.transition @ value
    assert (q[:3].argmax(-1) == optimal[:3].argmax(-1)).all()
    assert np.abs(q - optimal)[:3].min() > 0.5
    mean = lambda method: train(jax.random.clone(keys), method, nothing, 10_000, chunk=10_000)[0]
    config = Config(power=0.7)
    played = mean(sarsa(config, mdp, constant(0.5))).learned.q
    np.testing.assert_allclose(np.asarray(played).mean(0), q, atol=0.1)
    learned = mean(q_learning(config, mdp, constant(0.5))).q
    np.testing.assert_allclose(np.asarray(learned).mean(0), optimal, atol=0.1)
    method = prediction.td0(prediction.Config(1.0, 0.7, horizon=30), mdp, policy)
    evaluated, _ = train(keys, method, nothing, 1000, chunk=1000)
    np.testing.assert_allclose(np.asarray(evaluated.value).mean(0), value, atol=0.1)


@pytest.mark.slow
@pytest.mark.system("rl.sarsa")
@pytest.mark.system("rl.q_vs_sarsa_plot")
def test_on_the_cliff_sarsa_earns_more_while_it_learns_and_q_learning_finds_the_shortest_way(key):
    """The last 100 of 500 episodes in twenty runs each, whose episodes are cut out of 18,000 moves."""
    config, mdp, keys = Config(0.5, 0.0, 0.1, float("inf"), 1000), cliff_walking(), jax.random.split(key, 20)
    online, fields = {}, {}
    for factory in (sarsa, q_learning):
        method = factory(config, mdp)

        def run(key, method=method):
            def step(state, t):
                state, metrics = method.step(jax.random.fold_in(key, t), state, None)
                learned = getattr(state, "learned", state)
                return state, (learned.world.time[0] == 0, metrics["return"])

            return jax.lax.scan(step, method.init(jax.random.key(1), None), jnp.arange(18_000))

        state, (over, score) = jax.tree.map(np.asarray, jax.jit(jax.vmap(run))(jax.random.clone(keys)))
        online[factory] = np.array([row[ended][400:500].mean() for row, ended in zip(score, over, strict=True)])
        fields[factory] = np.asarray(getattr(state, "learned", state).visits).sum(-1)
    assert abs(online[sarsa].mean() + 27) < 6, online
    assert abs(online[q_learning].mean() + 50) < 6, online
    assert (online[sarsa] > online[q_learning]).sum() >= 16
    edge, far = slice(25, 35), slice(1, 11)  # the row above the cliff, and the upmost one
    assert (fields[sarsa][:, edge].sum(-1) < fields[sarsa][:, far].sum(-1)).sum() >= 18
    assert (fields[q_learning][:, edge].sum(-1) > fields[q_learning][:, far].sum(-1)).all()
    value = jax.vmap(lambda state: method.evaluate(jax.random.key(1), state, None)["value"])(state)
    assert (np.asarray(value) == -13).sum() >= 16  # of the best actions: one can be wrong at this step size


def test_the_first_action_of_an_episode_is_drawn_where_it_starts(key):
    """Greedily, three moves an episode: up at the start, then right; what the fourth state wants is never played."""
    method = sarsa(Config(step_size=1e-9, horizon=3), cliff_walking(), constant(0.0))
    state = fresh(jax.random.clone(key), method)
    wanted = np.full(48, 3)
    wanted[[36, 24, 25]] = [0, 1, 1]
    q = jnp.eye(4)[wanted]
    state = state._replace(learned=state.learned._replace(q=q), action=jnp.zeros_like(state.action))

    def step(state, t):
        return method.step(jax.random.fold_in(key, t), state, None)[0], (state.learned.world.state[0], state.action)

    s, a = jax.jit(lambda: jax.lax.scan(step, state, jnp.arange(9))[1])()
    assert s.tolist() == 3 * [36, 24, 25]
    assert a.tolist() == 3 * [0, 1, 1]
