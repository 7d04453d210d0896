"""Against A2C, and against workers in a plain loop and in real threads."""

import threading
from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.environment import episode, vectorised
from jaxicon.envs.gymnax import from_gymnax
from jaxicon.envs.probe import DISCOUNT, probes
from jaxicon.nn.actor_critic import two_networks
from jaxicon.rl_policy import a2c as synchronous
from jaxicon.rl_policy.a2c import a2c, parts
from jaxicon.rl_policy.a3c import Config, a3c

SMALL = Config((16,), 2e-2, 120, 4, 8, discount=DISCOUNT, trace=0.9, entropy_weight=0.003, episodes=8, workers=3)


def example():
    return a3c(SMALL, probes()["both"].environment()), nothing


def row(tree, i):
    return jax.tree.map(lambda x: x[i], tree)


def exactly(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.slow
@pytest.mark.system("rl.a3c")
def test_without_staleness_it_is_a2c(x64, key):
    """A single worker has no one to be late for: three updates of both, by the same keys, bit for bit."""
    config, env = replace(SMALL, workers=1), probes()["time_limit"].environment()
    method, other = a3c(config, env), a2c(config, env)
    state = fresh(key, method)
    base = synchronous.State(state.params, state.opt_state, row(state.worlds, 0))
    step, base_step = jax.jit(method.step), jax.jit(other.step)
    for t in range(3):
        step_key = jax.random.key(t)
        play_key = jax.random.fold_in(jax.random.split(jax.random.clone(step_key))[1], 0)
        state, metrics = step(step_key, state, None)
        base, base_metrics = base_step(play_key, base, None)
        exactly((state.params, state.opt_state, metrics), (base.params, base.opt_state, base_metrics))
        exactly(row(state.worlds, 0), base.world)
        exactly(row(state.copies, 0), state.params)


@pytest.mark.slow
@pytest.mark.system("rl.a3c")
def test_workers_report_one_after_the_other_what_they_learned_by_their_old_copies(x64, key):
    """Two rounds of three workers as objects in a loop; each takes the parameters as they are after its own report."""
    env = probes()["time_limit"].environment()
    method, step_keys = a3c(SMALL, env), jax.random.split(jax.random.key(3), 2)
    state, step = fresh(key, method), jax.jit(method.step)
    part = parts(replace(SMALL, updates=3 * SMALL.updates), env, two_networks)
    learn = jax.jit(lambda params, seen: part.gradient(params, part.lesson(params, seen))[0])
    play, descend = jax.jit(part.play), jax.jit(part.descend)
    workers = [{"copy": row(state.copies, i), "world": row(state.worlds, i)} for i in range(3)]
    whole = state.params, state.opt_state
    orders = []
    for step_key in step_keys:
        order_key, play_key = jax.random.split(jax.random.clone(step_key))
        orders.append(jax.random.permutation(order_key, 3).tolist())
        for i, worker in enumerate(workers):
            seed = jax.random.fold_in(jax.random.clone(play_key), i)
            worker["world"], seen = play(seed, worker["copy"], worker["world"])
            worker["late"] = learn(worker["copy"], seen)
        for i in orders[-1]:
            whole = descend(*whole, workers[i]["late"])
            workers[i]["copy"] = whole[0]
        state, _ = step(step_key, state, None)
        near = lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-11, atol=1e-14)
        jax.tree.map(near, (state.params, state.opt_state), whole)
        for i, worker in enumerate(workers):
            jax.tree.map(near, (row(state.copies, i), row(state.worlds, i)), (worker["copy"], worker["world"]))
    assert any(np.argsort(order).tolist() != order for order in orders)  # else order and rank are the same
    kernels = state.copies["actor"]["params"]["Dense_0"]["kernel"]
    assert all(not np.array_equal(kernels[i], kernels[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


@pytest.mark.system("rl.a3c")
def test_the_order_of_the_workers_is_drawn(key):
    """The last one to report has the newest copy; over 24 rounds everyone is last at times."""
    method = a3c(SMALL, probes()["both"].environment())

    def last(state, step_key):
        state, _ = method.step(step_key, state, None)
        same = lambda copies, params: (copies == params[None]).reshape(3, -1).all(-1)
        return state, jnp.stack(jax.tree.leaves(jax.tree.map(same, state.copies, state.params))).all(0)

    play = jax.jit(lambda state: jax.lax.scan(last, state, jax.random.split(jax.random.key(1), 24))[1])
    newest = play(fresh(key, method))
    np.testing.assert_array_equal(newest.sum(-1), 1)
    assert (newest.sum(0) > 1).all()


@cache
def solved(name: str):
    probe = probes()[name]
    method = a3c(SMALL, probe.environment())
    state, _ = train(jax.random.key(0), method, nothing, SMALL.updates, chunk=SMALL.updates)
    obs = jnp.asarray(probe.features, float)[~probe.mdp.terminal]
    return two_networks((16,), probe.values.shape[1]).apply(state.params, obs)[1]


def test_the_time_limit_probe_has_its_values():
    """An episode that is cut off bootstraps, and one that is over does not."""
    np.testing.assert_allclose(solved("time_limit"), probes()["time_limit"].values[:2].max(-1), atol=0.1)


@pytest.mark.slow
@pytest.mark.system("rl.a3c")
def test_real_threads_learn_to_catch():
    """Four Python threads with a lock round the parameters. Their order is the machine's: no run can be repeated, which
    is why the method draws it. A random player catches one ball in five, a return of -0.6."""
    env = from_gymnax("Catch-bsuite")
    flat = env._replace(observe=lambda state: env.observe(state).ravel())
    config = replace(SMALL, hidden=(32,), envs=8, steps=9, learning_rate=5e-3, updates=800, discount=0.95)
    part = parts(config, flat, two_networks)
    start = jax.jit(part.start)(jax.random.key(0))
    shared, lock, ages = {"now": (start.params, start.opt_state), "reports": 0}, threading.Lock(), []

    @jax.jit
    def work(i, t, params, world):
        world, seen = part.play(jax.random.fold_in(jax.random.key(i), t), params, world)
        return world, part.gradient(params, part.lesson(params, seen))[0]

    descend, envs = jax.jit(part.descend), vectorised(flat, config.envs)

    def worker(i):
        world = envs.reset(jax.random.key(i + 100))
        params, taken = shared["now"][0], 0
        for t in range(200):
            world, grads = jax.block_until_ready(work(i, t, params, world))
            with lock:
                ages.append(shared["reports"] - taken)
                shared["now"], shared["reports"] = descend(*shared["now"], grads), shared["reports"] + 1
                params, taken = shared["now"][0], shared["reports"]

    threads = [threading.Thread(target=worker, args=(i,)) for i in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert shared["reports"] == 800
    assert np.mean(ages) > 1  # updates by others since the copy was taken; 3 with threads of one speed
    agent = a2c(config, flat)
    state = start._replace(params=shared["now"][0])
    play = lambda key: episode(key, flat, lambda key, obs: agent.act(key, state, obs)).reward.sum()
    assert jax.jit(jax.vmap(play))(jax.random.split(jax.random.key(9), 200)).mean() > 0.5


def test_no_workers_are_refused():
    with pytest.raises(ConfigError, match="workers"):
        a3c(replace(SMALL, workers=0), probes()["both"].environment())
