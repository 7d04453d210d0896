"""The residual network against torchvision's, on shared weights, and against what its blocks are for."""

from functools import cache, partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs, synthetic
from jaxicon.data.digits import digits
from jaxicon.nn.resnet import from_torch
from jaxicon.ops.augmentation import random_shift
from jaxicon.vision.resnet import Config, resnet

GOLDEN = Path(__file__).parents[1] / "golden" / "resnet.npz"
TINY = Config(blocks=(1, 1), width=2, small_images=True)


def example():
    stream = synthetic(lambda key: (jax.random.normal(key, (4, 4, 4, 1)), jnp.arange(4) % 3))
    return resnet(TINY, classes=3, augment=random_shift), stream


def tensors(values, names):
    """Arrays by name, cut out of one; names are "name shape"."""
    named = [(name, [int(n) for n in shape]) for name, *shape in map(str.split, names.tolist())]
    parts = np.split(values.astype(float), np.cumsum([np.prod(shape) for _, shape in named])[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(named, parts, strict=True)}


@cache
def golden(kind):
    """Torchvision's images and numbers for one kind of block; weights and gradients as state_dicts."""
    with np.load(GOLDEN) as file:
        known = {name.removeprefix(f"{kind}/"): file[name] for name in file.files}
    trees = {name.split("/")[0] for name in known if name.endswith("/names") and name.count("/") == 1}
    known |= {name: tensors(known[f"{name}/values"], known[f"{name}/names"]) for name in trees}
    return known | {"x": known["x"].transpose(0, 2, 3, 1).astype(float), "y": known["y"].astype(np.int32)}


@pytest.fixture(params=["basic", "bottleneck"])
def shared(request, x64, key):
    """(method, state with torchvision's weights, batch, torchvision's numbers)"""
    known = golden(request.param)
    config = Config((2, 1, 1, 1), request.param == "bottleneck", 2, False, 0.05, 0.9, 0.01, decay_steps=3)
    method, batch = resnet(config, classes=5), (jnp.asarray(known["x"]), jnp.asarray(known["y"]))
    variables = from_torch(known["weights"])
    state = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), jax.eval_shape(method.init, key, batch))
    assert jax.tree.map(jnp.shape, variables["params"]) == jax.tree.map(jnp.shape, state.params)
    return method, state._replace(params=variables["params"], extra=variables["batch_stats"]), batch, known


@pytest.mark.slow
@pytest.mark.system("vision.resnet")
def test_predictions_and_three_steps_are_those_of_torchvision(shared, key):
    """Evaluation with running statistics; SGD with momentum, weight decay and a cosine with those of the batch."""
    close = partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-9)
    method, state, batch, known = shared
    close(method.predict(state, batch[0]), known["eval_logits"])
    step = jax.jit(method.step)
    after, metrics = step(key, state, batch)
    close(metrics["loss"], known["loss"])
    assert metrics["accuracy"] == (known["train_logits"].argmax(1) == known["y"]).mean()
    gradients = from_torch(known["gradients"])["params"]
    decayed = jax.tree.map(lambda p, g: p - 0.05 * (g + 0.01 * p), state.params, gradients)
    jax.tree.map(close, after.params, decayed)
    jax.tree.map(close, after.extra, from_torch(known["statistics"])["batch_stats"])
    for t in range(1, 3):
        after, _ = step(jax.random.key(t), after, batch)
    for ours, theirs in zip((after.params, after.extra), from_torch(known["after"]).values(), strict=True):
        jax.tree.map(close, {name: ours[name] for name in theirs}, theirs)


def test_augmentation_is_for_training_only_and_differs_between_images(key, x64):
    seen = []

    def augment(key, image):
        jax.debug.callback(lambda number: seen.append(float(number)), jax.random.uniform(key))
        return image

    method, (x, y) = resnet(TINY, 3, augment), (jnp.ones((4, 4, 4, 1)), jnp.arange(4) % 3)
    state = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), jax.eval_shape(method.init, key, (x, y)))
    jax.jit(method.evaluate)(jax.random.key(1), state, (x, y))
    jax.effects_barrier()
    assert seen == []
    jax.jit(method.step)(jax.random.key(1), state, (x, y))
    jax.effects_barrier()
    assert len(set(seen)) == 4


@pytest.mark.slow
@pytest.mark.system("vision.resnet")
def test_runs_side_by_side_keep_their_own_statistics_and_learn_the_digits(key):
    """Were the statistics of vmapped runs taken together, their running means would be the same."""
    (x, y), (x_test, y_test) = ((x.reshape(-1, 8, 8, 1), y) for x, y in digits())
    config = Config(blocks=(1, 1), width=16, small_images=True, weight_decay=1e-3, decay_steps=150)
    method, keys = resnet(config, classes=10, augment=random_shift), jax.random.split(key, 2)
    states, _ = train(keys, method, epochs((x, y), 64), 150, chunk=75)
    assert (evaluate(keys, method, states, epochs((x_test, y_test), 360), 1)["accuracy"] > 0.95).all()
    means = states.extra["bn1"]["mean"]
    assert abs(means[0] - means[1]).max() > 1e-3
