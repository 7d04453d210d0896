"""What stops a run before its end: a signal, a value that is not a number, a stall."""

import faulthandler
import os
import signal
import sys
import threading
import time
from types import FrameType

import jax
import jax.numpy as jnp
import numpy as np

from jaxicon.core.checkpoint import named_leaves
from jaxicon.core.errors import STALLED, JaxiconError


class Interrupted(JaxiconError):
    """A signal asked the run to stop; the code is what the shell expects."""

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code


class Signals:
    """Ctrl-C and SIGTERM become a request that is honoured after the chunk; a second Ctrl-C leaves at once."""

    def __init__(self):
        self.asked: int | None = None  # the exit code that was asked for

    def receive(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.asked == 130:
            os._exit(130)
        self.asked = 128 + number
        print("\nstopping after this chunk; Ctrl-C once more leaves at once", file=sys.stderr)

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            self.before = {n: signal.signal(n, self.receive) for n in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error) -> None:
        for number, handler in getattr(self, "before", {}).items():
            signal.signal(number, handler)


class Watchdog:
    """Ends the process with every thread's stack when no chunk finishes within `seconds`.

    A deadlock inside a compiled program cannot be interrupted, only left; the last checkpoint is good.
    """

    def __init__(self, seconds: float, advice: str):
        self.seconds, self.advice = seconds, advice
        self.ended = threading.Event()
        self.beat()

    def beat(self) -> None:
        self.deadline = time.monotonic() + self.seconds

    def watch(self) -> None:
        while not self.ended.wait(min(1.0, self.seconds / 4)):
            if time.monotonic() > self.deadline:
                faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
                print(f"no chunk finished within {self.seconds:g} s\n{self.advice}", file=sys.stderr, flush=True)
                os._exit(STALLED)

    def __enter__(self) -> "Watchdog":
        threading.Thread(target=self.watch, daemon=True, name="watchdog").start()
        return self

    def __exit__(self, *error) -> None:
        self.ended.set()


@jax.jit
def any_nan(state) -> list[jax.Array]:
    return [jnp.isnan(x).any() for x in named_leaves(state).values() if jnp.issubdtype(x.dtype, jnp.inexact)]


def bad_leaf(state) -> str | None:
    """The first leaf of the state that holds NaN; infinities may be meant (masks, best so far)."""
    names = [name for name, x in named_leaves(state).items() if jnp.issubdtype(x.dtype, jnp.inexact)]
    return next((name for name, bad in zip(names, any_nan(state), strict=True) if bad), None)


def bad_metric(metrics: dict[str, np.ndarray], axis: int) -> tuple[int, str] | None:
    """(index along `axis`, name) of the first metric that is not finite."""
    found = []
    for name, values in metrics.items():
        steps = np.moveaxis(~np.isfinite(values), axis, 0).reshape(values.shape[axis], -1).any(1)
        if steps.any():
            found.append((int(steps.argmax()), name))
    return min(found, default=None)
