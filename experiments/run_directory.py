"""The folder of one run: what was asked, on what machine, what was measured. No import of jax: a refusal is quick.

config.json      experiment, resolved hyperparameters, options, what a sweep varies
command.txt      the command as typed          env.json   versions and devices          git.txt   commit and changes
metrics.jsonl    a line per chunk of steps; no times, so that a resumed run writes what an uninterrupted one does
checkpoints/     core/checkpoint.py            figures/   images and captions.json
summary.json     outcome and times             report.html
"""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from experiments.hosts import agreed
from jaxicon.core.errors import ConfigError, LockedError, StorageError


def write_json(path: Path, value: Any) -> None:
    """Whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    partial.replace(path)


def next_free(parent: Path) -> Path:
    """parent/1, parent/2, ...: the first that does not exist, on any host."""
    (number,) = agreed(next(i for i in range(1, sys.maxsize) if not (parent / str(i)).exists()))
    return parent / str(number)


def git_state() -> str:
    """Commit and uncommitted changes of the code that runs; '' outside a repository."""
    run = lambda *words: subprocess.run(["git", *words], capture_output=True, text=True, check=False).stdout
    try:
        return run("rev-parse", "HEAD") + run("status", "--porcelain") + run("diff", "HEAD")
    except FileNotFoundError:
        return ""


class RunDirectory:
    """A run's folder, held by one process at a time."""

    def __init__(self, path: Path):
        self.path = Path(path)
        self.lock = None

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def hold(self) -> None:
        """Refuse, naming the holder, when another process is at work here; raises LockedError or StorageError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.lock = open(self / "lock", "a+")  # noqa: SIM115
        except OSError as error:
            raise StorageError(f"{self.path}: cannot be written ({error.strerror}); choose another --out") from error
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.lock.seek(0)
            holder = self.lock.read().strip()
            self.release()
            raise LockedError(f"{self.path}: in use by process {holder}") from error
        self.lock.truncate(0)
        self.lock.write(str(os.getpid()))
        self.lock.flush()

    def release(self) -> None:
        if self.lock:
            self.lock.close()

    def create(self, config: dict[str, Any]) -> None:
        """A new run; raises ConfigError when the folder already has one."""
        self.hold()
        if (self / "config.json").exists():
            raise ConfigError(
                f"{self.path}: there is a run already\n"
                f"go on with it: python -m experiments resume {self.path}; or choose another --out"
            )
        write_json(self / "config.json", config)
        (self / "command.txt").write_text("python -m experiments " + " ".join(sys.argv[1:]) + "\n")
        (self / "git.txt").write_text(git_state())

    def config(self) -> dict[str, Any]:
        """What was asked of the run; raises ConfigError when this is no run."""
        try:
            return json.loads((self / "config.json").read_text())
        except (OSError, ValueError) as error:
            raise ConfigError(f"{self.path}: no run here (config.json: {type(error).__name__})") from error

    def conclude(self, summary: dict[str, Any]) -> None:
        write_json(self / "summary.json", summary)

    def summary(self) -> dict[str, Any]:
        return json.loads((self / "summary.json").read_text())

    def append(self, line: dict[str, Any]) -> None:
        with open(self / "metrics.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")

    def lines(self) -> list[dict[str, Any]]:
        """All lines of metrics.jsonl; a last one that a crash cut short is left out."""
        lines = []
        for text in (self / "metrics.jsonl").read_text().splitlines() if (self / "metrics.jsonl").exists() else ():
            try:
                lines.append(json.loads(text))
            except ValueError:
                break
        return lines

    def cut_metrics(self, t: int) -> None:
        """Forget what was logged after step t."""
        kept = [json.dumps(line) + "\n" for line in self.lines() if line["t"] <= t]
        partial = self / "metrics.partial"
        partial.write_text("".join(kept))
        partial.replace(self / "metrics.jsonl")

    def history(self) -> dict[str, np.ndarray]:
        """Training metrics as arrays: 't' [points], every metric [seeds, points]."""
        lines = [line for line in self.lines() if not any(name.startswith("held_out/") for name in line)]
        columns = {name: np.array([line[name] for line in lines]) for name in (lines[0] if lines else ())}
        return {name: x if name == "t" else np.moveaxis(x, 0, 1) for name, x in columns.items()}

    def save_figures(self, figures: dict[str, Any]) -> None:
        """PNG of every matplotlib figure, GIF of every list of frames, by caption."""
        from PIL import Image

        (self / "figures").mkdir(exist_ok=True)
        captions = {}
        for i, (caption, figure) in enumerate(figures.items(), 1):
            name = f"{i:02d}.{'gif' if isinstance(figure, list) else 'png'}"
            if isinstance(figure, list):
                first, *rest = (Image.fromarray(np.asarray(frame)) for frame in figure)
                first.save(self / "figures" / name, save_all=True, append_images=rest, duration=40, loop=0)
            else:
                figure.savefig(self / "figures" / name, dpi=110, bbox_inches="tight")
            captions[name] = caption
        write_json(self / "figures" / "captions.json", captions)
