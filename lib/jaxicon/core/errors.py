"""What can go wrong by the user's hand or the machine's, each with the exit code that a script can act on.

A message is one to three lines: what, where, what was got, what was expected.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class JaxiconError(Exception):
    """A fault with a message for its reader; the command line prints it without a traceback."""

    code = 1


class ConfigError(JaxiconError):
    """A flag, a name or a hyperparameter that cannot be."""

    code = 2


class DataError(JaxiconError):
    """Data that are absent, misshapen or out of range."""

    code = 3


class CheckpointError(JaxiconError):
    """A checkpoint that is absent, damaged or of another run."""

    code = 4


class NumericError(JaxiconError):
    """A value that is not finite, or an expectation that was missed."""

    code = 5


class StorageError(JaxiconError):
    """A disk that is full or a folder that cannot be written."""

    code = 6


class LockedError(JaxiconError):
    """A run that another process holds."""

    code = 7


STALLED = 8  # exit code of a run that the watchdog ended


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: '; did you mean 'vae'?', or all names where none is near."""
    known = sorted(known)
    close = get_close_matches(name, known, 3, 0.5) or [k for k in known if name and (name in k or k in name)][:3]
    if close:
        return "; did you mean " + " or ".join(repr(c) for c in close) + "?"
    return "; known: " + ", ".join(known) if known else ""
