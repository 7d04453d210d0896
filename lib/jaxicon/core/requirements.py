"""What the library needs of other distributions, and what of it this machine has."""

import importlib.metadata as metadata
import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jaxicon.core.catalog import ROOT

Versions = dict[str, str]  # distribution -> version


def installed() -> Versions:
    """Every distribution that can be imported here."""
    return {canonicalize_name(d.metadata["Name"]): d.version for d in metadata.distributions() if d.metadata["Name"]}


def requirements(name: str = "jaxicon") -> list[Requirement]:
    """What a distribution requires, extras by their markers; ours from pyproject.toml where it is not installed."""
    try:
        return [Requirement(line) for line in metadata.requires(name) or ()]
    except metadata.PackageNotFoundError:
        pyproject = ROOT / "pyproject.toml"
        mine = name == "jaxicon" and pyproject.exists()
        return of_project(tomllib.loads(pyproject.read_text(encoding="utf-8"))) if mine else []


def of_project(pyproject: dict) -> list[Requirement]:
    """The same list from the text that an installer makes it of."""
    project = pyproject["project"]
    marked = [f"{line}; extra == '{e}'" for e, lines in project["optional-dependencies"].items() for line in lines]
    return [Requirement(line) for line in [*project["dependencies"], *marked]]


def needed(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def of_extra(needs: list[Requirement], extra: str) -> list[Requirement]:
    """Those that are needed with an extra and not without."""
    return [r for r in needs if needed(r, extra) and not needed(r)]


def extras(needs: list[Requirement]) -> list[str]:
    markers = " ".join(str(r.marker) for r in needs)
    return [*dict.fromkeys(re.findall(r"extra == ['\"]([\w-]+)", markers))]


def missing(requirement: Requirement, versions: Versions) -> list[str]:
    """What is absent, too old or too new for a requirement, and for the extras that it names, in words."""
    version = versions.get(canonicalize_name(requirement.name))
    asked = f"{requirement.name}{requirement.specifier}"
    if version is None and requirement.name != "jaxicon":
        return [asked]
    if version and not requirement.specifier.contains(version, prereleases=True):
        return [f"{asked} (is {version})"]
    further = [r for extra in requirement.extras for r in of_extra(requirements(requirement.name), extra)]
    return [lack for r in further for lack in missing(r, versions)]
