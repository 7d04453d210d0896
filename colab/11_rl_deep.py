# %% [markdown]
# # Deep reinforcement learning
#
# [![Open In Colab][badge]][colab]
#
# [badge]: https://colab.research.google.com/assets/colab-badge.svg
# [colab]: https://colab.research.google.com/github/jaxicon/jaxicon/blob/main/colab/11_rl_deep.ipynb
#
# One path through the notes on value functions and policies that are networks: what goes wrong when a maximum is
# taken over guesses, how noisy a policy gradient is, how far a step may go, what several workers, continuous actions
# and hidden states ask for, how far one comes without gradients, and what is still missing before a policy may leave
# the simulator. Everything is learned here, on a CPU, from several seeds at once.

# %%
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec

if not find_spec("jaxicon"):  # JAX stays as it is: another version might not see the accelerator
    pins = [f"jax=={version('jax')}"] if find_spec("jax") else []
    source = "jaxicon @ git+https://github.com/jaxicon/jaxicon"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", source, *pins], check=True)
    assert pins in ([], [f"jax=={version('jax')}"])

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from jaxicon.core.method import varied
from jaxicon.core.run import evaluate, fresh, train
from jaxicon.core.stream import nothing
from jaxicon.envs.cartpole import cartpole
from jaxicon.envs.environment import episode

QUICK = "JAXICON_QUICK" in os.environ  # the tests run every cell, but not for long
few = lambda steps: 4 if QUICK else steps
key = jax.random.key(0)
plt.rcParams.update({"figure.dpi": 100, "figure.constrained_layout.use": True, "font.size": 11})
pole = cartpole()
pole = pole._replace(observe=lambda state: jnp.stack(state) / jnp.array([2.0, 2.0, 0.2, 2.0]))  # all of order one


def panels(count: int, height: float = 2.8):
    """So many axes side by side."""
    return plt.subplots(1, count, figsize=(max(5, 3.4 * count), height), squeeze=False)[1][0]


def band(axes, x, rows, label: str) -> None:
    """Mean over the seeds, rows [seeds, steps], and the range from the lowest to the highest of them."""
    (line,) = axes.plot(x, rows.mean(0), lw=2, label=label)
    axes.fill_between(x, rows.min(0), rows.max(0), color=line.get_color(), alpha=0.2, lw=0)


def mean_std(values) -> str:
    return f"{values.mean():.1f} ± {values.std(ddof=1):.1f}"


# %% [markdown]
# ## 1. Bellman's backup, and a function fitted to it
#
# With more states than a table can hold, each backup is followed by a fit. The backup brings values closer to the right
# ones, but the fit can stretch the error again. The smallest example has two states with features 1 and 2, one weight
# w, no reward, and a way from both to the second: every backup and fit multiplies w by 6/5 of the discount. Below 5/6
# it dies out; above, it grows for ever, though both states are worth 0. This is why deep Q-learning needs its crutches:
# a target network, a replay buffer, a ceiling on values.

# %%
from jaxicon.core.stream import epochs
from jaxicon.envs.outcomes import of_tables
from jaxicon.envs.tabular import MDP, environment
from jaxicon.nn.regression import least_squares
from jaxicon.rl_value import fitted_value_iteration as fvi

features, both = np.array([[1.0], [2.0]]), epochs(np.arange(2), 2)
tables = MDP(np.array([[[0.0, 1]], [[0.0, 1]]]), np.zeros((2, 1)), 0.9, np.zeros(2, bool), np.array([1.0, 0]))
states = environment(tables, 10)._replace(observe=lambda state: jnp.asarray(features, float)[state])
discounts = [0.7, 0.8, 0.9, 0.99]
fits = varied(
    lambda config: fvi.fitted_value_iteration(config, states, of_tables(tables, features), least_squares(1, 0.0)),
    [fvi.Config(discount, 1) for discount in discounts],
)
_, history = train(key, fits, both, 40, state=jnp.ones((len(discounts), 1, 1)))
weight = history["value"] / (2 * np.array(discounts))  # both targets are 2 discount w
(axes,) = panels(1)
for discount, line in zip(discounts, weight.T, strict=True):
    axes.plot(line, label=f"discount {discount}")
    print(f"discount {discount}: w grew {line[-1] ** (1 / 39):.4f} times a step; 6/5 discount is {1.2 * discount:.4f}")
