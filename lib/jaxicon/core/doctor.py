"""Whether this machine is fit to run the library, and if not, what to do about it."""

import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jaxicon.core import compilation_cache
from jaxicon.core.requirements import Versions, extras, installed, missing, needed, of_extra, requirements


class Finding(NamedTuple):
    """One line of the table; a fault says what is wrong and what to do."""

    topic: str
    value: str
    fault: str = ""


def machine() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield Finding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Finding("cores, memory", f"{cores}, {size(memory)}")


def size(count: float) -> str:
    """Bytes for people: 1536 -> 1.5 KiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} TiB"


def packages(needs: list[Requirement], versions: Versions) -> Iterator[Finding]:
    """The packages that the library needs everywhere: absent or unfit is a fault."""
    for requirement in (r for r in needs if needed(r)):
        fault = f"pip install '{requirement}'" if missing(requirement, versions) else ""
        yield Finding(requirement.name, versions.get(canonicalize_name(requirement.name), "absent"), fault)


def plugins(versions: Versions) -> Iterator[Finding]:
    """jaxlib and its plugins: JAX runs on the CPU when a CUDA plugin is not of jaxlib's very version."""
    release = lambda version: re.match(r"[\d.]*\d", version)[0]
    jaxlib = versions.get("jaxlib")
    yield Finding("jaxlib", jaxlib or "absent", "" if jaxlib else "pip install jax")
    for name, version in sorted(versions.items()):
        if jaxlib and (cuda := re.fullmatch(r"jax-(cuda\d+)-(plugin|pjrt)", name)):
            cure = f"jaxlib is {jaxlib}, so JAX ignores the GPU; pip install 'jax[{cuda[1]}]=={release(jaxlib)}'"
            yield Finding(name, version, "" if release(version) == release(jaxlib) else cure)


def devices() -> Iterator[Finding]:
    """What JAX runs on."""
    import jax

    for device in jax.devices():
        limit = (device.memory_stats() or {}).get("bytes_limit")
        yield Finding(f"device {device.id}", f"{device.device_kind}, {size(limit)}" if limit else device.device_kind)
    blind = jax.default_backend() == "cpu" and shutil.which("nvidia-smi")
    fault = "an NVIDIA driver is here, but JAX sees no GPU; pip install 'jax[cuda12]'" if blind else ""
    yield Finding("backend", jax.default_backend(), fault)
    yield Finding("64-bit floats", "on" if jax.config.jax_enable_x64 else "off")


def compiled() -> Iterator[Finding]:
    """The persistent compilation cache."""
    folder = compilation_cache.folder()
    sizes = [p.stat().st_size for p in folder.rglob("*") if p.is_file()]
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    fault = "" if os.access(existing, os.W_OK) else f"{existing} is not writable; set JAX_COMPILATION_CACHE_DIR"
    yield Finding("cache", f"{folder}, {len(sizes)} files, {size(sum(sizes))}", fault)


def trial() -> Iterator[Finding]:
    """Three steps of a multilayer perceptron: jax, flax, optax, the contract and the runner in one."""
    import jax
    import numpy as np

    from jaxicon.core.run import train
    from jaxicon.core.stream import resident

    start, mlp = time.perf_counter(), import_module("jaxicon.foundations.mlp")
    stream = resident((np.eye(4, dtype=np.float32), np.arange(4)), 4)
    _, metrics = train(jax.random.key(0), mlp.mlp(mlp.Config(hidden=(8,)), 4), stream, 3)
    fault = "" if np.isfinite(metrics["loss"]).all() else f"the loss is not finite: {metrics['loss']}"
    yield Finding("trial", f"three steps of an MLP in {time.perf_counter() - start:.1f} s", fault)


def optional(needs: list[Requirement], versions: Versions) -> Iterator[Finding]:
    """What is missing for which extra; no fault, for nobody needs them all."""
    for extra in extras(needs):
        lacking = dict.fromkeys(lack for r in of_extra(needs, extra) for lack in missing(r, versions))
        yield Finding(f"extra {extra}", f"missing: {', '.join(lacking)}" if lacking else "complete")


def examine() -> list[Finding]:
    """Everything, one part after the other; a part that fails is a fault itself."""
    versions, needs, findings = installed(), requirements(), []
    parts = {
        "machine": machine,
        "packages": lambda: packages(needs, versions),
        "plugins": lambda: plugins(versions),
        "devices": devices,
        "cache": compiled,
        "trial": trial,
        "extras": lambda: optional(needs, versions),
    }
    for name, part in parts.items():
        try:
            findings += part()
        except Exception as error:
            findings.append(Finding(name, "failed", f"{type(error).__name__}: {error}".splitlines()[0]))
    return findings
