# %% [markdown]
# # Foundations
#
# [![Open In Colab][badge]][colab]
#
# [badge]: https://colab.research.google.com/assets/colab-badge.svg
# [colab]: https://colab.research.google.com/github/jaxicon/jaxicon/blob/main/colab/01_foundations.ipynb
#
# One path through the first chapter, in the order of the notes: a neuron, how it learns, how networks of them learn
# well, why they generalise, how they say that they do not know, and the machines beside the perceptron. Every figure
# is computed here, and every number has a closed form next to it where there is one.

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
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from jaxicon.core.method import varied
from jaxicon.core.run import evaluate, train
from jaxicon.core.stream import Stream, epochs, nothing, resident
from jaxicon.data.digits import digits

QUICK = "JAXICON_QUICK" in os.environ  # the tests run every cell, but not for long
few = lambda steps: 10 if QUICK else steps
key = jax.random.key(0)
plt.rcParams.update({"figure.dpi": 100, "figure.constrained_layout.use": True, "font.size": 11})


def panels(count: int, height: float = 2.8):
    """So many axes side by side."""
    return plt.subplots(1, count, figsize=(3.4 * count, height), squeeze=False)[1][0]


# %% [markdown]
# ## 1. One neuron
#
# A neuron weighs its inputs, adds a bias and applies an activation. The bias moves the activation to the left or to
# the right. Rosenblatt's rule moves the weights only when the neuron is wrong, and on data that a line separates it is
# wrong at most (R / margin)² times.

# %%
from jaxicon.foundations.perceptron import Config as PerceptronConfig
from jaxicon.foundations.perceptron import mistake_bound, neuron, perceptron

angle, normal = 0.6, jnp.array([np.cos(0.6), np.sin(0.6)])
points = jax.random.uniform(key, (400, 2), minval=-1, maxval=1)
points = points[jnp.abs(points @ normal - 0.2) > 0.1]
labels = (points @ normal > 0.2).astype(int)
method = perceptron(PerceptronConfig())
learned, history = train(key, method, resident((points, labels), 32), 100)
bound = mistake_bound(points, labels, normal, jnp.array(-0.2))
print(f"mistakes: {int(learned.mistakes)}, and no more than {float(bound):.0f} whatever the order")

left, right = panels(2)
z = jnp.linspace(-8, 8, 200)
for bias in (-3.0, 0.0, 3.0):
    one = lambda x, bias=bias: neuron(jnp.ones(1), jnp.array(bias), x[None], jax.nn.sigmoid)
    left.plot(z, jax.vmap(one)(z), label=f"bias {bias:g}")
left.set(title="The bias moves the activation", xlabel="input")
left.legend()
right.scatter(*points.T, c=labels, cmap="coolwarm", s=8)
x = jnp.array([-1.0, 1.0])
right.plot(x, -(learned.weights[0] * x + learned.bias) / learned.weights[1], "k", lw=2)
right.set(title="The line that was learned", ylim=(-1, 1))
plt.show()

# %% [markdown]
# ## 2. Activations
#
# The sigmoid and tanh are flat away from 0, so that no gradient passes there; the ReLU passes everything or nothing;
# the leaky ReLU always something; swish is smooth and has a minimum of -0.278.

# %%
from jaxicon.ops import activations

x = jnp.linspace(-5, 5, 401)
left, middle, right = panels(3)
for name in ("sigmoid", "tanh", "relu", "leaky_relu", "swish"):
    activation = getattr(activations, name)
    left.plot(x, activation(x), label=name)
    middle.plot(x, activations.derivative(activation, x))
left.set(title="Activations", ylim=(-1.2, 2), xlabel="x")
left.legend(fontsize=9)
middle.set(title="Their derivatives", xlabel="x")
for curve, label in zip(activations.combined_sigmoids(x), ("$a_1$", "$a_2$", "$z_3$"), strict=True):
    right.plot(x, curve, label=label)
right.set(title="$z_3 = 0.25\\,a_1 + 0.5\\,a_2 + 0.2$", xlabel="x")
right.legend()
plt.show()

print("softmax of (1, 2, 3):", activations.softmax(jnp.array([1.0, 2, 3])).round(3))
print("and of (1001, 1002, 1003):", activations.softmax(jnp.array([1001.0, 1002, 1003])).round(3))

