"""One HTML page about any number of runs: outcomes, curves, figures, hyperparameters. It needs nothing but itself."""

import os
from collections import Counter
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from experiments.page.markup import Html, element, html, join, table
from experiments.page.record import Record, read
from experiments.page.section import DOT, VERDICTS, estimate, section
from jaxicon.core.errors import StorageError


def report(runs: list[Path], out: Path, title: str = "Jaxicon") -> Path:
    """Write the page about these runs to `out`, whole or not at all; raises ConfigError, StorageError."""
    text = page([read(run) for run in runs], title)
    out = Path(out)
    partial = out.with_name(f"{out.name}.{os.getpid()}.partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(f"<!DOCTYPE html>\n{text}\n", encoding="utf-8")
        return partial.replace(out)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise StorageError(f"{out}: cannot be written ({error.strerror}); choose another --out") from error


def page(records: list[Record], title: str) -> Html:
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Html(Path(__file__).with_name("page.css").read_text())),
    )
    sections = [section(record, f"run-{i}") for i, record in enumerate(records, 1)]
    overview = [all_runs(records)] if len(records) > 1 else []
    body = element("body", header(records, title), element("main", *overview, *sections))
    return element("html", head, body, lang="en")


def header(records: list[Record], title: str) -> Html:
    """Title, date, the score of all expectations, and the machine of the first run."""
    met = Counter(claim["met"] for record in records for _, claim in record.claims)
    said = [f"{len(records)} run{'s' * (len(records) != 1)}"]
    said += [f"{met[True]} of {met[True] + met[False]} expectations met"] if met[True] + met[False] else []
    env = next((record.env for record in records if record.env), {})
    machine = [f"{n} × {name}" for name, n in Counter(env.get("devices", ())).items()]
    machine += [f"{env['cores']} cores"] if "cores" in env else []
    machine += [f"{name} {env[name]}" for name in ("jaxicon", "jax", "flax", "python") if name in env]
    today = element("time", f"{date.today():%-d %B %Y}", datetime=date.today().isoformat())
    return element(
        "header",
        element("h1", title),
        element("p", today, DOT, DOT.join(said)),
        *([element("p", DOT.join(machine), class_="quiet")] if machine else []),
    )


def all_runs(records: list[Record]) -> Html:
    head = ["experiment", "mean over seeds", "seeds", "steps", "compile", "train", "Expect", "Tour"]
    rows = [[link(record, i, records), *measured(record)] for i, record in enumerate(records, 1)]
    return table("± is the half-width of the 95 % t-interval of the mean over seeds.", head, rows, "numbers")


def link(record: Record, i: int, records: list[Record]) -> Html:
    """To the run's section; the line may break after the family, runs of one experiment are told apart by directory."""
    family, slash, name = record.name.rpartition("/")
    twice = sum(other.name == record.name for other in records) > 1
    return element(
        "a",
        family + slash,
        element("wbr"),
        name + f"\N{NO-BREAK SPACE}({record.directory.name})" * twice,
        href=f"#run-{i}",
    )


def measured(record: Record) -> list[Any]:
    seconds = [f"{record.summary[k]:,.1f} s" if k in record.summary else "–" for k in ("compile_s", "train_s")]
    verdicts = [verdict(record, "Expect"), verdict(record, "Tour")]
    return [headline(record), record.seeds, f"{record.steps:,}", *seconds, *verdicts]


def headline(record: Record) -> Html:
    """The metrics that were promised, else the first."""
    if record.vary:
        return html(f"sweep of {record.configurations}")
    promised = [claim["text"].split()[0] for _, claim in record.claims]
    names = [name for name in dict.fromkeys(promised) if name in record.outcome] or list(record.outcome)[:1]
    line = lambda name: element("div", element("span", name, class_="quiet"), " ", estimate(record.outcome[name]))
    return join(map(line, names))


def verdict(record: Record, kind: str) -> Html:
    """Missed when a claim of this kind is, met when all that were checked are."""
    if kind == "Expect" and not record.finished:
        return element("span", "unfinished", class_="notice")
    said = [claim["met"] for what, claim in record.claims if what == kind]
    return VERDICTS[False if False in said else True if True in said else None] if said else html("–")