axes.set(title="The weight, which should be 0", xlabel="backups and fits", yscale="log")
axes.legend(fontsize=8)
plt.show()

# %% [markdown]
# ## 2. A maximum over guesses is too high
#
# The target of Q-learning contains a maximum. If five actions are worth the same and our values are off by noise, the
# largest of them is not the best action but the luckiest error. Double DQN lets one network choose and another rate: an
# error that lifted the one is not in the other. In the library this is one argument of `dqn`; a dueling network is
# another (`network`), prioritised replay a third (`memory`).

# %%
from jaxicon.rl_value.double_dqn import double_dqn, online_choice_by_target
from jaxicon.rl_value.dqn import Config as DqnConfig
from jaxicon.rl_value.dqn import best_by_target, dqn

left, right = panels(2, 3)
counts = jnp.array([1, 2, 4, 8, 16, 32])
opinions = jax.random.normal(key, (2, 4000, 32))  # of two networks, on actions that are all worth 0
for name, rule in {"DQN": best_by_target, "double DQN": online_choice_by_target}.items():
    among = lambda count, rule=rule: jax.vmap(rule)(*jnp.where(jnp.arange(32) < count, opinions, -jnp.inf)).mean()
    left.plot(counts, jax.jit(jax.vmap(among))(counts), "o-", label=name)
left.axhline(0, color="0.6", ls=":")
left.set(title="All actions are worth 0", xlabel="actions", xscale="log", ylabel="what is bootstrapped from")
left.legend(fontsize=9)

seeds = jax.random.split(key, 4)
config = DqnConfig(updates=3000, buffer=30_000, batch=64, epsilon_steps=15_000.0)
agents = {"DQN": dqn(config, pole), "double DQN": double_dqn(config, pole)}
start = fresh(seeds, agents["DQN"])
for name, agent in agents.items():
    state, history = train(seeds, agent, nothing, few(config.updates), state=start)
    band(right, config.envs * np.arange(few(config.updates)), history["q"], name)
    found = evaluate(seeds, agents["DQN"], state, nothing, 1)  # both play greedily
    print(f"{name}: return {mean_std(found['return'])}, thought to be worth {mean_std(found['value'])} of at most 100")
right.axhline(100, color="0.6", ls=":", label="upright for ever")
right.set(title="CartPole: mean Q of the batch", xlabel="environment steps")
right.legend(fontsize=9)
plt.show()

# %% [markdown]
# On the left, the bias of the one rule grows with the number of actions and that of the other is 0. CartPole has two
# actions only, and the choice between the rules matters little there: both networks come to promise more than can be
# earned, each bootstrapping from what it has said before. The experiments put a ceiling on it.
#
# ## 3. How noisy is a policy gradient?
#
# The gradient of the expected return is a mean over episodes of scores times credits: REINFORCE. Any credit with the
# right mean will do, and they differ in their variance. Here is a game in which every move is a coin of our own with
# the probability p of heads, and pays 1, and 1 more for heads. All 2ᵀ episodes can be listed, so the variance of each
# estimator is a sum and not an estimate. Rewards that came before a move leave the credit (reward-to-go), and what was
# expected anyhow is subtracted (baseline).

# %%
from itertools import product

from jaxicon.ops.policy_gradient import full_return
from jaxicon.ops.returns import discounted_returns

p, longest = 0.4, 10
heads = jnp.array(list(product((0.0, 1.0), repeat=longest)))  # every episode, one a row
chance = jnp.prod(jnp.where(heads == 1, p, 1 - p), axis=1)
horizons = jnp.arange(1, longest + 1)


def moments(horizon, credit, subtracted):
    """Mean and variance of an episode's gradient by the logit of p, where the episode is over after `horizon` moves."""
    over = jnp.arange(longest) == horizon - 1
    worth = jax.vmap(lambda reward: credit(reward, over, 1.0))(1 + heads)
    baseline = subtracted * (chance @ worth)
    gradient = jnp.where(jnp.arange(longest) < horizon, (heads - p) * (worth - baseline), 0).sum(1)
    mean = chance @ gradient
    return mean, chance @ (gradient - mean) ** 2