# %% [markdown]
# ## 3. Back-propagation, by hand
#
# The worked network has one input, two hidden layers of two ReLUs and one output: 13 parameters. Every derivative is
# written out in the file; automatic differentiation says the same. In a longer chain, each layer hands the derivative
# of the loss back to the one before.

# %%
from jaxicon.foundations.backpropagation import worked_forward, worked_gradient

w = jax.random.normal(jax.random.key(1), (8,))
b = 0.5 * jax.random.normal(jax.random.key(2), (5,))
x, y = jnp.array(0.8), jnp.array(1.0)
by_hand = worked_gradient(w, b, x, y)
by_jax = jax.grad(lambda w, b: (y - worked_forward(w, b, x)[0]) ** 2, (0, 1))(w, b)
for i, (ours, theirs) in enumerate(zip(np.concatenate(by_hand), np.concatenate(by_jax), strict=True)):
    print(f"dL/d{'w' if i < 8 else 'b'}{i % 8 + 1}  {ours: .5f}  {theirs: .5f}")

# %% [markdown]
# ## 4. Gradient descent and its learning rate
#
# On (x - 4)² with a rate of 0.01, each step shrinks the distance to 4 by 0.98; after 500 steps 4·10⁻⁵ of it is left.
# On any quadratic with largest curvature L, descent is steady up to 1/L, oscillates up to 2/L and diverges beyond.

# %%
from jaxicon.foundations.gradient_descent import Config as DescentConfig
from jaxicon.foundations.gradient_descent import gradient_descent, on_quadratic, regime, updates

demo = gradient_descent(DescentConfig(0.01), lambda x, _: (x - 4) ** 2, lambda key, _: jax.random.normal(key))
state, history = train(key, demo, nothing, 500)
left, middle, right = panels(3)
left.plot(np.sqrt(history["loss"]), lw=3, label="measured")
start = np.sqrt(history["loss"][0])
left.plot(np.abs(on_quadratic(jnp.full(500, start), jnp.full(500, 2.0), 0.01, jnp.arange(500))), "k--", label="formula")
left.set(title="$|x_k - 4|$", xlabel="step", yscale="log")
left.legend()
for rate in (0.05, 0.9, 1.9, 2.05):
    path = [float(on_quadratic(jnp.ones(1), jnp.ones(1), rate, k)[0]) for k in range(25)]
    middle.plot(path, label=f"{rate:g}/L: {regime(rate, 1.0)}")
middle.set(title="One coordinate", xlabel="step", ylim=(-3, 3))
middle.legend(fontsize=8)
sizes = np.array([10, 32, 100, 300])
right.bar([f"{b}" for b in sizes], [updates(1000, int(b), 20) for b in sizes])
right.set(title="Updates in 20 epochs of 1000", xlabel="batch size")
plt.show()
print("1000 examples in batches of 10:", updates(1000, 10), "updates an epoch,", updates(1000, 10, 20), "in 20")

# %% [markdown]
# ## 5. Update rules
#
# Momentum remembers where it went, AdaGrad and RMSProp give each coordinate a rate of its own, Adam does both. In
# Rosenbrock's valley and beside a saddle the differences can be seen.

# %%
from jaxicon.foundations.optimizers import rosenbrock, saddle, trajectory
from jaxicon.ops.optimizers import adam, momentum, nadam, newton, rmsprop
from jaxicon.ops.optimizers import gradient_descent as plain

valley = {"gradient descent": plain(1e-3), "momentum": momentum(1e-3), "RMSProp": rmsprop(1e-2), "Adam": adam(0.1)}
valley |= {"Nadam": nadam(0.1), "Newton": newton()}
hill = {"gradient descent": plain(0.05), "momentum": momentum(0.05), "RMSProp": rmsprop(0.05), "Adam": adam(0.05)}
problems = [
    ("Rosenbrock's valley", rosenbrock(), jnp.array([-1.2, 1.0]), valley, (-1.8, 1.8, -0.6, 2.2)),
    ("A saddle", saddle(), jnp.array([1.0, 1e-3]), hill, (-1.3, 1.3, -0.3, 1.9)),
]
axes = panels(3, 3.4)
for panel, (title, problem, start, rules, box) in zip(axes, problems, strict=False):
    gx, gy = np.meshgrid(np.linspace(*box[:2], 120), np.linspace(*box[2:], 120))
    height = jax.vmap(lambda w, problem=problem: problem.value(w, None))(jnp.stack([gx.ravel(), gy.ravel()], 1))
    panel.contour(gx, gy, np.log(np.asarray(height).reshape(gx.shape) + 1.1), 20, colors="0.8")
    for name, rule in rules.items():
        run = jax.jit(partial(trajectory, rule, lambda w, problem=problem: problem.value(w, None), steps=200))
        path, losses = run(start)
        panel.plot(*np.asarray(path).T, lw=1.6, label=name)
        if title.startswith("Rosen"):
            axes[2].plot(losses + 1e-12, label=name)
    panel.set(title=title, xlim=box[:2], ylim=box[2:])
