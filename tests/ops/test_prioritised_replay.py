import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

from jaxicon.ops.prioritised_replay import importance, prioritised

SYSTEM = pytest.mark.system("rl.per")
ALPHA, BETA, STEPS, SMALLEST = 0.6, 0.4, 40.0, 1e-2


def played(memory, rounds: int, capacity: int = 12):
    """Rounds of 4 new rows, 6 drawn and rated: the state, and the priorities of the places by a loop in plain Python.

    Row i holds i; the error of a draw is (i - 7)^2 / 8, from 0 to many times the first priority of 1.
    """
    state = memory.empty(jnp.zeros(()), capacity)
    append, sample, rate = jax.jit(memory.append), jax.jit(memory.sample, static_argnums=2), jax.jit(memory.rate)
    priority, highest = np.zeros(capacity), 1.0
    for t in range(rounds):
        state = append(state, 4.0 * t + jnp.arange(4.0))
        for i in range(4):
            priority[(4 * t + i) % capacity] = highest
        drawn = sample(jax.random.key(t), state, 6)
        error = (drawn.rows - 7) ** 2 / 8
        state = rate(state, drawn.index, -error)
        for place, off in zip(np.asarray(drawn.index), np.asarray(error, float), strict=True):
            priority[place] = (off + SMALLEST) ** ALPHA
            highest = max(highest, priority[place])
    return state, priority


@SYSTEM
@pytest.mark.parametrize("rounds", [1, 3, 8, 50])
def test_priorities_are_those_of_a_plain_loop_also_when_the_ring_was_overwritten(x64, rounds):
    state, priority = played(prioritised(ALPHA, BETA, STEPS, SMALLEST), rounds)
    np.testing.assert_allclose(state.tree[0][:12], priority, rtol=1e-12)
    np.testing.assert_allclose(state.tree[-1][0], priority.sum(), rtol=1e-12)
    assert state.written == 4 * rounds


@pytest.mark.slow
@SYSTEM
@pytest.mark.parametrize("rounds", [2, 3, 9])
def test_rows_are_drawn_in_proportion_and_weigh_the_inverse_over_the_largest(x64, rounds):
    """The weights' exponent has risen from 0.4 to 1 in 40 rows: 0.52, 0.58, 0.94."""
    memory = prioritised(ALPHA, BETA, STEPS, SMALLEST)
    state, priority = played(memory, rounds)
    held, beta = min(12, 4 * rounds), BETA + (1 - BETA) * min(1, 4 * rounds / STEPS)
    drawn = jax.vmap(lambda key: memory.sample(key, state, 1).index[0])(jax.random.split(jax.random.key(1), 20_000))
    assert chisquare(np.bincount(drawn, minlength=12)[:held], 20_000 * (priority / priority.sum())[:held]).pvalue > 1e-3
    few = memory.sample(jax.random.key(2), state, 7)
    weight = (held * priority[few.index] / priority.sum()) ** -beta
    np.testing.assert_allclose(few.weight, weight / weight.max(), rtol=1e-9)
    assert (few.rows.astype(int) % 12 == few.index).all()


@SYSTEM
def test_with_beta_one_the_weighted_mean_is_that_of_uniform_draws(x64):
    """By enumeration of all rows; and it is another without the weights."""
    random = np.random.default_rng(0)
    probability, worth = random.dirichlet(np.ones(30)), random.normal(size=30)
    weight = importance(jnp.asarray(probability), jnp.int32(30), 1.0)
    np.testing.assert_allclose(probability @ (np.asarray(weight) * worth), worth.mean(), rtol=1e-12)
    assert abs(probability @ worth - worth.mean()) > 0.01


@SYSTEM
def test_with_alpha_zero_draws_are_uniform_and_weights_one():
    memory = prioritised(0.0, BETA, STEPS, SMALLEST)
    state, _ = played(memory, 2)
    drawn = jax.jit(jax.vmap(lambda key: memory.sample(key, state, 1)))(jax.random.split(jax.random.key(1), 20_000))
    counts = np.bincount(drawn.index[:, 0], minlength=12)
    assert (counts[8:] == 0).all()
    assert chisquare(counts[:8]).pvalue > 1e-3
    np.testing.assert_allclose(memory.sample(jax.random.key(2), state, 50).weight, 1, rtol=1e-6)
