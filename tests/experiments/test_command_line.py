"""The command line as a user meets it: a process, an exit code, one message."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest

from experiments import session

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": "lib", "XLA_FLAGS": "--xla_backend_optimization_level=0"}


def start(*words, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "experiments", *map(str, words)],
        cwd=ROOT, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def run(*words):
    process = start(*words)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def waits_for(process, file: Path) -> None:
    while not file.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def test_the_list_is_quick_and_whole():
    run()
    began = time.perf_counter()
    code, out, _ = run()
    assert code == 0
    assert "foundations/mlp_digits" in out
    assert time.perf_counter() - began < 1.5  # 0.2 s on an idle machine; JAX alone would take 0.6 s


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["mlp_digit"], 2, "did you mean 'mlp_digits'"),
        (["mlp_digits", "--stepz", "3"], 2, "--steps"),
        (["mlp_digits", "--steps", "many"], 2, "many"),
        (["resume", "/nowhere/run"], 2, "no run here"),
        (["sweep", "mlp_digits", "--vary", "method.learning_rate", "fast"], 2, "could not convert"),
        (["sweep", "mlp_digits"], 2, "usage"),
        (["verify", "foundation/"], 2, "did you mean"),
    ],
)
def test_wrong_words_are_answered_in_a_few_lines(words, code, said):
    got, out, err = run(*words)
    assert got == code
    assert said in out + err
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["mlp_digits", "--method.learning-rate", "-1"],
            "mlp: learning_rate is -1.0; expected a finite",
        ),
        (["dropout_digits", "--method.keep", "1.5"], "dropout: keep is 1.5; expected 0 <= keep <= 1"),
        (["mlp_digits", "--batch", "0"], "epochs: batch_size is 0; expected a finite"),
    ],
)
def test_a_number_that_cannot_be_leaves_nothing_behind(words, said, tmp_path):
    code, out, err = run(*words, "--out", tmp_path / "run")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith(f"jaxicon: {said}")
    assert not [*tmp_path.iterdir()]


def test_a_quick_run_says_what_it_skipped(tmp_path):
    code, out, err = run("mlp_digits", "--quick", "--out", tmp_path / "run")
    assert code == 0, err
    assert "not judged" in out
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["steps"] == 20
    assert (tmp_path / "run" / "report.html").exists()


def test_terminate_then_resume_equals_an_uninterrupted_run(tmp_path):
    flags = ["mlp_digits", "--steps", "600", "--save-every", "0", "--seed", "3"]
    code, _, err = run(*flags, "--out", tmp_path / "whole")
    assert code == 0, err
    stopped = start(*flags, "--out", tmp_path / "stopped")
    waits_for(stopped, tmp_path / "stopped" / "checkpoints" / "000000200")
    stopped.send_signal(signal.SIGSTOP)  # it keeps its lock and must not end before the others are done
    refused, _, said = run("resume", tmp_path / "stopped")
    stopped.send_signal(signal.SIGTERM)
    stopped.send_signal(signal.SIGCONT)
    _, said_at_end = stopped.communicate(timeout=60)
    assert stopped.returncode == 143
    assert f"resume {tmp_path / 'stopped'}" in said_at_end
    assert refused == 7
    assert f"in use by process {stopped.pid}" in said
    code, _, err = run("resume", tmp_path / "stopped")
    assert code == 0, err
    files = ["metrics.jsonl", "checkpoints/000000600/state.safetensors"]
    for file in files:
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "stopped" / file).read_bytes()


@pytest.mark.slow
def test_a_second_interrupt_leaves_at_once_and_the_checkpoint_is_good(tmp_path):
    run_directory = tmp_path / "run"
    process = start("mlp_digits", "--steps", "100000", "--save-every", "0", "--out", run_directory)
    waits_for(process, run_directory / "checkpoints" / "000000100")
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.005)
    process.communicate(timeout=60)
    assert process.returncode == 130
    method, state = session.load(run_directory)
    assert method.predict(state, jax.numpy.zeros((1, 64))).shape == (1, 10)


@pytest.mark.slow
def test_a_stall_ends_with_stacks_and_advice(tmp_path):
    code, _, err = run("mlp_digits", "--stall-after", "0.01", "--out", tmp_path / "run")
    assert code == 8
    assert "Thread" in err
    assert f"resume {tmp_path / 'run'}" in err


@pytest.mark.slow
def test_a_value_that_is_not_finite_ends_with_5(tmp_path):
    code, _, err = run("mlp_digits", "--method.learning-rate", "1e38", "--out", tmp_path / "run")
    assert code == 5
    assert "is not finite" in err
    assert "Traceback" not in err
