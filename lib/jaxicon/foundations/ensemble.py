"""Ensemble: several runs of one classifier, on the same data or on resamples of it, that decide together.

Notes    CS182 §4.6, §4.6.1
Paper    Breiman 1996, Machine Learning 24 (bagging); Lakshminarayanan, Pritzel & Blundell 2017, arXiv:1612.01474
Systems  ens.same_data ens.bootstrap
Idea     p(y | x) = 1/M sum_j p_j(y | x)                                                           (1)
         or the class that most members choose, the lowest of those that tie                         (2)
         -log p(y | x) <= 1/M sum_j -log p_j(y | x),  for -log is convex                             (3)
         bagging: member j sees n examples, drawn once with replacement from the n                   (4)
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxicon.core.checks import positive
from jaxicon.core.errors import DataError
from jaxicon.core.method import Key, Metrics, Predictor
from jaxicon.core.stream import Stream, epochs, length
from jaxicon.ops.distributions import mixture

Batch = tuple[Float[Array, "b ..."], Int[Array, "b"]]


def average(logits: Float[Array, "m b c"]) -> Float[Array, "b c"]:
    """(1) as log p(y | x), of the logits of m members."""
    return mixture(jax.nn.log_softmax(logits))


def vote(logits: Float[Array, "m b c"]) -> Int[Array, "b"]:
    """(2): of classes with equally many votes the lowest, as in scipy.stats.mode; so it is within a member."""
    return jax.nn.one_hot(logits.argmax(-1), logits.shape[-1], dtype=jnp.int32).sum(0).argmax(-1)


def nll(log_probs: Float[Array, "*b c"], y: Int[Array, "*#b"]) -> Float[Array, "*b"]:
    """-log p(y | x) in nats."""
    return -jnp.take_along_axis(log_probs, y[..., None], -1)[..., 0]


def scores(logits: Float[Array, "m b c"], y: Int[Array, "b"]) -> Metrics:
    """Of the average (1): nll, accuracy; of the vote (2): vote_accuracy; means over the members: member_*.

    nll_gain is the gap of (3), never negative but for rounding; disagreement is the mean distance between two members
    in p: the sum over the classes of the variance over the members.
    """
    mean, right = average(logits), lambda classes: (classes == y).mean(dtype=logits.dtype)
    whole, single = nll(mean, y).mean(), nll(jax.nn.log_softmax(logits), y[None]).mean()
    return {
        "nll": whole,
        "accuracy": right(mean.argmax(-1)),
        "vote_accuracy": right(vote(logits)),
        "member_nll": single,
        "member_accuracy": (logits.argmax(-1) == y[None]).mean(dtype=logits.dtype),
        "nll_gain": single - whole,
        "disagreement": jax.nn.softmax(logits).var(0).sum(-1).mean(),
    }


def resample(key: Key, n: int) -> Int[Array, "n"]:
    """(4): n places out of 0 .. n - 1 with replacement; on average a share of 1 - 1/e of them is there."""
    return jax.random.randint(key, (n,), 0, n)


def for_members(arrays: Any, batch_size: int, members: int, sample: Callable[[Key, int], Int[Array, "n"]]) -> Stream:
    """Batches of members * batch_size examples, first those of member 0; each goes through its own sample in epochs."""
    positive("ensemble", members=members, batch_size=batch_size)
    size, base = length(arrays), epochs(arrays, batch_size)

    def plan(key, ts, arrays):
        def one(member):
            sample_key, order_key = jax.random.split(jax.random.fold_in(key, member))
            return sample(sample_key, size)[base.plan(order_key, ts, arrays)]

        places = jax.vmap(one)(jnp.arange(members))
        return places.swapaxes(0, 1).reshape(ts.shape[0], -1)

    return base._replace(plan=plan)


def shuffled(arrays: Any, batch_size: int, members: int) -> Stream:
    """All members see all of the arrays, each in orders of its own; batches are as in `for_members`."""
    return for_members(arrays, batch_size, members, lambda key, n: jnp.arange(n))


def bootstrapped(arrays: Any, batch_size: int, members: int) -> Stream:
    """Bagging (4): the sample of a member is a function of (key, member), so one for all of a run."""
    return for_members(arrays, batch_size, members, resample)


def shares(batch: Any, members: int) -> Any:
    """A batch cut into equal parts, one a member, along a new leading axis; raises DataError where it does not part."""
    size = jax.tree.leaves(batch)[0].shape[0]
    if size % members:
        raise DataError(f"ensemble: a batch of {size} examples does not part into {members} equal shares")
    return jax.tree.map(lambda x: x.reshape(members, size // members, *x.shape[1:]), batch)


def ensemble(method: Predictor, members: int) -> Predictor:
    """`members` independent runs of a classifier, whose predict gives logits [b, c], vmapped; predict: log of (1).

    In training a batch (x, y) is the members' batches one after the other, as `shuffled` and `bootstrapped` make them;
    evaluate shows all members the whole of its batch, see `scores`. Raises ConfigError for members < 1.
    """
    positive("ensemble", members=members)

    def init(key: Key, batch):
        """One member after the other: initialisers call LAPACK, which must not be vmapped (core/run.py)."""
        start = lambda given: method.init(jax.random.fold_in(key, given[0]), given[1])
        return jax.lax.map(start, (jnp.arange(members), shares(batch, members)))

    def step(key: Key, state, batch: Batch):
        keys = jax.random.split(key, members)
        state, metrics = jax.vmap(method.step)(keys, state, shares(batch, members))
        return state, jax.tree.map(lambda x: x.mean(0), metrics)

    def logits(state, x: Float[Array, "b ..."]) -> Float[Array, "m b c"]:
        return jax.vmap(method.predict, (0, None))(state, x)

    def evaluate(key: Key, state, batch: Batch) -> Metrics:
        return scores(logits(state, batch[0]), batch[1])

    return Predictor(init, step, evaluate, lambda state, x: average(logits(state, x)))
