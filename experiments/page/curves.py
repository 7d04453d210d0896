"""Training curves as small panels of inline SVG: they take their text colour and font from the page around them."""

import io
import re

import numpy as np

from experiments.page.markup import Html, element
from experiments.statistics import readable

TRAINING, HELD_OUT = "#3f7fcf", "#d97f2a"  # readable on white and on black
INK = "#010203"  # stands for the page's text colour
POINTS = 200  # of a drawn curve, at most
STYLE = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.alpha": 0.15,
    "lines.solid_capstyle": "round",
} | dict.fromkeys(["text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "grid.color"], INK)
Series = tuple[np.ndarray, np.ndarray]  # t [points], values [points, seeds, configurations]


def panels(history: dict[str, Series], salt: str) -> list[Html]:
    """A panel per metric, held-out data beside training; `salt` differs between the charts of a page."""
    names = dict.fromkeys(name.removeprefix("held_out/") for name in history)
    return [panel(name, history.get(name), history.get("held_out/" + name), f"{salt}-{name}") for name in names]


def panel(name: str, training: Series | None, held_out: Series | None, salt: str) -> Html:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({**STYLE, "svg.hashsalt": salt}):
        figure = Figure(figsize=(3.3, 2.2), layout="constrained")
        axes = figure.subplots()
        for curve, color, dashes in ((training, TRAINING, "-"), (held_out, HELD_OUT, "--")):
            if curve is not None:
                draw(axes, thinned(curve), color, dashes)
        axes.set_title(name.replace("_", " "), parse_math=False)
        axes.set_xlabel("steps")
        ticks(axes, [curve for curve in (training, held_out) if curve is not None])
        return inline(figure, description(name, training, held_out))


def draw(axes, curve: Series, color: str, dashes: str) -> None:
    """One configuration: every seed thin, their mean bold, the band from least to greatest. Several: a colour each."""
    t, values = curve
    marker = "o" if len(t) == 1 else None
    for i in range(values.shape[2]):
        seeds, sweep = values[:, :, i], values.shape[2] > 1
        shade = swatch(i, values.shape[2]) if sweep else color
        if seeds.shape[1] > 1:
            axes.fill_between(t, seeds.min(1), seeds.max(1), color=shade, alpha=0.08 if sweep else 0.15, linewidth=0)
            if not sweep:
                axes.plot(t, seeds, color=shade, linewidth=0.5, alpha=0.5)
        axes.plot(t, seeds.mean(1), dashes, color=shade, linewidth=1.8, marker=marker, markersize=4)


def ticks(axes, curves: list[Series]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.tick_params(length=2.5, width=0.6)
    if wide(curves):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5))


def wide(curves: list[Series]) -> bool:
    """Positive quantities, one of which ends below a thirtieth of where it began, are worth a logarithmic scale."""
    falls = any(values[-1].mean() < values[0].mean() / 30 for _, values in curves)
    return falls and all((values > 0).all() for _, values in curves)


def swatch(i: int, n: int) -> str:
    """Colour i of n, from blue to orange."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    return to_hex(LinearSegmentedColormap.from_list("", [TRAINING, "#8f6bc4", "#cf5a8c", HELD_OUT])(i / max(n - 1, 1)))


def thinned(curve: Series) -> Series:
    t, values = curve
    kept = np.unique(np.linspace(0, len(t) - 1, min(len(t), POINTS)).round().astype(int))
    return t[kept], values[kept]


def description(name: str, training: Series | None, held_out: Series | None) -> str:
    said = [
        f"{what} from {readable(curve[1][0].mean())} to {readable(curve[1][-1].mean())}"
        for what, curve in (("training", training), ("held out", held_out))
        if curve is not None
    ]
    return f"{name.replace('_', ' ')} over {(training or held_out)[0][-1]:,} steps: mean in {', '.join(said)}"


def inline(figure, label: str) -> Html:
    """The figure as an element of an HTML page: no prolog, no names that could clash, two decimals."""
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata=dict.fromkeys(["Creator", "Date", "Format", "Type"]))
    svg = file.getvalue()
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    body = re.sub(r'<g id="[^"]*"', "<g", body).replace(INK, "currentColor")
    body = re.sub(r'"[^"]*"', lambda value: re.sub(r"(\.\d\d)\d+", r"\1", value[0]), body)
    width, height = (72 * side for side in figure.get_size_inches())
    return element("svg", Html(body), viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=label)
