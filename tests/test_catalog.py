"""What the files say of themselves is complete and true; what the catalog makes of them is right."""

from pathlib import Path

import pytest

from jaxicon.core import catalog
from jaxicon.core.errors import ConfigError

ROOT = catalog.ROOT
TRAINED = {name: e for name, e in catalog.experiments().items() if e.family in catalog.FAMILIES}


# The files of this repository


def test_the_ledger_is_whole_and_speaks_plainly():
    rows = catalog.ledger()
    assert len(rows) == 689
    assert len((catalog.PACKAGE / "systems.tsv").read_text().splitlines()) == 690
    assert all(all(cells) for cells in rows.values())
    short = [id for id, cells in rows.items() for n in range(5) if f"S{n}" in " ".join(cells).split()]
    assert short == []


def test_a_row_is_claimed_once_and_exists():
    claimed = [id for id, _ in catalog.claimants()]
    assert [id for id in set(claimed) if claimed.count(id) > 1] == []
    assert sorted(set(claimed) - catalog.ledger().keys()) == []


def test_a_claimed_row_has_a_test_and_a_marked_row_exists():
    assert sorted(catalog.claims().keys() - catalog.tested()) == []
    assert sorted(catalog.tested() - catalog.ledger().keys()) == []


def test_stems_are_unique_and_each_file_has_a_function_of_its_name():
    files = [p for family in catalog.FAMILIES for p in (catalog.PACKAGE / family).glob("*.py")]
    assert sorted(p.stem for p in files) == sorted(catalog.entries())
    assert [e.name for e in catalog.entries().values() if catalog.factory(e) is None] == []


@pytest.mark.parametrize("entry", catalog.entries().values(), ids=lambda e: e.name)
def test_the_header_of_a_method_is_complete(entry):
    assert entry.title.endswith(".")
    required = {"Notes", "Systems"} | ({"Idea"} if entry in catalog.methods() else set())
    assert required - entry.fields.keys() == set()
    assert entry.fields.keys() & {"Paper", "Book"}
    assert entry.fields.keys() <= {"Notes", "Paper", "Book", "Systems", "Idea", "Erratum"}
    assert all(entry.fields.values())


@pytest.mark.parametrize("entry", catalog.methods(), ids=lambda e: e.name)
def test_a_method_has_an_experiment_and_a_test_module(entry):
    assert catalog.experiments_of(entry.name)
    assert (ROOT / "tests" / entry.family / f"test_{entry.name}.py").exists()


def test_the_test_modules_of_families_are_called_after_their_files():
    folders = [ROOT / "tests" / family for family in catalog.FAMILIES]
    named = {p.relative_to(ROOT) for folder in folders for p in folder.glob("test_*.py")}
    known = {Path("tests") / e.family / f"test_{e.name}.py" for e in catalog.entries().values()}
    assert named - known == set()


@pytest.mark.parametrize("name", TRAINED)
def test_the_header_of_an_experiment_is_complete(name):
    entry = TRAINED[name]
    assert entry.title.endswith(".")
    assert {"Run", "Expect", "Tour", "Cost"} - entry.fields.keys() == set()
    assert entry.fields["Run"].split("\n")[0].split(" --")[0] == f"python -m experiments {name}"
    assert name in catalog.owners(), "called after no method of its family"


# The catalog itself, on a repository of four files