axes[2].set(title="Loss in the valley", xlabel="step", yscale="log", ylim=(1e-9, 1e2))
axes[2].legend(fontsize=8)
plt.show()

# %% [markdown]
# ## 6. Where to start
#
# With weights that are too small the signal dies on its way; with variance 1 / fan-in it lasts through linear and tanh
# layers, with twice that through ReLUs; an orthogonal matrix shrinks no direction.

# %%
from jaxicon.foundations.initialisation import Start, he, isometry, layers, normal_small, small_bias, xavier
from jaxicon.foundations.initialisation import activations as signal

left, right = panels(2)
data = jax.random.normal(key, (256, 100))
starts = {"normal, 0.01": normal_small, "Xavier": xavier, "He": he, "orthogonal": isometry}
for name, weights in starts.items():
    hidden = layers(jax.random.key(1), Start(weights), 20, 100)
    left.plot(jnp.sqrt((signal(hidden, data, jnp.tanh) ** 2).mean((1, 2))), label=name)
left.set(title="Size of the signal, tanh", xlabel="layer", yscale="log", ylim=(1e-12, 3))
left.legend()
for name, bias in {"bias 0": jax.nn.initializers.zeros, "bias 0.1": small_bias}.items():
    hidden = layers(jax.random.key(1), Start(he, bias), 20, 100)
    right.plot((signal(hidden, data) > 0).mean((1, 2)), label=name)
right.set(title="Share of ReLUs that are on", xlabel="layer")
right.legend()
plt.show()

# %% [markdown]
# ## 7. The digits
#
# The multilayer perceptron of the notes has 64 inputs, 128 and 64 hidden ReLUs and 10 outputs: 17,226 parameters. Here
# it is defined, fitted from four seeds at once, evaluated, and asked.

# %%
from jaxicon.foundations.mlp import Config, dense_sigmoid, identity_model, mlp, parameter_count

lab = {"W": jnp.ones((2, 3)), "b": jnp.zeros((1, 3))}
row = jnp.array([[1.0, 2.0]])
print(
    "the lab's dense layer:", dense_sigmoid(lab, row), "and its identity:", identity_model(lab, row, is_identity=True)
)

data = digits()
print(
    f"parameters: {parameter_count(64, 128, 64, 10):,} with ten outputs, {parameter_count(64, 128, 64, 1):,} with one"
)
network = mlp(Config(), classes=10)
keys = jax.random.split(key, 4)
fitted, history = train(keys, network, epochs(data.train, 32), few(450))
measured = evaluate(keys, network, fitted, epochs(data.test, 360), 1)
print("held-out accuracy of four seeds:", measured["accuracy"].round(3))
one = jax.tree.map(lambda leaf: leaf[0], fitted)
belief = jax.nn.softmax(network.predict(one, data.test[0]))

left, right = panels(2)
left.plot(history["loss"].T, color="C0", alpha=0.3)
left.set(title="Cross-entropy of the batch", xlabel="step", yscale="log")
unsure = int(np.argsort(belief.max(1))[0])
right.bar(range(10), belief[unsure])
right.set(title=f"The digit it is least sure of, a {data.test[1][unsure]}", xlabel="class", ylabel="probability")
plt.show()

# %% [markdown]
# Data of your own go through `examples` first: it names the first thing that cannot be, before anything is compiled.

# %%
from jaxicon.core.errors import DataError
from jaxicon.data.examples import examples

try:
    examples(data.train[0], data.train[1] + 1, classes=10)
except DataError as error:
    print(error)

