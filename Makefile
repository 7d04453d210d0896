# make run    a tour of the library, from nothing to a report    make test        lint, identities, contract of the bases
# make lint   style alone                                          make test-all    the contract of every method, slow tests
# make colab  every notebook, run and saved with outputs           make test-floor  the contract on the oldest versions
python := .venv/bin/python
floor := .venv-floor/bin/python

.PHONY: run test test-all test-floor lint colab clean
run: .venv/run
	$(python) -m experiments tour

test: .venv/test lint
	$(python) -m pytest -m "not slow"

test-all: .venv/test
	$(python) -m pytest

test-floor: .venv-floor/test
	$(floor) -m pytest -m "not slow" tests/floor.py tests/test_contract.py tests/core tests/data tests/experiments \
	  tests/envs/test_gymnax.py

lint: .venv/test
	$(python) -m ruff check .
	$(python) -m ruff format --check .

# The venv module may be absent (Debian) and the system's pip may not touch the system: pip works on the venv from outside.
.venv/bin/python:
	python3 -m venv --without-pip .venv

.venv/run .venv/test: pyproject.toml constraints.txt | .venv/bin/python
	@sh -c 'python3 -m pip --python .venv/bin/python install --quiet uv && echo using uv || echo "no uv: using pip"'
	if $(python) -m uv --version >/dev/null 2>&1; \
	then $(python) -m uv pip install --quiet --compile-bytecode --python $(python) --constraint constraints.txt --editable .$(if $(findstring test,$@),[dev]); \
	else python3 -m pip --python $(python) install --quiet --constraint constraints.txt --editable .$(if $(findstring test,$@),[dev]); fi
	touch $@

# The oldest versions that pyproject.toml allows; only uv can find them. Anew, because uv keeps what is there.
.venv-floor/test: pyproject.toml | .venv/test
	python3 -m venv --without-pip --clear .venv-floor
	$(python) -m uv pip install --quiet --compile-bytecode --python $(floor) --resolution lowest-direct --editable .[test]
	touch $@

colab: .venv/test
	$(python) -m colab

clean:
	rm -rf .venv .venv-floor .pytest_cache .ruff_cache
