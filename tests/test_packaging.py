"""A fresh clone installs what the code imports, at pinned versions, from any package index; the
wheel holds `rnn_keras` alone, and needs no more than TensorFlow, Keras and NumPy."""

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import rnn_keras

PROJECT = Path(__file__).resolve().parents[1]
DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
UNPINNED = ("jax", "torch", "bench", "scale", "cuda")  # other engines; gigabytes of CUDA
CORE = [Requirement(r) for r in DECLARED["dependencies"]]
PINS = re.findall(r"^([\w.-]+)==([^\s;]+)", (PROJECT / "constraints.txt").read_text("utf-8"), re.M)
OWNERS = packages_distributions()


def extra(name):
    """The requirements of an extra, and of those of this package that it includes."""
    requirements = map(Requirement, DECLARED["optional-dependencies"][name])
    return [
        each
        for r in requirements
        for each in ([e for n in r.extras for e in extra(n)] if r.name == DECLARED["name"] else [r])
    ]


PINNED = {
    str(r): r for n in DECLARED["optional-dependencies"] if n not in UNPINNED for r in extra(n)
}


@pytest.mark.parametrize("requirement", [*CORE, *PINNED.values()], ids=str)
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


def imports(node, guard):
    """`(module, extra)` of every import in a syntax tree; the extra that `needs_extra` names."""
    if isinstance(node, ast.Import):
        yield from ((alias.name.split(".")[0], guard) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield node.module.split(".")[0], guard
    elif isinstance(node, ast.With):
        call = node.items[0].context_expr
        if isinstance(call, ast.Call) and getattr(call.func, "id", None) == "needs_extra":
            guard = call.args[0].value
    for child in ast.iter_child_nodes(node):
        yield from imports(child, guard)


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("rnn_keras", []),
        ("rnn_keras/serve", ["serve"]),  # imported inside `needs_extra` by its __init__
        ("apps", ["apps", "scale"]),  # imported where Ray is asked for
        ("apps/playground", ["playground"]),
        ("benchmarks", ["bench"]),
        ("tests", ["dev"]),
    ],
)
def test_every_import_is_declared(folder, extras):
    """Only what pyproject.toml names is sure to be there; transitive luck is not."""
    inner = [p for p in ("rnn_keras/serve", "apps/playground") if p != folder]
    sources = [
        p
        for p in (PROJECT / folder).rglob("*.py")
        if not any(p.is_relative_to(PROJECT / other) for other in inner)
    ]
    found = {i for p in sources for i in imports(ast.parse(p.read_text("utf-8")), None)}
    own = {*sys.stdlib_module_names, "rnn_keras", "apps", "tests", "benchmarks"}
    undeclared = {
        (module, guard)
        for module, guard in found
        if module not in own
        and not {canonicalize_name(owner) for owner in OWNERS.get(module, [module])}
        & {
            canonicalize_name(r.name)
            for r in [*CORE, *(r for e in [*extras, *filter(None, [guard])] for r in extra(e))]
        }
    }
    assert "tensorflow" in {module for module, _ in found} and not undeclared


WITHOUT_EXTRAS = """
import sys
class Missing:
    def find_spec(name, path, target=None):
        if name in {modules}:
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Missing)
import rnn_keras.data, rnn_keras.decoding, rnn_keras.export, rnn_keras.interop, rnn_keras.layers
import rnn_keras.inspect, rnn_keras.metrics, rnn_keras.serve, rnn_keras.text, rnn_keras.training
from rnn_keras.export import saved_model
for use in (
    lambda: rnn_keras.export.write_litert({{}}, [], "model.tflite"),
    lambda: rnn_keras.metrics.corpus_bleu(["a"], ["a"]),
    lambda: rnn_keras.text.learn_word_pieces(["a"], 9),
    lambda: rnn_keras.serve.create_app,
    lambda: rnn_keras.inspect.project([[0, 1]] * 3),
):
    try:
        use()
    except ModuleNotFoundError as error:
        print(error)
"""


def optional_modules():
    optional = {canonicalize_name(r.name) for r in [*extra("playground"), *extra("serve")]}
    optional -= {"flatbuffers", "protobuf"}  # TensorFlow needs them
    return sorted(m for m, own in OWNERS.items() if optional & set(map(canonicalize_name, own)))


def python(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=300
    )


def test_without_extras_all_can_be_imported_and_what_is_missing_is_named():
    result = python("-c", WITHOUT_EXTRAS.format(modules=optional_modules()))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "ai_edge_litert is not installed: pip install 'rnn-keras[litert]'",
        "sacrebleu is not installed: pip install 'rnn-keras[text]'",
        "keras_nlp is not installed: pip install 'rnn-keras[text]'",
        "fastapi is not installed: pip install 'rnn-keras[serve]'",
        "sklearn is not installed: pip install 'rnn-keras[inspect]'",
    ]


@pytest.mark.parametrize("command", ["rnn_keras.serve", "rnn_keras.serve.tf_serving"])
def test_a_command_without_its_extra_is_one_line(command):
    script = (
        "import runpy, sys; sys.modules['tyro'] = None; "
        f"runpy.run_module({command!r}, run_name='__main__')"
    )
    result = python("-c", script)
    assert result.returncode == 2
    assert result.stderr == "error: tyro is not installed: pip install 'rnn-keras[serve]'\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the sdist, and the wheel made of it."""
    folder = tmp_path_factory.mktemp("built")
    # A copy, as setuptools writes next to its sources.
    shutil.copytree(
        PROJECT,
        folder / "source",
        ignore=shutil.ignore_patterns(".*", "*.egg-info", "build", "saved_models", "__pycache__"),
    )
    run = python("-m", "build", "--no-isolation", "--outdir", folder, folder / "source")
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


def test_the_wheel_holds_rnn_keras_alone(built):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    information = f"rnn_keras-{rnn_keras.__version__}.dist-info"
    sources = {str(p.relative_to(PROJECT)) for p in (PROJECT / "rnn_keras").rglob("*.py")}
    assert {n for n in names if not n.startswith(information)} == {*sources, "rnn_keras/py.typed"}
    assert f"{information}/licenses/LICENSE" in names


def test_the_sdist_holds_no_applications_and_no_tests(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = [Path(*Path(name).parts[1:]) for name in archive.getnames()]
    assert {"rnn_keras", "LICENSE", "pyproject.toml"} <= {n.parts[0] for n in names if n.parts}
    assert not {"apps", "benchmarks", "tests"} & {n.parts[0] for n in names if n.parts}


def test_the_package_page_has_no_link_into_the_repository(built):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (file,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        page = message_from_bytes(archive.read(file))
    assert page["License-Expression"] == "Apache-2.0"
    text = page.get_payload()
    targets = re.findall(
        r"\]\(([^)\s]+)|(?:src|href)=[\"']?([^\s\"'>]+)|^\[.+\]: (\S+)", text, re.M
    )
    assert "from rnn_keras.layers import GRU" in text
    assert not [t for found in targets for t in found if t and "://" not in t]


def test_the_changelog_has_the_version():
    changelog = (PROJECT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## {re.escape(rnn_keras.__version__)}\b", changelog, re.M)


def test_the_workflow_runs_what_continuous_integration_runs():
    workflow = yaml.safe_load((PROJECT / ".github/workflows/ci.yml").read_text("utf-8"))
    commands = [step.get("run") for job in workflow["jobs"].values() for step in job["steps"]]
    assert ".ci/run" in commands and (PROJECT / ".ci/run").stat().st_mode & 0o111
