"""A small recommender: who visits is known by the groups he belongs to, and clicks as those groups do.

It is honest in that the click rate is linear in what is seen of a visitor, as LinUCB supposes, and simple in that the
articles do not change.

Paper    Li, Chu, Langford & Schapire 2010, WWW, arXiv:1003.0146, section 2
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive, within
from jaxicon.core.method import Key


class Audience(NamedTuple):
    """rates(key) -> click rates [groups, articles], drawn once;  visitor(key) -> memberships [groups], which sum to 1

    click(key, rates, visitor, article) -> 1.0 or 0.0, with the visitor's mean rate.
    """

    rates: Callable
    visitor: Callable
    click: Callable


def audience(groups: int = 4, articles: int = 8, purity: float = 0.3, most: float = 0.8) -> Audience:
    """Rates are uniform in [0, most], memberships Dirichlet: the smaller `purity`, the more visitors are of one group.

    Raises ConfigError for a number that is not positive, and for rates above 1.
    """
    positive("audience", groups=groups, articles=articles, purity=purity, most=most)
    within("audience", 0, 1, most=most)

    def rates(key: Key) -> Float[Array, "d a"]:
        return most * jax.random.uniform(key, (groups, articles))

    def visitor(key: Key) -> Float[Array, "d"]:
        return jax.random.dirichlet(key, jnp.full(groups, purity))

    def click(key: Key, rates: Float[Array, "d a"], who: Float[Array, "d"], article: Int[Array, ""]) -> Array:
        return jax.random.bernoulli(key, who @ rates[:, article]).astype(rates.dtype)

    return Audience(rates, visitor, click)