spread = {}
for name, credit in {"whole return": full_return, "reward-to-go": discounted_returns}.items():
    for subtracted, what in ((0.0, ""), (1.0, ", baseline")):
        one = lambda horizon, credit=credit, subtracted=subtracted: moments(horizon, credit, subtracted)
        mean, spread[name + what] = jax.jit(jax.vmap(one))(horizons)
        np.testing.assert_allclose(mean, horizons * p * (1 - p), rtol=1e-4)  # the derivative of T (1 + p)
(axes,) = panels(1, 3.2)
for name, variance in spread.items():
    axes.plot(horizons, variance, "o-", label=name)
    print(f"{name:22} variance {variance[-1]:6.2f} at a horizon of {longest}; the mean is {mean[-1]:.2f} for all")
axes.set(title="Variance of one episode", xlabel="horizon", yscale="log")
axes.legend(fontsize=8)
plt.show()

# %% [markdown]
# ## 4. PPO from eight seeds at once
#
# An actor-critic takes a learned value for the baseline. Proximal policy optimisation plays a little, then learns from
# what it played for several epochs; so that the policy does not run away from its data, the objective is flat where the
# probability of an action has changed by more than a fifth. A run is a function of its key: eight keys are eight runs
# in one program. The band goes from the worst seed to the best.

# %%
from jaxicon.rl_policy import ppo as module
from jaxicon.rl_policy.ppo import Config, ppo

keys = jax.random.split(jax.random.key(1), 8)
config = Config(reward_scale=0.02)
updates, moves = few(config.updates), config.envs * config.steps
clipped_agent = ppo(config, pole)
trained, clipped = train(keys, clipped_agent, nothing, updates)
found = evaluate(keys, clipped_agent, trained, nothing, 1)["return"]
print(f"likeliest actions: {mean_std(found)} over {len(keys)} seeds; 500 is the most there is")
(axes,) = panels(1, 3)
band(axes, moves * np.arange(updates), clipped["return"], "PPO")
axes.set(title="CartPole, actions drawn", xlabel="environment steps", ylabel="return")
plt.show()

# %% [markdown]
# A policy can be watched: above, a network that has learned nothing yet, below, the same network after its updates.


# %%
def strip(rows: dict[str, tuple]) -> None:
    """Six moments of each episode: the track from -2.4 to 2.4 m, the cart, and the pole of 1 m, drawn longer."""
    _, grid = plt.subplots(len(rows), 6, figsize=(10, 1.5 * len(rows)))
    for line, (label, (moments, length)) in zip(grid, rows.items(), strict=True):
        times = np.unique(np.linspace(0, length - 1, 6).astype(int))
        for axes, t in zip(line, times, strict=False):
            x, theta = float(moments.x[t]), float(moments.theta[t])
            axes.plot([-2.4, 2.4], [-0.15, -0.15], "0.6")
            axes.add_patch(plt.Rectangle((x - 0.35, -0.15), 0.7, 0.3, color="C0"))
            axes.plot([x, x + 1.4 * np.sin(theta)], [0, 1.4 * np.cos(theta)], "C1", lw=4)
            axes.set_title(f"move {t}", fontsize=9)
        for axes in line:
            axes.set(xlim=(-2.5, 2.5), ylim=(-0.4, 1.7), aspect="equal")
            axes.axis("off")
        print(f"{label}: {length} moves")
    plt.show()


@jax.jit
def watched(state):
    """The states of one episode of the likeliest actions, and how long it lasts."""
    played = episode(jax.random.key(3), pole, lambda key, obs: clipped_agent.act(key, state, obs))
    return played.state, played.alive.sum()


first = lambda tree: jax.tree.map(lambda leaf: leaf[0], tree)
film = {"before": watched(first(fresh(keys, clipped_agent))), "after": watched(first(trained))}
strip({name: (moments, int(length)) for name, (moments, length) in film.items()})

# %% [markdown]
# ## 5. Change one function: no clipping
#
# The clipped objective is one function of two lines, `surrogate`. Without its clip it is the plain importance-weighted
# gain: nothing holds the policy back within the four epochs. Put that in its place and train again from the same keys.


# %%
def unclipped(ratio, advantage, clip):
    return ratio * advantage


surrogate, module.surrogate = module.surrogate, unclipped
free_agent = ppo(config, pole)
free_state, free = train(keys, free_agent, nothing, updates, state=fresh(keys, clipped_agent))
module.surrogate = surrogate

