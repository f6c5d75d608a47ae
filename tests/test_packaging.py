"""A fresh clone installs what the code imports, at pinned versions, from any package index."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[1]
DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
RUNTIME = [Requirement(r) for r in DECLARED["dependencies"]]
EXTRAS = {
    # Without the extras of this package that an extra includes.
    name: [Requirement(r) for r in requirements if not r.startswith(DECLARED["name"])]
    for name, requirements in DECLARED["optional-dependencies"].items()
}
RUNTIME += EXTRAS["serve"] + EXTRAS["playground"]
DEV = EXTRAS["dev"]
PINS = re.findall(r"^([\w.-]+)==([^\s;]+)", (PROJECT / "constraints.txt").read_text("utf-8"), re.M)


@pytest.mark.parametrize("requirement", RUNTIME + DEV, ids=str)
def test_each_dependency_is_pinned_inside_its_range(requirement):
    pinned = [
        v for name, v in PINS if canonicalize_name(name) == canonicalize_name(requirement.name)
    ]
    assert pinned, "not in constraints.txt: run `make lock`"
    assert all(v in requirement.specifier for v in pinned)
    assert any(s.operator in ("<", "==") for s in requirement.specifier), "no upper bound"


def test_constraints_name_no_index_and_no_path():
    lines = (PROJECT / "constraints.txt").read_text("utf-8").splitlines()
    requirements = [line for line in lines if line.strip() and not line.startswith("#")]
    assert len(requirements) == len(PINS)
    assert not [line for line in lines if "://" in line or line.startswith("-") or " @ " in line]


@pytest.mark.parametrize(
    ("folders", "requirements"),
    [(("rnn_keras", "apps"), RUNTIME), (("tests",), RUNTIME + DEV)],
    ids=["runtime", "dev"],
)
def test_every_import_is_declared(folders, requirements):
    """Only what pyproject.toml names is sure to be there; transitive luck is not."""
    sources = [p for top in folders for p in (PROJECT / top).rglob("*.py")]
    imported = set()
    for node in (n for p in sources for n in ast.walk(ast.parse(p.read_text("utf-8")))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported.add(node.module.split(".")[0])
    imported -= {*sys.stdlib_module_names, "rnn_keras", "apps", "tests", "benchmarks"}
    declared = {canonicalize_name(r.name) for r in requirements}
    owners = packages_distributions()
    undeclared = {
        name
        for name in imported
        if not declared & {canonicalize_name(owner) for owner in owners.get(name, [])}
    }
    assert "tensorflow" in imported and not undeclared
