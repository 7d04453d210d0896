from dataclasses import replace
from itertools import product
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import windows
from jaxicon.data.text import decode, encode
from jaxicon.ops import lstm as ops
from jaxicon.sequence.lstm import Config, bits, generate, init_params, logits, lstm, rest

TINY = Config(embedding=3, hidden=(6, 5), dropout=0.3)


def example():
    return lstm(TINY, 4), windows(np.random.default_rng(0).integers(4, size=60, dtype=np.int32), 2, 5)


# The layers against PyTorch

GOLDEN = Path(__file__).parents[1] / "golden" / "lstm.npz"


def group(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as file:
        return {key.removeprefix(name + "/"): file[key] for key in file.files if key.startswith(name + "/")}


def columns(rows: np.ndarray) -> np.ndarray:
    """PyTorch's rows, those of i, f, g, o, as our columns, those of i, f, o, g."""
    i, f, g, o = np.split(rows, 4)
    return np.concatenate([i, f, o, g]).T


def stack(arrays: dict[str, np.ndarray], bias: np.ndarray | None = None) -> tuple[dict, tuple[ops.Carry, ...]]:
    """The model whose symbols are the 60 inputs of the golden file and whose scores are the last layer's outputs."""
    layers = tuple(
        ops.Params(*(columns(arrays[f"{name}_l{i}"]) for name in ("weight_hh", "weight_ih", "bias_ih")))
        for i in range(2)
    )
    output = {"kernel": np.eye(9), "bias": np.zeros(9)}
    params = {"embedding": arrays["x"].reshape(60, 7), "layers": layers, "output": output}
    return params, tuple(ops.Carry(*pair) for pair in zip(arrays["h"], arrays["c"], strict=True))


@pytest.mark.system("seq.lstm")
def test_two_layers_and_all_their_gradients_are_those_of_torch(x64):
    given, out, weight, grad = (group(name) for name in ("in", "out", "weight", "grad"))
    biases = {f"bias_ih_l{i}": given[f"bias_ih_l{i}"] + given[f"bias_hh_l{i}"] for i in range(2)}
    inputs = jax.tree.map(jnp.asarray, stack(given | biases))

    def outputs(params, carries):
        carries, y = logits(params, carries, jnp.arange(60).reshape(12, 5))
        return {"y": y, "h": jnp.stack([c.hidden for c in carries]), "c": jnp.stack([c.cell for c in carries])}

    close = lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
    jax.tree.map(close, jax.jit(outputs)(*inputs), out)
    total = lambda inputs: sum((weight[name] * value).sum() for name, value in outputs(*inputs).items())
    (params, carries), (expected, expected_carries) = jax.jit(jax.grad(total))(inputs), stack(grad)
    for name in ("embedding", "layers"):
        jax.tree.map(close, params[name], expected[name])
    jax.tree.map(close, carries, expected_carries)
    layer = ops.init(jax.random.key(0), 7, 9)
    assert sum(x.size for x in layer) == 4 * (9 * (9 + 7) + 9)


# Truncated back-propagation through time


def unrolled(params, carries, x):
    """The model as a loop over steps, layers and gates: (the last carries, the scores of every step)."""
    sigmoid, carries, scores = lambda x: 1 / (1 + jnp.exp(-x)), list(carries), []
    for symbols in x:
        below = params["embedding"][symbols]
        for j, (weights, (h, c)) in enumerate(zip(params["layers"], carries, strict=True)):
            W, b = jnp.concatenate([weights.recurrent, weights.input]), weights.bias
            i, f, o, g = jnp.split(jnp.concatenate([h, below], axis=1) @ W + b[None], 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
            below = sigmoid(o) * jnp.tanh(c)
            carries[j] = (below, c)
        scores.append(below @ params["output"]["kernel"] + params["output"]["bias"][None])
    return carries, jnp.stack(scores)


def mean_bits(scores, symbols):
    p = jnp.exp(scores) / jnp.exp(scores).sum(-1, keepdims=True)
    return -jnp.log2(jnp.take_along_axis(p, symbols[..., None], axis=-1)).mean()


def two_windows():
    """Two steps at learning rate zero, the first with symbols 0 and 1, the second with 2 and 3: (x, y, bits, grad)."""
    method = lstm(replace(TINY, dropout=0.0, learning_rate=0.0, clip=1e9), 4)
    text = np.concatenate([np.random.default_rng(i).integers(low, low + 2, (3, 4)) for i, low in enumerate((0, 2))], 1)
    x, y = np.roll(text, 1, axis=1).astype(np.int32), text.astype(np.int32)
    x[:, 0], x[:, 4] = 0, 2
    cuts = [(jnp.asarray(x[:, t : t + 4]), jnp.asarray(y[:, t : t + 4])) for t in (0, 4)]
    state, step = jax.jit(method.init)(jax.random.key(3), cuts[0]), jax.jit(method.step)
    params, past, found = state.params, jax.tree.map(jnp.zeros_like, state.params), []
    for i, (x, y) in enumerate(cuts):
        state, metrics = step(jax.random.key(i), state, (x, y))
        moment = state.opt_state[1][0].mu
        grad = jax.tree.map(lambda new, old: (new - 0.9 * old) / 0.1, moment, past)  # Adam's first moment
        found.append((x.T, y.T, metrics["bits_per_character"], grad))
        past = moment
    return params, found


@pytest.mark.system("seq.truncated_bptt")
def test_the_state_goes_on_into_the_next_window_and_the_gradient_ends_there(x64):
    params, ((x1, y1, bits1, grad1), (x2, y2, bits2, grad2)) = two_windows()
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)
    start = [(jnp.zeros((3, units)), jnp.zeros((3, units))) for units in TINY.hidden]

    @jax.jit
    @jax.value_and_grad
    def first(params):
        return mean_bits(unrolled(params, start, x1)[1], y1)

    @jax.jit
    @jax.value_and_grad
    def second(params, cut):
        carries = unrolled(params, start, x1)[0]
        carries = jax.tree.map(lambda c: jnp.where(cut, jax.lax.stop_gradient(c), c), carries)
        return mean_bits(unrolled(params, carries, x2)[1], y2)

    jax.tree.map(close, (bits1, grad1), first(params))  # a window that is the whole text: nothing is cut
    jax.tree.map(close, (bits2, grad2), second(params, True))
    assert (abs(grad2["embedding"][:2]) < 1e-14).all()  # symbols of the first window alone
    assert (abs(second(params, False)[1]["embedding"][:2]) > 1e-6).all()


def test_two_windows_give_the_scores_of_one_twice_as_long(x64, key):
    params, x = init_params(key, TINY, 4), jnp.asarray(np.random.default_rng(1).integers(4, size=(10, 3)))
    run = jax.jit(logits)
    after, whole = run(params, rest(params, (3,)), x)
    half, first = run(params, rest(params, (3,)), x[:5])
    end, second = run(params, half, x[5:])
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)
    close(jnp.concatenate([first, second]), whole)
    jax.tree.map(close, end, after)


