"""A run can be stopped, damaged, contested and taken up again, and nobody is told anything untrue."""

import json
import os
import signal
from dataclasses import replace

import jax
import numpy as np
import pytest

from experiments import session
from experiments.commands.run import parse
from experiments.guard import Interrupted
from experiments.plan import Options, Plan, module, read, written
from experiments.run_directory import RunDirectory
from jaxicon.core.errors import CheckpointError, ConfigError, LockedError, NumericError, StorageError
from jaxicon.foundations.mlp import Config

NAME = "foundations/mlp_digits"


def plan(out, steps=25, seeds=2, vary=None, **fields) -> Plan:
    experiment = module(NAME).Experiment(method=Config(hidden=(8,), **fields), steps=steps, batch=16)
    return Plan(NAME, experiment, Options(seeds=seeds, out=out, save_every=0), vary or {})


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    build = module(NAME).build
    monkeypatch.setattr(module(NAME), "build", lambda experiment: build(experiment)._replace(chunk=5))


def leaves(state):
    return [np.asarray(x) for x in jax.tree.leaves(state)]


def interrupt_at(monkeypatch, step, number=signal.SIGTERM):
    """Send this process a signal while the chunk that ends at `step` is being logged."""
    log = session.Session.log

    def logged(self, t, state, metrics):
        log(self, t, state, metrics)
        if t == step:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(session.Session, "log", logged)
    return lambda: monkeypatch.setattr(session.Session, "log", log)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.system("other.logging_checkpoint")
def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(tmp_path, monkeypatch, number, code):
    whole, directory = session.run(plan(tmp_path / "whole"))
    undo = interrupt_at(monkeypatch, 15, number)
    with pytest.raises(Interrupted, match="after step 15 of 25\n.*resume") as stopped:
        session.run(plan(tmp_path / "stopped"))
    assert stopped.value.code == code
    undo()
    again = RunDirectory(tmp_path / "stopped")
    again.append({"t": 20, "loss": [9.0, 9.0]})  # logged, but not yet saved, when the machine went down
    again.hold()
    resumed = session.resume(again)
    assert all(np.array_equal(a, b) for a, b in zip(leaves(whole.state), leaves(resumed.state), strict=True))
    assert (directory / "metrics.jsonl").read_bytes() == (again / "metrics.jsonl").read_bytes()
    assert directory.summary()["metrics"] == again.summary()["metrics"]


def test_an_earlier_checkpoint_leads_to_the_same_end(tmp_path):
    whole, directory = session.run(plan(tmp_path / "run"))
    before = (directory / "metrics.jsonl").read_bytes()
    earlier = RunDirectory(tmp_path / "run")
    earlier.hold()
    again = session.resume(earlier, at=20)
    assert all(np.array_equal(a, b) for a, b in zip(leaves(whole.state), leaves(again.state), strict=True))
    assert (directory / "metrics.jsonl").read_bytes() == before


def test_not_a_number_stops_the_run_before_it_is_saved(tmp_path, monkeypatch):
    original, quiet = module(NAME).build, lambda metrics: {name: x * 0 for name, x in metrics.items()}

    def poisoned(experiment):
        task = original(experiment)

        def step(key, state, batch):
            state, metrics = task.method.step(key, state, batch)
            spoil = jax.numpy.where(state.opt_state[0].count == 13, jax.numpy.nan, 0.0)
            return state._replace(params=jax.tree.map(lambda x: x + spoil, state.params)), metrics | quiet(metrics)

        return task._replace(method=task.method._replace(step=step))

    monkeypatch.setattr(module(NAME), "build", poisoned)
    with pytest.raises(NumericError, match=r"step 12: leaf 'params/params/Dense_0/bias' of the state is not finite"):
        session.run(plan(tmp_path / "run"))
    assert session.Checkpoints(tmp_path / "run" / "checkpoints").steps() == [5, 10]
    assert [line["t"] for line in RunDirectory(tmp_path / "run").lines() if "loss" in line] == [5, 10]


def test_an_infinite_metric_names_its_step(tmp_path):
    with pytest.raises(NumericError, match=r"step \d+: metric 'loss' is not finite"):
        session.run(plan(tmp_path / "run", learning_rate=1e38))


def test_a_second_process_is_refused_with_the_holder(tmp_path):
    holder, other = RunDirectory(tmp_path), RunDirectory(tmp_path)
    holder.hold()
    with pytest.raises(LockedError, match=f"in use by process {os.getpid()}"):
        other.hold()
    holder.release()
    other.hold()
    other.release()