# %% [markdown]
# ## 8. Bias, variance and penalties
#
# Fit a polynomial to many noisy data sets: a stiff one errs the same way each time (bias), a flexible one differently
# each time (variance). A penalty on the weights trades one for the other. The squared penalty is a Gaussian prior; the
# absolute one sets weights to exactly 0.

# %%
from jaxicon.foundations.bias_variance import polynomial_ridge, resample

grid = jnp.linspace(-1, 1, 100)
truth = lambda x: jnp.sin(jnp.pi * x)


def noisy(key):
    x_key, noise_key = jax.random.split(key)
    x = jax.random.uniform(x_key, (25,), minval=-1, maxval=1)
    return x, truth(x) + 0.3 * jax.random.normal(noise_key, (25,))


bias2, variance, degrees = [], [], (1, 3, 9) if QUICK else range(10)
axes = panels(4)
for degree in degrees:
    fits = jax.jit(lambda key, degree=degree: resample(key, noisy, polynomial_ridge(grid, degree, 1e-4), 200))(key)
    bias2.append(float(((fits.mean(0) - truth(grid)) ** 2).mean()))
    variance.append(float(fits.var(0).mean()))
    if degree in (1, 3, 9):
        panel = axes[(1, 3, 9).index(degree)]
        panel.plot(grid, fits[:30].T, color="C0", lw=0.4)
        panel.plot(grid, truth(grid), "k", lw=2)
        panel.set(title=f"degree {degree}", ylim=(-2, 2))
axes[3].plot(degrees, bias2, label="bias²")
axes[3].plot(degrees, variance, label="variance")
axes[3].plot(degrees, np.add(bias2, variance), "k", label="sum")
axes[3].set(title="200 data sets", xlabel="degree", yscale="log")
axes[3].legend(fontsize=8)
plt.show()

# %%
from jaxicon.foundations.elastic_net import Config as NetConfig
from jaxicon.foundations.elastic_net import elastic_net
from jaxicon.foundations.ridge import ridge

weights = jnp.zeros(20).at[:4].set(jnp.array([2.0, -1.5, 1.0, 0.5]))
x = jax.random.normal(key, (80, 20))
y = x @ weights + 0.5 * jax.random.normal(jax.random.key(1), (80,))
strengths = np.logspace(-2.5, 0.3, 30)
path, _ = train(key, varied(elastic_net, [NetConfig(l1=float(s), l2=0.0) for s in strengths]), epochs((x, y), 80), 200)
left, right = panels(2)
colours = np.where(np.asarray(weights) != 0, "C3", "0.7")
shrunk = jax.jit(jax.vmap(lambda penalty: ridge(x, y, penalty)))(strengths * 80)
for i in range(20):
    left.plot(strengths, path.weights[:, i], color=colours[i])
    right.plot(strengths * 80, shrunk[:, i], color=colours[i])
left.set(title="Lasso: weights become 0", xlabel="penalty", xscale="log")
right.set(title="Ridge: weights shrink", xlabel="penalty", xscale="log")
plt.show()

# %% [markdown]
# ## 9. Dropout is an ensemble
#
# Each mask is a thinned network. For a layer and a softmax, the normalised geometric mean over all 2ⁿ masks is exactly
# the network whose weights are multiplied by the probability to stay.

# %%
from jaxicon.foundations.dropout import geometric_mean, masks, probability, vanilla, weight_scaled

h, kernel = jax.random.normal(key, (8,)), jax.random.normal(jax.random.key(1), (8, 3))
every = masks(8)
log_p = jax.nn.log_softmax(vanilla(h[None], every) @ kernel)
print(f"{len(every)} thinned networks:", np.exp(geometric_mean(log_p, probability(every, 0.5))).round(6))
print("weights times one half:", jax.nn.softmax(weight_scaled(h, 0.5) @ kernel).round(6))

# %% [markdown]
# ## 10. Several networks know more than one
#
# Members of an ensemble differ by their start and the order of their data, or by data that were drawn anew. The
# average of their probabilities is never worse, in log-likelihood, than they are on average: Jensen's inequality.

# %%
from jaxicon.foundations.ensemble import average, bootstrapped, ensemble, nll, shuffled

few_digits = jax.tree.map(lambda a: a[:150], data.train)
sizes = range(1, 9)
left = panels(1)[0]


