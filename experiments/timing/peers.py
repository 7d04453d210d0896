"""Other libraries as candidates of a benchmark: imported when they are timed, and never needed otherwise."""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from jaxicon.core.errors import ConfigError


def peer(module: str) -> ModuleType:
    """The module of another library; raises ConfigError where that is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(f"bench: {module} is not here ({error}); pip install 'jaxicon[oracles]'") from error


def by_threads(name: str, unit: Callable[[], Any]) -> dict[str, Callable[[], Any]]:
    """A unit of PyTorch on one thread and on two, as NAME_1 and NAME_2: the better one is what ours is held against."""
    torch = peer("torch")

    def on(threads: int) -> Callable[[], Any]:
        def run():
            torch.set_num_threads(threads)
            return unit()

        return run

    return {f"{name}_{threads}": on(threads) for threads in (1, 2)}
