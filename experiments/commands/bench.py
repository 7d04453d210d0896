"""python -m experiments bench NAME [--repeats N] [--seeds N] [--devices N] [--json PATH]: compile time, speed, peak.

An experiment is measured in the runner, one chunk after the other, and against a plain loop over its jitted step. A
benchmark of experiments/speed names what it compares: `STEPS`, and `candidates()`, each of which does STEPS steps.
"""

from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from experiments import expect
from experiments.names import resolve
from experiments.plan import Options, Plan, build, environment, keys_of, module, use_dtype
from experiments.run_directory import write_json
from experiments.task import Task
from experiments.timing.clock import compiled_anew, in_turn, peak, plain_loop, seconds, spread, timed
from experiments.timing.flops import flops
from experiments.timing.table import show
from jaxicon.core import catalog
from jaxicon.core.errors import NumericError
from jaxicon.core.run import advance, fresh, mesh_of, parts

LOOP = 100  # steps of the plain loop, at most


def bench(
    name: Annotated[str, tyro.conf.Positional],
    repeats: int = 20,
    json: Path | None = None,
    seeds: int = 1,
    devices: int | None = None,
) -> None:
    """Measure speed; exit code 5 when a benchmark misses what its header expects.

    Args:
        name: An experiment, or speed/BENCHMARK.
        repeats: Calls of each thing that is timed, after the first.
        json: Also write everything to this file.
        seeds: Independent runs of an experiment, vmapped, and shared out among the devices where they can equally.
        devices: Take the CPU for so many devices, one for each core, say.
    """
    name = resolve(name)
    if devices:
        jax.config.update("jax_num_cpu_devices", devices)
    plan = Plan(name, None, Options(seeds=seeds), {})
    use_dtype(plan)
    if name.startswith("speed/"):
        record = compare(name, repeats)
    else:
        record = measure(build(plan._replace(experiment=plan.module.Experiment())), keys_of(plan.options), repeats)
    record = {"name": name, "dtype": str(jax.dtypes.canonicalize_dtype(float)), **record, "environment": environment()}
    show(record)
    if json:
        write_json(json, record)
    if missed := [claim["text"] for claim in record.get("expect", []) if not claim["met"]]:
        raise NumericError(f"{name}: expectation missed: " + ", ".join(missed))


def compare(name: str, repeats: int) -> dict[str, Any]:
    """The candidates of a benchmark; ratios are of times in one round, to the first candidate's."""
    steps, units = module(name).STEPS, module(name).candidates()
    first_calls = {candidate: seconds(unit) for candidate, unit in units.items()}
    times = in_turn(units, repeats)
    reference = next(iter(times.values()))
    metrics = {f"rate_{c}": steps / np.median(t) for c, t in times.items()}
    metrics |= {f"ratio_{c}": np.median(t / reference) for c, t in times.items()}
    claims = expect.claims(catalog.experiments()[name].fields["Expect"], name)
    return {
        "steps": steps,
        "candidates": {
            c: {"first_call_s": first_calls[c], "step_s": spread(t / steps), "ratio": spread(t / reference)}
            for c, t in times.items()
        },
        "metrics": jax.tree.map(float, metrics),
        "expect": [{"text": claim.text, "met": claim.holds(metrics)} for claim in claims],
    }


def measure(task: Task, key: jax.Array, repeats: int) -> dict[str, Any]:
    """One chunk of an experiment: what it takes to compile, to run, and how much of the machine that uses."""
    method, stream, chunk = task.method, task.stream, task.chunk
    state, arrays = fresh(key, method, stream), stream.load(0, chunk)
    words = jax.random.key_data(key)
    mesh = mesh_of(words)
    places = tuple(x.sharding for x in jax.tree.leaves(state)) if mesh else ()
    static = dict(method=method, plan=stream.plan, draw=stream.draw, chunk=chunk, mesh=mesh, places=places)
    with compiled_anew():
        lowered, lower_s = timed(lambda: advance.lower(words, 0, chunk, state, arrays, **static))
        program, compile_s = timed(lowered.compile)

    def one_chunk():
        nonlocal state
        state, metrics = program(words, 0, chunk, state, arrays)
        return state, metrics

    runs, alone = key.size, jax.random.key(0)
    loop = plain_loop(alone, method, stream, fresh(alone, method, stream), min(chunk, LOOP))
    first_call_s = seconds(one_chunk)
    seconds(loop)
    times = in_turn({"chunk": one_chunk, "loop": loop}, repeats)
    inside, outside = times["chunk"] / chunk, times["loop"] / min(chunk, LOOP)
    return {
        "seeds": runs,
        "chunk": chunk,
        "trace_and_lower_s": lower_s,
        "compile_s": compile_s,
        "first_call_s": first_call_s,
        "chunk_s": spread(times["chunk"]),
        "step_s": spread(inside),
        "plain_loop_step_s": spread(outside),
        "runner_to_plain_loop": spread(inside / runs / outside),
        **work(task, alone, runs, np.median(inside)),
    }


def work(task: Task, key: jax.Array, runs: int, step_s: float) -> dict[str, Any]:
    """FLOPs and bytes (arguments and results) of one step of all runs, and its share of what the machine can do.

    A state that changes in place, a replay buffer say, moves less than its bytes: the share of memory is a bound.
    """
    stream = task.stream
    arrays = stream.load(0, 1)
    rows = jax.eval_shape(stream.plan, parts(key)[1], jnp.arange(1), arrays)
    row = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), rows)
    batch = jax.eval_shape(stream.draw, row, arrays)
    state = jax.eval_shape(task.method.init, key, batch)
    operations = runs * flops(task.method.step, key, state, batch)
    results = jax.eval_shape(task.method.step, key, state, batch)
    moved = runs * sum(x.size * x.dtype.itemsize for x in jax.tree.leaves((state, batch, results)))
    limits = peak()
    shares = operations / limits["flops_per_s"] / step_s, moved / limits["bytes_per_s"] / step_s
    describe = lambda tree: [f"{x.dtype}{list(x.shape)}" for x in jax.tree.leaves(tree)]
    return {
        "shapes": {"batch": describe(batch), "state": describe(state)},
        "flops_per_step": operations,
        "bytes_per_step": moved,
        "flops_per_s": operations / step_s,
        "peak": limits,
        "roofline": {"compute": shares[0], "memory": shares[1], "fraction": max(shares)},
    }


def command(words: list[str]) -> None:
    tyro.cli(bench, args=words, prog="python -m experiments bench")
