"""How to act on action values: policies as distributions over actions, schedules, and all of them as rules of one form.

Notes    RL & DL notebook U1; CS182 §7.6.2, §7.6.8
Book     Sutton & Barto 2018, §2.2 to §2.7, §5.4
Paper    Auer, Cesa-Bianchi & Fischer 2002, Machine Learning 47, for `ucb`; Rashid et al. 2020, arXiv:2002.12174, for
         `counting`
Systems  rl.explore_random rl.explore_greedy rl.explore_eps_greedy rl.explore_decay rl.explore_boltzmann
         rl.explore_optimistic rl.explore_ucb
Erratum  Of epsilon-greedy there are two conventions: the notebook's random action may be the greedy one, that of CS182
         may not. Both are here.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Num


def draw(key: jax.Array, probabilities: Float[Array, "n"]) -> Int[Array, ""]:
    """An index with these probabilities (up to a factor); never one of probability zero."""
    cumulative = jnp.cumsum(probabilities)
    height = cumulative[-1] * (1 - jax.random.uniform(key, dtype=cumulative.dtype))  # in (0, total]
    return (cumulative < height).sum()


def greedy(values: Float[Array, "a"]) -> Float[Array, "a"]:
    """All probability on the best action; ties share it evenly."""
    first = jnp.arange(values.size) == values.argmax()  # rounded anew by a fusion, no value may equal the maximum
    best = (first | (values == values.max())).astype(values.dtype)
    return best / best.sum()


def epsilon_greedy(values: Float[Array, "a"], epsilon: float) -> Float[Array, "a"]:
    """With probability epsilon any action, the greedy one included."""
    return (1 - epsilon) * greedy(values) + epsilon / values.size


def epsilon_others(values: Float[Array, "a"], epsilon: float) -> Float[Array, "a"]:
    """With probability epsilon any action but the greedy one: epsilon / (actions - 1) each."""
    best = greedy(values)
    return (1 - epsilon) * best + epsilon * (1 - best) / (values.size - 1)


def linear_decay(t: Int[Array, "*t"], start: float, end: float, span: float) -> Float[Array, "*t"]:
    """From start at t = 0 to end at t = span, and end from then on."""
    return start + (end - start) * jnp.minimum(t / span, 1.0)


def harmonic_decay(t: Int[Array, "*t"], start: float, pace: float) -> Float[Array, "*t"]:
    """start / (1 + t / pace): falls to zero, yet its sum diverges, so that nothing is left untried for ever."""
    return start / (1 + t / pace)


def no_bonus(visits: Num[Array, "a"]) -> Float[Array, "a"]:
    """Nothing is worth more than it seems."""
    return jnp.zeros(visits.shape)


class Rule(NamedTuple):
    """How a learner of action values plays.

    probabilities(values [a], visits [a], t) -> [a]: values and visits (fractions where states share features) are those
    of the state one is in, t counts all actions before this one.
    """

    probabilities: Callable
    initial: float = 0.0  # of every action value
    bonus: Callable = no_bonus  # visits [a] -> [a]: what else an action is worth wherever values are bootstrapped


def randomly() -> Rule:
    """Any action, whatever is known."""
    return Rule(lambda values, visits, t: jnp.full(values.shape, 1 / values.size, values.dtype))


def optimistic(initial: float) -> Rule:
    """Greedy, with first values above what any action is worth: disappointed of one, it tries the next."""
    return Rule(lambda values, visits, t: greedy(values), initial)


def greedily() -> Rule:
    """The best action by what is known, for ever; ties are broken at random."""
    return optimistic(0.0)


def with_epsilon(schedule: Callable, policy: Callable = epsilon_greedy) -> Rule:
    """policy(values, epsilon) with epsilon = schedule(t); the policy is one of the two conventions."""
    return Rule(lambda values, visits, t: policy(values, schedule(t)))


def constant(epsilon: float, policy: Callable = epsilon_greedy) -> Rule:
    """The same epsilon for ever."""
    return with_epsilon(lambda t: epsilon, policy)


def decaying(start: float, pace: float, policy: Callable = epsilon_greedy) -> Rule:
    """epsilon = start / (1 + t / pace); a pace of inf keeps it constant."""
    return with_epsilon(partial(harmonic_decay, start=start, pace=pace), policy)


def boltzmann(temperature: float) -> Rule:
    """p(a) in proportion to exp(value / temperature): greedy as it tends to 0, uniform as it tends to infinity."""
    return Rule(lambda values, visits, t: jax.nn.softmax((values - values.max()) / temperature))


def counting(scale: float, power: float = 0.5) -> Rule:
    """Greedy in value + scale / (1 + visits)^power, which is also what a state is hoped to be worth one step earlier.

    Because it is bootstrapped, the wish to see an action spreads to the ways that lead there. The power 1/2 is that of
    the width of a confidence interval; where bonuses add up on a long way, a higher one lets them fade in time.
    """
    bonus = lambda visits: scale / (1.0 + visits) ** power
    return Rule(lambda values, visits, t: greedy(values + bonus(visits)), bonus=bonus)


def ucb(scale: float) -> Rule:
    """Greedy in value + scale * sqrt(ln n / visits), n the visits of all actions; each action once before all others.

    UCB1 for rewards in [0, 1] has the scale sqrt(2), which is also that of rewards with a deviation of 1/2.
    """

    def probabilities(values, visits, t):
        width = jnp.sqrt(jnp.log(jnp.maximum(visits.sum(), 1)) / jnp.maximum(visits, 1))
        return greedy(jnp.where(visits > 0, values + scale * width, jnp.inf))

    return Rule(probabilities)


def rules() -> dict[str, Rule]:
    """Nine rules by name, with scales for values of order one."""
    return {
        "random": randomly(),
        "greedy": greedily(),
        "epsilon": constant(0.1),
        "epsilon_others": constant(0.1, epsilon_others),
        "decaying": decaying(1.0, 20.0),
        "boltzmann": boltzmann(0.3),
        "optimistic": optimistic(3.0),
        "count": counting(2.0),
        "ucb": ucb(1.5),
    }


def one_of(rules: Sequence[Rule], index: Int[Array, ""]) -> Rule:
    """The rule at this place, which may be traced: vmapped over it, all rules are one program."""
    pick = lambda field: lambda *given: jax.lax.switch(index, [getattr(rule, field) for rule in rules], *given)
    return Rule(pick("probabilities"), jnp.array([rule.initial for rule in rules])[index], pick("bonus"))
