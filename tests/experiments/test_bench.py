"""FLOPs against counts by hand; the record of a benchmark; what happens when an expectation is missed."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.commands.bench import bench
from experiments.speed import runner_overhead
from experiments.timing.clock import plain_loop
from experiments.timing.flops import flops
from jaxicon.core.errors import ConfigError, NumericError
from jaxicon.core.run import fresh, train
from jaxicon.core.stream import resident
from jaxicon.foundations.mlp import Config, mlp

X, W = jnp.zeros((8, 6)), jnp.zeros((6, 5))
MATMUL = 2 * 8 * 6 * 5


def convolution(x, kernel):
    return jax.lax.conv_general_dilated(
        x, kernel, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=2
    )


CASES = {
    "matmul and elementwise": (lambda x, w: jnp.tanh(x @ w) + 1.0, (X, W), MATMUL + 2 * 8 * 5),
    "batched": (lambda a: jnp.einsum("bij,bkj->bik", a, a), (jnp.zeros((3, 4, 7)),), 2 * 3 * 4 * 4 * 7),
    "reduction": (lambda x: x.sum(0), (X,), 48),
    "integers and copies": (lambda n: jnp.concatenate([n + n, n]).astype(float).T, (jnp.zeros((4, 4), int),), 0),
    "gradient": (jax.grad(lambda w, x: (x @ w).sum()), (W, X), 2 * MATMUL + 8 * 5),  # forward, transposed, the sum
    "grouped convolution": (convolution, (jnp.zeros((2, 9, 7, 4)), jnp.zeros((3, 3, 2, 6))), 2 * 2 * 4 * 3 * 6 * 9 * 2),
    "scan": (lambda x, w: jax.lax.scan(lambda c, _: (c, x @ w), 0, None, length=7)[1], (X, W), 7 * MATMUL),
    "jit, checkpoint": (lambda x, w: jax.jit(jax.checkpoint(lambda x, w: x @ w))(x, w), (X, W), MATMUL),
    "custom derivative": (jax.nn.relu, (X,), 48),
    "dearest branch": (
        lambda x, w: jax.lax.cond(x[0, 0] > 0, lambda: x @ w, lambda: jnp.zeros((8, 5))),
        (X, W),
        MATMUL,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_flops_are_what_one_counts_by_hand(case):
    function, arguments, expected = CASES[case]
    assert flops(function, *arguments) == expected


def test_a_while_loop_counts_the_trips_that_are_stated():
    def halve(x):
        return jax.lax.while_loop(lambda x: x.sum() > 1, lambda x: x / 2, x)

    assert flops(halve, X) == 48 + 48
    assert flops(halve, X, trips=10) == 10 * (48 + 48)


def test_the_step_of_a_perceptron(key):
    """Three matmuls a layer but for the first, which needs no gradient of its input; the rest is small change."""
    method, batch = mlp(Config(hidden=(64,)), 10), (jnp.zeros((32, 64)), jnp.zeros(32, int))
    matmuls = 2 * 32 * (2 * 64 * 64 + 3 * 64 * 10)
    counted = flops(method.step, key, jax.eval_shape(method.init, key, batch), batch)
    assert matmuls < counted < 1.2 * matmuls


def test_the_plain_loop_does_the_steps_of_the_runner(key):
    """Otherwise the comparison of the two would say nothing."""
    noise = np.random.default_rng(0)
    images = noise.normal(size=(50, 3)).astype(np.float32), noise.integers(2, size=50)
    method, stream = mlp(Config(hidden=(4,)), 2), resident(images, 5)
    state = fresh(jax.random.clone(key), method, stream)
    (_, after), history = plain_loop(jax.random.clone(key), method, stream, state, 3)()
    expected, metrics = train(key, method, stream, 3)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), after, expected)
    np.testing.assert_allclose([m["loss"] for m in history], metrics["loss"], rtol=1e-6)


@pytest.mark.slow
def test_an_experiment_is_measured(tmp_path, monkeypatch):
    from experiments.commands import bench as module

    monkeypatch.setattr(module, "peak", lambda: {"flops_per_s": 1e15, "bytes_per_s": 1e15})
    bench("mlp_digits", repeats=3, json=tmp_path / "bench.json")
    record = json.loads((tmp_path / "bench.json").read_text())
    assert record["name"] == "foundations/mlp_digits"
    assert record["dtype"] == "float32"
    assert record["shapes"]["batch"] == ["float32[64, 64]", "int32[64]"]
    assert {"jax", "jaxlib", "flax", "optax", "python", "devices", "cores"} <= record["environment"].keys()
    for name in ("chunk_s", "step_s", "plain_loop_step_s", "runner_to_plain_loop"):
        assert 0 < record[name]["p10"] <= record[name]["median"] <= record[name]["p90"]
    assert min(record[name] for name in ("trace_and_lower_s", "compile_s", "first_call_s")) > 0
    np.testing.assert_allclose(record["chunk_s"]["median"], record["step_s"]["median"] * record["chunk"])
    matmuls = 2 * 64 * (2 * 64 * 128 + 3 * 128 * 64 + 3 * 64 * 10)
    assert matmuls < record["flops_per_step"] < 1.2 * matmuls
    parameters = 64 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10
    batch, moments, metrics = 64 * 65 * 4, 3 * 4 * parameters + 4, 2 * 4
    assert record["bytes_per_step"] == batch + 2 * moments + metrics
    step_s = record["step_s"]["median"]
    np.testing.assert_allclose(record["roofline"]["fraction"] * 1e15 * step_s, record["flops_per_step"])


def test_a_benchmark_reports_ratios_and_a_missed_expectation_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(runner_overhead, "STEPS", 200)
    monkeypatch.setattr(runner_overhead, "candidates", lambda: {"runner": lambda: spin(1), "loop": lambda: spin(20)})
    with pytest.raises(NumericError, match="missed: rate_runner >= 800000$"):
        bench("runner_overhead", repeats=5, json=tmp_path / "bench.json")
    record = json.loads((tmp_path / "bench.json").read_text())
    assert [claim["met"] for claim in record["expect"]] == [False, True]
    assert record["candidates"]["runner"]["ratio"] == {"median": 1, "p10": 1, "p90": 1}
    assert 10 < record["metrics"]["ratio_loop"] < 40
    assert 50_000 < record["metrics"]["rate_runner"] < 210_000


def spin(milliseconds):
    """Time spent asleep."""
    import time

    time.sleep(milliseconds / 1000)


def test_an_unknown_name_is_refused():
    with pytest.raises(ConfigError, match="did you mean 'speed/runner_overhead'"):
        bench("speed/runner_overheat")