FILES = {
    "lib/jaxicon/systems.tsv": "id\tchapter\tsystem\tnotes\na.one\ta\tOne\t1\na.two\ta\tTwo\t2\nb.one\tb\tThree\t3\n",
    "lib/jaxicon/core/method.py": """
class Method(Protocol):
    init: Callable
    step: Callable
    evaluate: Callable

class Agent(NamedTuple):
    init: Callable
    step: Callable
    evaluate: Callable
    act: Callable

class Fit(NamedTuple):
    params: Any
""",
    "lib/jaxicon/ops/rule.py": '"""A rule.\n\nSystems  b.one\n"""\n',
    "lib/jaxicon/games/gan.py": '''
# a comment first
"""Base: p(x | y).

Prose is no field, also not
Single  spaced words: this is one.
Systems  a.one
         a.two
Idea     first
           second
Two words  are no field

Paper    A | B
"""

def helper() -> Agent:
    pass

def gan(config) -> method.Agent:
    """Systems  a.three"""
''',
    "lib/jaxicon/games/gan_ring.py": '''"""A variant."""
def f():
    from jaxicon.games.gan import gan

def gan_ring() -> Fit: ...
''',
    "lib/jaxicon/games/_private.py": '"""Not a method."""\n',
    "experiments/games/gan_ring.py": '"""Whose?\n\nRun      python -m experiments games/gan_ring\n"""\n',
    "experiments/games/gan_digits.py": '"""The base on digits."""\n',
    "experiments/speed/step.py": '"""A benchmark."""\n',
    "tests/games/test_gan.py": """
@pytest.mark.system("a.one", "b.one")
def test(): ...

pytestmark = [pytest.mark.system("b.two")]
pytest.mark.slow("a.two")
text = 'pytest.mark.system("a.two")'
""",
}


@pytest.fixture
def small(tmp_path, monkeypatch):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.setattr(catalog, "ROOT", tmp_path)
    monkeypatch.setattr(catalog, "PACKAGE", tmp_path / "lib/jaxicon")
    caches = [f for f in vars(catalog).values() if hasattr(f, "cache_clear")]
    [f.cache_clear() for f in caches]
    yield tmp_path
    [f.cache_clear() for f in caches]


def test_a_header_is_fields_with_continuation_lines(small):
    title, fields = catalog.header(small / "lib/jaxicon/games/gan.py")
    assert title == "Base: p(x | y)."
    assert fields == {
        "Single": "spaced words: this is one.",
        "Systems": "a.one\na.two",
        "Idea": "first\nsecond",
        "Paper": "A | B",
    }
    assert catalog.header(small / "tests/games/test_gan.py") == ("", {})


def test_methods_are_the_factories_that_return_one(small):
    assert [*catalog.entries()] == ["gan", "gan_ring"]
    assert [e.name for e in catalog.methods()] == ["gan"]
    assert (catalog.entries()["gan"].base, catalog.entries()["gan_ring"].base) == (None, "gan")


def test_an_experiment_belongs_to_the_longest_name(small):
    assert [*catalog.experiments()] == ["games/gan_digits", "games/gan_ring", "speed/step"]
    assert [e.name for e in catalog.experiments_of("gan")] == ["gan_digits"]
    assert [e.name for e in catalog.experiments_of("gan_ring")] == ["gan_ring"]


def test_coverage_counts_rows_that_are_claimed_and_tested(small):
    assert catalog.claims().keys() == {"a.one", "a.two", "b.one"}
    assert catalog.tested() == {"a.one", "b.one", "b.two"}
    assert catalog.coverage() == {"a": (1, 2), "b": (1, 1)}


def test_the_table_links_and_escapes(small):
    assert catalog.methods_table().splitlines() == [
        "**games**",
        "",
        "| method | what it is | source | experiments |",
        "|---|---|---|---|",
        r"| [gan](lib/jaxicon/games/gan.py) | Base: p(x \| y) | A \| B | [digits](experiments/games/gan_digits.py) |",
        "| [gan_ring](lib/jaxicon/games/gan_ring.py) | A variant |  | [gan_ring](experiments/games/gan_ring.py) |",
    ]


def test_load_returns_the_factory_and_names_what_is_near():
    assert catalog.load("mlp").__name__ == "mlp"
    with pytest.raises(ConfigError, match="method 'value_iteratoin': not found; did you mean 'value_iteration'"):
        catalog.load("value_iteratoin")


def test_a_docstring_is_found_without_parsing_the_file(tmp_path):
    file = tmp_path / "broken.py"
    file.write_text('# -*- coding -*-\n\nr"""Title \\d.\n\nIdea  x \\" y\n"""\n\ndef broken(:\n')
    assert catalog.header(file) == ("Title \\d.", {"Idea": 'x \\" y'})
