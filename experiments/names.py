"""Names of experiments, as people type them."""

from jaxicon.core import catalog
from jaxicon.core.errors import ConfigError, nearest


def resolve(name: str) -> str:
    """'family/stem' of an experiment given by that or by its stem; raises ConfigError with the nearest names."""
    name, known = name.removesuffix(".py").removeprefix("experiments/"), catalog.experiments()
    if name in known:
        return name
    by_stem = [full for full in known if full.split("/")[1] == name]
    if len(by_stem) == 1:
        return by_stem[0]
    raise ConfigError(f"experiment {name!r}: not found{nearest(name, [*known, *(k.split('/')[1] for k in known)])}")


def select(names: list[str]) -> list[str]:
    """Experiments by name, by 'family/' or all of them by 'all'."""
    known = catalog.experiments()
    trained = [name for name in known if not name.startswith("speed/")]
    chosen = []
    for name in names:
        family = [k for k in trained if k.startswith(name)] if name.endswith("/") else []
        chosen += trained if name == "all" else family or [resolve(name)]
    return list(dict.fromkeys(chosen))
