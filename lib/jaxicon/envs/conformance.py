"""What an environment of one's own has to be: checked before anything is compiled, and once more by playing it.

Notes    RL & DL notebook U1, best practices
Paper    Brockman et al. 2016, arXiv:1606.01540, for the division into reset, step and spaces
Systems  rl.custom_env
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxicon.core.errors import ConfigError
from jaxicon.core.method import Key


def traced(name: str, function: Any, *kinds: Any) -> Any:
    """Shapes and dtypes of function(*kinds), without computing it; raises ConfigError where JAX cannot follow it."""
    if not callable(function):
        raise ConfigError(f"environment: {name} is {function!r}; expected a function")
    try:
        return jax.eval_shape(function, *kinds)
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise ConfigError(f"environment: {name} cannot be traced: {type(error).__name__}: {reason}") from error


def kinds(tree: Any) -> str:
    """Structure, shapes and dtypes in words; two trees of one kind have the same."""
    leaves, structure = jax.tree.flatten(tree)
    words = [f"{x.dtype}{list(x.shape)}" if hasattr(x, "dtype") else repr(x) for x in leaves]
    return words[0] if jax.tree_util.treedef_is_leaf(structure) else str(jax.tree.unflatten(structure, words))


def sample_of(actions: Any) -> jax.ShapeDtypeStruct:
    """The kind of one action; raises ConfigError for a space that is none, or is empty."""
    if isinstance(getattr(actions, "count", None), int | np.integer):  # every tuple has a method of that name
        if actions.count <= 0:
            raise ConfigError(f"environment: actions.count is {actions.count}; expected a whole number above 0")
        return jax.ShapeDtypeStruct((), jnp.result_type(int))
    if not (hasattr(actions, "low") and hasattr(actions, "high")):
        raise ConfigError(f"environment: actions are {actions!r}; expected Discrete(count) or Box(low, high)")
    low, high = np.asarray(actions.low), np.asarray(actions.high)
    if low.shape != high.shape or not (low < high).all():
        raise ConfigError(f"environment: actions lie between {low} and {high}; expected low < high, of one shape")
    return jax.ShapeDtypeStruct(low.shape, jnp.result_type(float))


def expect(what: str, got: Any, expected: str) -> None:
    if kinds(got) != expected:
        raise ConfigError(f"environment: {what} is {kinds(got)}; expected {expected}")


def check_environment(env: Any) -> None:
    """Shapes, dtypes and spaces; nothing is computed. Raises ConfigError with the first thing that is wrong.

    A step keeps the kind of the state, whatever that is; an observation is one array of constant shape; a reward is a
    floating-point scalar and `terminal` a boolean one.
    """
    if not (isinstance(env.horizon, int | np.integer) and env.horizon > 0):
        raise ConfigError(f"environment: horizon is {env.horizon!r}; expected a whole number above 0")
    key, action = jax.eval_shape(lambda: jax.random.key(0)), sample_of(env.actions)
    state = traced("reset", env.reset, key)
    obs = traced("observe", env.observe, state)
    if not isinstance(obs, jax.ShapeDtypeStruct):
        raise ConfigError(f"environment: observe returns {kinds(obs)}; expected one array")
    seen = traced("step", env.step, key, state, action)
    if not (isinstance(seen, tuple) and len(seen) == 3):
        raise ConfigError(f"environment: step returns {kinds(seen)}; expected (state, reward, terminal)")
    after, reward, terminal = seen
    expect("the state after a step", after, kinds(state))
    if getattr(reward, "shape", None) != () or not jnp.issubdtype(reward.dtype, jnp.floating):
        raise ConfigError(f"environment: the reward is {kinds(reward)}; expected a floating-point scalar")
    expect("terminal", terminal, "bool[]")
    if env.starts is not None:
        many = traced("starts", lambda key: env.starts(key, 3), key)
        expect(
            "starts(key, 3)", many, kinds(jax.tree.map(lambda x: jax.ShapeDtypeStruct((3, *x.shape), x.dtype), state))
        )


def rehearse(key: Key, env: Any, steps: int = 100) -> None:
    """check_environment, then random play twice with one key, each time traced anew.

    Raises ConfigError where the two differ, so that there is chance beside the key, and where a reward, an observation
    or a state is not finite.
    """
    check_environment(env)
    action = sample_of(env.actions)

    def any_action(key):
        if action.dtype.kind == "i":
            return jax.random.randint(key, (), 0, env.actions.count)
        low, high = (jnp.asarray(bound, action.dtype) for bound in (env.actions.low, env.actions.high))
        return jnp.clip(jax.random.uniform(key, action.shape, action.dtype, -1.0, 1.0), low, high)

    def play(key):
        def move(state, t):
            act_key, step_key, reset_key = jax.random.split(jax.random.fold_in(key, t), 3)
            state, reward, terminal = env.step(step_key, state, any_action(act_key))
            seen = state, env.observe(state), reward
            return jax.tree.map(lambda x, y: jnp.where(terminal, x, y), env.reset(reset_key), state), seen

        return jax.lax.scan(move, env.reset(jax.random.fold_in(key, steps)), jnp.arange(steps))[1]

    first, second = (jax.tree.map(np.asarray, jax.jit(lambda key: play(key))(jax.random.clone(key))) for _ in range(2))
    for (path, x), y in zip(jax.tree.leaves_with_path(first), jax.tree.leaves(second), strict=True):
        where = ("state", "observation", "reward")[path[0].idx] + jax.tree_util.keystr(path[1:])
        if not np.array_equal(x, y, equal_nan=x.dtype.kind == "f"):
            raise ConfigError(f"environment: the {where} is not a function of the key: one key gave two outcomes")
        if x.dtype.kind == "f" and not np.isfinite(x).all():
            raise ConfigError(f"environment: the {where} is not finite after step {np.argwhere(~np.isfinite(x))[0][0]}")