found = evaluate(keys, clipped_agent, free_state, nothing, 1)["return"]
print(f"likeliest actions without clipping: {mean_std(found)}")
left, right = panels(2, 3)
for name, history in {"PPO": clipped, "without clipping": free}.items():
    band(left, moves * np.arange(updates), history["return"], name)
    right.plot(moves * np.arange(updates), history["kl"].mean(0), label=name)
    print(f"{name}: mean KL of an update {history['kl'].mean():.4f}, the largest {history['kl'].max():.3f}")
left.set(title="Return of drawn actions", xlabel="environment steps")
left.legend(fontsize=9)
right.set(title="KL from the policy that played", xlabel="environment steps", yscale="log")
plt.show()

# %% [markdown]
# ## 6. A trust region
#
# The natural gradient measures the length of a step by how much the policy changes: it goes so far that the divergence,
# to second order, is δ. To second order only: the true one may be more. TRPO takes the same step and shortens it until
# the true divergence is at most δ and the gain is positive.

# %%
from jaxicon.rl_policy.natural_policy_gradient import Config as NaturalConfig
from jaxicon.rl_policy.natural_policy_gradient import natural_policy_gradient
from jaxicon.rl_policy.trpo import Config as TrpoConfig
from jaxicon.rl_policy.trpo import trpo

delta = 0.01
plain = natural_policy_gradient(NaturalConfig(divergence=delta, damping=1e-3, reward_scale=0.02), pole)
bound = trpo(TrpoConfig(divergence=delta, damping=1e-3, reward_scale=0.02), pole)
left, right = panels(2, 3)
for name, agent in {"natural gradient": plain, "TRPO": bound}.items():
    _, history = train(seeds, agent, nothing, few(25), state=fresh(seeds, plain))
    left.plot(history["kl"].ravel(), ".", label=name)
    band(right, moves * np.arange(few(25)), history["return"], name)
    above = (history["kl"] > delta).mean()
    print(f"{name}: largest KL {history['kl'].max():.4f}, above {delta} in {above:.0%} of all updates")
left.axhline(delta, color="k", lw=1)
left.set(title="True KL, every update", xlabel="updates of four seeds", ylim=(0, None))
right.set(title="Return of drawn actions", xlabel="environment steps")
right.legend(fontsize=9, loc="upper left")
plt.show()

# %% [markdown]
# ## 7. Workers that are late
#
# A2C plays in many copies and takes one gradient for all. In A3C every worker has a copy of the parameters that is out
# of date when it reports: the others have changed them meanwhile. With a single worker there is nobody to be late for,
# and A3C is A2C: from the same state and by the same keys, their updates agree bit for bit. The 16 workers take 16
# small steps for each of A2C's, at a quarter of its rate.

# %%
from jaxicon.rl_policy import a2c as synchronous
from jaxicon.rl_policy.a2c import a2c
from jaxicon.rl_policy.a3c import Config as A3cConfig
from jaxicon.rl_policy.a3c import a3c

alone, many = (
    a3c(A3cConfig(envs=16, workers=1, reward_scale=0.02), pole),
    a3c(A3cConfig(learning_rate=1e-3, reward_scale=0.02), pole),
)
together = a2c(synchronous.Config(reward_scale=0.02), pole)


def as_first_worker(key, state, batch):
    """A2C's step by the key that A3C gives to its first worker."""
    return together.step(jax.random.fold_in(jax.random.split(key)[1], 0), state, batch)


start = fresh(seeds, alone)
base = synchronous.State(start.params, start.opt_state, jax.tree.map(lambda leaf: leaf[:, 0], start.worlds))
curves = {
    "A2C": train(seeds, together._replace(step=as_first_worker), nothing, few(300), state=base)[1],
    "A3C, one worker": train(seeds, alone, nothing, few(300), state=start)[1],
    "A3C, 16 workers": train(seeds, many, nothing, few(300))[1],
}
loss, other = (curves[name]["value_loss"][:, :20] for name in ("A2C", "A3C, one worker"))
print(f"first 20 updates of A2C and of one worker: losses differ by {np.abs(loss / other - 1).max():.0e} of themselves")
(axes,) = panels(1, 3)
for name, history in curves.items():
    band(axes, 256 * np.arange(few(300)), history["return"], name)
