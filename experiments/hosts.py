"""What hosts that share a run have to agree on. One host alone pays nothing for it, not even an import of jax."""

import os
from pathlib import Path


def several() -> bool:
    return "JAX_COORDINATOR_ADDRESS" in os.environ


def agreed(*values: int) -> tuple[int, ...]:
    """The largest that any host has, of each; every host has to ask."""
    if not several():
        return values
    import numpy as np
    from jax.experimental import multihost_utils

    return tuple(multihost_utils.process_allgather(np.array(values)).reshape(-1, len(values)).max(0).tolist())


def own(path: Path) -> Path:
    """Where this host keeps its record of a run: the first host at `path`, host i in host_i below it."""
    if not several():
        return path
    import jax

    return path / f"host_{jax.process_index()}" if jax.process_index() else path
