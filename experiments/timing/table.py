"""What `bench` says on the terminal."""

from typing import Any

from rich.table import Table

from experiments.progress import console

UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))


def duration(value: float) -> str:
    unit, size = next(((u, s) for u, s in UNITS if value >= s), UNITS[-1])
    return f"{value / size:.3g} {unit}"


def range_of(spread: dict[str, float], show=duration) -> str:
    """'1.2 ms  (1.1 ms - 1.5 ms)': median, p10 and p90."""
    return f"{show(spread['median'])} ({show(spread['p10'])} - {show(spread['p90'])})"


def number(value: float) -> str:
    return f"{value:.3g}"


def of_experiment(record: dict[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2), show_header=False)
    shares, limits = record["roofline"], record["peak"]
    rows = {
        "chunk": f"{record['chunk']} steps of {record['seeds']} run(s), {record['dtype']}",
        "batch": " ".join(record["shapes"]["batch"]) or "none",
        "trace and lower": duration(record["trace_and_lower_s"]),
        "compile": duration(record["compile_s"]),
        "first call": duration(record["first_call_s"]),
        "chunk, steady": range_of(record["chunk_s"]),
        "step, steady": range_of(record["step_s"]),
        "step, plain loop": range_of(record["plain_loop_step_s"]),
        "runner / plain loop": range_of(record["runner_to_plain_loop"], number),
        "work of a step": f"{record['flops_per_step']:.3g} FLOP, {record['bytes_per_step']:.3g} bytes",
        "peak, measured": f"{limits['flops_per_s'] / 1e9:.3g} GFLOP/s, {limits['bytes_per_s'] / 1e9:.3g} GB/s",
        "share of the peak": f"{shares['compute']:.1%} of FLOP/s, {shares['memory']:.1%} of bytes/s",
    }
    for row in rows.items():
        table.add_row(*row)
    return table


def of_comparison(record: dict[str, Any]) -> Table:
    table = Table("candidate", "first call", "step", "steps/s", "time / first's", box=None, padding=(0, 2))
    for name, values in record["candidates"].items():
        rate = f"{record['metrics'][f'rate_{name}']:,.0f}"
        times = duration(values["first_call_s"]), range_of(values["step_s"])
        table.add_row(name, *times, rate, range_of(values["ratio"], number))
    return table


def show(record: dict[str, Any]) -> None:
    """Medians, with the 10th and 90th percentile in brackets."""
    machine = record["environment"]
    versions = " ".join(f"{name} {machine[name]}" for name in ("python", "jax", "jaxlib", "flax", "optax"))
    console.print(f"{record['name']}   {', '.join(machine['devices'])}, {machine['cores']} cores   {versions}")
    console.print(of_comparison(record) if "candidates" in record else of_experiment(record))
    for claim in record.get("expect", []):
        console.print(f"expect {claim['text']}: {'met' if claim['met'] else 'missed'}", highlight=False)
