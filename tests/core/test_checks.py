"""Bad input ends in one message that names what, where, got and expected, before anything is compiled."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxicon.core.checks import positive, ranked, within
from jaxicon.core.errors import ConfigError, DataError
from jaxicon.core.stream import epochs, resident, windows


@pytest.mark.parametrize("bad", [0.0, -1e-3, float("nan"), float("inf")])
def test_a_number_that_must_be_positive(bad):
    positive("mlp", learning_rate=1e-3)
    with pytest.raises(ConfigError, match=rf"mlp: learning_rate is {bad}; expected a finite number above 0"):
        positive("mlp", decay=1.0, learning_rate=bad)


@pytest.mark.parametrize("bad", [-0.1, 1.5, float("nan")])
def test_a_number_that_must_lie_in_an_interval(bad):
    within("dropout", 0, 1, keep=0.5)
    with pytest.raises(ConfigError, match=f"dropout: keep is {bad}; expected 0 <= keep <= 1"):
        within("dropout", 0, 1, keep=bad)


def test_a_traced_number_passes():
    assert jax.jit(lambda rate: positive("mlp", learning_rate=rate) or rate)(-1.0) == -1


@pytest.mark.parametrize("shape", [(3,), (3, 4, 5), (0, 4)])
def test_an_array_that_must_have_two_axes(shape):
    ranked("mlp", 2, x=jnp.ones((3, 4)))
    with pytest.raises(DataError, match=rf"mlp: x has shape \({shape[0]},.*expected 2 axes"):
        ranked("mlp", 2, x=jnp.ones(shape))


@pytest.mark.parametrize("stream", [resident, epochs])
def test_a_stream_names_the_first_number_that_is_not_finite(stream):
    x = np.ones((4, 3), np.float32)
    x[2, 1] = np.nan
    with pytest.raises(DataError, match=r"stream: arrays\[0\]\[2, 1\] is nan; expected finite numbers"):
        stream((x, np.arange(4)), 2)


@pytest.mark.parametrize("stream", [resident, epochs, partial(windows, width=2)])
def test_a_batch_of_nothing(stream):
    with pytest.raises(ConfigError, match="batch_size is 0; expected"):
        stream(np.arange(10), batch_size=0)
