"""For `make test-floor`: the floors of pyproject.toml are what is installed, so that they are versions that work."""

import os
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from jaxicon.core.catalog import ROOT
from jaxicon.core.requirements import installed

NOTEBOOKS = sorted((ROOT / "colab").glob("[0-9]*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("line", [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]])
def test_the_floor_is_installed(line):
    requirement = Requirement(line)
    floors = [Version(s.version) for s in requirement.specifier if s.operator == ">="]
    assert floors == [Version(installed()[canonicalize_name(requirement.name)])]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path):
    environment = os.environ | {"JAXICON_QUICK": "1"}
    done = subprocess.run([sys.executable, path], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
