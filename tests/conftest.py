"""Every test runs under the strictest JAX: no silent broadcasting, no key used twice, shapes and types checked."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "lib")]
os.environ.setdefault("MPLBACKEND", "agg")
# Programs run once here: compile them quickly.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")

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


def pytest_collection_modifyitems(items):
    """Tests that share compiled programs go to one worker: those of a file, those of a method in the contract."""
    for item in items:
        parameters = getattr(item, "callspec", None)
        entry = parameters and parameters.params.get("case")
        item.add_marker(pytest.mark.xdist_group(getattr(entry, "name", str(item.path))))


@pytest.fixture
def key():
    return jax.random.key(0)


@pytest.fixture
def x64():
    """Float64 for one test."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)
