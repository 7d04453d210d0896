"""python -m jaxicon: what it prints, how it ends, and how soon."""

import os
import subprocess
import sys
import time

import pytest

from jaxicon.core import catalog, doctor
from jaxicon.core.errors import ConfigError

ENVIRONMENT = os.environ | {"PYTHONPATH": str(catalog.ROOT / "lib")}


def jaxicon(*words: str, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "jaxicon", *words]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run(command, text=True, env=ENVIRONMENT, timeout=100, **streams)


def test_list_names_every_method_in_half_a_second():
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = jaxicon("list")
        times.append(time.perf_counter() - start)
    assert [line.split()[0] for line in done.stdout.splitlines()] == [*catalog.entries()]
    assert min(times) <= 0.5


LIGHT = """
import sys
from jaxicon.__main__ import run
for words in ("list", "show mlp", "coverage", "bundle mlp"):
    run(words.split())
print({*sys.modules} & {"jax", "numpy", "flax", "rich", "tyro", "matplotlib"})
"""


def test_only_the_doctor_imports_heavy_packages():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, env=ENVIRONMENT, timeout=100)
    assert done.stdout == "set()\n", done.stderr


def test_list_of_one_family():
    lines = jaxicon("list", "foundations").stdout.splitlines()
    assert lines
    assert {line.split()[1] for line in lines} == {"foundations"}


def test_show_tells_header_systems_files_and_expectations():
    out = jaxicon("show", "mlp").stdout
    entry, ledger = catalog.find("mlp"), catalog.ledger()
    assert out.startswith(entry.title + "\n")
    for told in ("lib/jaxicon/foundations/mlp.py", "tests/foundations/test_mlp.py", entry.fields["Paper"]):
        assert told in out
    assert all(f"{id}: {ledger[id][1]}" in out for id in entry.fields["Systems"].split())
    lines = [line for e in catalog.experiments_of("mlp") for line in [e.fields["Run"], *e.fields["Expect"].split("\n")]]
    assert all(line in out for line in lines)
    assert "not tested" not in out


def test_coverage_adds_up():
    *chapters, total = jaxicon("coverage").stdout.splitlines()
    counts = [line.rsplit("  ", 1)[1].split(" / ") for line in chapters]
    proven = {*catalog.claims()} & catalog.tested()
    assert total == f"total  {sum(int(n) for n, _ in counts)} / 689"
    assert sum(int(rows) for _, rows in counts) == 689
    assert sum(int(n) for n, _ in counts) == len(proven)


def test_bundle_prints_and_writes(tmp_path):
    printed = jaxicon("bundle", "mlp").stdout
    written = jaxicon("bundle", "mlp", "--out", str(tmp_path / "mlp.py"))
    assert written.returncode == 0
    assert (tmp_path / "mlp.py").read_text() == printed


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("lst", 2, "command 'lst': not found; did you mean 'list'?"),
        ("show vea", 2, "method 'vea': not found; did you mean 'vae'?"),
        ("bundle value_iteratoin", 2, "method 'value_iteratoin': not found; did you mean 'value_iteration'"),
        ("list generativ", 2, "family 'generativ': not found; did you mean 'generative'?"),
        ("show", 2, "the following arguments are required: NAME"),
        ("list --al", 2, "unrecognized arguments: --al"),
        ("bundle mlp --out /nowhere/mlp.py", 6, "bundle: /nowhere/mlp.py not written: No such file or directory"),
    ],
)
def test_faults_are_told_in_a_line_and_a_code(words, code, message):
    done = jaxicon(*words.split())
    assert done.returncode == code
    assert done.stderr.startswith(f"jaxicon: {message}")
    assert len(done.stderr.splitlines()) <= 3
    assert done.stdout == ""


def test_debug_shows_the_traceback():
    done = jaxicon("show", "vea", "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.rstrip().endswith("did you mean 'vae'?")


def test_no_command_prints_help():
    done = jaxicon()
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("list", "show", "coverage", "doctor", "bundle"))


def test_a_reader_that_has_read_enough_is_no_fault():
    read, write = os.pipe()
    os.close(read)
    done = jaxicon("bundle", "mlp", stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_full_disk_is_a_fault_of_storage():
    with open("/dev/full", "w") as full:
        done = jaxicon("list", stdout=full)
    assert done.returncode == 6
    assert done.stderr == "jaxicon: output: No space left on device\n"


def test_the_doctor_fails_where_it_finds_a_fault(monkeypatch, capsys):
    from jaxicon.__main__ import main, run

    well, ill = doctor.Finding("jax", "0.10.2"), doctor.Finding("disk", "a", "full")
    monkeypatch.setattr(doctor, "examine", lambda: [well, ill])
    with pytest.raises(ConfigError, match="disk"):
        run(["doctor"])
    assert main(["doctor"]) == 2
    assert "!  disk  a: full" in capsys.readouterr().out
    monkeypatch.setattr(doctor, "examine", lambda: [well])
    assert main(["doctor"]) == 0


def test_what_nobody_foresaw_is_our_bug(monkeypatch, capsys):
    from jaxicon import __main__

    monkeypatch.setattr(__main__, "run", lambda words: 1 / 0)
    assert __main__.main(["list"]) == 1
    assert capsys.readouterr().err.startswith("jaxicon: our bug: ZeroDivisionError")
