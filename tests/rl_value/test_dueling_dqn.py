from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import train
from jaxicon.core.stream import nothing
from jaxicon.envs.probe import probes
from jaxicon.nn.q_networks import dueling
from jaxicon.rl_value.dueling_dqn import dueling_dqn
from tests.rl_value.test_dqn import SMALL


def example():
    return dueling_dqn(SMALL, probes()["both"].environment()), nothing


@pytest.mark.slow
@pytest.mark.system("rl.dueling")
@pytest.mark.parametrize("name", ["both", "time_limit"])
def test_probes_have_their_values_and_the_value_stream_their_means(name, key):
    """The value stream is what is left of the output when the last layer of the advantages is 0."""
    probe = probes()[name]
    state, _ = train(key, dueling_dqn(SMALL, probe.environment()), nothing, SMALL.updates, chunk=SMALL.updates)
    best, seen = probe.values[~probe.mdp.terminal], jnp.asarray(probe.features, float)[~probe.mdp.terminal]
    apply = dueling(*SMALL.hidden, 2).apply
    np.testing.assert_allclose(apply(state.params, seen), best, atol=0.05)
    still = jax.tree.map(lambda x: 0 * x if x.shape[-1] == 2 else x, state.params)
    np.testing.assert_allclose(apply(still, seen), np.repeat(best.mean(1, keepdims=True), 2, 1), atol=0.05)


def test_without_a_hidden_layer_it_is_refused():
    with pytest.raises(ConfigError, match="hidden_layers is 0"):
        dueling_dqn(replace(SMALL, hidden=()), probes()["both"].environment())
