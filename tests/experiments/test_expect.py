"""Expectations are read as they are written, and can be missed."""

import numpy as np
import pytest

from experiments.expect import claims, parse
from jaxicon.core import catalog
from jaxicon.core.errors import ConfigError

MEASURED = {"x": np.array([1.0, 2.0, 3.0, 4.0])}


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("x 2.4 ± 0.2 over 4 seeds", True),
        ("x 2.4 ± 0.05 over 4 seeds", False),
        ("x >= 2.5 over 4 seeds", True),
        ("x >= 2.51 over 4 seeds", False),
        ("x <= -1e-3 over 4 seeds", False),
        ("x >= 2 in 3 of 4 seeds", True),
        ("x >= 2 in 4 of 4 seeds", False),
        ("x <= 1.5 in 1 of 4 seeds", True),
        ("x in [3.5, 9]", True),
        ("x in [4.5, 9] with --steps 500 --method.latent 4", False),
    ],
)
def test_claims(text, met):
    assert parse(text, "here").holds(MEASURED) is met


def test_flags_and_seeds_are_read():
    claim = parse("elbo in [-27, -2.2e1] with --steps 500 --method.latent 4", "here")
    assert (claim.low, claim.high, claim.flags) == (-27, -22, ("--steps", "500", "--method.latent", "4"))
    assert parse("x >= 475 in 7 of 8 seeds", "here").seeds == 8
    assert parse("x 1 ± 1 over 5 seeds", "here").seeds == 5


@pytest.mark.parametrize("text", ["x", "x 3", "x about 3 over 2 seeds", "x >= 3 in 2 seeds", "x in [1; 2]"])
def test_what_cannot_be_read_is_said_so(text):
    with pytest.raises(ConfigError, match="here: expectation .* cannot be read"):
        parse(text, "here")


def test_an_unknown_metric_is_no_success():
    with pytest.raises(ConfigError, match="no metric 'accuracy'"):
        parse("accuracy >= 0 over 1 seeds", "here").holds(MEASURED)


def test_every_header_can_be_read():
    for name, entry in catalog.experiments().items():
        assert claims(entry.fields["Expect"], name)
        if entry.family != "speed":
            assert len(claims(entry.fields["Tour"], name)) == 1