axes.set(title="CartPole, actions drawn", xlabel="environment steps", ylabel="return")
axes.legend(fontsize=9, loc="lower right")
plt.show()

# %% [markdown]
# ## 8. Continuous actions
#
# A maximum over a continuum cannot be looked up, so an actor is trained to find it: DDPG's is deterministic, that of
# the soft actor-critic draws its actions and is paid for its entropy, too. Both learn off policy from a buffer. The
# task is a rod that the motor cannot lift at once: it has to swing. The picture has the torque for every angle and
# speed, and the way of one episode from hanging to standing.

# %%
from jaxicon.envs import pendulum
from jaxicon.rl_policy.sac import Config as SacConfig
from jaxicon.rl_policy.sac import sac

rod = pendulum.pendulum()
rod = rod._replace(observe=lambda state: pendulum.observe(state) / jnp.array([1.0, 1.0, 8.0]))
rates = dict(actor_rate=1e-3, critic_rate=2e-3, alpha_rate=1e-3, first_alpha=0.1, mixing=0.01, discount=0.98)
agent = sac(SacConfig((64, 64), **rates, buffer=10_000, batch=64, warmup=few(1000), reward_scale=0.1), rod)
pair = jax.random.split(key, 2)
state, history = train(pair, agent, nothing, few(5000))
print("returns of two seeds:", evaluate(pair, agent, state, nothing, 1)["return"].round())

hanging = rod._replace(reset=lambda key: pendulum.State(jnp.array(jnp.pi), jnp.array(0.0)))
swing = jax.jit(lambda state: episode(key, hanging, lambda key, obs: agent.act(key, state, obs)).state)(first(state))
angle, speed = np.meshgrid(np.linspace(-np.pi, np.pi, 121), np.linspace(-8, 8, 81))
seen = np.stack([np.cos(angle), np.sin(angle), speed / 8], -1).astype(np.float32)
left, right = panels(2, 3)
left.plot(history["return"].T)
left.set(title="Return of the last episode", xlabel="environment steps")
image = right.pcolormesh(angle, speed, agent.act(key, first(state), seen)[..., 0], cmap="coolwarm", shading="auto")
plt.colorbar(image, ax=right, label="torque")
right.plot((swing.theta + np.pi) % (2 * np.pi) - np.pi, swing.spin, "k.", ms=3)
right.set(title="Actor, and one swing", xlabel="angle; 0 is upright", ylabel="speed")
plt.show()

# %% [markdown]
# ## 9. Without gradients
#
# The cross-entropy method, evolution strategies and CMA-ES ask only what a vector of parameters is worth. CMA-ES draws
# from a Gaussian, moves its mean to the better samples and turns and stretches its covariance along the way that went
# well. In Rosenbrock's valley one can see the ellipse lie down along the bend. As a policy search it needs ten numbers
# for CartPole: a linear policy.

# %%
from jaxicon.foundations.optimizers import rosenbrock
from jaxicon.ops import cma_es
from jaxicon.rl_policy.policy_search import Config as SearchConfig
from jaxicon.rl_policy.policy_search import policy_search

cost = jax.vmap(lambda w: rosenbrock().value(w, None))


@jax.jit
def searched(key):
    """The Gaussians of 60 generations of 10 samples."""

    def generation(search, key):
        samples = cma_es.ask(key, search, 10)
        return cma_es.tell(search, samples, -cost(samples), cma_es.constants(2, 10)), search

    return jax.lax.scan(generation, cma_es.begin(jnp.array([-1.2, 1.0]), 0.3), jax.random.split(key, 60))[1]


path = searched(jax.random.key(2))
print(
    "distance to (1, 1) at first and after 59 generations:", np.linalg.norm(np.asarray(path.mean)[[0, -1]] - 1, axis=1)
)
left, right = panels(2, 3.4)
gx, gy = np.meshgrid(np.linspace(-1.8, 1.6, 120), np.linspace(-0.5, 2.0, 120))
height = cost(np.stack([gx.ravel(), gy.ravel()], 1).astype(np.float32))
left.contour(gx, gy, np.log(np.asarray(height).reshape(gx.shape) + 0.1), 20, colors="0.8")
left.plot(*path.mean.T, "k.-", ms=3, lw=0.8)
turn = np.linspace(0, 2 * np.pi, 60)
for n in range(0, 40, 6):
    axis = path.sigma[n] * path.axes[n] * path.scales[n][None]  # sigma times the root of the covariance
    left.plot(*(path.mean[n][:, None] + 2 * axis @ np.stack([np.cos(turn), np.sin(turn)])), lw=1.5)
