"""Jaxicon: a lexicon of deep learning and reinforcement learning in pure JAX functions; one method, one file."""

__version__ = "0.1.0"
