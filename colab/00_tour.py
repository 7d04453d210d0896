# %% [markdown]
# # A tour of Jaxicon
#
# [![Open In Colab][badge]][colab]
#
# [badge]: https://colab.research.google.com/assets/colab-badge.svg
# [colab]: https://colab.research.google.com/github/jaxicon/jaxicon/blob/main/colab/00_tour.ipynb
#
# Jaxicon is a lexicon of deep learning and reinforcement learning: one method is one file of pure functions. In the
# next few minutes you find a method, train it from eight seeds at once, look at what it makes, change one of its
# functions, sweep its learning rate, stop and resume it, and carry it away as one file.

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

# %% [markdown]
# ## Where this runs
#
# Everything below runs on a CPU in about a minute. In Colab, a GPU is one menu away: *Runtime → Change runtime type →
# T4 GPU*, then run all cells again.

# %%
import os
import runpy
import tempfile
from dataclasses import replace
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np

QUICK = "JAXICON_QUICK" in os.environ  # the tests run every cell, but not for long
STEPS = 20 if QUICK else 2000

print(f"JAX {jax.__version__} on {jax.device_count()} x {jax.devices()[0].device_kind}")

# %% [markdown]
# ## Find a method
#
# The catalog is the file tree: a folder is a family, a file is a method. The first lines of a file say what its idea
# is and which paper and which lecture notes it follows.

# %%
from jaxicon.core import catalog

for family in catalog.FAMILIES:
    print(f"{family:16}", *(name for name, entry in catalog.entries().items() if entry.family == family))

entry = catalog.find("vae")
print(f"\n{entry.title}\n{entry.fields['Paper']}\n\n{entry.fields['Idea']}")

# %% [markdown]
# ## Train it from eight seeds at once
#
# A method is three pure functions: `init` makes a state, `step` improves it, `evaluate` measures it. A run is a
# function of its key, so eight keys are eight runs, and `train` makes one program of them. Every array that comes back
# has a leading axis of length eight.

# %%
from jaxicon.core.run import evaluate, expected, train
from jaxicon.core.stream import epochs
from jaxicon.data.digits import digits
from jaxicon.generative.vae import Config, reconstruct, vae

(x, _), (x_test, _) = digits()
stream, held_out = epochs(x, 128), epochs(x_test, 360)
config = Config(learning_rate=3e-3)
method = vae(config)
keys = jax.random.split(jax.random.key(0), 8)
state, metrics = train(keys, method, stream, STEPS)
measured = evaluate(keys, method, state, held_out, batches=1)


def spread(values: np.ndarray) -> str:
    return f"{values.mean():.2f} ± {values.std(ddof=1):.2f}"


print(f"ELBO of held-out digits, in nats: {spread(measured['elbo'])} over {len(keys)} seeds")

# %%
plt.rcParams.update({"figure.dpi": 100, "figure.constrained_layout.use": True, "font.size": 11})
smooth = metrics["elbo"].reshape(8, -1, 10).mean(2)  # ten steps are one point
_, axes = plt.subplots(figsize=(6, 3))
axes.plot(np.arange(5, STEPS, 10), smooth.T, color="C0", alpha=0.4)
axes.set(xlabel="step", ylabel="ELBO of the batch, nats", ylim=(np.quantile(smooth, 0.02), None))
axes.set_title("Eight seeds, one line each", loc="left")
plt.show()

# %% [markdown]
# ## Look at samples
#
# What a method can do beyond learning is its fourth function; of a `Generator` it is `sample`. It wants the state of
# one run, so we take the first of the eight.


# %%
def show(rows: dict[str, np.ndarray]) -> None:
    """One line of images for each label."""
    _, grid = plt.subplots(len(rows), 12, figsize=(9, 0.72 * len(rows)), squeeze=False)
    for axes, (label, images) in zip(grid, rows.items(), strict=True):
        for panel, image in zip(axes, images, strict=True):
            panel.imshow(np.reshape(image, (8, 8)), cmap="gray", vmin=0, vmax=1)
            panel.set(xticks=[], yticks=[])
        axes[0].set_ylabel(label, rotation=0, ha="right", va="center")
    plt.show()


first = jax.tree.map(lambda leaf: leaf[0], state)
sample_key = jax.random.key(1)
samples = method.sample(sample_key, first, 12)
show({"digits": x_test[:12], "reconstructed": reconstruct(first, x_test[:12]), "samples": samples})

