"""The README says what is so."""

import re

from experiments import readme
from jaxicon.core import catalog


def test_generated_parts_are_current():
    text = readme.README.read_text()
    assert readme.current(text) == text, "run: python -m experiments.readme"


def test_results_are_those_of_experiments_that_exist_and_hold():
    for name, result in readme.results().items():
        assert catalog.experiments()[name].fields["Expect"].splitlines() == list(result["expect"])
        assert all(result["expect"].values())


def test_files_and_experiments_that_it_names_exist():
    text = readme.README.read_text()
    assert all((catalog.ROOT / path).exists() for path in re.findall(r"\]\(([^)#:]+)\)", text))
    named = set(re.findall(r"python -m experiments (?:sweep |verify |bench )?(\w+_\w+)", text))
    assert named <= {name.split("/")[1] for name in catalog.experiments()}


def test_its_program_runs():
    program = re.search(r"```python\n(import jax.*?)```", readme.README.read_text(), re.DOTALL)[1]
    exec(compile(program.replace("2000", "20"), "README.md", "exec"), {})
