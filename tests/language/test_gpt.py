import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.errors import ConfigError
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import epochs, resident
from jaxicon.language.gpt import Config, adamw, advance, empty_memory, forward, gpt, sample, surprise

# No output depends on the biases of keys: their gradients are rounding errors, which Adam turns into steps; short ones.
TINY = Config(context=6, width=8, layers=2, heads=2, learning_rate=1e-6, warm_up=2, decay_steps=20)


def example():
    return gpt(TINY, 5), resident(np.random.default_rng(0).integers(0, 5, (12, 7), np.int32), 4)


def parameters(key, scale=0.5):
    """Of the tiny model, all moved away from their initial values: there biases are zero and blocks almost idle."""
    init_key, key = jax.random.split(key)
    leaves, tree = jax.tree.flatten(gpt(TINY, 5).init(init_key, jnp.zeros((1, 7), int)).params)
    keys = jax.random.split(key, len(leaves))
    return tree.unflatten([x + scale * jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=True)])


full = jax.jit(jax.vmap(forward, (None, 0)))


def of_transformers(golden, kind: str) -> dict:
    """GPT2LMHeadModel's weights or gradients as `gpt` has them: 2 layers, 12 features, 3 heads."""
    read = lambda name: jnp.asarray(golden[f"gpt/{kind}/transformer.{name}"])
    stack = lambda name: jnp.stack([read(f"h.{i}.{name}") for i in range(2)])
    norm = lambda read, name: {"scale": read(f"{name}.weight"), "bias": read(f"{name}.bias")}

    def dense(name, inputs, outputs):
        kernel, bias = stack(f"{name}.weight"), stack(f"{name}.bias")
        return {"kernel": kernel.reshape(2, *inputs, *outputs), "bias": bias.reshape(2, *outputs)}

    joint = dense("attn.c_attn", (12,), (3, 3, 4))  # of queries, keys and values
    part = lambda i: {"kernel": joint["kernel"][:, :, i], "bias": joint["bias"][:, i]}
    return {
        "token": {"embedding": read("wte.weight")},
        "position": {"embedding": read("wpe.weight")},
        "norm": norm(read, "ln_f"),
        "blocks": {
            "attention_norm": norm(stack, "ln_1"),
            "attention": {name: part(i) for i, name in enumerate(("query", "key", "value"))}
            | {"out": dense("attn.c_proj", (3, 4), (12,))},
            "feed_forward_norm": norm(stack, "ln_2"),
            "feed_forward": {"up": dense("mlp.c_fc", (12,), (48,)), "down": dense("mlp.c_proj", (48,), (12,))},
        },
    }


@pytest.mark.system("lang.gpt")
def test_logits_loss_and_gradients_are_those_of_transformers(x64):
    golden = np.load(Path(__file__).parents[1] / "golden" / "gpt.npz")
    params, tokens = of_transformers(golden, "weight"), jnp.asarray(golden["tokens"])
    logits = full(params, tokens)
    np.testing.assert_allclose(logits, golden["logits"], rtol=1e-9, atol=1e-9)
    nats = lambda params: jax.vmap(surprise, (None, 0))(params, tokens).mean()
    loss, gradients = jax.jit(jax.value_and_grad(nats))(params)
    np.testing.assert_allclose(loss, golden["loss"], rtol=1e-12)
    expected = of_transformers(golden, "grad")
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-10), gradients, expected)


@pytest.mark.system("lang.gpt")
def test_the_paper_s_smallest_model_has_its_parameters():
    shapes = jax.eval_shape(gpt(Config(), 50257).init, jax.random.key(0), jax.ShapeDtypeStruct((1, 1025), int)).params
    assert sum(math.prod(x.shape) for x in jax.tree.leaves(shapes)) == 124_439_808


@pytest.mark.system("lang.gpt")
def test_no_logit_depends_on_a_later_token(x64, key):
    """Exactly: the derivatives are zero, not small. The embeddings stand in for the tokens, which have none."""
    params = parameters(key)
    tokens = jnp.array([3, 1, 4, 1, 0, 2])

    def logits(shift):  # a change of the embedding at one place
        position = {"embedding": params["position"]["embedding"] + shift}
        return forward(params | {"position": position}, tokens)

    influence = abs(jax.jit(jax.jacobian(logits))(jnp.zeros((6, 8)))).max((1, 3))
    assert (jnp.triu(influence, 1) == 0).all()
    assert (jnp.tril(influence) > 1e-6).sum() == 21


@pytest.mark.slow
@pytest.mark.system("lang.transformer_text_gen")
def test_the_memory_of_keys_and_values_gives_the_logits_of_a_full_pass(x64, key):
    params, tokens = parameters(key), jnp.array([3, 1, 4, 1, 0, 2])
    memory, read = empty_memory(params), jax.jit(advance)
    for t, expected in enumerate(full(params, tokens[None])[0]):
        logits, memory = read(params, memory, tokens[t], jnp.int32(t))
        np.testing.assert_allclose(logits, expected, atol=1e-12)


