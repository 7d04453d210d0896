"""The part of the report that one run gets."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from experiments.page.curves import panels, swatch
from experiments.page.markup import Html, data_uri, details, element, join, table
from experiments.page.record import Record
from experiments.statistics import interval, readable, rounded

DOT = " · "
VERDICTS = {
    True: element("span", "✓ met", class_="met"),
    False: element("span", "✗ missed", class_="missed"),
    None: element("span", "not checked", class_="quiet"),
}


def section(record: Record, anchor: str) -> Html:
    return element(
        "section",
        element("h2", (record.config.get("title") or record.name).rstrip(".")),
        element("p", facts(record), class_="quiet"),
        *([] if record.finished else [unfinished(record)]),
        *(element("p", VERDICTS[claim["met"]], f" {kind}: {claim['text']}") for kind, claim in record.claims),
        element("pre", element("code", record.command), tabindex="0"),
        *([configurations(record) if record.vary else outcome(record)] if record.outcome else []),
        *([curves(record, anchor)] if record.history else []),
        *(figure(path, caption) for path, caption in record.figures.items()),
        *([every_seed(record)] if record.seeds > 1 and record.outcome and not record.vary else []),
        settings("Hyperparameters", {**flat(record.config["fields"]), **flat(record.config["options"])}),
        settings("Environment", {**record.env, **commit(record.git), "directory": record.directory}),
        id=anchor,
    )


def facts(record: Record) -> str:
    took = {"compile_s": "compile", "train_s": "training", "wall_s": "in all"}
    seconds = [f"{what} {record.summary[k]:,.1f} s" for k, what in took.items() if k in record.summary]
    seeds = f"{record.seeds} seed{'s' * (record.seeds != 1)}"
    smoke = ["smoke run"] if record.config["options"].get("quick") else []
    return DOT.join([record.name, *smoke, seeds, f"{record.steps:,} steps", *seconds])


def unfinished(record: Record) -> Html:
    reached = f"stopped after step {record.steps:,}" if record.history else "nothing was measured"
    go_on = element("code", f"python -m experiments resume {record.directory}")
    return element("p", f"Not finished: {reached}. Go on with ", go_on, class_="notice")


def estimate(values: np.ndarray) -> Html:
    """Mean and interval."""
    return signed(readable(*interval(values)))


def signed(number: str) -> Html:
    return Html(number.replace("-", "−"))


def outcome(record: Record) -> Html:
    head = ["metric", "mean", "least", "greatest"] if record.seeds > 1 else ["metric", "value"]
    rows = [[name, estimate(values), *extremes(values)] for name, values in record.outcome.items()]
    when = "Outcome" if record.finished else "Last measurement"
    return table(f"{when}{over_seeds(record)}", head, rows, "numbers")


def extremes(values: np.ndarray) -> list[Html]:
    """The least and the greatest of several seeds, as exact as their mean."""
    half_width = interval(values)[1]
    return [signed(rounded(v, half_width)) for v in (values.min(), values.max())] if len(values) > 1 else []


def over_seeds(record: Record) -> str:
    return f": mean over {record.seeds} seeds ± 95 % t-interval" if record.seeds > 1 else ""


def configurations(record: Record) -> Html:
    """A row per configuration of the sweep, in the colour of its curve."""
    names = [name.removeprefix("method.") for name in record.vary]
    rows = []
    for i, values in enumerate(product(*record.vary.values())):
        color = element("span", class_="swatch", style=f"background:{swatch(i, record.configurations)}")
        measured = [estimate(metric[:, i]) for metric in record.outcome.values()]
        rows.append([join([color, f"{values[0]:g}"]), *(f"{v:g}" for v in values[1:]), *measured])
    return table(f"Configurations{over_seeds(record)}", [*names, *record.outcome], rows, "numbers")


def every_seed(record: Record) -> Html:
    rows = [[i, *(estimate(values[i]) for values in record.outcome.values())] for i in range(record.seeds)]
    return details("Every seed", table("Outcome of every seed", ["seed", *record.outcome], rows, "numbers"))


def curves(record: Record, anchor: str) -> Html:
    said = "One line a configuration, in the colour of the table. " if record.vary else ""
    if record.seeds > 1:
        said += f"Bold: the mean of {record.seeds} seeds. " + "Thin: every seed. " * (not record.vary)
        said += "Band: from the least to the greatest. "
    held_out = any(name.startswith("held_out/") for name in record.history)
    key = {"training": "solid: training", "held-out": "dashed: held-out data"} if held_out else {}
    dot = lambda kind: "" if record.vary else element("span", class_=f"swatch {kind}")
    keys = [element("span", dot(kind), text, " ", class_="key") for kind, text in key.items()]
    charts = element("div", *panels(record.history, anchor), class_="panels")
    return element("figure", charts, element("figcaption", said, *keys))


def figure(path: Path, caption: str) -> Html:
    if not path.is_file():
        return element("p", f"{caption}: {path.name} is not there", class_="notice")
    return element("figure", element("img", src=data_uri(path), alt=caption), element("figcaption", caption))


def settings(summary: str, values: dict[str, Any]) -> Html:
    return details(summary, table(summary, ["name", "value"], values.items(), "pairs")) if values else Html("")


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested fields as dotted names; {"method": {"latent": 4}} is {"method.latent": "4"}."""
    found = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: str(value)}
    return found


def commit(git: str) -> dict[str, str]:
    """The first line of git.txt is the commit, the lines after it what differs from that."""
    lines = git.splitlines()
    return {"commit": lines[0] + (" and uncommitted changes" if lines[1:] else "")} if lines else {}