@jax.jit
def by_size(state):
    """Held-out NLL of the first members."""
    logits = jax.vmap(network.predict, (0, None))(state, data.test[0])
    return [nll(average(logits[:m]), data.test[1]).mean() for m in sizes]


for name, stream in {"same data": shuffled, "bootstrap": bootstrapped}.items():
    together = ensemble(network, 8)
    state, _ = train(key, together, stream(few_digits, 32, 8), few(150))
    left.plot(sizes, by_size(state), "o-", label=name)
left.set(title="150 labels: held-out NLL", xlabel="members", ylabel="nats")
left.legend()
plt.show()

# %% [markdown]
# ## 11. Saying "I do not know"
#
# A Gaussian process, a network with dropout left on and a network with a Gaussian over every weight, on the same
# points. Where there were none, each should be unsure; the last, whose weights know nothing of each other, is known to
# be too sure in a gap.

# %%
from jaxicon.foundations import bayesian_network, gaussian_process, mc_dropout

x = jax.random.uniform(key, (60, 1), minval=1, maxval=3) * jnp.where(jnp.arange(60) < 30, -1, 1)[:, None]
y = jnp.sin(2 * x) + 0.1 * jax.random.normal(jax.random.key(1), x.shape)
line = jnp.linspace(-5, 5, 200)[:, None]
stream = resident((x, y), 60)

gp = gaussian_process.gaussian_process(gaussian_process.Config())
state, _ = train(key, gp, epochs((x, y), 60), few(150))
bands = {"Gaussian process": jax.tree.map(lambda a: a[:, 0], jax.jit(gp.predict)(state, line))}

config = mc_dropout.Config(learning_rate=3e-3)
state, _ = train(key, mc_dropout.mc_dropout(config, 1, 60), stream, few(2000))
outputs = jax.jit(lambda params: mc_dropout.passes(key, params, mc_dropout.keeps(config), line, 200))(state.params)
mean, variance = mc_dropout.moments(outputs, config.precision)
bands["Dropout left on"] = mean[:, 0], jnp.sqrt(variance[:, 0])

config = bayesian_network.Config()
state, _ = train(key, bayesian_network.bayesian_network(config, 1, 60), stream, few(4000))
drawn = jax.jit(bayesian_network.draw, static_argnums=2)(key, state.params, 200)
outputs = jax.jit(jax.vmap(bayesian_network.forward, (0, None)))(drawn, line)[..., 0]
bands["Gaussian weights"] = outputs.mean(0), jnp.sqrt(outputs.var(0) + config.noise_std**2)

for panel, (name, (mean, std)) in zip(panels(3), bands.items(), strict=True):
    panel.fill_between(line[:, 0], mean - 2 * std, mean + 2 * std, alpha=0.3)
    panel.plot(line[:, 0], mean)
    panel.plot(x, y, "k.", ms=3)
    panel.set(title=name, ylim=(-3, 3))
plt.show()

# %% [markdown]
# ## 12. Radial basis functions
#
# Gaussian units around centres and a linear readout. With a centre at every point the network interpolates; with few
# centres, found by k-means, it smooths.

# %%
from jaxicon.foundations import rbf_network as rbf

x = jnp.linspace(-3, 3, 25)[:, None]
grid = jnp.linspace(-3.2, 3.2, 300)[:, None]
y = jnp.sin(2 * x) + 0.2 * jax.random.normal(jax.random.key(1), x.shape)
centres = jax.jit(rbf.k_means, static_argnums=2)(jax.random.key(2), x, 8)
networks = {
    "a centre at every point": rbf.rbf_network(x, y, x, 0.2),
    "8 centres by k-means": rbf.rbf_network(x, y, centres, rbf.neighbour_widths(centres), 1e-2),
}
for panel, (name, network) in zip(panels(2), networks.items(), strict=True):
    panel.plot(grid[:, 0], rbf.predict(network, grid)[:, 0])
    panel.plot(x, y, "k.")
    panel.set(title=name, ylim=(-2, 2))
plt.show()

# %% [markdown]
# ## 13. A machine that dreams of digits
#
# The restricted Boltzmann machine has binary pixels and hidden units and an energy between them. Contrastive divergence
# lowers the energy of the data and raises that of what one Gibbs step makes of them. Machines upon machines, fine-tuned
# as a classifier, are the deep belief network (`jaxicon.foundations.dbn`).

