"""Several methods in one run, each on batches of its own: what a method claims against its baseline."""

from jaxicon.core.method import Learner, Method
from jaxicon.core.stream import Stream


def side_by_side(methods: dict[str, Method]) -> Learner:
    """State and batch are dicts by name; metrics are called NAME_METRIC. All methods see the same key."""

    def each(function, *dicts):
        return {name: function(method, *(d[name] for d in dicts)) for name, method in methods.items()}

    def named(metrics):
        return {f"{name}_{metric}": value for name, found in metrics.items() for metric, value in found.items()}

    def init(key, batch):
        return each(lambda method, batch: method.init(key, batch), batch)

    def step(key, state, batch):
        after = each(lambda method, state, batch: method.step(key, state, batch), state, batch)
        return {name: state for name, (state, _) in after.items()}, named(
            {n: metrics for n, (_, metrics) in after.items()}
        )

    def evaluate(key, state, batch):
        return named(each(lambda method, state, batch: method.evaluate(key, state, batch), state, batch))

    return Learner(init, step, evaluate)


def streams(parts: dict[str, Stream]) -> Stream:
    """Batches by name, all drawn with the same key."""
    return Stream(
        lambda t0, n: {name: part.load(t0, n) for name, part in parts.items()},
        lambda key, ts, arrays: {name: part.plan(key, ts, arrays[name]) for name, part in parts.items()},
        lambda row, arrays: {name: part.draw(row[name], arrays[name]) for name, part in parts.items()},
    )


def same_for(names: list[str], stream: Stream) -> Stream:
    """One batch for all."""
    return stream._replace(draw=lambda row, arrays: dict.fromkeys(names, stream.draw(row, arrays)))
