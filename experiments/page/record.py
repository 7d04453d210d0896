"""What a run directory has on record, be the run finished or not."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.run_directory import RunDirectory


class Record(NamedTuple):
    directory: Path
    config: dict[str, Any]
    summary: dict[str, Any]  # empty when the run did not finish
    env: dict[str, Any]
    command: str
    git: str
    history: dict[str, tuple[np.ndarray, np.ndarray]]  # name -> t [points], values [points, seeds, configurations]
    outcome: dict[str, np.ndarray]  # name -> [seeds, configurations]; of an unfinished run the last that was measured
    figures: dict[Path, str]  # file -> caption

    @property
    def name(self) -> str:
        return self.config["experiment"]

    @property
    def finished(self) -> bool:
        return self.summary.get("status") == "finished"

    @property
    def vary(self) -> dict[str, list[float]]:
        return self.config.get("vary") or {}

    @property
    def configurations(self) -> int:
        return math.prod(len(values) for values in self.vary.values())

    @property
    def seeds(self) -> int:
        return self.config.get("options", {}).get("seeds", 1)

    @property
    def steps(self) -> int:
        """Steps done, as far as is known."""
        return self.summary.get("steps") or max((int(t[-1]) for t, _ in self.history.values()), default=0)

    @property
    def claims(self) -> list[tuple[str, dict[str, Any]]]:
        """('Expect' or 'Tour', {text, met})."""
        tour = self.summary.get("tour")
        return [("Expect", claim) for claim in self.summary.get("expect") or ()] + ([("Tour", tour)] if tour else [])


def read(directory: Path) -> Record:
    """Raises ConfigError when there is no run in the directory; everything but config.json may be absent."""
    directory = Path(directory)
    run = RunDirectory(directory)
    config, summary = run.config(), read_json(directory / "summary.json")
    configurations = math.prod(len(values) for values in config.get("vary", {}).values())
    history = series(run.lines(), configurations)
    metrics = {name: np.reshape(values, (-1, configurations)) for name, values in summary.get("metrics", {}).items()}
    captions = read_json(directory / "figures" / "captions.json")
    return Record(
        directory,
        config,
        summary,
        read_json(directory / "env.json"),
        read_text(directory / "command.txt"),
        read_text(directory / "git.txt"),
        history,
        metrics or {name: values[-1] for name, (_, values) in history.items()},
        {directory / "figures" / Path(name).name: caption for name, caption in captions.items()},
    )


def series(lines: list[dict[str, Any]], configurations: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Every metric with the steps at which it was measured; not all are on every line."""
    found: dict[str, list[tuple[int, np.ndarray]]] = {}
    for line in lines:
        for name, values in line.items():
            if name != "t":
                found.setdefault(name, []).append((line["t"], np.reshape(values, (-1, configurations)).astype(float)))
    return {
        name: (np.array([t for t, _ in points]), np.stack([v for _, v in points])) for name, points in found.items()
    }


def read_text(path: Path) -> str:
    return path.read_text(errors="replace").strip() if path.is_file() else ""


def read_json(path: Path) -> dict[str, Any]:
    """{} when the file is absent or broken."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
