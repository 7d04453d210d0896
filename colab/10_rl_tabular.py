# %% [markdown]
# # Tabular reinforcement learning
#
# [![Open In Colab][badge]][colab]
#
# [badge]: https://colab.research.google.com/assets/colab-badge.svg
# [colab]: https://colab.research.google.com/github/jaxicon/jaxicon/blob/main/colab/10_rl_tabular.ipynb
#
# One path through the chapter in which everything fits in a table, in the order of the notes: chains and what they
# pay, planning with a known model, learning without one, control, exploration, and a state that one cannot see. Every
# learner is run from many seeds at once, and because the models are small, each of them is held against the exact
# solution of its Bellman equation.

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

from jaxicon.core.method import Learner, varied
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import nothing

QUICK = "JAXICON_QUICK" in os.environ  # the tests run every cell, but not for long
few = lambda steps: min(steps, 10) if QUICK else steps
seeds = lambda count: jax.random.split(jax.random.key(0), min(count, 3) if QUICK else count)
jax.config.update("jax_enable_x64", True)  # tables are small: they can afford all sixteen digits
plt.rcParams.update({"figure.dpi": 100, "figure.constrained_layout.use": True, "font.size": 11})


def panels(count: int, height: float = 2.8, width: float = 3.4):
    """So many axes side by side."""
    return plt.subplots(1, count, figsize=(width * count, height), squeeze=False)[1][0]


def band(axes, x, curves, label: str) -> None:
    """The mean over seeds of curves [seeds, t], and where the middle 80 % of the seeds are."""
    (line,) = axes.plot(x, np.mean(curves, 0), lw=2, label=label)
    axes.fill_between(x, *np.quantile(curves, (0.1, 0.9), axis=0), color=line.get_color(), alpha=0.2, lw=0)


def watched(method, look) -> Learner:
    """The same method; its metrics are what `look` sees in the state after every step."""

    def step(key, state, batch):
        state, _ = method.step(key, state, batch)
        return state, {"seen": look(state)}

    return Learner(method.init, step, method.evaluate)


# %% [markdown]
# ## 1. Chains, and chains that pay
#
# A Markov chain forgets all but the state it is in. Ours is a robot that sits, stands or lies there crashed. If it is
# repaired, the share of its time in each state settles, and the shares solve one linear system, pi P = pi; if it is
# not, the expected time until the crash solves another. A chain with rewards has a value, v = R + discount P v, which
# can be solved for at once or approached by sweeps: each of them shrinks the error by the discount at least.

# %%
from jaxicon.envs import markov
from jaxicon.envs.markov import process_value

names, steps = ("sits", "stands", "crashed"), 10 if QUICK else 400
walks = jax.vmap(lambda key: markov.walk_chain(key, markov.robot(0.5), 0, steps))(seeds(200))  # [seeds, t]
settled = markov.stationary(markov.robot(0.5))
left, right = panels(2)
for state, name in enumerate(names):
    band(left, np.arange(1, steps + 1), np.cumsum(walks == state, 1) / np.arange(1, steps + 1), name)
    left.axhline(settled[state], color="k", ls=":", lw=1)
left.set(title="Share of the time so far", xlabel="step")
left.legend(fontsize=9)

worker = markov.working_robot()
exact, value, errors = process_value(worker), jnp.zeros(3), []
for _ in range(120):
    value = markov.value_sweep(worker, value)
    errors.append(float(jnp.abs(value - exact).max()))
right.semilogy(errors, lw=2, label="sweeps")
right.semilogy(errors[0] * worker.discount ** np.arange(120), "k--", lw=1, label="discount$^k$")
right.set(title="Distance from the solved value", xlabel="sweep")
right.legend()
plt.show()
times = markov.absorption_times(markov.robot())
print(f"without repair, expected steps until the crash: {times[0]:.4g} if it sits, {times[1]:.4g} if it stands")
print("value of every state, solved for:", exact.round(4), " after 120 sweeps:", value.round(4))

# %% [markdown]
# ## 2. The value of a policy
#
# A Markov decision process has actions; whoever has a policy turns it back into a chain that pays. So the value of a
# policy is again one linear solve, `process_value(induced(mdp, policy))`, and policy evaluation by sweeps goes to the
# same numbers. On the grid with a star every move costs 1 and nothing is discounted: a cell is worth minus the moves
# that are left. Here only the chance not to have arrived yet shrinks the error, so that the random policy takes
# thousands of sweeps; for a policy that shortens the way, the longest way is enough.


