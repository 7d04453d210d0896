"""One run of an experiment, from its plan to its outcome; and a finished run as a method and its state.

The session owns what surrounds the training: the run directory, checkpoints, signals, the guards, progress, evaluation,
figures. The training itself is core/run.py.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.expect import Claim, claims
from experiments.guard import Interrupted, Signals, Watchdog, bad_leaf, bad_metric
from experiments.hosts import agreed, own
from experiments.plan import Plan, build, environment, keys_of, read, written
from experiments.progress import Meter
from experiments.run_directory import RunDirectory, next_free, write_json
from experiments.task import Result, Task
from jaxicon.core import catalog
from jaxicon.core.checkpoint import Checkpoints, on_host
from jaxicon.core.errors import CheckpointError, ConfigError, NumericError
from jaxicon.core.method import Key, Method, State
from jaxicon.core.run import evaluate, expected, train

EVALUATIONS = 10  # measurements on held-out data in the course of a run


class Session:
    """A run in progress: one process, one directory."""

    def __init__(self, plan: Plan, task: Task, directory: RunDirectory):
        self.plan, self.task, self.directory = plan, task, directory
        self.claims = claims(catalog.experiments()[plan.name].fields["Expect"], plan.name)
        self.keys = keys_of(plan.options)
        self.axis = self.keys.ndim  # of time, in metrics
        self.checkpoints = Checkpoints(directory / "checkpoints", plan.options.keep)
        self.advice = f"go on from the last checkpoint with: python -m experiments resume {directory.path}"
        self.evaluation_period = max(self.task.steps // EVALUATIONS // self.task.chunk, 1) * self.task.chunk
        self.last_save = time.monotonic()

    def restore(self, t: int | None = None) -> tuple[int, State]:
        """(t, state) of a checkpoint, of the last by default; (0, None) where there is none."""
        if not self.checkpoints.steps():
            return 0, None
        like = expected(self.keys, self.task.method, self.task.stream)
        t, state, manifest = self.checkpoints.load(like, t)
        if manifest["config"] != written(self.plan):
            raise CheckpointError(f"{self.checkpoints.path(t)}: its configuration is not that of config.json")
        return t, state

    def train(self, start: int = 0, state: State | None = None) -> Result:
        """All steps that are left, then the outcome: metrics, figures, summary.json."""
        began = time.perf_counter()
        self.checkpoints.forget_after(start)
        self.directory.cut_metrics(start)
        write_json(self.directory / "env.json", environment())
        options, left = self.plan.options, self.task.steps - start
        with (
            Signals() as self.signals,
            Watchdog(options.stall_after, self.advice) as self.watchdog,
            Meter(self.plan.name, start, self.task.steps) as self.meter,
            board(self.directory, options.tensorboard) as self.board,
        ):
            run = (self.keys, self.task.method, self.task.stream, left)
            hooks = (self.check, self.log, self.pause)
            state, _ = train(*run, state=state, start=start, chunk=self.task.chunk, hooks=hooks)
            train_s = time.perf_counter() - began - self.meter.clock.seconds
            metrics = self.outcome(state)
        times = {
            "compile_s": self.meter.clock.seconds,
            "train_s": train_s,
            "wall_s": time.perf_counter() - began,
        }
        return self.conclude(state, metrics, times)

    def check(self, t: int, state: State, metrics: dict[str, np.ndarray]) -> None:
        """Stop at the first value that is not a number, before anything is logged or saved; raises NumericError."""
        self.watchdog.beat()
        length = next(iter(metrics.values())).shape[self.axis]
        bad, leaf = bad_metric(metrics, self.axis), bad_leaf(state)
        found = [(t - length + bad[0], f"metric {bad[1]!r}")] if bad else []
        found += [(self.find(t - length), f"leaf {leaf!r} of the state")] if leaf else []
        if found:
            at, what = min(found, key=lambda place: place[0])
            where = f"{self.plan.name}: step {at}: {what} is not finite"
            raise NumericError(f"{where}\n{self.directory.path} is whole up to its last checkpoint")

    def find(self, chunk_start: int) -> int:
        """The step that put NaN into the state: the run is played again from the last checkpoint."""
        start, state = self.restore()
        again = dict(method=self.task.method, stream=self.task.stream)
        state, _ = train(self.keys, **again, steps=chunk_start - start, state=state, start=start, chunk=self.task.chunk)
        for t in range(chunk_start, chunk_start + self.task.chunk):
            state, _ = train(self.keys, **again, steps=1, state=state, start=t, chunk=self.task.chunk)
            if bad_leaf(state):
                return t
        return chunk_start

    def log(self, t: int, state: State, metrics: dict[str, np.ndarray]) -> None:
        """A line of means over the chunk; now and then a line of measurements on held-out data."""
        means = {name: values.mean(self.axis) for name, values in metrics.items()}
        lines = [means]
        if t % self.evaluation_period == 0 or t == self.task.steps:
            lines.append({f"held_out/{name}": x for name, x in self.evaluate(state).items()})
        for line in lines:
            self.directory.append({"t": t} | {name: per_seed(x, self.axis).tolist() for name, x in line.items()})
            self.board(t, line)
        self.meter.show(t, {name: float(np.mean(x)) for line in lines for name, x in line.items()})

    def pause(self, t: int, state: State, metrics: dict[str, np.ndarray]) -> None:
        """Save when it is time, at the end, or because somebody asked to stop; raises Interrupted then."""
        asked, due = agreed(self.signals.asked or 0, time.monotonic() - self.last_save > self.plan.options.save_every)
        if asked or due or t == self.task.steps:
            words = on_host(jax.random.key_data(self.keys)).tolist()
            self.checkpoints.save(t, state, {"config": written(self.plan), "key": words, "environment": environment()})
            self.last_save = time.monotonic()
        if asked:
            raise Interrupted(f"stopped after step {t} of {self.task.steps}\n{self.advice}", asked)

    def evaluate(self, state: State) -> dict[str, np.ndarray]:
        """method.evaluate on the held-out stream: the same batches and the same randomness whenever it is called."""
        key = each(lambda key: jax.random.fold_in(key, 2**31 - 1), self.keys)
        return evaluate(key, self.task.method, state, self.task.held_out, self.task.batches)

    def outcome(self, state: State) -> dict[str, np.ndarray]:
        """All that is measured of the finished runs, with a leading axis of seeds."""
        metrics = {name: per_seed(x, self.axis) for name, x in self.evaluate(state).items()}
        if self.task.measure is None:
            return metrics
        one = jax.vmap(self.task.measure, (None, 0)) if self.plan.vary else self.task.measure
        states, keys = leading(state, self.axis), self.keys if self.axis else self.keys[None]
        measured = [jax.jit(one)(keys[i], jax.tree.map(lambda x: x[i], states)) for i in range(self.plan.options.seeds)]
        return metrics | jax.tree.map(lambda *values: np.stack([np.asarray(v) for v in values]), *measured)

    def conclude(self, state: State, metrics: dict[str, np.ndarray], times: dict[str, float]) -> Result:
        """Write the outcome and draw the figures."""
        run = self.plan.experiment, self.task, self.keys if self.axis else self.keys[None]
        result = Result(*run, leading(state, self.axis), self.directory.history(), metrics)
        if not self.plan.vary and hasattr(self.plan.module, "figures"):
            self.directory.save_figures(self.plan.module.figures(result))
        outcome = {name: x.tolist() for name, x in metrics.items()}
        counts = {"steps": self.task.steps, "seeds": self.plan.options.seeds}
        verdicts = [{"text": claim.text, "met": self.judge(claim, metrics)} for claim in self.claims]
        self.directory.conclude({"status": "finished", **counts, "metrics": outcome, "expect": verdicts, **times})
        return result

    def judge(self, claim: Claim, metrics: dict[str, np.ndarray]) -> bool | None:
        """Whether an expectation is met; None where the run is not what it speaks of."""
        options, default = self.plan.options, self.plan.module.Experiment()
        if options.quick or self.plan.vary or self.plan.experiment != default or options.seeds < claim.seeds:
            return None
        return claim.holds(metrics)


def each(function: Callable, keys: Key) -> Key:
    """function over one key or over every key of an array."""
    return jax.vmap(function)(keys) if keys.ndim else function(keys)


def leading(state: State, axis: int) -> State:
    """The state with a leading axis of seeds, also where there is one seed."""
    return state if axis else jax.tree.map(lambda x: x[None], state)


def per_seed(values: Any, axis: int) -> np.ndarray:
    return np.asarray(values) if axis else np.asarray(values)[None]


@contextmanager
def board(directory: RunDirectory, wanted: bool) -> Iterator[Callable[[int, dict[str, Any]], None]]:
    """A writer of scalars, mean over seeds, for TensorBoard; one that does nothing where it is not wanted."""
    if not wanted:
        yield lambda t, metrics: None
        return
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ConfigError("--tensorboard needs tensorboardX: pip install 'jaxicon[track]'") from error
    with SummaryWriter(str(directory / "tensorboard")) as writer:
        yield lambda t, metrics: [writer.add_scalar(name, float(np.mean(x)), t) for name, x in metrics.items()]


def run(plan: Plan) -> tuple[Result, RunDirectory]:
    """A new run from its plan; what cannot be built leaves no directory behind."""
    task = build(plan)
    directory = RunDirectory(own(plan.options.out or next_free(Path("runs") / plan.name)))
    try:
        directory.create(written(plan))
        return Session(plan, task, directory).train(), directory
    finally:
        directory.release()


def resume(directory: RunDirectory, at: int | None = None) -> Result:
    """Go on with a run that this process holds, from its last checkpoint or from that of step `at`."""
    try:
        plan = read(directory)
        session = Session(plan, build(plan), directory)
        return session.train(*session.restore(at))
    finally:
        directory.release()


def load(path: Path) -> tuple[Method, State]:
    """A trained method and its state, of the first seed, for whoever needs one; raises ConfigError, CheckpointError."""
    directory = RunDirectory(path)
    plan = read(directory)
    session = Session(plan, build(plan), directory)
    _, state = session.restore()
    if state is None:
        raise CheckpointError(f"{path}: no checkpoint; train it with: python -m experiments resume {path}")
    return session.task.method, jax.tree.map(lambda x: x[0], leading(state, session.axis))
