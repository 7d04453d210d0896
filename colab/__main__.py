"""Runs the notebooks: `python -m colab` makes every .ipynb anew from the .py of its name, with outputs."""

from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
SOURCES = sorted(FOLDER.glob("[0-9]*.py"))
METADATA = {
    "colab": {"provenance": []},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def executed(source: Path, folder: Path) -> nbformat.NotebookNode:
    """The notebook of a py:percent file after all its cells ran in `folder`; raises where one of them does."""
    notebook = jupytext.read(source)
    NotebookClient(notebook, timeout=600, record_timing=False, resources={"metadata": {"path": folder}}).execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{source.stem}-{number:02}"  # not random: the same cells are the same file
    return notebook


if __name__ == "__main__":
    for source in SOURCES:
        nbformat.write(executed(source, FOLDER), source.with_suffix(".ipynb"))