# The model


@pytest.mark.system("seq.rnn_many_to_many_sync")
def test_a_score_depends_on_no_later_symbol_and_the_loss_is_the_sum_over_steps(x64, key):
    init_key, step_key, key = jax.random.split(key, 3)
    method, stream = example()
    x, y = stream.draw(jnp.int32(0), stream.load(0, 1))
    state, _ = jax.jit(method.step)(step_key, method.init(init_key, (x, y)), (x, y))
    scores = jax.jit(lambda x: logits(state.params, rest(state.params, (2,)), x.T)[1])
    edited = scores(x.at[:, 3].set((x[:, 3] + 1) % 4))
    assert (edited[:3] == scores(x)[:3]).all()
    assert (edited[3:] != scores(x)[3:]).all()
    p = np.exp(scores(x)) / np.exp(scores(x)).sum(-1, keepdims=True)
    steps = [-np.log2(p[t, b, y[b, t]]) for t in range(5) for b in range(2)]
    measured = method.evaluate(key, state, (x, y))["bits_per_character"]  # without dropout, from zeros
    np.testing.assert_allclose(measured, sum(steps) / 10, rtol=1e-12)


@pytest.mark.system("seq.autoregressive")
def test_the_probabilities_of_all_strings_sum_to_one(x64, key):
    params = init_params(key, TINY, 3)
    strings = jnp.array([*product(range(3), repeat=4)])
    given = jnp.concatenate([jnp.zeros((81, 1), int), strings], axis=1)  # after symbol 0
    each = lambda row: bits(logits(params, rest(params), row[:-1])[1], row[1:]) * 4
    p = 2 ** -jax.jit(jax.vmap(each))(given)
    np.testing.assert_allclose(p.sum(), 1, rtol=1e-12)
    assert p.max() > 2 * p.min()