left.set(title="Two deviations, every sixth generation", xlim=(-1.8, 1.6), ylim=(-0.5, 2.0))
agent = policy_search(SearchConfig(population=16), pole)
state, history = train(seeds, agent, nothing, few(20))
band(right, np.arange(few(20)), history["return"], "CMA-ES")
right.set(title="CartPole by ten numbers", xlabel="generation", ylabel="mean return")
plt.show()

# %% [markdown]
# ## 10. What cannot be seen must be remembered
#
# In MemoryChain a bit is shown once and asked for five steps later. What is seen then is the same for both bits, so
# that a policy of the observation alone is right half the time, a return of 0 on average. A recurrent policy is one of
# the whole history: a GRU carries the bit, and the gradient goes back through all of its steps.

# %%
from jaxicon.envs.gymnax import from_gymnax
from jaxicon.rl_policy.recurrent_ppo import Config as RecurrentConfig
from jaxicon.rl_policy.recurrent_ppo import recurrent_ppo

chain = from_gymnax("MemoryChain-bsuite")
numbers = dict(learning_rate=5e-3, updates=60, envs=32, steps=24, minibatches=2)
(axes,) = panels(1, 3)
rivals = {
    "recurrent": recurrent_ppo(RecurrentConfig(**numbers), chain),
    "of what is seen": ppo(Config(**numbers), chain),
}
for name, agent in rivals.items():
    _, history = train(seeds, agent, nothing, few(60))
    band(axes, 32 * 24 * np.arange(few(60)), history["return"], name)
    print(f"{name}: return of the last updates {history['return'][:, -10:].mean():.2f}; 1 is always right")
axes.set(title="MemoryChain, 32 copies", xlabel="environment steps", ylabel="return")
axes.legend(fontsize=9)
plt.show()

# %% [markdown]
# ## 11. What deployment asks
#
# A mean return does not say all. *Risk*: the arm that pays more on average may ruin one in ten, and CVaR, the mean of
# the worst cases, says so. *Constraints*: a limit on the cost has a price, Lagrange's multiplier, and every limit has
# its best return. *Safety*: a layer between policy and machine moves a wish to the nearest action that is allowed.

# %%
from jaxicon.envs.grid_world import OBSTACLES, grid_world
from jaxicon.ops.risk import cvar
from jaxicon.rl_policy.constrained_policy_gradient import Config as LimitConfig
from jaxicon.rl_policy.constrained_policy_gradient import constrained_policy_gradient
from jaxicon.rl_policy.safety_layer import nearest_safe

left, middle, right = panels(3, 3)
risky = np.linspace(0, 1, 101, dtype=np.float32)
chances = np.stack([0.1 * risky, 1 - risky, 0.9 * risky], 1)
pays = jnp.array([-3.0, 1.0, 2.0])
left.plot(risky, chances @ pays, label="mean")
left.plot(risky, jax.vmap(lambda chance: cvar(pays, 0.2, chance))(chances), label="worst fifth (CVaR)")
left.set(title="A safe arm and a risky one", xlabel="probability of the risky arm")
left.legend(fontsize=8)

field = grid_world(OBSTACLES, {"G": 10.0, "X": 0.0}, terminal="GX", slip=0.2, discount=0.95)
crash = np.where(field.terminal[:, None], 0, field.transition @ (np.array(list("".join(OBSTACLES))) == "X"))
limits = [0.01, 0.02, 0.05, 0.1, 0.2]
make = lambda config: constrained_policy_gradient(config, field, crash)
limited = varied(make, [LimitConfig(limit, 0.3, 2.0) for limit in limits])
state, _ = train(key, limited, nothing, few(4000))
found = evaluate(key, limited, state, nothing, 1)
middle.plot(found["cost"], found["value"], "o-")
middle.set(title="The price of a limit", xlabel="probability of a crash", ylabel="value")
print("limits:", limits, " crashes:", found["cost"].round(3), " values:", found["value"].round(2))

