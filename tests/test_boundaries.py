"""The import rules and the file lengths that docs and reviewers rely on."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SOURCES = sorted(p for top in ("rnn_keras", "apps") for p in (PROJECT / top).rglob("*.py"))
MAX_LINES = 300
LOOP = ("buffers", "chain", "halves", "recurrence", "replay", "second_gradient", "unrolled")
FRONT_ENDS = ("playground", "demo", "web")
SHARED = ("common", "commands", "runner", "task")  # what every application uses
HEAVY = ("fastapi", "keras_hub", "keras_nlp", "matplotlib", "tensorflow_datasets")


def module_name(path: Path) -> str:
    """`rnn_keras/layers/gru.py` -> `rnn_keras.layers.gru`."""
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, package: str) -> Iterator[str]:
    """Full dotted names that `source`, a module inside `package`, imports anywhere in its text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: package.count(".") + 2 - node.level]
            base = ".".join([*(parents if node.level else []), *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def violation(importer: str, imported: str) -> str | None:
    """Why module `importer` may not import `imported`, or None."""
    source, target = importer.split("."), imported.split(".")
    if (source[0], target[0]) == ("rnn_keras", "apps"):
        return "rnn_keras never imports apps"
    among_apps = source[0] == target[0] == "apps" and not {*source[1:2]} & {*FRONT_ENDS}
    if among_apps and target[1] not in (*source[1:2], *SHARED):
        return "an app never imports another app"
    if source[:2] == ["rnn_keras", "layers"] and not layers_may_import(source, target):
        return "rnn_keras.layers needs only keras (and its backend where the loop is)"
    siblings = source[0] == target[0] == "rnn_keras" and source[1:2] != target[1:2]
    if siblings and len(source) > 1 and not is_public(target):
        return f"siblings import one another through the names that {target[1]} exports"
    return None


def layers_may_import(source: list[str], target: list[str]) -> bool:
    if target[0] == "rnn_keras":
        return target[1] in ("layers", "extras")  # which names what is not installed
    backend = {"tensorflow"} if source[-1] in LOOP else set()
    backend |= {"jax"} if source[-1] == "jax_recurrence" else set()
    return target[0] in sys.stdlib_module_names | {"keras"} | backend


def is_public(target: list[str]) -> bool:
    """`rnn_keras.layers.GRU` is; `rnn_keras.layers.gru.gru_step` and a leading underscore not."""
    depth = 3 if (PROJECT / "rnn_keras" / target[1]).is_dir() else 4
    return len(target) <= depth and not any(part.startswith("_") for part in target)


@pytest.mark.parametrize(
    "importer, source, allowed",
    [
        ("apps.stock.train", "from apps.char_lm import data", False),
        ("apps.stock.train", "import apps.char_lm.data", False),
        ("apps.stock.train", "from ..char_lm.data import load", False),
        ("apps.stock.train", "from ..common import cli", True),
        ("apps.stock.train", "from apps import commands", True),
        ("apps.stock.train", "from . import data", True),
        ("apps.playground.stock", "from apps.stock.forecast import main", True),
        ("apps.stock.train", "from apps.playground import page", False),
        ("apps.stock.train", "def f():\n  from rnn_keras.layers import GRU", True),
        ("rnn_keras.text.vocabulary", "from apps.common.errors import InputError", False),
        ("rnn_keras.layers.gru", "import tensorflow as tf", False),
        ("rnn_keras.layers.gru", "import numpy as np", False),
        ("rnn_keras.layers.gru", "import functools\nfrom keras import ops", True),
        ("rnn_keras.layers.gru", "from .recurrence import scan", True),
        ("rnn_keras.layers.gru", "from ..training import clip", False),
        ("rnn_keras.layers.recurrence", "import tensorflow as tf", True),
        ("rnn_keras.training.tbptt", "from rnn_keras.layers import GRU", True),
        ("rnn_keras.training.tbptt", "from rnn_keras.layers.gru import gru_step", False),
        ("rnn_keras.training.tbptt", "from rnn_keras.layers import _scan", False),
    ],
)
def test_the_rules_see_a_violation(importer, source, allowed):
    package = importer.rpartition(".")[0]
    found = [violation(importer, name) is None for name in imports(source, package)]
    assert found and all(found) == allowed


def test_imports_follow_the_rules():
    found = []
    for path in SOURCES:
        module = module_name(path)
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for name in imports(path.read_text("utf-8"), package):
            if (why := violation(module, name)) is not None:
                found.append(f"{module} imports {name}: {why}")
    assert found == []


def test_files_stay_small():
    lengths = {module_name(p): len(p.read_text("utf-8").splitlines()) for p in SOURCES}
    assert {name: n for name, n in lengths.items() if n > MAX_LINES} == {}


def test_import_rnn_keras_is_light():
    """In a process of its own: this one may have imported anything before."""
    program = (
        "import rnn_keras, sys; from rnn_keras.export import LiteRTModel\n"
        f"print([m for m in {(*HEAVY, 'keras', 'tensorflow')} if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"
