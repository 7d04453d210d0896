"""The notebooks run, are what their sources say, and show no more than what they computed."""

import importlib.util
import re
import socket
import subprocess
from importlib import metadata
from types import SimpleNamespace

import jupytext
import nbformat
import pytest

from colab.__main__ import SOURCES, executed
from jaxicon.core import compilation_cache

each = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def saved(source) -> nbformat.NotebookNode:
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def outputs(source) -> list:
    return [output for cell in saved(source).cells for output in cell.get("outputs", ())]


@pytest.mark.slow
@each
def test_every_cell_runs(source, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXICON_QUICK", "1")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(compilation_cache.folder()))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = executed(source, tmp_path)
    kinds = lambda cells: [{output.output_type for output in cell.get("outputs", ())} for cell in cells]
    assert kinds(notebook.cells) == kinds(saved(source).cells)


@each
def test_a_notebook_has_the_cells_of_its_source(source):
    cells = lambda notebook: [(cell.cell_type, cell.source) for cell in notebook.cells]
    assert cells(saved(source)) == cells(jupytext.read(source)), "`make colab` makes it anew"


@each
def test_a_notebook_was_run_from_its_first_cell_to_its_last_without_a_fault(source):
    code = [cell for cell in saved(source).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [*range(1, len(code) + 1)]
    kinds = {output.output_type for output in outputs(source)}
    assert {"stream", "display_data"} <= kinds <= {"stream", "display_data", "execute_result"}
    assert [output.text for output in outputs(source) if output.get("name") == "stderr"] == []


@each
def test_a_notebook_does_not_tell_where_it_ran(source):
    text = str([saved(source).metadata, [o.get("text") or o.data.get("text/plain") for o in outputs(source)]])
    assert re.findall(r"(?<![\w.])/[a-z]+/\w+|[A-Z]:\\", text) == []
    assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", text)
    assert saved(source).metadata.kernelspec.name == "python3"


@each
def test_a_notebook_has_a_badge_that_opens_it(source):
    address = f"https://colab.research.google.com/github/jaxicon/jaxicon/blob/main/colab/{source.stem}.ipynb"
    assert f"\n[colab]: {address}\n" in saved(source).cells[0].source


@pytest.mark.parametrize("there", [True, False])
@each
def test_jax_is_not_replaced_when_the_library_is_installed(source, there, monkeypatch):
    """The first cell, on a machine that has the library, and on one that has only JAX; nothing is installed."""
    commands, versions, present = [], {"jax": "0.7.2"}, {"jax", "jaxicon"} if there else {"jax"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace() if name in present else None)
    monkeypatch.setattr(metadata, "version", versions.get)
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    install = next(cell.source for cell in jupytext.read(source).cells if cell.cell_type == "code")
    exec(install, {})
    assert [command[-1] for command in commands] == ([] if there else ["jax==0.7.2"])

    monkeypatch.setattr(subprocess, "run", lambda command, check: versions.update(jax="0.11.0"))
    if not there:
        with pytest.raises(AssertionError):
            exec(install, {})
