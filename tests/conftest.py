"""Every test runs under the strictest JAX: no silent broadcasting, no key used twice, shapes and types checked."""

import gc
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "lib")]
os.environ.setdefault("MPLBACKEND", "agg")
# Programs run once here: compile them quickly, each in one thread because two workers share the machine.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1",
)

import jax
import pytest
from beartype import BeartypeConf, FrozenDict
from jaxtyping import install_import_hook

from jaxicon.core import compilation_cache

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)
jax.config.update("jax_num_cpu_devices", 8)  # tests/core/test_shard.py uses all, the others the first
compilation_cache.enable()

# A sweep traces the numbers of a Config, so a float may be an array there.
CHECKED = BeartypeConf(hint_overrides=FrozenDict({float: float | int | jax.Array}))


class Checker:
    """What jaxtyping's import hook calls on every function of the package."""

    @staticmethod
    def beartype(function):
        from beartype import beartype

        return beartype(conf=CHECKED)(function)


HOOK = install_import_hook("jaxicon", "tests.conftest.Checker.beartype")


def group(item):
    """Of tests that share compiled programs: those of a file, those of a method in the contract."""
    parameters = getattr(item, "callspec", None)
    entry = parameters and parameters.params.get("case")
    return getattr(entry, "name", str(item.path))


def pytest_collection_modifyitems(items):
    """A group of tests goes to one worker."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))


def pytest_runtest_teardown(item, nextitem):
    """Forget compiled programs before there are too many: each maps memory, and XLA crashes where Linux allows no more
    maps (vm.max_map_count, 65,530 by default)."""
    maps = Path("/proc/self/maps")
    if nextitem and group(nextitem) != group(item) and maps.exists() and maps.read_bytes().count(b"\n") > 20_000:
        jax.clear_caches()
        gc.collect()


@pytest.fixture
def key():
    return jax.random.key(0)


@pytest.fixture
def x64():
    """Float64 for one test."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)
