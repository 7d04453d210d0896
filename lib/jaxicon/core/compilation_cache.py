"""XLA's persistent compilation cache: the second run of a program starts in a fraction of the first's time."""

import os
from pathlib import Path


def folder() -> Path:
    """$JAX_COMPILATION_CACHE_DIR, else jaxicon/ in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("JAX_COMPILATION_CACHE_DIR") or Path(home) / "jaxicon" / "xla")


def enable() -> None:
    """Keep every compiled program: JAX's own thresholds would skip the small ones, of which a first step has many."""
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
