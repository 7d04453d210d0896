"""The doctor sees what is wrong."""

import shutil
from contextlib import nullcontext

import jax
import pytest
from packaging.requirements import Requirement

from jaxicon.core import compilation_cache, doctor, requirements

NEEDS = requirements.of_project(
    {
        "project": {
            "dependencies": ["jax>=0.7.2,<0.12", "scikit-learn>=1.5"],
            "optional-dependencies": {"test": ["pytest>=8"], "dev": ["jaxicon[test]", "nbclient"]},
        }
    }
)


def faults(findings) -> dict[str, str]:
    return {f.topic: f.fault for f in findings if f.fault}


def test_colab_with_a_newer_jaxlib_than_its_plugin():
    versions = {"jaxlib": "0.10.2", "jax-cuda12-plugin": "0.7.2", "jax-cuda12-pjrt": "0.10.2", "jax-metal": "0.1"}
    wrong = faults(doctor.plugins(versions))
    assert list(wrong) == ["jax-cuda12-plugin"]
    assert "pip install 'jax[cuda12]==0.10.2'" in wrong["jax-cuda12-plugin"]
    assert faults(doctor.plugins(versions | {"jax-cuda12-plugin": "0.10.2.dev20260101"})) == {}
    assert faults(doctor.plugins({})) == {"jaxlib": "pip install jax"}


def test_the_plugin_rule_is_that_of_jaxlib():
    from jaxlib.plugin_support import check_plugin_version

    for plugin in ("0.10.2", "0.10.2.dev1", "0.10.1", "0.7.2"):
        found = faults(doctor.plugins({"jaxlib": "0.10.2", "jax-cuda13-plugin": plugin}))
        with pytest.warns(RuntimeWarning) if found else nullcontext():
            assert check_plugin_version("jax_cuda13_plugin", "0.10.2", plugin) == (not found)


def test_absent_old_and_new_packages():
    assert faults(doctor.packages(NEEDS, {"jax": "0.10.2", "scikit-learn": "1.5"})) == {}
    assert list(faults(doctor.packages(NEEDS, {"jax": "0.12.0", "scikit-learn": "1.5"}))) == ["jax"]
    wrong = faults(doctor.packages(NEEDS, {"jax": "0.7.1"}))
    assert wrong == {"jax": "pip install 'jax<0.12,>=0.7.2'", "scikit-learn": "pip install 'scikit-learn>=1.5'"}


def test_an_extra_of_extras_misses_what_they_miss(monkeypatch):
    monkeypatch.setattr(requirements, "requirements", lambda name: NEEDS if name == "jaxicon" else [])
    lines = {f.topic: f.value for f in doctor.optional(NEEDS, {"nbclient": "1", "pytest": "7.4"})}
    assert lines == {"extra test": "missing: pytest>=8 (is 7.4)", "extra dev": "missing: pytest>=8 (is 7.4)"}
    complete = doctor.optional(NEEDS, {"nbclient": "1", "pytest": "9"})
    assert {f.value for f in complete} == {"complete"}


def test_an_extra_of_another_package_is_looked_up():
    lacking = requirements.missing(Requirement("jax[cuda12]"), {"jax": jax.__version__, "jaxlib": jax.lib.__version__})
    assert [line[:17] for line in lacking] == ["jax-cuda12-plugin"]


def test_the_project_file_says_what_the_installer_knows():
    needs = requirements.requirements()
    assert {"jax", "flax", "optax", "numpy"} <= {r.name for r in needs if requirements.needed(r)}
    assert {"test", "dev", "oracles", "cuda12", "tpu"} <= {*requirements.extras(needs)}


def test_a_gpu_that_jax_does_not_see(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    blind = faults(doctor.devices())
    assert ("backend" in blind) == (jax.default_backend() == "cpu")


def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(compilation_cache, "folder", lambda: tmp_path)
    assert [f.value for f in doctor.compiled()] == [f"{tmp_path}, 1 files, 0 B"]
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    assert "JAX_COMPILATION_CACHE_DIR" in faults(doctor.compiled())["cache"]


def test_a_part_that_fails_is_a_fault_and_the_others_go_on(monkeypatch):
    def broken():
        raise ImportError("libcuda.so\nand so on")
        yield

    monkeypatch.setattr(doctor, "devices", broken)
    monkeypatch.setattr(doctor, "trial", list)
    findings = doctor.examine()
    assert faults(findings) == {"devices": "ImportError: libcuda.so"}
    assert {"python", "jax", "cache"} <= {f.topic for f in findings}


@pytest.mark.parametrize(("count", "words"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (80 << 30, "80 GiB")])
def test_sizes(count, words):
    assert doctor.size(count) == words


def test_this_machine_is_fit():
    assert faults(doctor.trial()) == {}