@pytest.mark.system("seq.embedding_layer")
def test_a_row_of_the_embedding_is_the_product_with_one_hot_and_has_its_gradient(x64, key):
    params, x = init_params(key, TINY, 4), jnp.array([2, 0, 2, 3])
    one_hot = jnp.zeros((4, 4)).at[jnp.arange(4), x].set(1)

    def score(table, symbols):
        return (logits(params | {"embedding": table}, rest(params), symbols)[1] ** 2).sum()

    by_index = jax.jit(jax.value_and_grad(score))(params["embedding"], x)
    by_product = jax.jit(jax.value_and_grad(lambda table: score(one_hot @ table, jnp.arange(4))))(params["embedding"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), by_index, by_product)


def test_dropout_keeps_the_mean(x64, key):
    x = jnp.zeros(100_000, int)
    params = init_params(jax.random.clone(key), Config(embedding=1, hidden=()), 1) | {
        "embedding": jnp.full((1, 1), 0.7)
    }
    dropped = logits(params, (), x, key, 0.3)[1][:, 0] / params["output"]["kernel"][0, 0]
    assert set(np.unique(dropped.round(12))) == {0.0, 1.0}
    assert dropped.mean() == pytest.approx(0.7, abs=0.005)


# Generation


def confident(key, symbols: int) -> dict:
    """A model whose probabilities are far from equal."""
    params = init_params(key, TINY, symbols)
    params["output"]["kernel"] *= 5
    return params


@pytest.mark.system("seq.text_generation")
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_what_is_drawn_has_the_probabilities_of_the_model(temperature, x64, key):
    init_key, draw_key = jax.random.split(key)
    params = confident(init_key, 3)
    given = jnp.array([[1, 1, 1], [0, 1, 2]])  # symbol 1, then each of the three
    scores = np.asarray(logits(params, rest(params, (3,)), given)[1]) / temperature
    p = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    expected = 4000 * (p[0, 0][:, None] * p[1]).ravel()
    assert expected.min() > 5
    draw = jax.vmap(lambda key: generate(key, params, rest(params), jnp.int32(1), 2, temperature))
    pairs = np.asarray(jax.jit(draw)(jax.random.split(draw_key, 4000)))
    counts = np.bincount(pairs @ [3, 1], minlength=9)
    assert chisquare(counts, expected).pvalue > 1e-4
    other = p ** (2 * temperature) / (p ** (2 * temperature)).sum(-1, keepdims=True)  # of the other temperature
    if temperature == 1:
        assert chisquare(counts, 4000 * (other[0, 0][:, None] * other[1]).ravel()).pvalue < 1e-9


@pytest.mark.system("seq.text_generation")
def test_cold_text_is_greedy(key):
    params = confident(jax.random.clone(key), 5)
    text = generate(key, params, rest(params), jnp.int32(3), 12, 0.0)
    given = jnp.concatenate([jnp.array([3], text.dtype), text[:-1]])
    assert text.tolist() == logits(params, rest(params), given)[1].argmax(-1).tolist()
    assert len(set(text.tolist())) > 1


# Learning


@pytest.mark.system("seq.char_rnn_hello")
def test_says_hello(key):
    """After one l comes another, after that one o: only a state can tell."""
    method = lstm(Config(embedding=4, hidden=(12,), dropout=0.0, learning_rate=3e-2, decay_steps=150), 4)
    state, _ = train(jax.random.clone(key), method, windows(encode("hello" * 100, "ehlo"), 4, 10), 150)
    h = jnp.asarray(encode("h", "ehlo")[0])
    said = generate(key, state.params, rest(state.params), h, 9, 0.0)
    assert decode(np.asarray(said), "ehlo") == "ellohello"


def test_learns_the_entropy_of_a_source(key):
    """Symbols are those three before with probability 0.95."""
    generator = np.random.default_rng(0)
    flips, source = generator.random(12_000) < 0.05, np.zeros(12_000, np.int32)
    for t in range(3, len(source)):
        source[t] = source[t - 3] ^ flips[t]
    entropy = -(0.05 * np.log2(0.05) + 0.95 * np.log2(0.95))
    method = lstm(Config(embedding=2, hidden=(16,), dropout=0.0, learning_rate=2e-2, decay_steps=300), 2)
    state, _ = train(jax.random.clone(key), method, windows(source[:10_000], 10, 10), 300)
    measured = evaluate(key, method, state, windows(source[10_000:], 4, 499), 1)["bits_per_character"]
    assert entropy - 0.06 < measured < entropy + 0.06
