"""A checkpoint is whole or absent, equal bit for bit, and any damage is found and named."""

import json
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.checkpoint import Checkpoints
from jaxicon.core.errors import CheckpointError, StorageError


@pytest.fixture
def state(key):
    return {
        "params": {"kernel": jnp.linspace(0, 1, 12).reshape(3, 4), "half": jnp.ones(5, jnp.bfloat16)},
        "count": jnp.int32(7),
        "key": jax.random.split(jax.random.key(3), 2),
        "mask": jnp.array([jnp.inf, -jnp.inf, jnp.nan]),
        "done": jnp.array([True, False]),
    }


@pytest.fixture
def saved(tmp_path, state):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(10, state, {"config": {"a": 1}})
    return checkpoints


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_what_was_saved_comes_back_bit_for_bit(saved, state):
    t, restored, manifest = saved.load(state)
    assert t == 10
    assert manifest["config"] == {"a": 1}
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(restored), strict=True):
        assert a.dtype == b.dtype
        raw = lambda x: np.asarray(jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x)
        assert raw(a).tobytes() == raw(b).tobytes()


def test_every_flipped_bit_of_the_leaves_is_found_and_its_leaf_named(saved, state):
    file = saved.path(10) / "state.safetensors"
    content = file.read_bytes()
    size = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:size])
    for name, spec in header.items():
        begin, end = spec["data_offsets"]
        for position in {begin, (begin + end) // 2, end - 1}:
            flip(file, size + position)
            with pytest.raises(CheckpointError, match=f"leaf '{name}' has changed"):
                saved.load(state)
            file.write_bytes(content)
    saved.load(state)


@pytest.mark.parametrize("position", range(0, 1000, 37))
def test_a_flipped_bit_anywhere_is_found(saved, state, position):
    for file in saved.path(10).iterdir():
        content = file.read_bytes()
        flip(file, position % len(content))
        with pytest.raises(CheckpointError, match="damaged|missing|unknown|format"):
            saved.load(state)
        file.write_bytes(content)


def test_a_truncated_file_names_the_first_lost_leaf(saved, state):
    file = saved.path(10) / "state.safetensors"
    content = file.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    last = max(header, key=lambda name: header[name]["data_offsets"][1])
    file.write_bytes(content[:-1])
    with pytest.raises(CheckpointError, match=f"leaf '{last}' is truncated"):
        saved.load(state)


def test_a_missing_file_is_named(saved, state):
    (saved.path(10) / "state.safetensors").unlink()
    with pytest.raises(CheckpointError, match="state.safetensors: damaged: No such file"):
        saved.load(state)


def test_another_method_is_refused_by_the_first_difference(saved, state):
    with pytest.raises(CheckpointError, match="leaf 'bias' is missing"):
        saved.load(state | {"bias": jnp.ones(2)})
    with pytest.raises(CheckpointError, match="leaf 'count' is unknown to this method"):
        saved.load({name: x for name, x in state.items() if name != "count"})
    with pytest.raises(CheckpointError, match=r"leaf 'done' is .*\[2\].*expects .*\[3\]"):
        saved.load(state | {"done": jnp.array([True, False, True])})


def test_the_last_ones_are_kept_and_damage_points_to_the_other(saved, state):
    for t in (20, 30):
        saved.save(t, state, {})
    assert saved.steps() == [20, 30]
    flip(saved.path(30) / "manifest.json", 30)
    with pytest.raises(CheckpointError, match=r"damaged.*\n.*steps \[20\]"):
        saved.load(state)
    assert saved.load(state, 20)[0] == 20
    with pytest.raises(CheckpointError, match=r"none of step 25; there are \[20, 30\]"):
        saved.load(state, 25)


def test_a_crash_while_saving_leaves_the_last_checkpoint(saved, state, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        saved.save(20, state, {})
    monkeypatch.undo()
    assert saved.steps() == [10]
    assert saved.load(state)[0] == 10


def test_other_programs_can_read_the_weights(saved, state):
    from safetensors.numpy import load_file

    weights = load_file(saved.path(10) / "state.safetensors")
    np.testing.assert_array_equal(weights["params/kernel"], state["params"]["kernel"])