# %%
from jaxicon.envs.grid_world import MOVES, STAR, star_grid
from jaxicon.envs.markov import induced
from jaxicon.envs.tabular import look_ahead
from jaxicon.ops.exploration import greedy
from jaxicon.rl_tabular.policy_evaluation import policy_evaluation


def show_grid(axes, tiles, value, title, goes=None, moves=MOVES, digits=None) -> None:
    """Cells coloured by value [s], an arrow for every action that `goes` [s, a] allows; walls and ends are letters."""
    cells = np.array([list(row) for row in tiles])
    free = ~np.isin(cells, [*"#HXCG"])
    picture = np.ma.masked_where(~free, np.reshape(value, cells.shape))
    image = axes.imshow(picture, cmap="viridis")
    axes.set_facecolor("0.25")
    for s, (row, column) in enumerate(np.ndindex(cells.shape)):
        if not free[row, column]:
            axes.text(column, row, cells[row, column].strip("#"), ha="center", va="center", color="w")
            continue
        ink = "k" if image.norm(picture[row, column]) > 0.6 else "w"
        if digits is not None:
            text = f"{picture[row, column]:.{digits}f}"
            axes.text(column, row - 0.34, text, ha="center", va="center", color=ink, fontsize=8)
        for action in np.flatnonzero(goes[s]) if goes is not None else ():
            down, right = moves[action]
            axes.arrow(column, row + 0.15, 0.13 * right, 0.13 * down, width=0.02, head_width=0.12, color=ink)
    height, width = cells.shape
    axes.set(xticks=[], yticks=[], title=title, xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


best_of = lambda q: np.asarray(q) >= np.max(q, -1, keepdims=True) - 1e-6

star = star_grid()
q = star.reward
for _ in range(20):
    q = look_ahead(star, q.max(-1))
shortest = np.asarray(jax.vmap(greedy)(q.round(6)))
policies = {"any move": np.full(q.shape, 0.25), "any move that shortens the way": shortest}
*grids, right = panels(3, 3, 3.8)
for axes, (name, policy) in zip(grids, policies.items(), strict=True):
    solved = process_value(induced(star, policy))
    method = policy_evaluation(star, policy)
    value, history = train(jax.random.key(0), method, nothing, few(6000), chunk=1000)
    show_grid(axes, STAR, solved, name, policy > 0, digits=1)
    right.loglog(np.arange(1, few(6000) + 1), history["residual"] + 1e-17, lw=2, label=name)
    print(f"{name:31} from S, solved: {solved[0]:.9f}   swept: {value[0]:.9f}")
right.set(title="What a sweep still changes", xlabel="sweep")
right.legend(fontsize=8, loc="lower left")
plt.show()

# %% [markdown]
# ## 3. Planning: three ways to the best policy
#
# Value iteration takes the best action inside the backup, Q iteration does the same to a table of action values, and
# policy iteration evaluates a policy exactly and then improves it. They end in the same fixed point, at a different
# pace: a sweep of the first two wins a factor, a step of the third may change every action at once, and there are
# finitely many policies. On FrozenLake with slippery ice one slides to either side with probability 2/3. The arrows
# then point away from the holes rather than to the goal.

# %%
from jaxicon.envs.frozen_lake import MAPS, frozen_lake
from jaxicon.rl_tabular import policy_iteration as improvement
from jaxicon.rl_tabular.q_value_iteration import q_value_iteration
from jaxicon.rl_tabular.value_iteration import value_iteration

key, lakes = jax.random.key(0), {"firm ice": frozen_lake(slippery=False), "slippery ice": frozen_lake()}
solve_by_policies = lambda mdp, backups=None: improvement.policy_iteration(improvement.Config(backups), mdp)
*grids, right = panels(3, 3.2)
for axes, (name, lake) in zip(grids, lakes.items(), strict=True):
    plan, _ = train(key, solve_by_policies(lake), nothing, few(20))
    true = process_value(induced(lake, np.eye(4)[plan.policy]))
    show_grid(axes, MAPS["4x4"], true, name, best_of(look_ahead(lake, true)), digits=2)

planners = {
    "value iteration": (value_iteration(lake), lambda value: value),
    "Q iteration": (q_value_iteration(lake), lambda q: q.max(-1)),
    "policies, 5 sweeps each": (solve_by_policies(lake, 5), lambda state: state.value),
    "policies, solved": (solve_by_policies(lake), lambda state: state.value),
}
for name, (planner, value_of) in planners.items():
    look = lambda state, value_of=value_of: jnp.abs(value_of(state) - true).max()
    _, history = train(key, watched(planner, look), nothing, few(500))
    right.semilogy(np.arange(1, few(500) + 1), history["seen"] + 1e-17, lw=2, label=name)
    far = (history["seen"] >= 1e-6).sum()
    print(f"{name:24} is farther than 1e-6 from V* for {far} of {few(500)} steps")
right.set(title="Largest error of a value", xlabel="step")
right.legend(fontsize=8, loc="center right")
plt.show()

# %% [markdown]
# ## 4. A model too large for a table of pairs
#
# Most states follow no given state. A table of the few successors of every state and action is all that a backup
# needs, and the methods take it in the place of the full one: nothing else changes. The bound does not change either:
# however many states there are, a sweep shrinks the largest error by the discount.

# %%
from jaxicon.envs.tabular import greedy_value, random_mdp

size = 200 if QUICK else 20_000
large = random_mdp(seed=0, states=size, actions=4, successors=8, discount=0.95)
value, history = train(key, value_iteration(large), nothing, few(300))
played = greedy_value(large, look_ahead(large, value))
print(f"{size} states: {size**2 * 4:.1e} pairs in a full table, {large.transition.state.size:.1e} successors in ours")
print(f"largest gap between V and what its greedy policy is really worth: {jnp.abs(played - value).max():.1e}")

(axes,) = panels(1, 2.6, 5)
sweeps = np.arange(few(300))
axes.semilogy(sweeps, history["residual"], lw=2, label="what a sweep changes at most")
axes.semilogy(sweeps, history["residual"][0] * large.discount**sweeps, "k--", lw=1, label="discount$^k$")
axes.set(xlabel="sweep", title="Value iteration on the large model")
axes.legend(fontsize=9)
plt.show()

# %% [markdown]
# ## 5. Prediction without a model: Monte Carlo and TD(0)
#
# Without the model one plays. Monte Carlo draws the value of a state towards the whole return that followed, TD(0)
# towards the next reward and the value of the next state. The return has no bias and much noise, the bootstrapped
# target the other way round. On the random walk of five states the true values are 1/6, ..., 5/6, because each state
# is worth the mean of its neighbours. Each method has a step size that suits it.

# %%
from jaxicon.envs.random_walk import either_way, random_walk
from jaxicon.rl_tabular.mc_prediction import mc_prediction
from jaxicon.rl_tabular.td0 import Config as TDConfig
from jaxicon.rl_tabular.td0 import td0

walk = random_walk()
true = process_value(induced(walk, either_way(walk)))
distance = lambda value, true: jnp.sqrt(((value - true)[1:-1] ** 2).mean())  # over the states that are not the end
learners = {
    "TD(0)": td0(TDConfig(0.05, initial=0.5), walk, either_way(walk)),
    "Monte Carlo": mc_prediction(TDConfig(0.02, initial=0.5), walk, either_way(walk)),
}
left, right = panels(2)
right.plot(range(1, 6), true[1:-1], "k", lw=1, label="exact")
for name, learner in learners.items():
    state, history = train(seeds(100), watched(learner, lambda s: distance(s.value, true)), nothing, few(100))
    band(left, np.arange(1, few(100) + 1), history["seen"], name)
    found = state.value[:, 1:-1]
    right.errorbar(range(1, 6), found.mean(0), found.std(0), marker="o", capsize=3, lw=1, label=name)
    print(f"{name:12} error after {few(100)} episodes: {history['seen'][:, -1].mean():.3f}, mean of {len(found)} seeds")
left.set(title="Root mean square error", xlabel="episode", ylim=(0, None))
left.legend()
right.set(title="Values, with deviations", xlabel="state")
right.legend(fontsize=9)
plt.show()

# %% [markdown]
# ## 6. Between the two: n rewards, then a value
#
# TD(0) and Monte Carlo are the ends of one scale: n rewards as they came, then the value of where they led. On a longer
# walk, of nineteen states with -1 and 1 at the ends, one reward is too few, since news travels one state an episode,
# and all of them are too noisy. `varied` makes one method of all step sizes, so that a curve below is one program for
# every seed and every step size.

# %%
from jaxicon.rl_tabular.n_step_td import n_step_td

longer = random_walk(19, -1.0, 1.0)
true = process_value(induced(longer, either_way(longer)))
sizes = [0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8]
(axes,) = panels(1, 3, 5)
for n in (1, 400) if QUICK else (1, 2, 4, 16, 400):

    def factory(config):
        return watched(n_step_td(config, longer, either_way(longer), n), lambda state: distance(state.value, true))

    _, history = train(seeds(20), varied(factory, [TDConfig(size, horizon=400) for size in sizes]), nothing, 10)
    error = history["seen"].mean((0, 1))  # [seeds, episodes, step sizes] -> [step sizes]
    axes.plot(sizes, error, "o-", label="Monte Carlo" if n == 400 else f"n = {n}")
    print(f"n = {n:3}: {error.min():.3f} at its best step size, {sizes[error.argmin()]:g}")
axes.set(title="Mean error over the first ten episodes", xlabel="step size", ylim=(0.2, 0.6))
axes.legend(fontsize=9, ncols=2)
plt.show()

# %% [markdown]
# ## 7. The values of one policy from the play of another
#
# An episode of somebody else tells of my policy, if it counts as often as I would have played it: each return gets the
# weight rho, a product of probability ratios. The ordinary estimate divides by the number of visits; it is right in
# the mean, but few returns have most of the weight. The weighted one divides by the sum of the weights: a little
# biased at first, and much nearer in any one run.

# %%
from jaxicon.rl_tabular.mc_off_policy import Config as OffPolicyConfig
from jaxicon.rl_tabular.mc_off_policy import mc_off_policy

rightward = np.tile([0.3, 0.7], (7, 1))
true = process_value(induced(walk, rightward))
both = lambda state: jnp.stack([distance(state.ordinary, true), distance(state.weighted, true)])
method = mc_off_policy(OffPolicyConfig(), walk, rightward, either_way(walk))
_, history = train(seeds(30), watched(method, both), nothing, few(1000))
(axes,) = panels(1, 2.8, 5)
for i, name in enumerate(("ordinary", "weighted")):
    band(axes, np.arange(1, few(1000) + 1), history["seen"][..., i], name)
    print(f"{name} importance sampling: error {history['seen'][:, -1, i].mean():.3f} after {few(1000)} episodes")
axes.set(xscale="log", yscale="log", xlabel="episodes of the other", title="Root mean square error")
axes.legend()
plt.show()

# %% [markdown]
# ## 8. Monte-Carlo control: when to draw another card
#
# To act well without a model, one needs the values of actions. Monte-Carlo control averages the returns after each
# action and plays the best so far; every game begins with a random hand and a random decision, or what looked bad once
# would never be tried again. The rules of blackjack are known, so the library has them as a table too, and value
# iteration tells what the best player loses. Pale cells are those where both decisions are nearly the same.

# %%
from jaxicon.envs.blackjack import blackjack
from jaxicon.rl_tabular import mc_control as control

game = blackjack()
value, _ = train(key, value_iteration(game), nothing, 30)  # no game is longer
best = look_ahead(game, value)
method = control.mc_control(control.Config(horizon=8), game)
games = 10 if QUICK else 40_000
state, _ = train(seeds(4), method, nothing, games, chunk=10_000)
worth = evaluate(seeds(4), method, state, nothing, 1)["value"]
agree = (state.q[:, :200].argmax(-1) == best[:200].argmax(-1)).mean()
print(f"after {games} games the player loses {-worth.mean():.4f} a game, the best {-game.start @ value:.4f}")
print(f"and decides as the best does in {agree:.0%} of the hands")

tables = {"learned": state.q[0], "best": best}
columns = panels(4, 3.3, 2.7)
for axes, (player, ace) in zip(columns, [(who, ace) for ace in (0, 1) for who in tables], strict=True):
    hands = tables[player][100 * ace : 100 * ace + 100]
    gain = np.reshape(hands[:, 1] - hands[:, 0], (10, 10))
    axes.imshow(gain, origin="lower", cmap="RdBu", vmin=-0.5, vmax=0.5, extent=(0.5, 10.5, 11.5, 21.5))
    for total, dealer in np.argwhere(gain > 0):
        axes.text(dealer + 1, total + 12, "hit", ha="center", va="center", fontsize=7)
    axes.set(xticks=[1, 4, 7, 10], title=f"{player}, {'with' if ace else 'no'} usable ace", xlabel="card of the dealer")
columns[0].set_ylabel("own sum")
plt.show()

# %% [markdown]
# ## 9. The cliff: SARSA and Q-learning
#
# Both move a value towards the reward and the value of the next state; they differ in which. Q-learning takes the best
# action there and learns the shortest way, along the edge of the cliff. SARSA takes the action that is really played:
# it knows that whoever explores one move in ten falls one day, and keeps away. So the policy of Q-learning is the
# better one, and SARSA has the better time while it learns. Brighter cells were visited more often.

# %%
from jaxicon.envs.grid_world import CLIFF, cliff_walking
from jaxicon.rl_tabular import q_learning as module
from jaxicon.rl_tabular.sarsa import sarsa

cliff, moves = cliff_walking(), few(15_000)
config = module.Config(step_size=0.5, power=0.0, epsilon=0.1, pace=float("inf"), horizon=1000)


def online(method):
    """The state after the moves of every seed, and the return of its last episode at all times, [seeds, bins]."""
    state, history = train(seeds(40), method, nothing, moves, chunk=1000)
    return state, history["return"].reshape(len(history["return"]), -1, moves // 10).mean(-1)


def greedy_way(q) -> np.ndarray:
    """Row and column of the cells on the way along the best actions; no way is longer than the map."""
    way = [36]
    while way[-1] != 47 and len(way) < 48:
        way.append(int(cliff.transition[way[-1], q[way[-1]].argmax()].argmax()))
    return np.array(np.divmod(way, 12))


def show_way(axes, learned, title) -> None:
    """How often the cells were visited, over all seeds, and the way that the first seed thinks best."""
    show_grid(axes, CLIFF, np.log1p(np.asarray(learned.visits).sum((0, 2))), title)
    rows, columns = greedy_way(np.asarray(learned.q[0]))
    axes.plot(columns, rows, "o-", color="C3", ms=3)


careful, scores = online(sarsa(config, cliff))
bold, others = online(module.q_learning(config, cliff))
left, middle, right = panels(3, 2.6, 4)
show_way(left, careful.learned, "SARSA")
show_way(middle, bold, "Q-learning")
ticks = (np.arange(10) + 0.5) * moves / 10_000
for label, curves in (("SARSA", scores), ("Q-learning", others)):
    band(right, ticks, curves, label)
    print(f"{label:10} return while learning: {curves[:, 5:].mean():.1f} in the second half")
right.set(title="Return of an episode", xlabel="thousand moves", ylim=(-120, 0))
right.legend(loc="lower right")
plt.show()

# %% [markdown]
# ## 10. Change one function
#
# The mathematics of a method are functions at the top of its file. `learn` of Q-learning takes the maximum over the
# next actions; SARSA's draw is a sample of what the rule would do. What if we took the mean over the rule itself? Put
# another `learn` in the place of the first, make the method anew and train again: that is *expected SARSA*, SARSA
# without the noise of the draw, in four lines. Everything else, the cliff, the exploration and the seeds, is the same.


# %%
def expected(config, discount, rule, state, seen):
    after = seen.next_obs
    chances = rule.probabilities(state.q[after], state.visits[after], state.visits.sum())
    q, error = module.backup(config, discount, state, seen, chances @ state.q[after])
    return state._replace(q=q), error


learn, module.learn = module.learn, expected
calm, means = online(module.q_learning(config, cliff))
module.learn = learn

left, right = panels(2, 2.6, 4.5)
show_way(left, calm, "Expected SARSA")
for label, curves in (("SARSA", scores), ("Q-learning", others), ("expected SARSA", means)):
    band(right, ticks, curves, label)
    print(f"{label:14} {curves[:, 5:].mean():6.1f}, deviation over the seeds {curves[:, 5:].mean(1).std():.1f}")
right.set(title="Return of an episode", xlabel="thousand moves", ylim=(-120, 0))
right.legend(loc="lower right", fontsize=9)
plt.show()

# %% [markdown]
# ## 11. Dyna-Q: learning from moves that are only imagined
#
# A real move is expensive, a remembered one is not. Dyna-Q keeps a model of what it has seen and, between two real
# moves, repeats the update of Q-learning on pairs drawn from it. The first reward then flows back through the whole
# maze at once, where Q-learning carries it one cell an episode. The first search of the goal is blind for
# all. Below is what the first seed knows early on, and how many episodes fit into as many real moves.

# %%
from jaxicon.envs.grid_world import grid_world
from jaxicon.rl_tabular.dyna_q import dyna_q

LABYRINTH = ("S..#...", ".#.#.#.", ".#...#.", ".###.#.", ".....#G")
mdp = grid_world(LABYRINTH, {"G": 1.0}, step=0.0, discount=0.95)
explorer = module.Config(step_size=0.5, power=0.0, epsilon=0.1, pace=float("inf"), horizon=5000)
early, later = few(1000), few(2000)
*grids, right = panels(3, 3, 3.8)
for planning in (0, 50) if QUICK else (0, 1, 5, 50):
    method = watched(dyna_q(explorer, mdp, planning), lambda state: state.learned.world.time[0] == 0)
    state, before = train(seeds(16), method, nothing, early)
    _, after = train(seeds(16), method, nothing, later, state=state, start=early)
    over = np.concatenate([before["seen"], after["seen"]], 1)  # [seeds, moves], where an episode ended
    band(right, np.arange(1, over.shape[1] + 1), over.cumsum(1), f"{planning} imagined")
    pace = 1 / max(over[:, -early:].mean(), 1 / over.size)
    print(f"{planning:2} imagined moves: {pace:6.1f} real ones an episode, among the last {early}")
    if planning in (0, 50):
        q = np.asarray(state.learned.q[0])
        known = best_of(q) & (q.max(-1, keepdims=True) > 1e-6)
        show_grid(grids[planning > 0], LABYRINTH, q.max(-1), f"{planning} imagined, {early} real moves", known)
right.plot([0, early + later], [0, (early + later) / 14], "k:", lw=1, label="shortest way")
right.set(title="Episodes so far", xlabel="real moves")
right.legend(fontsize=9)
plt.show()

# %% [markdown]
# ## 12. Bandits: nine rules of exploration
#
# With one state and ten arms, all that is left is the question whether to pull for knowledge or for gain. Regret is
# what a player lost against always pulling the best arm. Who never explores, or never stops, loses a constant amount a
# pull for ever; a bonus that fades with the visits, as that of UCB, loses less and less. The rules are values of one
# type and the index of a rule may be traced, so that all rules and all bandits are one program.

# %%
from jaxicon.envs.bandit import gaussian
from jaxicon.ops.exploration import one_of, rules
from jaxicon.rl_tabular.bandit import Config as BanditConfig
from jaxicon.rl_tabular.bandit import bandit


def played(index, key):
    """Regret and optimality of every pull of one rule on one bandit, each [t]."""
    method = bandit(BanditConfig(), gaussian(10), one_of(list(rules().values()), index))
    init_key, pulls_key = jax.random.split(key)
    pull = lambda state, key: method.step(key, state, None)
    return jax.lax.scan(pull, method.init(init_key, None), jax.random.split(pulls_key, few(1000)))[1]


each_bandit = jax.vmap(played, (None, 0))
record = jax.jit(jax.vmap(each_bandit, (0, None)))(jnp.arange(len(rules())), seeds(200))  # [rules, bandits, t]
left, right = panels(2, 3.4, 4.4)
regret, optimal = record["regret"].cumsum(-1).mean(1), record["optimal"].mean(1)
for name, lost, share in zip(rules(), regret, optimal, strict=True):
    left.loglog(np.arange(1, few(1000) + 1), lost, lw=2, label=name)
    right.plot(share.reshape(10, -1).mean(-1), lw=2)
    print(f"{name:15} regret {lost[-1]:7.1f}, best arm in {share[-few(1000) // 10 :].mean():.0%} of the last pulls")
left.set(title="Regret so far", xlabel="pulls")
left.legend(fontsize=8)
right.set(title="Share of the best arm", xlabel="tenth of the pulls", ylim=(0, 1))
plt.show()

# %% [markdown]
# ## 13. A state that one cannot see
#
# In a partially observable process, the last observation does not say where one is; the probability of every state,
# given all that was seen and done, does: the belief. One step of prediction and one of Bayes' rule carry it on. A robot
# that knows the maze but not its place feels which of the four sides are walls, each sensor right nine times in ten,
# and its moves slip. A belief that is right knows how sure it may be: the probability that it gives to the true cell
# is, in the mean, the sum of its squares.

# %%
from jaxicon.envs.grid_world import MAZE
from jaxicon.envs.pomdp import POMDP, first_belief, next_belief, partial_environment, tiger

firm = grid_world(MAZE, {}, terminal="")
walls = firm.transition.argmax(-1) == np.arange(len(firm.reward))[:, None]  # [s, 4], which moves are stopped
felt = (np.arange(16)[:, None] >> np.arange(4)) & 1  # [16, 4], what the sensors may say
emission = np.where(walls[:, None] == felt[None], 0.9, 0.1).prod(-1)
hidden = POMDP(grid_world(MAZE, {}, terminal="", slip=0.2), emission)
world = partial_environment(hidden, 40)


def wander(key):
    """True places [t] and beliefs [t, s] on a random walk."""
    start_key, key = jax.random.split(key)
    start = world.reset(start_key)

    def move(carry, key):
        act_key, move_key = jax.random.split(key)
        action = jax.random.randint(act_key, (), 0, 4)
        after, _, _ = world.step(move_key, carry[0], action)
        belief = next_belief(hidden, carry[1], action, after.obs)
        return (after, belief), (carry[0].state, carry[1])

    return jax.lax.scan(move, (start, first_belief(hidden, start.obs)), jax.random.split(key, 40))[1]


places, beliefs = jax.jit(jax.vmap(wander))(seeds(1000))
given = jnp.take_along_axis(beliefs, places[..., None], -1)[..., 0]
*grids, right = panels(4, 3, 3)
for axes, t in zip(grids, (0, 5, 30), strict=True):
    show_grid(axes, [row.replace("G", ".") for row in MAZE], beliefs[0, t], f"belief after {t} moves")
    row, column = np.divmod(places[0, t], 9)
    axes.plot(column, row, "o", mfc="none", mec="C3", mew=2, ms=13)
right.plot(given.mean(0), lw=2, label="given to the true cell")
right.plot((beliefs**2).sum(-1).mean(0), "k--", lw=1, label="as it believes itself")
right.set(title="How sure, and how right", xlabel="moves", ylim=(0, None))
right.legend(fontsize=8)
plt.show()

heard, belief = jnp.array([0, 0, 1, 0]), jnp.array([0.5, 0.5])
for side in heard:
    belief = next_belief(tiger(), belief, 0, side)  # 0 is to listen
lead = (heard == 0).sum() - (heard == 1).sum()
by_hand = 1 / (1 + (0.15 / 0.85) ** lead)
print(f"the tiger, heard left, left, right, left: on the left with {belief[0]:.6f}, by counting {by_hand:.6f}")

# %% [markdown]
# ## Where next
#
# - The files behind every section are in `lib/jaxicon/rl_tabular`, their worlds in `lib/jaxicon/envs`, the rules of
#   exploration in `lib/jaxicon/ops/exploration.py`; `python -m jaxicon show q_learning` prints one with its papers.
# - Each has an experiment with what it is expected to reach: clone the repository, then
#   `python -m experiments rl_tabular/sarsa_cliff --seeds 50`; also `rl_tabular/dyna_q_maze`,
#   `rl_tabular/n_step_td_random_walk`, `rl_tabular/bandit_testbed`, and `rl_tabular/value_iteration_large` with 100,000
#   states.
# - Not on this page: options (`rl_tabular/options_four_rooms`), two learners against each other
#   (`rl_tabular/independent_q_learning_games`), and patients to treat (`rl_tabular/q_learning_treatment`).
# - Where a table does not fit, a network takes its place: `python -m jaxicon show dqn`.
