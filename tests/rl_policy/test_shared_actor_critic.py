from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.run import fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.probe import probes
from jaxicon.nn.actor_critic import shared_trunk, two_networks
from jaxicon.rl_policy.a2c import Config, a2c, parts
from jaxicon.rl_policy.shared_actor_critic import shared_actor_critic
from tests.rl_policy.test_a2c import SMALL


def example():
    return shared_actor_critic(SMALL, probes()["both"].environment()), nothing


def size(method, key) -> int:
    return sum(x.size for x in jax.tree.leaves(fresh(key, method).params))


@pytest.mark.system("rl.ac_shared")
def test_it_has_fewer_parameters_by_one_trunk(key):
    trunk = 4 * 64 + 64 + 64 * 64 + 64
    heads = 64 * 2 + 2 + 64 + 1
    assert size(shared_actor_critic(Config(), cartpole()), jax.random.clone(key)) == trunk + heads
    assert size(a2c(Config(), cartpole()), key) == 2 * trunk + heads


@pytest.mark.slow
@pytest.mark.system("rl.ac_shared")
@pytest.mark.parametrize("networks", [shared_trunk, two_networks])
def test_the_trunk_receives_both_gradients_and_each_head_its_own(x64, networks, key):
    """The gradient of the sum is the sum; of two networks, neither has anything of the other's."""
    config = replace(SMALL, entropy_weight=0.0, value_weight=0.7)
    make = lambda weight: parts(replace(config, value_weight=weight), probes()["both"].environment(), networks)
    start = make(0.7).start(key)
    _, seen = make(0.7).play(jax.random.key(1), start.params, start.world)
    lesson = make(0.7).lesson(start.params, seen)
    silent = lesson._replace(advantage=jnp.zeros_like(lesson.advantage))
    both, policy = (make(weight).gradient(start.params, lesson)[0] for weight in (0.7, 0.0))
    value = make(0.7).gradient(start.params, silent)[0]
    jax.tree.map(lambda x, y, z: np.testing.assert_allclose(x, y + z, atol=1e-14), both, policy, value)
    moved = lambda tree: any((x != 0).any() for x in jax.tree.leaves(tree))
    assert (moved(policy["actor"]), moved(policy["critic"])) == (True, False)
    assert (moved(value["actor"]), moved(value["critic"])) == (False, True)
    if networks is shared_trunk:
        assert moved(policy["trunk"])
        assert moved(value["trunk"])


def test_the_time_limit_probe_is_valued(key):
    """An episode that is cut off bootstraps, and one that is over does not."""
    probe = probes()["time_limit"]
    state, _ = train(key, shared_actor_critic(SMALL, probe.environment()), nothing, SMALL.updates, chunk=SMALL.updates)
    value = shared_trunk(SMALL.hidden, 2).apply(state.params, jnp.asarray(probe.features[:2], float))[1]
    np.testing.assert_allclose(value, probe.values[:2].max(-1), atol=0.1)
