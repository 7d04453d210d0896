"""Checkpoints that are whole or absent, and that know when they are damaged.

One folder per checkpoint: `state.safetensors` has the leaves, named by their paths, in a format that other programs
read (it is the export of the weights, too); `manifest.json` says what they must be. A checkpoint is written under
another name, flushed to the disk and renamed: what has the right name is complete. Loading compares every leaf with its
SHA-256.

Notes    RL & DL notebook U1; MIT 6.S191 lab 1
Systems  other.logging_checkpoint
"""

import json
import os
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from safetensors import SafetensorError, deserialize
from safetensors import numpy as safetensors

from jaxicon.core.errors import CheckpointError, StorageError

FORMAT = 1


def named_leaves(tree: Any) -> dict[str, Any]:
    """Leaves by path: 'params/Dense_0/kernel'; a tree that is one leaf is called 'state'."""
    paths = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/") or "state": leaf for path, leaf in paths}


def on_host(x: jax.Array) -> np.ndarray:
    """The whole array; where other hosts hold parts of it, every host has to ask for it."""
    whole = not isinstance(x, jax.Array) or x.is_fully_addressable or x.is_fully_replicated
    return np.asarray(x if whole else multihost_utils.process_allgather(x, tiled=True))


def is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def kind(leaf: Any) -> dict[str, Any]:
    """Shape and dtype as the manifest has them."""
    return {"shape": list(leaf.shape), "dtype": str(leaf.dtype)}


def canonical(manifest: dict) -> str:
    return sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def write(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(folder: Path) -> None:
    """Make renames in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Checkpoints:
    """The last `keep` checkpoints of a run, each called after its step."""

    def __init__(self, folder: Path, keep: int = 2):
        self.folder, self.keep = Path(folder), max(keep, 2)

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints, oldest first."""
        return sorted(int(p.name) for p in self.folder.glob("*") if p.name.isdigit())

    def path(self, t: int) -> Path:
        return self.folder / f"{t:09d}"

    def save(self, t: int, state: Any, info: dict[str, Any]) -> Path:
        """Write the state after `t` steps, with whatever `info` says of the run; raises StorageError."""
        named = named_leaves(state)
        leaves = {n: on_host(jax.random.key_data(x) if is_key(x) else x) for n, x in named.items()}
        described = {n: kind(x) | {"sha256": sha256(leaves[n].tobytes()).hexdigest()} for n, x in named.items()}
        manifest = {"format": FORMAT, "t": t, **info, "leaves": described}
        final, partial, stale = self.path(t), self.folder / f".{t:09d}.partial", self.folder / f".{t:09d}.stale"
        try:
            for remains in (partial, stale):
                shutil.rmtree(remains, ignore_errors=True)
            partial.mkdir(parents=True)
            write(partial / "state.safetensors", safetensors.save(leaves))
            write(partial / "manifest.json", json.dumps(manifest | {"sha256": canonical(manifest)}, indent=1).encode())
            sync(partial)
            if final.exists():
                final.rename(stale)
            partial.rename(final)
            sync(self.folder)
            for old in (stale, *(self.path(t) for t in self.steps()[: -self.keep])):
                shutil.rmtree(old, ignore_errors=True)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise StorageError(f"checkpoint {final}: not written ({error.strerror}); earlier ones are whole") from error
        return final

    def forget_after(self, t: int) -> None:
        """Remove the checkpoints of later steps: a run that goes on from t will write them again."""
        for later in self.steps():
            if later > t:
                shutil.rmtree(self.path(later))

    def manifest(self, t: int | None = None) -> dict[str, Any]:
        """What the checkpoint of step t (default: the last) says of itself; raises CheckpointError."""
        steps = self.steps()
        if not steps or t not in (None, *steps):
            raise CheckpointError(f"checkpoint {self.folder}: none of step {t}; there are {steps}")
        file = self.path(steps[-1] if t is None else t) / "manifest.json"
        try:
            manifest = json.loads(file.read_bytes())
            digest = manifest.pop("sha256")
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise self.damaged(file, f"unreadable ({type(error).__name__})") from error
        if manifest.get("format") != FORMAT:
            raise CheckpointError(f"{file}: format {manifest.get('format')}; this version reads format {FORMAT}")
        if digest != canonical(manifest):
            raise self.damaged(file, "its SHA-256 differs")
        return manifest

    def damaged(self, where: Path, how: str) -> CheckpointError:
        others = [t for t in self.steps() if self.path(t) != where.parent]
        rest = f"whole checkpoints may be those of steps {others}" if others else "there is no other checkpoint"
        return CheckpointError(f"{where}: damaged: {how}\n{rest}")

    def load(self, like: Any, t: int | None = None) -> tuple[int, Any, dict[str, Any]]:
        """(step, state, manifest) of step t or the last; `like` has the structure, shapes and dtypes to expect.

        Raises CheckpointError, naming the leaf, when one is missing, truncated, changed or of another method.
        """
        manifest = self.manifest(t)
        file = self.path(manifest["t"]) / "state.safetensors"
        leaves, expected = self.read(file), named_leaves(like)
        known = manifest["leaves"]
        if wrong := set(expected) ^ set(known):
            name = min(wrong)
            raise CheckpointError(
                f"{file}: leaf {name!r} is {'unknown to this method' if name in known else 'missing'}"
            )

        def restore(name: str, leaf: Any) -> jax.Array:
            of_file = {k: known[name][k] for k in ("shape", "dtype")}
            if of_file != kind(leaf):
                raise CheckpointError(f"{file}: leaf {name!r} is {of_file}; this method expects {kind(leaf)}")
            if name not in leaves:
                raise self.damaged(file, f"leaf {name!r} is missing")
            if sha256(leaves[name]["data"]).hexdigest() != known[name]["sha256"]:
                raise self.damaged(file, f"leaf {name!r} has changed (its SHA-256 differs)")
            dtype = np.uint32 if is_key(leaf) else leaf.dtype
            array = np.frombuffer(leaves[name]["data"], dtype).reshape(leaves[name]["shape"])
            return jax.random.wrap_key_data(array) if is_key(leaf) else jax.numpy.asarray(array)

        restored = [restore(name, leaf) for name, leaf in expected.items()]
        return manifest["t"], jax.tree.unflatten(jax.tree.structure(like), restored), manifest

    def read(self, file: Path) -> dict[str, dict[str, Any]]:
        """Every leaf of the file: its bytes under "data", its shape under "shape"."""
        try:
            content = file.read_bytes()
        except OSError as error:
            raise self.damaged(file, error.strerror) from error
        try:
            return dict(deserialize(content))
        except SafetensorError as error:
            raise self.damaged(file, truncation(content) or "its header is unreadable") from error


def truncation(content: bytes) -> str:
    """The first leaf that a file of the safetensors format has lost at its end, in words; '' where it lost none."""
    size = 8 + int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8:size])
        lost = {spec["data_offsets"][1] + size: name for name, spec in header.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError):
        return ""
    short = [end for end in lost if end > len(content)]
    return f"leaf {lost[min(short)]!r} is truncated ({len(content)} of {max(lost)} bytes)" if short else ""
