"""python -m experiments verify NAME|FAMILY/|all ...: measure what the headers expect, with seeds of their own."""

from typing import Annotated

import jax
import tyro
from rich.table import Table

from experiments import expect, session
from experiments.commands.show import VERDICT
from experiments.names import select
from experiments.plan import Options, Plan, environment, module
from experiments.progress import console
from experiments.readme import RESULTS, results
from experiments.run_directory import write_json
from experiments.statistics import measured
from jaxicon.core import catalog
from jaxicon.core.errors import NumericError


def measure(name: str, seed: int) -> dict:
    """One experiment at the most seeds that its claims name, as results.json keeps it."""
    claims = expect.claims(catalog.experiments()[name].fields["Expect"], name)
    options = Options(seeds=max(claim.seeds for claim in claims), seed=seed)
    result, directory = session.run(Plan(name, module(name).Experiment(), options, {}))
    summary, machine = directory.summary(), environment()
    verdicts = {claim.text: claim.holds(result.metrics) for claim in claims}
    values = {claim.metric: result.metrics[claim.metric].tolist() for claim in claims}
    record = {"metrics": values, "expect": verdicts, "seeds": options.seeds, "seed": seed}
    times = {k: round(summary[k], 1) for k in ("compile_s", "wall_s")}
    return record | times | {"hardware": f"{machine['devices'][0]}, {machine['cores']} cores", "jax": machine["jax"]}


def main(names: Annotated[tuple[str, ...], tyro.conf.Positional], seed: int = 1, record: bool = False) -> None:
    """Measure expectations; exit code 5 when one is missed.

    Args:
        names: Experiments, 'family/' for all of a family, or 'all'.
        seed: Where the keys come from; headers are measured with 0.
        record: Keep the results in experiments/results.json, from which the README's table is made.
    """
    missed, table = [], Table("experiment", "expected", "", "measured", "wall s", box=None, padding=(0, 2))
    for name in select(list(names)):
        result = measure(name, seed)
        for text, met in result["expect"].items():
            values = result["metrics"][text.split()[0]]
            table.add_row(name, text, VERDICT[met], measured(name, values), f"{result['wall_s']:.0f}")
            missed += [] if met else [f"{name}: {text}"]
        if record:
            write_json(RESULTS, dict(sorted((results() | {name: result}).items())))
        jax.clear_caches()
    console.print(table)
    if missed:
        raise NumericError("expectations missed:\n" + "\n".join(missed))


def command(words: list[str]) -> None:
    tyro.cli(main, args=words, prog="python -m experiments verify")