rule = jnp.array([[0.8, 0.6]]), jnp.array([0.3])  # 0.8 a + 0.6 b <= 0.3
wishes = jax.random.uniform(key, (25, 2), minval=-1, maxval=1)
answers = jax.vmap(lambda wish: nearest_safe(wish, rule))(wishes)
right.plot([-0.375, 1], [1, (0.3 - 0.8) / 0.6], "k")
right.plot(*wishes.T, "C3o", ms=4, label="wish")
right.plot(*answers.T, "C2o", ms=4, label="played")
right.plot(*np.stack([wishes, answers]).transpose(2, 0, 1), "0.6", lw=0.8)
right.set(title="The nearest safe action", xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
right.legend(fontsize=8)
plt.show()

# %% [markdown]
# *Offline*: where nobody may try, there are only logs. A maximum over actions finds those that the data overrate, and
# no play corrects it. Conservative Q-learning pushes down what was not logged; with a weight of 0 it is Q-learning as
# if nothing were the matter. Here are 20,000 logged moves: of each, a coin decides whether a good controller or one
# that lets the cart run away rules it, and four in ten are random instead.

# %%
from jaxicon.core.stream import resident
from jaxicon.envs.environment import Discrete, mean_return
from jaxicon.rl_value.conservative_q_learning import Config as OfflineConfig
from jaxicon.rl_value.conservative_q_learning import conservative_q_learning
from jaxicon.rl_value.fully_fitted_q import collected


def controller(key, obs):
    """The action of the good rule or of the reckless one, or a random one."""
    who_key, wild_key, any_key = jax.random.split(key, 3)
    rules = jnp.array([[0.2, 0.6, 0.6, 2.0], [-2.0, -2.0, 0.6, 2.0]])
    ruled = (rules[jax.random.randint(who_key, (), 0, 2)] @ obs > 0).astype(int)
    return jnp.where(jax.random.bernoulli(wild_key, 0.4), jax.random.randint(any_key, (), 0, 2), ruled)


logs = resident(jax.tree.map(np.asarray, jax.jit(lambda key: collected(key, pole, controller, 40, 500))(key)), 256)
offline = lambda config: conservative_q_learning(config, Discrete(2))
configs = {"naive": OfflineConfig(alpha=0.0), "conservative": OfflineConfig(alpha=1.0)}
state, history = train(seeds, varied(offline, [*configs.values()]), logs, few(3000))


@jax.jit
def played(state):
    """Returns [seeds, methods] of the greedy policies."""
    act = offline(configs["naive"]).act  # it does not depend on the weight
    one = lambda state: mean_return(key, pole, lambda key, obs: act(key, state, obs), 16)
    return jax.vmap(jax.vmap(one))(state)


returns = np.asarray(played(state))
left, right = panels(2, 3)
for i, name in enumerate(configs):
    left.plot(np.full(len(seeds), i), returns[:, i], "o", ms=9, alpha=0.5)
    band(right, np.arange(few(3000)), history["penalty"][..., i], name)
    print(f"{name}: return {mean_std(returns[:, i])}")
left.set(title="Return, every seed", ylim=(0, 520), xlim=(-0.5, 1.5))
left.set_xticks([0, 1], [*configs])
right.set(title="Promised beyond the logs", xlabel="steps of descent", ylabel="log sum exp Q - Q of the log")
right.legend(fontsize=9)
plt.show()

# %% [markdown]
# ## Where next
#
# - Each method is one file: `python -m jaxicon show ppo` prints it with its papers and notes; `lib/jaxicon/rl_value`
#   has fitted iteration, the family of DQN and offline learning, `lib/jaxicon/rl_policy` all the policy gradients.
# - The experiments say what they are expected to reach, from ten seeds: `python -m experiments rl_policy/ppo_cartpole`,
#   and `rl_policy/reinforce_baselines_cartpole`, `rl_policy/ddpg_pendulum`, `rl_policy/sac_reacher`,
#   `rl_policy/safety_layer_cart`, `rl_value/dqn_stability`, `rl_value/prioritized_dqn_cartpole`.
# - Pixels and opponents: `rl_policy/ppo_breakout` and `rl_policy/ppo_pong`.
