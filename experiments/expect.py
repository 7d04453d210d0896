"""What an experiment promises, in a form that reader and machine both read.

accuracy 0.975 ± 0.01 over 5 seeds        the mean over the seeds lies in the interval
accuracy >= 0.97 over 5 seeds             the mean over the seeds reaches the bound (also <=)
return >= 475 in 7 of 8 seeds             so many single seeds reach the bound
elbo in [-27, -22] with --steps 500       every seed lies in the interval; flags that make a tour cheap
"""

import re
from typing import NamedTuple

import numpy as np

from jaxicon.core.errors import ConfigError, nearest

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
FORM = re.compile(
    rf"(?P<metric>\w+)\s+(?:(?P<centre>{NUMBER})\s*±\s*(?P<radius>{NUMBER})|(?P<sign>>=|<=)\s*(?P<bound>{NUMBER})"
    rf"|in\s*\[(?P<low>{NUMBER}),\s*(?P<high>{NUMBER})\])"
    r"(?:\s+in\s+(?P<least>\d+)\s+of\s+(?P<of>\d+)\s+seeds|\s+over\s+(?P<over>\d+)\s+seeds)?(?:\s+with\s+(?P<flags>.+))?"
)


class Claim(NamedTuple):
    text: str
    metric: str
    low: float
    high: float
    seeds: int
    least: int | None  # single seeds that must hold; None: the mean must
    flags: tuple[str, ...]

    def holds(self, metrics: dict[str, np.ndarray]) -> bool:
        """Raises ConfigError when the metric was not measured."""
        if self.metric not in metrics:
            raise ConfigError(f"expectation {self.text!r}: no metric {self.metric!r}{nearest(self.metric, metrics)}")
        values = np.asarray(metrics[self.metric], float)
        inside = lambda x: (self.low <= x) & (x <= self.high)
        return bool(inside(values.mean()) if self.least is None else inside(values).sum() >= self.least)


def parse(text: str, where: str) -> Claim:
    match = FORM.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            f"{where}: expectation {text!r} cannot be read\nexpected: METRIC NUMBER ± NUMBER over N seeds, ..."
        )
    get = match.groupdict()
    if get["centre"]:
        low, high = float(get["centre"]) - float(get["radius"]), float(get["centre"]) + float(get["radius"])
    elif get["bound"]:
        low, high = (float(get["bound"]), np.inf) if get["sign"] == ">=" else (-np.inf, float(get["bound"]))
    else:
        low, high = float(get["low"]), float(get["high"])
    seeds = int(get["of"] or get["over"] or 1)
    least = int(get["least"]) if get["least"] else (None if get["over"] else 1)
    return Claim(text.strip(), get["metric"], low, high, seeds, least, tuple((get["flags"] or "").split()))


def claims(field: str, where: str) -> list[Claim]:
    """The claims of a header field, one a line."""
    return [parse(line, where) for line in field.splitlines() if line.strip()]