def test_an_existing_run_is_not_overwritten(tmp_path):
    session.run(plan(tmp_path / "run", steps=5))
    with pytest.raises(ConfigError, match="there is a run already\n.*resume"):
        session.run(plan(tmp_path / "run", steps=5))


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        session.run(plan(tmp_path / "file" / "run"))


def test_the_configuration_survives_its_file(tmp_path):
    asked = plan(tmp_path / "run", steps=5, learning_rate=0.02)
    _, directory = session.run(asked)
    assert read(directory) == asked
    changed = json.loads((directory / "config.json").read_text())
    changed["fields"]["method"]["learning_rat"] = 1.0
    (directory / "config.json").write_text(json.dumps(changed))
    with pytest.raises(ConfigError, match="no field 'learning_rat'; did you mean 'learning_rate'"):
        read(directory)


@pytest.mark.system("other.config_yaml")
def test_a_file_gives_the_defaults_and_a_flag_changes_its_field_alone(tmp_path):
    _, directory = session.run(plan(tmp_path / "run", steps=5, learning_rate=0.02))
    first = json.loads((directory / "config.json").read_text())
    config = ["--config", str(directory / "config.json"), "--out", str(tmp_path / "again")]
    again, other = (written(parse("mlp_digits", [*config, *flags])) for flags in ([], ["--method.learning-rate", ".1"]))
    assert (again["fields"], again["hash"]) == (first["fields"], first["hash"])
    assert other["hash"] != first["hash"]
    other["fields"]["method"]["learning_rate"] = 0.02
    assert other["fields"] == first["fields"]


@pytest.mark.system("other.config_yaml")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON here"),
        ("[1]", "got list, expected an object"),
        ('{"experiment": "generative/vae_digits"}', "is of generative/vae_digits, not of foundations/mlp_digits"),
        ('{"stepz": 3}', "no field 'stepz'; did you mean 'steps'"),
        ('{"steps": 3.5}', "steps: got 3.5, expected int"),
        ('{"method": {"learning_rate": "fast"}}', "method.learning_rate: got 'fast', expected float"),
        ('{"method": 3}', "method: got 3, expected Config"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, text, said):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(ConfigError, match=said):
        parse("mlp_digits", ["--config", str(tmp_path / "c.json")])


def test_part_of_a_file_leaves_the_rest_as_it_was(tmp_path):
    (tmp_path / "c.json").write_text('{"method": {"learning_rate": 1, "hidden": [8]}}')
    experiment = parse("mlp_digits", ["--config", str(tmp_path / "c.json"), "--steps", "7"]).experiment
    default = module("foundations/mlp_digits").Experiment()
    assert experiment == replace(default, steps=7, method=replace(default.method, learning_rate=1.0, hidden=(8,)))


def test_a_changed_configuration_does_not_take_up_the_old_state(tmp_path):
    _, directory = session.run(plan(tmp_path / "run", steps=5))
    changed = json.loads((directory / "config.json").read_text())
    changed["fields"]["method"]["learning_rate"] = 1.0
    (directory / "config.json").write_text(json.dumps(changed))
    with pytest.raises(CheckpointError, match="configuration"):
        session.load(tmp_path / "run")


def test_a_trained_method_can_be_loaded(tmp_path):
    result, _ = session.run(plan(tmp_path / "run"))
    method, state = session.load(tmp_path / "run")
    x = jax.numpy.eye(64)
    first = jax.tree.map(lambda leaf: leaf[0], result.state)
    np.testing.assert_array_equal(method.predict(state, x), result.task.method.predict(first, x))


def test_a_sweep_is_the_runs_that_it_sweeps(tmp_path):
    rates = [1e-3, 1e-2]
    together, _ = session.run(plan(tmp_path / "sweep", vary={"method.learning_rate": rates}))
    for i, rate in enumerate(rates):
        alone, _ = session.run(plan(tmp_path / str(i), learning_rate=rate))
        np.testing.assert_allclose(together.metrics["loss"][:, i], alone.metrics["loss"], rtol=1e-5)
        np.testing.assert_allclose(together.history["loss"][..., i], alone.history["loss"], rtol=1e-4)
    with pytest.raises(ConfigError, match="no real-valued field 'method.learning_rats'; did you mean 'learning_rate'"):
        session.run(plan(tmp_path / "wrong", vary={"method.learning_rats": rates}))
    with pytest.raises(ConfigError, match="no real-valued field 'method.hidden'"):
        session.run(plan(tmp_path / "shape", vary={"method.hidden": rates}))
