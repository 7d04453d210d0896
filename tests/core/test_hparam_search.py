from dataclasses import dataclass

import jax
import numpy as np
import pytest
from scipy.stats import kstest

from jaxicon.core.errors import ConfigError
from jaxicon.core.hparam_search import Found, Range, candidates, hparam_search
from jaxicon.core.method import Learner
from jaxicon.core.run import advance, evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.deep_sea import deep_sea
from jaxicon.envs.tabular import environment
from jaxicon.ops.exploration import constant
from jaxicon.rl_value.exploration import Config, exploration

SYSTEM = pytest.mark.system("rl.hparam_search")


@dataclass(frozen=True)
class Choice:
    learning_rate: float = 0.5
    discount: float = 0.9
    epsilon: float = 0.1
    rows: int = 3


SPACE = {"learning_rate": Range(1e-3, 1.0, log=True), "discount": Range(0.0, 1.0), "epsilon": Range(0.0, 1.0)}
SEA = environment(deep_sea(3), 3)._replace(observe=lambda state: jax.nn.one_hot(state, 10))


def factory(choice: Choice):
    return exploration(Config(choice.learning_rate, 0.0, choice.discount), SEA, constant(choice.epsilon))


@SYSTEM
def test_candidates_are_a_function_of_the_key_and_fill_their_ranges(key):
    drawn = candidates(jax.random.clone(key), Choice(rows=7), SPACE, 400)
    assert drawn == candidates(jax.random.clone(key), Choice(rows=7), dict(reversed(SPACE.items())), 400)
    assert drawn != candidates(jax.random.key(1), Choice(rows=7), SPACE, 400)
    assert {c.rows for c in drawn} == {7}
    rates = np.log10([c.learning_rate for c in drawn])
    assert kstest((rates + 3) / 3, "uniform").pvalue > 1e-3
    assert kstest([c.discount for c in drawn], "uniform").pvalue > 1e-3
    assert abs(np.corrcoef([c.discount for c in drawn], [c.epsilon for c in drawn])[0, 1]) < 0.2


@SYSTEM
def test_scores_are_those_of_runs_of_their_own_and_the_search_is_one_program(key):
    compiled = advance._cache_size()
    found = hparam_search(jax.random.clone(key), factory, Choice(), SPACE, "return", 600, count=24, runs=2)
    assert advance._cache_size() == compiled + 1
    draw_key, train_key = jax.random.split(key)
    assert found.configs == candidates(draw_key, Choice(), SPACE, 24)
    best = int(found.scores.argmax())
    assert found.best == found.configs[best]
    assert len(set(found.scores.round(6))) > 1  # the numbers matter
    keys, middle = jax.random.split(train_key, 2), int(np.abs(found.scores - 0.5).argmin())
    method = factory(found.configs[middle])
    state, _ = train(jax.random.clone(keys), method, nothing, 600, chunk=600)
    alone = evaluate(keys, method, state, nothing, 1)["return"].mean()
    np.testing.assert_allclose(found.scores[middle], alone, atol=1e-6)
    np.testing.assert_allclose(found.scores[best], 0.99, atol=1e-6)  # the best policy there is


def drawn_at_first(choice: Choice) -> Learner:
    """It learns nothing: its score is a number that it drew, times the discount."""
    step = lambda key, state, batch: (state, {"drawn": state})
    return Learner(
        lambda key, batch: jax.random.uniform(key), step, lambda key, state, batch: {"score": choice.discount * state}
    )


@SYSTEM
def test_a_score_is_the_mean_over_the_runs(key):
    space = {"discount": Range(0.5, 1.0)}
    found = hparam_search(jax.random.clone(key), drawn_at_first, Choice(), space, "score", 1, count=3, runs=5)
    _, train_key = jax.random.split(key)
    drawn = [float(fresh(k, drawn_at_first(Choice()))) for k in jax.random.split(train_key, 5)]
    np.testing.assert_allclose(found.scores, [c.discount * np.mean(drawn) for c in found.configs], rtol=1e-5)


@SYSTEM
def test_a_candidate_without_a_score_is_not_the_best():
    assert Found(["a", "b", "c"], np.array([np.nan, 1.0, 2.0])).best == "c"


@SYSTEM
@pytest.mark.parametrize(
    ("space", "score", "words"),
    [
        ({"discuont": Range(0, 1)}, "return", "no field 'discuont'; did you mean 'discount'"),
        ({"discount": Range(1.0, 0.5)}, "return", "expected low < high"),
        ({"epsilon": Range(0.0, 1.0, log=True)}, "return", "above 0 where log"),
        ({"rows": Range(1, 9)}, "return", "rows is no float"),
        ({"discount": Range(0.5, 3.0)}, "return", "expected 0 <= discount <= 1"),
        ({"discount": Range(0.1, 0.9)}, "retrun", "no metric 'retrun'; did you mean 'return'"),
    ],
)
def test_a_search_that_cannot_be_is_refused(space, score, words, key):
    with pytest.raises(ConfigError, match=words):
        hparam_search(key, factory, Choice(), space, score, 2, count=4)
