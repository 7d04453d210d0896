"""The command line: python -m experiments [COMMAND | NAME] [--flags]

(nothing)          list the experiments, with cost and last result
NAME               run one: generative/vae_digits, or vae_digits for short; NAME --help lists its flags;
                   --config FILE takes the fields of a JSON file, such as a run's config.json, for defaults
resume RUN         go on exactly where a run stopped
sweep NAME --vary method.learning_rate 1e-4 1e-3 --seeds 8
verify NAME|FAMILY/|all     measure what the headers expect, with fresh seeds
bench NAME         compile time, speed, share of what the machine can do
report [RUN ...]   one self-contained page
tour               the cheapest method of every family, from nothing to a report

--debug shows tracebacks. Exit codes: 0 ok, 1 our bug, 2 usage or configuration, 3 data, 4 checkpoint, 5 a value that is
not finite or an expectation that was missed, 6 storage, 7 run in use, 8 stalled, 130 Ctrl-C, 143 SIGTERM.
"""

import os
import sys
from importlib import import_module

from jaxicon.core import compilation_cache
from jaxicon.core.errors import JaxiconError

COMMANDS = ("list", "resume", "sweep", "verify", "bench", "report", "tour")


def dispatch(words: list[str]) -> None:
    """The command of `words`: a module of experiments/commands, or an experiment to run."""
    if words and words[0] in ("-h", "--help"):
        print(__doc__.strip())
        return
    command, rest = (words[0], words[1:]) if words and words[0] in COMMANDS else ("run" if words else "list", words)
    if command not in ("list", "report"):
        compilation_cache.enable()
    if "JAX_COORDINATOR_ADDRESS" in os.environ:
        import_module("jaxicon.core.shard").start()
    import_module(f"experiments.commands.{command}").command(rest)


def main() -> int:
    words = [word for word in sys.argv[1:] if word != "--debug"]
    try:
        dispatch(words)
    except JaxiconError as error:
        if "--debug" in sys.argv:
            raise
        print(f"jaxicon: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        print(f"jaxicon: our bug: {type(error).__name__}: {error}\nthe traceback: add --debug", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