# %% [markdown]
# ## Change one function
#
# The mathematics of a method are functions at the top of its file. `bound` returns the two parts of the loss: the
# *distortion*, which is the price of a bad reconstruction, and the *rate*, which is how far the code of an image is
# from the prior. What if there were no noise and no rate? That is a plain autoencoder: put another `bound` in the
# place of the first and train again.

# %%
from jaxicon.generative import vae as module


def autoencoder(noise, mean, log_std, log_likelihood):
    return -log_likelihood(mean), 0 * mean.sum()


bound, module.bound = module.bound, autoencoder
plain, _ = train(keys, vae(config), stream, STEPS)
module.bound = bound

distortion = lambda state: np.square(jax.vmap(lambda s: reconstruct(s, x_test))(state) - x_test[None]).sum(2).mean(1)
print(f"squared error of a held-out digit:  VAE {spread(distortion(state))}, autoencoder {spread(distortion(plain))}")
print(f"ELBO: VAE {spread(measured['elbo'])}, ", end="")
print(f"autoencoder {spread(evaluate(keys, method, plain, held_out, 1)['elbo'])}")
show({"VAE": samples, "autoencoder": method.sample(sample_key, jax.tree.map(lambda leaf: leaf[0], plain), 12)})

# %% [markdown]
# The autoencoder reconstructs better, and few of its samples are digits: nothing asks that its codes lie where the
# prior is. The ELBO, which asks for both, says so in nats.
#
# ## Sweep the learning rate in one compilation
#
# `varied` makes one method of several configurations that differ in numbers: five learning rates and eight seeds are
# forty runs in one program.

# %%
from jaxicon.core.method import varied

rates = [3e-4, 1e-3, 3e-3, 1e-2, 3e-2]
sweep = varied(vae, [replace(config, learning_rate=rate) for rate in rates])
swept, _ = train(keys, sweep, stream, STEPS // 4)
elbo = evaluate(keys, sweep, swept, held_out, 1)["elbo"]  # [8 seeds, 5 rates]

_, axes = plt.subplots(figsize=(6, 3))
axes.errorbar(rates, elbo.mean(0), elbo.std(0, ddof=1), marker="o", capsize=4)
axes.set(xscale="log", xlabel="learning rate", ylabel="ELBO, held out, nats")
axes.set_title(f"After {STEPS // 4} steps: mean and deviation over 8 seeds", loc="left")
plt.show()

# %% [markdown]
# ## Stop and resume, exactly
#
# The randomness of step *t* is a function of the key and of *t* alone. So a run that was stopped, saved and resumed
# equals one that was not, bit for bit: not nearly the same numbers, the same.

# %%
from jaxicon.core.checkpoint import Checkpoints

folder = Path(tempfile.mkdtemp())
cut = STEPS // 4
whole, _ = train(keys[0], method, stream, 2 * cut)

half, _ = train(keys[0], method, stream, cut)
Checkpoints(folder).save(cut, half, {"note": "written by the tour"})
t, loaded, _ = Checkpoints(folder).load(expected(keys[0], method, stream))
resumed, _ = train(keys[0], method, stream, cut, state=loaded, start=t)

same = jax.tree.map(lambda a, b: np.asarray(a).tobytes() == np.asarray(b).tobytes(), whole, resumed)
assert all(jax.tree.leaves(same))
print(f"stopped at step {t}, resumed to {2 * cut}: all {len(jax.tree.leaves(same))} arrays are equal to the last bit")

# %% [markdown]
# ## Carry it away as one file
#
# `bundle` writes a method, the runner and all that they need into one file that imports nothing of Jaxicon. Paste it
# into a notebook of your own, or change it at will.

# %%
from jaxicon.core.bundle import bundle

file, text = folder / "vae_alone.py", bundle("vae")
file.write_text(text)
print(*[line for line in text.splitlines() if line.startswith("# %%")], sep="\n")

alone = runpy.run_path(str(file))
_, ours = train(keys[0], method, stream, 5)
_, theirs = alone["train"](keys[0], alone["vae"](alone["Config"](learning_rate=3e-3)), alone["epochs"](x, 128), 5)
assert ours["elbo"].tolist() == theirs["elbo"].tolist()
print(f"\n{len(text.splitlines())} lines, which train to the same bits as the library")

# %% [markdown]
# ## From here
#
# - Another method: `catalog.entries()` above has them all; `python -m jaxicon show NAME` prints one.
# - The experiments, with what they are expected to reach: clone the repository, then `python -m experiments`.
# - Something of your own: three functions `init`, `step` and `evaluate`, and everything on this page works for it.
