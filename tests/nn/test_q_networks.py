import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.nn.mlp import mlp
from jaxicon.nn.q_networks import dueling, every_action, joined, state_action, table


def layer(kernel, bias):
    return {"kernel": jnp.asarray(kernel), "bias": jnp.asarray(bias)}


def layers(params, *names):
    """[(kernel, bias)] in NumPy."""
    return [tuple(np.asarray(params["params"][name][part]) for part in ("kernel", "bias")) for name in names]


@pytest.mark.system("rl.q_repr_state_action")
def test_on_one_hot_states_the_two_forms_hold_the_same_table(x64):
    """A hidden unit for each pair is on where both its inputs are, and the last layer holds the values."""
    values = np.random.default_rng(0).normal(size=(5, 3))
    pairs = [np.repeat(np.eye(5), 3, 1), np.tile(np.eye(3), 5)]
    params = {
        "params": {
            "Dense_0": layer(np.concatenate(pairs), -np.ones(15)),
            "Dense_1": layer(values.reshape(15, 1), np.zeros(1)),
        }
    }
    np.testing.assert_allclose(every_action(state_action(15), 3).apply(params, jnp.eye(5)), values, rtol=1e-12)
    np.testing.assert_array_equal(table(3).apply(jnp.asarray(values), jnp.eye(5)), values)


@pytest.mark.system("rl.q_repr_state_action")
def test_a_network_of_state_and_action_is_affine_maps_of_both(x64, key):
    net = state_action(7)
    obs, action = jax.random.normal(key, (2, 6, 4))
    params = net.init(jax.random.key(1), obs, action)
    (inner, shift), (outer, last) = layers(params, "Dense_0", "Dense_1")
    hidden = np.maximum(np.concatenate([obs, action], -1) @ inner + shift, 0)
    np.testing.assert_allclose(net.apply(params, obs, action), (hidden @ outer + last)[:, 0], rtol=1e-12)


@pytest.mark.system("rl.q_repr_heads")
def test_one_pass_with_heads_is_a_pass_per_action_with_the_same_weights(x64, key):
    """Into Q(s, a), the layers of Q(s) are copied: above the heads h, sum_a relu(+-h_a - M (1 - e_a)) picks one."""
    heads, obs, far = mlp(16, 3), jax.random.normal(key, (40, 4)), 1e3
    params = heads.init(jax.random.key(1), obs)
    (inner, shift), (outer, last) = layers(params, "Dense_0", "Dense_1")
    first = np.block([[inner, np.zeros((4, 3))], [np.zeros((3, 16)), np.eye(3)]])
    second = np.block([[outer, -outer], [far * np.eye(3), far * np.eye(3)]])
    copied = {
        "params": {
            "Dense_0": layer(first, np.concatenate([shift, np.zeros(3)])),
            "Dense_1": layer(second, np.concatenate([last, -last]) - far),
            "Dense_2": layer(np.repeat([[1.0], [-1.0]], 3, 0), np.zeros(1)),
        }
    }
    single = state_action(19, 6)
    passes = [single.apply(copied, obs, jnp.tile(jnp.eye(3)[a], (40, 1))) for a in range(3)]
    q = heads.apply(params, obs)
    np.testing.assert_allclose(q, np.stack(passes, -1), atol=1e-10)
    np.testing.assert_allclose(every_action(single, 3).apply(copied, obs), q, atol=1e-10)
    assert (q.argmax(-1) == np.argmax(passes, 0)).all()
    assert len(set(np.argmax(passes, 0))) > 1


@pytest.mark.system("rl.dqn_s4_listing", "rl.qnet_s4_listing")
@pytest.mark.parametrize(("sizes", "count"), [((24, 24, 2), 770), ((128, 2), 898)])
def test_the_notebooks_networks_have_as_many_parameters_and_a_value_per_action(x64, sizes, count, key):
    net, obs = mlp(*sizes), jax.random.normal(key, (5, 4))
    params = net.init(jax.random.key(1), obs)
    assert sum(x.size for x in jax.tree.leaves(params)) == count
    x = np.asarray(obs)
    *below, (outer, last) = layers(params, *(f"Dense_{i}" for i in range(len(sizes))))
    for kernel, bias in below:
        x = np.maximum(x @ kernel + bias, 0)
    np.testing.assert_allclose(net.apply(params, obs), x @ outer + last, rtol=1e-12)


@pytest.fixture
def streams(x64, key):
    """(net, params, obs, value stream [b, 1] and advantage stream [b, 3] in NumPy)."""
    net, obs = dueling(8, 6, 3), jax.random.normal(key, (10, 4))
    shift = lambda x: x + jnp.linspace(-0.3, 0.5, x.size).reshape(x.shape)  # no bias is 0
    params = jax.tree.map(shift, net.init(jax.random.key(1), obs))
    names = ("Dense_0", "Dense_1", "Dense_2", "Dense_3", "Dense_4")
    trunk, one, two, three, four = layers(params, *names)
    shared = np.maximum(np.asarray(obs) @ trunk[0] + trunk[1], 0)
    ends = {}
    for hidden, end in ((one, two), (two, one), (three, four), (four, three)):  # flax names them as they are made
        if hidden[0].shape == (8, 6) and end[0].shape[0] == 6:
            ends[end[0].shape[1]] = np.maximum(shared @ hidden[0] + hidden[1], 0) @ end[0] + end[1]
    return net, params, obs, ends[1], ends[3]


@pytest.mark.system("rl.dueling")
def test_values_are_two_streams_joined_and_their_mean_is_the_states(streams):
    net, params, obs, value, advantage = streams
    q = net.apply(params, obs)
    np.testing.assert_allclose(q, value + advantage - advantage.mean(1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(q.mean(1, keepdims=True), value, rtol=1e-12)


@pytest.mark.system("rl.dueling")
def test_a_constant_in_the_advantages_changes_nothing_and_one_in_the_value_does(streams):
    """Of V + A alone, the sum is the same when both are shifted by opposite constants."""
    net, params, obs, value, advantage = streams
    q = net.apply(params, obs)
    last = next(name for name, layer in params["params"].items() if layer["bias"].shape == (3,))
    moved = jax.tree_util.tree_map_with_path(
        lambda path, x: x + 7 * (path[1].key == last and path[2].key == "bias"), params
    )
    np.testing.assert_allclose(net.apply(moved, obs), q, atol=1e-12)
    np.testing.assert_allclose(joined(jnp.asarray(value + 7), jnp.asarray(advantage - 7)), q + 7, atol=1e-12)
