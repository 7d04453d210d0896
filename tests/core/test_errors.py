"""Messages that help."""

import pytest

from jaxicon.core import errors
from jaxicon.core.errors import JaxiconError, nearest


def test_a_near_name_is_offered():
    assert nearest("vea", ["vae", "dqn", "glow"]) == "; did you mean 'vae'?"
    assert nearest("dqn2", ["double_dqn", "dqn", "vae"]).startswith("; did you mean 'dqn'")


def test_a_part_of_a_name_is_near():
    assert nearest("gp", ["wgan_gp", "glow", "dqn"]) == "; did you mean 'wgan_gp'?"


def test_where_nothing_is_near_all_are_named_in_order():
    assert nearest("zzz", ["vae", "dqn"]) == "; known: dqn, vae"
    assert nearest("zzz", []) == ""
    assert nearest("", ["vae"]) == "; known: vae"


@pytest.mark.parametrize(
    ("kind", "code"),
    [("Config", 2), ("Data", 3), ("Checkpoint", 4), ("Numeric", 5), ("Storage", 6), ("Locked", 7)],
)
def test_each_fault_has_the_exit_code_of_the_documentation(kind, code):
    error = getattr(errors, f"{kind}Error")
    assert issubclass(error, JaxiconError)
    assert error.code == code


def test_no_two_faults_share_a_code():
    codes = [
        kind.code for kind in (JaxiconError, *JaxiconError.__subclasses__()) if kind.__module__ == errors.__name__
    ] + [errors.STALLED]
    assert sorted(codes) == list(range(1, 9))
