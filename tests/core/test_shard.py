"""Eight devices do what one does, two hosts what one does; and nobody waits for the dead."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from jaxicon.core.catalog import ROOT
from jaxicon.core.checkpoint import Checkpoints, named_leaves
from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Learner
from jaxicon.core.run import evaluate, expected, fresh, train
from jaxicon.core.shard import data_parallel, over, placed, split, start
from jaxicon.core.stream import epochs, hosted, nothing, resident
from jaxicon.foundations.mlp import Config, mlp

RANDOM = np.random.default_rng(0)
DATA = RANDOM.normal(size=(48, 16)).astype(np.float32), RANDOM.integers(4, size=48)
METHOD, STREAM = mlp(Config(hidden=(8,), learning_rate=0.01), classes=4), epochs(DATA, 24)
STEPS = 12


def run(key, method=METHOD, stream=STREAM, steps=STEPS, **more):
    return train(jax.random.clone(key), method, stream, steps, chunk=5, **more)


def close(a, b, places=1e-6):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=places, atol=places), a, b)


def devices(state) -> set[int]:
    return {len(x.sharding.device_set) for x in jax.tree.leaves(state)}


def part_sizes(x) -> set:
    return {tuple(part.data.shape) for part in x.addressable_shards}


def test_batches_over_eight_devices_give_the_run_of_one(key):
    mesh = over("data")
    assert mesh.size == 8
    state, history = run(placed(jax.random.clone(key), mesh), stream=data_parallel(STREAM, mesh))
    close((state, history), run(key))
    assert devices(state) == {8}
    batch = jax.jit(lambda i, arrays: data_parallel(STREAM, mesh).draw(i, arrays))(np.arange(24), DATA)
    assert part_sizes(batch[0]) == {(3, 16)}


def test_runs_over_four_devices_are_the_runs_of_one_device(key):
    keys, mesh = jax.random.split(key, 8), over("runs", 4)
    state, history = run(placed(keys, mesh))
    close((state, history), run(keys))
    assert part_sizes(state.params["params"]["Dense_0"]["kernel"]) == {(2, 16, 8)}
    held_out = hosted(lambda t: jax.tree.map(lambda x: x[: 10 + t], DATA))
    close(evaluate(placed(keys, mesh), METHOD, state, held_out, 2), evaluate(keys, METHOD, state, held_out, 2))


def test_runs_and_batches_over_a_grid_of_devices(key):
    keys, mesh = jax.random.split(key, 4), jax.make_mesh((4, 2), ("runs", "data"), (AxisType.Auto,) * 2)
    state, history = run(placed(keys, mesh), stream=data_parallel(STREAM, mesh))
    close((state, history), run(keys))
    assert devices(state) == {8}


def test_a_state_is_split_by_the_first_rule_that_finds_a_leaf(key):
    mesh = over("model")
    method = split(METHOD, mesh, {"Dense_1/kernel": P("model", None), "kernel": P(None, "model")})
    state, history = run(placed(jax.random.clone(key), mesh), method)
    close((state, history), run(key))
    sizes = {name: part_sizes(leaf) for name, leaf in named_leaves(state).items()}
    assert sizes["params/params/Dense_0/kernel"] == {(16, 1)}
    assert sizes["opt_state/0/mu/params/Dense_0/kernel"] == {(16, 1)}
    assert sizes["params/params/Dense_1/kernel"] == {(1, 4)}
    assert sizes["params/params/Dense_0/bias"] == {(8,)}


def test_a_run_goes_on_from_a_checkpoint_on_other_devices_bit_for_bit(key, tmp_path):
    mesh = over("data")
    there, stream = placed(jax.random.clone(key), mesh), data_parallel(STREAM, mesh)
    half, _ = run(there, stream=stream, steps=7)
    Checkpoints(tmp_path).save(7, half, {})
    _, restored, _ = Checkpoints(tmp_path).load(expected(jax.random.clone(there), METHOD, STREAM))
    whole, _ = run(jax.random.clone(there), stream=stream)
    resumed, _ = run(jax.random.clone(there), stream=stream, steps=STEPS - 7, state=restored, start=7)
    jax.tree.map(np.testing.assert_array_equal, resumed, whole)


def test_data_travel_to_the_devices_once(key):
    loads, mesh = [], over("data")
    count = lambda t0, n: (loads.append(t0), STREAM.load(t0, n))[1]
    copies = []
    original = jax.device_put
    watch = lambda x, *where, **how: (copies.append(jax.tree.leaves(x)[0].shape), original(x, *where, **how))[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "device_put", watch)
        run(placed(jax.random.clone(key), mesh), stream=STREAM._replace(load=count))
    assert len(loads) == 4  # once to begin, and once for every chunk
    assert copies.count((48, 16)) == 2


def test_uneven_shares_are_refused(key):
    mesh = over("data")
    with pytest.raises(ConfigError, match="got batches of 20; expected a multiple of 8 devices"):
        run(placed(jax.random.clone(key), mesh), stream=data_parallel(resident(DATA, 20), mesh))
    with pytest.raises(ConfigError, match="got no batches"):
        fresh(placed(jax.random.clone(key), mesh), METHOD, data_parallel(nothing, mesh))
    with pytest.raises(ConfigError, match="3 runs; expected a multiple of 2 devices"):
        placed(jax.random.split(key, 3), over("runs", 2))


def test_a_rule_that_does_not_fit_names_the_leaf(key):
    mesh = over("model")
    odd = Learner(lambda key, batch: {"table": jnp.zeros((6, 8))}, None, None)
    with pytest.raises(ConfigError, match=r"'table' is \[6, 8\]; .* asks for \[8\] equal parts"):
        fresh(placed(jax.random.clone(key), mesh), split(odd, mesh, {"table": P("model")}))
    with pytest.raises(ConfigError, match=r"asks for \[1, 1, 8\] equal parts"):
        fresh(placed(key, mesh), split(odd, mesh, {"tab": P(None, None, "model")}))


def test_a_start_without_a_number_says_what_it_was_told(monkeypatch):
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "localhost:1")
    monkeypatch.setenv("JAX_NUM_PROCESSES", "two")
    with pytest.raises(ConfigError, match="JAX_COORDINATOR_ADDRESS=localhost:1, JAX_NUM_PROCESSES=two"):
        start()


# Two hosts: two processes of the command line on this machine


class Hosts:
    """Two processes of one run, ended with the block; what they say is in 0.log and 1.log."""

    def __init__(self, folder: Path, *words: str):
        with socket.socket() as free:
            free.bind(("localhost", 0))
            address = f"localhost:{free.getsockname()[1]}"
        common = os.environ | {"JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": "2"}
        common["PYTHONPATH"] = str(ROOT / "lib")
        command = [sys.executable, "-m", "experiments", *words]
        self.logs = [folder / f"{i}.log" for i in range(2)]
        self.processes = []
        for i, log in enumerate(self.logs):
            environment = common | {"JAX_PROCESS_ID": str(i)}
            with open(log, "w") as out:
                self.processes.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out))

    def __enter__(self) -> "Hosts":
        return self

    def __exit__(self, *error) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def wait(self, seconds: float) -> list[int]:
        return [process.wait(seconds) for process in self.processes]

    def wait_for(self, pattern: str, seconds: float) -> None:
        """Until the second host has written what the pattern says."""
        limit = time.monotonic() + seconds
        while not [*self.logs[1].parent.glob(pattern)]:
            assert time.monotonic() < limit, self.said()
            assert [process.poll() for process in self.processes] == [None, None], self.said()
            time.sleep(0.2)

    def said(self) -> str:
        return "\n".join(log.read_text() for log in self.logs)


def last_state(run_directory: Path) -> dict:
    from safetensors.numpy import load_file

    return load_file(max((run_directory / "checkpoints").glob("0*")) / "state.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("share", [["--data-parallel"], ["--seeds", "2"]])
def test_two_hosts_do_together_what_one_does_alone(tmp_path, share):
    words = ["mlp_digits", "--steps", "40", *share]
    with Hosts(tmp_path, *words, "--out", str(tmp_path / "both")) as hosts:
        assert hosts.wait(100) == [0, 0], hosts.said()
    alone = [sys.executable, "-m", "experiments", *words, "--out", str(tmp_path / "one")]
    subprocess.run(alone, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT / "lib")}, check=True, capture_output=True)
    wanted = last_state(tmp_path / "one")
    for place in ("both", "both/host_1"):
        close(last_state(tmp_path / place), wanted)
        metrics = json.loads((tmp_path / place / "summary.json").read_text())["metrics"]
        close(metrics, json.loads((tmp_path / "one/summary.json").read_text())["metrics"], 1e-5)
    with Hosts(tmp_path, "resume", str(tmp_path / "both"), "--at", "40") as more:
        assert more.wait(100) == [0, 0], more.said()


FOREVER = ("mlp_digits", "--data-parallel", "--steps", "1000000", "--save-every", "1")


@pytest.mark.slow
def test_the_survivor_of_a_killed_host_ends_within_thirty_seconds(tmp_path):
    with Hosts(tmp_path, *FOREVER, "--out", str(tmp_path / "run")) as hosts:
        hosts.wait_for("run/host_1/checkpoints/0*", 100)
        survivor, victim = hosts.processes
        victim.send_signal(signal.SIGKILL)
        assert survivor.wait(30) != 0


@pytest.mark.slow
def test_one_host_that_is_asked_to_stop_stops_both(tmp_path):
    with Hosts(tmp_path, *FOREVER, "--out", str(tmp_path / "run")) as hosts:
        hosts.wait_for("run/host_1/checkpoints/0*", 100)
        hosts.processes[1].send_signal(signal.SIGTERM)
        assert hosts.wait(60) == [143, 143], hosts.said()
    ends = [max(p.name for p in (tmp_path / place / "checkpoints").glob("0*")) for place in ("run", "run/host_1")]
    assert ends[0] == ends[1] != "000000000"