@pytest.mark.slow
@pytest.mark.system("lang.transformer_text_gen")
@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_sampling_equals_recomputation_and_follows_the_model(x64, key, temperature):
    model_key, key = jax.random.split(key)
    params, prompt = parameters(model_key), jnp.array([3, 1])
    draw = jax.jit(jax.vmap(lambda key: sample(key, params, prompt, 3, temperature)))
    texts = np.asarray(draw(jax.random.split(key, 4000)))

    every = np.indices((5, 5, 5)).reshape(3, -1).T
    logits = full(params, jnp.concatenate([jnp.tile(prompt, (125, 1)), every], axis=1))[:, 1:4]
    chances = np.take_along_axis(np.asarray(jax.nn.softmax(logits / temperature)), every[:, :, None], 2).prod((1, 2))
    assert chances.sum() == pytest.approx(1)
    counts = np.bincount(texts @ [25, 5, 1], minlength=125)
    assert (abs(counts - 4000 * chances) < 5 * np.sqrt(4000 * chances * (1 - chances)) + 2).all()

    def recomputed(key):
        """The same draws, by a full pass for every token."""
        text = prompt
        for t in range(1, 4):
            logits = full(params, text[None])[0, -1]
            text = jnp.append(text, jax.random.categorical(jax.random.fold_in(key, t), logits / temperature))
        return text[2:]

    for i, one in enumerate(jax.random.split(jax.random.clone(key), 4000)[:3]):
        np.testing.assert_array_equal(texts[i], recomputed(one))


def test_texts_longer_than_the_context_are_refused(key):
    params = parameters(key)
    with pytest.raises(ConfigError, match=r"gpt: 4 \+ 3 tokens; expected a prompt, and no more than 6 in all"):
        sample(jax.random.clone(key), params, jnp.zeros(4, int), 3)
    with pytest.raises(ConfigError, match="texts of 8 tokens; expected at most context"):
        gpt(TINY, 5).init(jax.random.clone(key), jnp.zeros((1, 8), int))


@pytest.mark.slow
def test_evaluation_measures_the_later_half_without_dropout(x64, key):
    params, text = parameters(key), np.array([3, 1, 4, 1, 0, 2, 2, 4, 0, 1])
    method = gpt(TINY, 5)
    state = method.init(jax.random.clone(key), jnp.zeros((1, 7), int))._replace(params=params)
    windows = np.stack([text[:7], text[3:10]])
    measured = method.evaluate(jax.random.clone(key), state, jnp.asarray(windows))["bits_per_character"]
    total = 0.0
    for place in range(4, 10):  # tokens with at least 3 before them in their window
        start = 0 if place < 7 else 3
        logits = np.asarray(full(params, jnp.asarray(text[None, start:place])))[0, -1]
        total += np.log2(np.exp(logits).sum()) - logits[text[place]] / np.log(2)
    np.testing.assert_allclose(measured, total / 6, rtol=1e-10)


@pytest.mark.slow
def test_only_training_drops(x64, key):
    text = jnp.array([[3, 1, 4, 1, 0, 2, 2]])
    nats = float(surprise(parameters(key), text[0]).mean())
    trained = []
    for rate in (0.0, 0.5):
        method = gpt(replace(TINY, dropout=rate), 5)
        state = method.init(jax.random.clone(key), text)._replace(params=parameters(jax.random.clone(key)))
        trained.append(
            float(jax.jit(method.step)(jax.random.clone(key), state, text)[1]["bits_per_character"]) * np.log(2)
        )
        np.testing.assert_allclose(method.predict(state, text[:, :-1]), full(state.params, text[:, :-1]), atol=1e-12)
    assert trained[0] == pytest.approx(nats, rel=1e-12)
    assert abs(trained[1] - nats) > 0.01


def test_weights_decay_and_biases_do_not(x64, key):
    params = parameters(key)
    config = Config(learning_rate=0.1, weight_decay=0.5, warm_up=0, decay_steps=10)
    optimizer = adamw(config)
    updates, _ = optimizer.update(jax.tree.map(jnp.zeros_like, params), optimizer.init(params), params)
    for path, update in jax.tree.leaves_with_path(updates):
        before = params
        for step in path:
            before = before[step.key]
        shrinks = path[-1].key in ("kernel", "embedding")
        np.testing.assert_allclose(update, -0.05 * before if shrinks else 0 * before, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.system("lang.gpt")
def test_learns_to_copy(key):
    """Three random tokens, then the same again: the second half can be known, and only by looking back."""
    run_key, test_key = jax.random.split(key)
    rng = np.random.default_rng(0)
    texts = np.tile(rng.integers(0, 4, (2000, 3), np.int32), 2)
    config = Config(
        context=5, width=32, layers=2, heads=2, dropout=0.0, learning_rate=3e-3, warm_up=50, decay_steps=400
    )
    method = gpt(config, 4)
    state, history = train(run_key, method, resident(texts, 64), 400)
    copied = evaluate(test_key, method, state, epochs(np.tile(rng.integers(0, 4, (64, 3), np.int32), 2), 64), 1)
    assert copied["bits_per_character"] < 0.05
    floor = 2 * 2 / 5  # two of the five predicted tokens are new
    assert floor - 0.05 < history["bits_per_character"][-50:].mean() < floor + 0.1
