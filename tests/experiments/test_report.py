"""The report page: what a parser, a validator's eye and a calculator find in it."""

import base64
import json
import math
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from experiments.page.markup import element
from experiments.page.report import report
from experiments.statistics import interquartile, interval, measured, readable
from jaxicon.core.errors import ConfigError, StorageError

ROOT = Path(__file__).parents[2]
GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
NASTY = """<script>alert("x")</script> & 'y' $\\frac$"""


class Page(HTMLParser):
    """Tags must close in the order in which they opened; keeps elements and the text under each kind of tag."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.elements, self.texts = [], [], {}
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "wbr"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        for tag in set(self.open):
            self.texts[tag] = self.texts.get(tag, "") + data

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def write_run(directory, lines=(), summary=None, figures=None, vary=None, seeds=3, title="A method on data"):
    (directory / "figures").mkdir(parents=True)
    fields = {"method": {"learning_rate": 0.001, "hidden": [64, 64]}, "steps": 40}
    config = {"experiment": "generative/toy_data", "title": title, "fields": fields}
    options = {"options": {"seeds": seeds, "seed": 0, "quick": False}, "vary": vary or {}}
    (directory / "config.json").write_text(json.dumps(config | options))
    (directory / "command.txt").write_text("python -m experiments generative/toy_data\n")
    (directory / "env.json").write_text(
        json.dumps({"python": "3.11.7", "jax": "0.10.2", "devices": ["cpu"], "cores": 2})
    )
    (directory / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if summary is not None:
        (directory / "summary.json").write_text(json.dumps({"status": "finished", "steps": 40, **summary}))
    for name in figures or {}:
        (directory / "figures" / name).write_bytes(GIF + name.encode())
    (directory / "figures" / "captions.json").write_text(json.dumps(figures or {}))
    return directory


def read(path) -> Page:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>\n<html lang=")
    return Page(text)


def outcome(page: Page) -> str:
    return page.texts["td"].replace("−", "-")


LINES = [
    {"t": 20, "elbo": [-40.0, -41.0, -42.0]},
    {"t": 20, "held_out/elbo": [-41.0, -42.0, -43.0]},
    {"t": 40, "elbo": [-30.0, -31.0, -32.0]},
    {"t": 40, "held_out/elbo": [-31.0, -32.0, -33.0]},
]
SUMMARY = {
    "metrics": {"elbo": [-31.0, -32.0, -33.0]},
    "compile_s": 3.1,
    "train_s": 12.0,
    "expect": [{"text": "elbo -23.8 ± 0.3 over 3 seeds", "met": False}],
    "tour": {"text": "elbo in [-40, -22]", "met": True},
}


@pytest.mark.parametrize("n", [2, 3, 8, 30])
def test_the_interval_is_scipys(n):
    values = np.random.default_rng(n).normal(3.0, 2.0, n)
    mean, half_width = interval(values)
    low, high = stats.t.interval(0.95, n - 1, values.mean(), stats.sem(values))
    np.testing.assert_allclose([mean - half_width, mean + half_width], [low, high], rtol=1e-12)


def test_the_interquartile_mean_leaves_a_quarter_out_on_either_side_and_says_how_far_to_trust_it():
    """Against resampling by hand; n = 10 leaves out the two least and the two greatest."""
    values = np.random.default_rng(1).exponential(size=10)
    centre, low, high = interquartile(values)
    np.testing.assert_allclose(centre, np.sort(values)[2:8].mean(), rtol=1e-12)
    again = np.sort(np.random.default_rng(2).choice(values, (20_000, 10)))[:, 2:8].mean(1)
    np.testing.assert_allclose((low, high), np.percentile(again, (2.5, 97.5)), rtol=0.05)
    assert interquartile([3.0])[0] == 3


def test_agents_are_measured_by_the_interquartile_mean_and_others_by_the_mean():
    assert measured("rl_value/dqn_cartpole", [500.0] * 9 + [100.0]) == "IQM 500 [433, 500]"
    assert measured("vision/resnet_digits", [0.9, 0.95, 1.0]) == "0.95 ± 0.12"
    assert measured("rl_value/dqn_cartpole", [432.1]) == "432.1"


def test_the_interval_by_hand_and_of_one_seed():
    mean, half_width = interval([1.0, 2.0, 3.0])  # t(2 degrees of freedom, .975) = 4.302653, standard error 1 / sqrt 3
    assert mean == 2
    assert half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert interval([5.0])[0] == 5
    assert math.isnan(interval([5.0])[1])


@pytest.mark.parametrize(
    ("mean", "half_width", "text"),
    [
        (0.97503, 0.004211, "0.9750 ± 0.0042"),
        (-23.8123, 0.31, "-23.81 ± 0.31"),
        (487.26, 12.4, "487 ± 12"),
        (123456.0, 1234.0, "123,500 ± 1,200"),
        (1.2346e-9, 2.1e-11, "1.235e-09 ± 2.1e-11"),
        (1.0, 0.0, "1 ± 0"),
        (0.5, math.nan, "0.5"),
        (math.nan, math.nan, "nan"),
        (50000.0, math.nan, "50,000"),
    ],
)
def test_a_number_is_written_as_exactly_as_it_is_known(mean, half_width, text):
    assert readable(mean, half_width) == text


def test_a_finished_run(tmp_path):
    run = write_run(tmp_path / "1", LINES, SUMMARY, {"01.png": "Samples", "02.gif": "A rollout"})
    page = read(report([run], tmp_path / "report.html"))
    assert "-32.0 ± 2.5" in outcome(page)  # 4.302653 / sqrt 3 = 2.48
    assert "-33.0" in outcome(page)
    for said in ("✗ missed Expect: elbo -23.8 ± 0.3", "✓ met Tour: elbo in", "compile 3.1 s", "3 seeds", "jax 0.10.2"):
        assert said in page.texts["body"]
    assert "method.learning_rate" in page.texts["details"]
    (curve,) = page.all("svg")  # held out and training share a panel
    assert curve["aria-label"] == "elbo over 40 steps: mean in training from -41 to -31, held out from -42 to -32"
    assert "dashed: held-out data" in page.texts["figcaption"]
    assert list(tmp_path.glob("*.partial")) == []


def test_every_figure_is_embedded_and_nothing_is_fetched(tmp_path):
    figures = {"01.png": "Samples", "02.gif": "A rollout"}
    run = write_run(tmp_path / "1", LINES, SUMMARY, figures)
    page = read(report([run], tmp_path / "report.html"))
    for image, (name, caption) in zip(page.all("img"), figures.items(), strict=True):
        kind, data = image["src"].split(";base64,")
        assert kind == f"data:image/{name[-3:]}"
        assert base64.b64decode(data) == GIF + name.encode()
        assert image["alt"] == caption
    assert not {tag for tag, _ in page.elements} & {"script", "link", "iframe", "object", "base"}
    for _, attrs in page.elements:
        for name in ("src", "href", "xlink:href", "srcset", "data"):
            assert attrs.get(name, "#").startswith(("#", "data:"))
    assert "url(" not in page.texts["style"]
    assert "@import" not in page.texts["style"]


def test_what_comes_from_a_run_is_text_and_not_markup(tmp_path):
    lines = [{"t": 1, NASTY: [1.0, 2.0, 3.0]}]
    claims = {"expect": [{"text": NASTY, "met": None}]}
    run = write_run(tmp_path / "1", lines, {"metrics": {NASTY: [1, 2, 3]}, **claims}, {"01.gif": NASTY}, title=NASTY)
    (run / "command.txt").write_text(NASTY)
    (run / "git.txt").write_text(NASTY)
    (run / "env.json").write_text(json.dumps({"machine": NASTY, "devices": [NASTY]}))
    page = read(report([run, run], tmp_path / "report.html", title=NASTY))
    assert not page.all("script")
    for tag in ("title", "h1", "h2", "figcaption", "code", "td", "th", "text"):
        assert NASTY in page.texts[tag], tag
    assert {image["alt"] for image in page.all("img")} == {NASTY}


def test_escaping_is_the_default():
    assert element("p", "a < b", title='"') == '<p title="&quot;">a &lt; b</p>'


def test_a_figure_outside_the_run_is_not_read(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    run = write_run(tmp_path / "1", LINES, SUMMARY)
    (run / "figures" / "captions.json").write_text(json.dumps({"../../secret.png": "Samples"}))
    page = read(report([run], tmp_path / "report.html"))
    assert not page.all("img")
    assert "secret.png is not there" in page.texts["p"]


def test_an_interrupted_run_shows_what_there_is(tmp_path):
    run = write_run(tmp_path / "1", LINES)
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"t": 60, "elbo": [-20.0, -2')
    page = read(report([run], tmp_path / "report.html"))
    assert "Not finished: stopped after step 40. Go on with python -m experiments resume" in page.texts["p"]
    assert "Last measurement" in page.texts["figcaption"]
    assert "-31.0 ± 2.5" in outcome(page)
    assert len(page.all("svg")) == 1


def test_a_run_of_which_only_the_plan_is_left(tmp_path):
    run = write_run(tmp_path / "1")
    for name in ("metrics.jsonl", "env.json", "command.txt", "figures/captions.json"):
        (run / name).unlink()
    page = read(report([run], tmp_path / "report.html"))
    assert "nothing was measured" in page.texts["p"]
    assert not page.all("svg")


def test_a_sweep_has_a_row_per_configuration(tmp_path):
    values = np.arange(18.0).reshape(3, 6)  # [seeds, configurations]
    vary = {"method.learning_rate": [0.001, 0.01, 0.1], "method.beta": [1.0, 4.0]}
    lines = [{"t": t, "loss": (values + t).tolist()} for t in (1, 2)] + [{"t": 2, "held_out/loss": values.tolist()}]
    run = write_run(tmp_path / "1", lines, {"metrics": {"loss": values.tolist()}}, vary=vary)
    path = report([run], tmp_path / "report.html")
    rows = re.findall(r"<tr>(.*?)</tr>", path.read_text(encoding="utf-8").split("<tbody>")[1].split("</tbody>")[0])
    cells = [re.sub("<[^>]*>", " ", row).split() for row in rows]
    half_width = 6 * 4.302653 / math.sqrt(3)  # the seeds of a configuration lie 6 apart
    expected = [
        [f"{rate:g}", f"{beta:g}", f"{6 + i:d}", "±", f"{half_width:.0f}"]
        for i, (rate, beta) in enumerate((rate, beta) for rate in vary["method.learning_rate"] for beta in (1, 4))
    ]
    assert cells == expected
    colors = re.findall(r"background:(#\w+)", "".join(rows))
    drawn = re.findall(r"stroke: (#\w+)", path.read_text(encoding="utf-8"))
    assert len(set(colors)) == 6
    assert set(colors) <= set(drawn)


def test_many_runs_get_an_overview_that_leads_to_each(tmp_path):
    summaries = [None, SUMMARY, SUMMARY | {"expect": []}]
    runs = [write_run(tmp_path / str(i), LINES, summary) for i, summary in enumerate(summaries)]
    page = read(report(runs, tmp_path / "new" / "report.html"))
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [a["href"].removeprefix("#") for a in page.all("a")]
    assert links == [section["id"] for section in page.all("section")] == ["run-1", "run-2", "run-3"]
    assert "toy_data\N{NO-BREAK SPACE}(2)" in page.texts["a"]
    assert "2 of 3 expectations met" in page.texts["header"]
    assert "unfinished" in page.texts["td"]
    assert {th["scope"] for th in page.all("th")} == {"row", "col"}


def test_one_seed_has_no_interval(tmp_path):
    run = write_run(tmp_path / "1", [{"t": 5, "nash_conv": [0.25]}], {"metrics": {"nash_conv": [0.125]}}, seeds=1)
    page = read(report([run], tmp_path / "report.html"))
    assert page.texts["td"].startswith("0.125")
    assert "±" not in page.texts["body"]


def test_values_that_are_not_finite_are_shown_and_not_hidden(tmp_path):
    lines = [{"t": t, "loss": [1.0, math.nan, math.inf]} for t in (1, 2)]
    run = write_run(tmp_path / "1", lines, {"metrics": {"loss": [1.0, math.nan, 2.0]}})
    assert "nan" in outcome(read(report([run], tmp_path / "report.html")))


def test_a_fall_by_orders_of_magnitude_gets_a_logarithmic_scale(tmp_path):
    ticks = {}
    for name, end in (("far", 0.001), ("near", 0.5)):
        lines = [{"t": 1, "loss": [1.0]}, {"t": 2, "loss": [end]}]
        ticks[name] = read(report([write_run(tmp_path / name, lines, seeds=1)], tmp_path / "report.html")).texts["text"]
    assert "0.0010.003" in re.sub(r"\s", "", ticks["far"])
    assert "0.003" not in ticks["near"]


def test_faults_have_names(tmp_path):
    with pytest.raises(ConfigError, match="no run here"):
        report([tmp_path], tmp_path / "report.html")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        report([write_run(tmp_path / "1")], tmp_path / "file" / "report.html")


def test_a_page_that_fails_leaves_the_old_one(tmp_path):
    out = report([write_run(tmp_path / "1", LINES, SUMMARY)], tmp_path / "report.html")
    before = out.read_bytes()
    with pytest.raises(ConfigError):
        report([tmp_path / "1", tmp_path / "nowhere"], out)
    assert out.read_bytes() == before


def test_the_command_needs_no_jax(tmp_path):
    run, out = write_run(tmp_path / "1", LINES, SUMMARY), tmp_path / "page.html"
    code = "from experiments.commands.report import command; command(sys.argv[1:]); assert 'jax' not in sys.modules"
    words = [sys.executable, "-c", "import sys; " + code, str(run), "--out", str(out), "--title", "Two words"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'lib'}:{ROOT}"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out)
    assert read(out).texts["h1"] == "Two words"
