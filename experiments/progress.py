"""How far a run is: a live bar on a terminal, a line every tenth elsewhere; compilation told apart from training."""

import sys
import time
from typing import ClassVar

import jax.monitoring
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from experiments.statistics import readable

console = Console(width=None if sys.stdout.isatty() else 150)


class CompileClock:
    """Seconds that JAX has spent tracing, lowering and compiling since the clock was made."""

    spans: ClassVar[list[tuple[float, float]]] = []  # of the process, disjoint; JAX keeps its listeners for ever

    def __init__(self):
        self.start = time.perf_counter()

    @property
    def seconds(self) -> float:
        return sum(end - start for start, end in self.spans if start >= self.start)

    @classmethod
    def receive(cls, event: str, duration: float, **_) -> None:
        """One function traced inside another is part of the other's time."""
        if event.startswith("/jax/core/compile/"):
            end = time.perf_counter()
            while cls.spans and cls.spans[-1][0] >= end - duration:
                cls.spans.pop()
            cls.spans.append((end - duration, end))


jax.monitoring.register_event_duration_secs_listener(CompileClock.receive)


class Meter:
    """Steps done, steps a second, seconds left, and the last metrics."""

    def __init__(self, name: str, start: int, end: int):
        self.name, self.end, self.clock = name, end, CompileClock()
        self.last, self.printed = (time.perf_counter(), start), start
        self.bar = Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
        self.bar.columns += (TimeRemainingColumn(),)
        self.task = self.bar.add_task(name, total=end, completed=start)
        self.live = Live(self.bar, console=console, transient=True) if console.is_terminal else None

    def __enter__(self) -> "Meter":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *error) -> None:
        if self.live:
            self.live.stop()

    def show(self, t: int, metrics: dict[str, float]) -> None:
        now = time.perf_counter()
        speed = f"{(t - self.last[1]) / (now - self.last[0]):,.0f} steps/s"
        self.last = now, t
        said = "  ".join(f"{name} {readable(value)}" for name, value in metrics.items())
        compiled = f"compile {self.clock.seconds:.1f} s"
        if self.live:
            self.bar.update(self.task, completed=t)
            table = Table.grid(padding=(0, 2))
            table.add_row(self.bar)
            table.add_row(f"{compiled}   {speed}\n{said}")
            self.live.update(table)
        elif t == self.end or t - self.printed >= self.end / 10:
            self.printed = t
            console.print(f"{self.name}  {t}/{self.end}  {compiled}  {speed}  {said}", soft_wrap=True, highlight=False)
