"""All that determines a run, as the command line makes it, config.json keeps it and a session builds it."""

import dataclasses
import json
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


def rebuild(kind: type, values: dict[str, Any]) -> Any:
    """The dataclass that asdict and JSON took apart; raises ConfigError on a field that it does not have."""
    hints = typing.get_type_hints(kind)
    for name in values:
        if name not in hints:
            raise ConfigError(f"{kind.__module__}.{kind.__name__}: no field {name!r}{nearest(name, hints)}")

    def restore(hint, value):
        if dataclasses.is_dataclass(hint):
            return rebuild(hint, value)
        return tuple(value) if isinstance(value, list) else Path(value) if hint == Path | None and value else value

    return kind(**{name: restore(hints[name], value) for name, value in values.items()})


def written(plan: Plan) -> dict[str, Any]:
    """The plan as config.json has it."""
    return {
        "experiment": plan.name,
        "title": catalog.experiments()[plan.name].title,
        "fields": plain(plan.experiment),
        "options": plain(plan.options),
        "vary": plan.vary,
    }


def read(directory: RunDirectory) -> Plan:
    config = directory.config()
    kind = module(config["experiment"]).Experiment
    return Plan(
        config["experiment"], rebuild(kind, config["fields"]), rebuild(Options, config["options"]), config["vary"]
    )


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
    task = plan.module.build(plan.experiment)
    if plan.vary:
        factory = lambda config: plan.module.build(dataclasses.replace(plan.experiment, method=config)).method
        task = task._replace(method=varied(factory, configurations(plan)))
    if plan.options.quick:
        task = task._replace(steps=min(task.steps, 20), chunk=min(task.chunk, 10))
    return task


def keys_of(options: Options) -> Key:
    """One key for one run, which then is not vmapped; else an array of keys."""
    keys = jax.random.split(jax.random.key(options.seed), options.seeds)
    return keys if options.seeds > 1 else keys[0]


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
