"""Graph convolutional network on Zachary's karate club: 2 of 34 members are known, the friendships tell the rest.

The known two are the instructor (0) and the administrator (33), whose quarrel split the club. The member who is always
mistaken, 8, had more friends on the administrator's side and stayed with the instructor to keep his black belt. One
seed in six mistakes a second member too.

Run      python -m experiments graph/gcn_karate
Expect   accuracy >= 0.95 over 8 seeds
Tour     accuracy in [0.9, 1]
Cost     5 s
"""

from dataclasses import dataclass

import jax
import numpy as np

from experiments.task import Result, Task, first_seed
from jaxicon.data.graphs import degrees, karate_club, whole
from jaxicon.graph.gcn import Config, gcn, propagate


@dataclass(frozen=True)
class Experiment:
    method: Config = Config()
    steps: int = 300
    labelled: tuple[int, ...] = (0, 33)


def build(experiment: Experiment) -> Task:
    graph = whole(karate_club(experiment.labelled))
    return Task(gcn(experiment.method, classes=2), experiment.steps, stream=graph, held_out=graph)


def drawing(graph, predicted: np.ndarray):
    """The members where their friendships put them, in the colour of the predicted side."""
    import networkx
    from matplotlib.figure import Figure

    club = networkx.karate_club_graph()
    places = np.array(list(networkx.spring_layout(club, seed=4, weight=None).values()))
    nodes, figure = graph.nodes, Figure(figsize=(7, 7.4), layout="constrained")
    axes, wrong = figure.subplots(), predicted != nodes.y
    for edge in club.edges:
        axes.plot(*places[list(edge)].T, color="0.8", linewidth=1, zorder=1)
    for side, color, name in ((0, "tab:blue", "the instructor's side"), (1, "tab:orange", "the administrator's side")):
        for given, marker in ((True, "s"), (False, "o")):
            shown = places[(predicted == side) & (nodes.labelled == given)].T
            axes.scatter(*shown, s=360, color=color, marker=marker, label=None if given else f"predicted: {name}")
    axes.scatter(
        *places[nodes.labelled].T, s=440, facecolor="none", edgecolor="black", marker="s", label="side was given"
    )
    axes.scatter(*places[wrong].T, s=620, facecolor="none", edgecolor="red", linewidth=2.5, label="mistaken")
    for node, place in enumerate(places):
        axes.annotate(str(node), place, ha="center", va="center", fontsize=12, color="white", weight="bold")
    right, count = (~wrong & nodes.held_out).sum(), nodes.held_out.sum()
    axes.set_title(f"Seed 1: {right} of the {count} others are right", fontsize=15)
    axes.set_axis_off()
    figure.legend(loc="outside lower center", ncols=2, fontsize=12, markerscale=0.6)
    return figure


def oversmoothing(graph):
    """What is left of 16 random features after k propagations, beside the eigenvector that is the same for all."""
    from matplotlib.figure import Figure

    top = np.sqrt(1 + np.asarray(degrees(graph)))
    top /= np.linalg.norm(top)
    h, left = jax.random.normal(jax.random.key(0), (34, 16)), []
    step = jax.jit(lambda h: propagate(graph, h))
    for _ in range(31):
        left.append(np.linalg.norm(h - np.outer(top, top @ h)) / np.linalg.norm(h))
        h = step(h)
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(left, "o-", linewidth=2)
    axes.set(yscale="log", ylim=(1e-2, 1.5))
    axes.set_title("Repeated propagation makes all nodes alike", fontsize=14)
    axes.set_xlabel("propagations $P^k$, no weights", fontsize=13)
    axes.set_ylabel("share of the features\noff the top eigenvector", fontsize=13)
    return figure


def figures(result: Result):
    graph = karate_club(result.experiment.labelled)
    predicted = np.asarray(result.task.method.predict(first_seed(result), graph)).argmax(1)
    return {
        "The club: a line is a friendship": drawing(graph, predicted),
        "Over-smoothing: why the network has two layers and not twenty": oversmoothing(graph),
    }
