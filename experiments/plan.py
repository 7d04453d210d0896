"""All that determines a run, as the command line makes it, config.json keeps it and a session builds it.

Systems  other.config_yaml
"""

import dataclasses
import hashlib
import json
import math
import os
import platform
import types
import typing
from importlib import import_module, metadata
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import jax

import jaxicon
from experiments.run_directory import RunDirectory
from experiments.task import Task
from jaxicon.core import catalog
from jaxicon.core.errors import ConfigError, nearest
from jaxicon.core.method import Key, varied
from jaxicon.core.run import RUNS
from jaxicon.core.shard import data_parallel, over, placed


@dataclasses.dataclass(frozen=True)
class Options:
    """What every run has, whatever the method."""

    seeds: int = 1
    """Independent runs, vmapped."""
    seed: int = 0
    """Where the keys of the runs come from."""
    quick: bool = False
    """A smoke run of a few steps; expectations are skipped."""
    out: Path | None = None
    """Run directory; default: runs/FAMILY/NAME/1, 2, ..."""
    save_every: float = 20.0
    """Seconds between checkpoints."""
    keep: int = 2
    """Checkpoints kept, at least 2."""
    stall_after: float = 900.0
    """Seconds without a finished chunk after which the run is ended."""
    tensorboard: bool = False
    """Also write TensorBoard event files (needs the extra `track`)."""
    data_parallel: bool = False
    """Split the batches of every run over all devices; else they share out the runs, where they can equally."""


class Plan(NamedTuple):
    """All that determines a run."""

    name: str
    experiment: Any
    options: Options
    vary: dict[str, list[float]]

    @property
    def module(self) -> types.ModuleType:
        return module(self.name)


def module(name: str) -> types.ModuleType:
    return import_module("experiments." + name.replace("/", "."))


def plain(instance: Any) -> dict[str, Any]:
    """A dataclass as JSON has it."""
    return json.loads(json.dumps(dataclasses.asdict(instance), default=str))


def overridden(base: Any, values: dict[str, Any], where: str) -> Any:
    """A dataclass with some of its fields set by what JSON has; raises ConfigError on an unknown field or another kind.

    A nested dataclass is overridden field by field; a number may stand for a float, a list for a tuple.
    """
    known = {field.name: getattr(base, field.name) for field in dataclasses.fields(base)}
    hints = typing.get_type_hints(type(base))

    def restored(name: str, value: Any) -> Any:
        if name not in known:
            raise ConfigError(f"{where}: no field {name!r}{nearest(name, known)}")
        old, hint = known[name], hints[name]
        if dataclasses.is_dataclass(old) and isinstance(value, dict):
            return overridden(old, value, f"{where}.{name}")
        value = tuple(value) if isinstance(value, list) else Path(value) if hint == Path | None and value else value
        wanted = {float: (int, float), tuple: tuple}.get(typing.get_origin(hint) or hint, hint)
        if not isinstance(value, wanted) or (isinstance(value, bool) and hint is not bool):
            raise ConfigError(f"{where}.{name}: got {value!r}, expected {getattr(hint, '__name__', hint)}")
        return float(value) if hint is float else value

    return dataclasses.replace(base, **{name: restored(name, value) for name, value in values.items()})


def from_file(name: str, path: Path) -> Any:
    """The experiment with the fields of a file: a run's config.json, or fields alone; raises ConfigError."""
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: no JSON here ({error})") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: got {type(values).__name__}, expected an object with the fields of {name}")
    if values.get("experiment", name) != name:
        raise ConfigError(f"{path}: is of {values['experiment']}, not of {name}")
    return overridden(module(name).Experiment(), values.get("fields", values), str(path))


def fingerprint(name: str, fields: dict[str, Any]) -> str:
    """A short hash of what is learned and how: the same for runs that differ in nothing but seeds and options."""
    return hashlib.sha256(json.dumps([name, fields], sort_keys=True).encode()).hexdigest()[:12]


def written(plan: Plan) -> dict[str, Any]:
    """The plan as config.json has it."""
    fields = plain(plan.experiment)
    return {
        "experiment": plan.name,
        "title": catalog.experiments()[plan.name].title,
        "hash": fingerprint(plan.name, fields),
        "fields": fields,
        "options": plain(plan.options),
        "vary": plan.vary,
    }


def read(directory: RunDirectory) -> Plan:
    config, where = directory.config(), str(directory / "config.json")
    experiment = overridden(module(config["experiment"]).Experiment(), config["fields"], where)
    return Plan(config["experiment"], experiment, overridden(Options(), config["options"], where), config["vary"])


def configurations(plan: Plan) -> list[Any]:
    """The method configs of a sweep: all combinations of the varied fields."""
    base = plan.experiment.method
    floats = [f.name for f in dataclasses.fields(base) if f.type in (float, "float")]
    names = [name.removeprefix("method.") for name in plan.vary]
    for name in names:
        if name not in floats:
            raise ConfigError(f"sweep: {plan.name} has no real-valued field 'method.{name}'{nearest(name, floats)}")
    return [
        dataclasses.replace(base, **dict(zip(names, values, strict=True))) for values in product(*plan.vary.values())
    ]


def build(plan: Plan) -> Task:
    """The task, in float64 from here on where the experiment's header asks for it."""
    use_dtype(plan)
    task = plan.module.build(plan.experiment)
    if plan.vary:
        factory = lambda config: plan.module.build(dataclasses.replace(plan.experiment, method=config)).method
        task = task._replace(method=varied(factory, configurations(plan)))
    if plan.options.data_parallel:
        task = task._replace(stream=data_parallel(task.stream, over("data")))
    if plan.options.quick:
        task = task._replace(steps=min(task.steps, 20), chunk=min(task.chunk, 10))
    return task


def keys_of(options: Options) -> Key:
    """One key for one run, which then is not vmapped; else an array of keys. Where they lie, there the runs are.

    Raises ConfigError where some of several hosts would have nothing to do.
    """
    keys = jax.random.split(jax.random.key(options.seed), options.seeds)
    keys = keys if options.seeds > 1 else keys[0]
    if options.data_parallel:
        return placed(keys, over("data"))
    devices = math.gcd(options.seeds, jax.device_count())
    if jax.process_count() > 1 and devices < jax.device_count():
        got = f"{options.seeds} run(s) on {jax.device_count()} devices of {jax.process_count()} hosts"
        raise ConfigError(f"{got}; expected --data-parallel, or --seeds a multiple of the devices")
    return placed(keys, over(RUNS, devices)) if devices > 1 else keys


def environment() -> dict[str, Any]:
    """Versions and devices, for the record."""
    names = ("jax", "jaxlib", "flax", "optax", "numpy")
    return {
        "jaxicon": jaxicon.__version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in names},
        "devices": [str(d.device_kind) for d in jax.devices()],
        "cores": os.cpu_count(),
        "machine": platform.platform(),
    }


def use_dtype(plan: Plan) -> None:
    """Float64 where the experiment's header asks for it."""
    jax.config.update("jax_enable_x64", catalog.experiments()[plan.name].fields.get("Dtype") == "float64")