# %%
from jaxicon.foundations.rbm import Config as MachineConfig
from jaxicon.foundations.rbm import rbm

dreamer = rbm(MachineConfig(hidden=128, sweeps=few(1000)))
pixels = data.train[0]
before = train(key, dreamer, epochs(pixels, 10), 1)[0]
machine, _ = train(key, dreamer, epochs(pixels, 10), few(144 * 30))
for name, state in {"before": before, "after": machine}.items():
    likelihood = evaluate(key, dreamer, state, epochs((data.test[0] > 0.5).astype(np.float32), 360), 1)
    print(f"pseudo-likelihood {name}: {likelihood['pseudo_likelihood']:.1f} nats")
rows = {"digits": pixels[:12], "filters": machine.params.weights.T[:12], "dreams": dreamer.sample(key, machine, 12)}
_, grid = plt.subplots(3, 12, figsize=(9, 2.3))
for axes, (label, images) in zip(grid, rows.items(), strict=True):
    for panel, image in zip(axes, images, strict=True):
        panel.imshow(np.reshape(image, (8, 8)), cmap="gray")
        panel.set(xticks=[], yticks=[])
    axes[0].set_ylabel(label, rotation=0, ha="right", va="center")
plt.show()

# %% [markdown]
# ## 14. Spikes
#
# A leaky integrate-and-fire neuron sums its input, forgets, and fires when its potential is high enough. The step that
# decides has no derivative; backwards, a smooth bump takes its place, and so a network of them learns the digits.

# %%
from jaxicon.foundations import spiking_network as spiking

currents = jnp.full((60, 1), 0.3)
potential = spiking.leaky(currents, beta=0.9)[:, 0]
left, right = panels(2)
left.plot(potential)
left.plot(np.flatnonzero(potential > 1), np.full(int((potential > 1).sum()), 1.1), "k|", ms=12)
left.axhline(1, color="0.7")
left.set(title="A constant current of 0.3", xlabel="step", ylabel="potential")
right.imshow(spiking.rate_code(key, data.train[0][0], 40).T, cmap="gray_r", aspect="auto", interpolation="none")
right.set(title="A digit as a rate code", xlabel="step", ylabel="pixel")
plt.show()

brain = spiking.spiking_network(spiking.Config(hidden=(64,)), classes=10)
coded = epochs(data.train, 64)
code = lambda pixels: spiking.latency_code(pixels, 20)
spikes = Stream(coded.load, coded.plan, lambda row, arrays: (code(arrays[0][row]), arrays[1][row]))
state, _ = train(key, brain, spikes, few(600))
right = brain.predict(state, code(data.test[0])).argmax(1) == data.test[1]
print(f"held-out accuracy from the times of first spikes: {right.mean():.3f}")

# %% [markdown]
# ## 15. Learning through a coin
#
# Some units are drawn and have no derivative. The score function has one: the gradient of the log-probability of what
# was drawn, times the cost that followed. Its mean over all outcomes is the exact gradient.

# %%
from jaxicon.foundations.stochastic_graph import surrogate

logits, costs = jnp.array([0.5, -1.0, 0.2]), jnp.array([1.0, 3.0, -2.0])
outcomes = jnp.arange(3)


def estimates(logits):
    """What each of the three outcomes contributes, weighted by how often it is drawn."""
    log_probs = jax.nn.log_softmax(logits)[outcomes]
    value = surrogate({"cost": ("coin",)}, {"cost": costs[outcomes]}, {"coin": log_probs})
    return jax.lax.stop_gradient(jax.nn.softmax(logits)) @ value


print("mean of the estimator:", jax.grad(estimates)(logits).round(5))
print("exact gradient:       ", jax.grad(lambda logits: jax.nn.softmax(logits) @ costs)(logits).round(5))

# %% [markdown]
# ## From here
#
# - Every file of this chapter has experiments with what they are expected to reach:
#   `python -m experiments foundations/optimizers_zoo` races all update rules,
#   `foundations/spiking_network_digits` draws the spikes, and `python -m experiments` lists the others.
# - `python -m jaxicon show mlp` prints a method with the papers and lecture notes it follows.
# - The next chapters stand on these functions: the losses, the rules and the networks are the same there.
