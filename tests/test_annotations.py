"""What `py.typed` promises: types of all that is public, also of what is imported on first use."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import rnn_keras

PACKAGES = [f"rnn_keras.{name}" for name in (*rnn_keras._SUBMODULES, "serve")]
# The equations stay as the textbooks write them; their docstrings have the shapes.
EQUATIONS = {"gru.py", "lstm.py", "vanilla.py", "mgu.py", "peephole.py", "layer_norm.py"}
EQUATIONS |= {"projected.py", "slstm.py", "minimal.py"}


def functions(name, exported):
    """`(name, function)` of an exported function, or of the public methods of a class."""
    if inspect.isfunction(exported):
        yield name, exported
    for cls in getattr(exported, "__mro__", ()):
        for key, member in vars(cls).items() if cls.__module__.startswith("rnn_keras") else ():
            if key == "__init__" or not key.startswith("_"):
                member = getattr(member, "__func__", getattr(member, "fget", member))
                if inspect.isfunction(member):
                    yield f"{name}.{key}", member


@pytest.mark.parametrize("package", PACKAGES)
def test_public_functions_are_annotated(package):
    module = importlib.import_module(package)
    bare, seen = [], 0
    for name, function in (f for n in module.__all__ for f in functions(n, getattr(module, n))):
        source = Path(inspect.unwrap(function).__code__.co_filename)
        if source.name in EQUATIONS or not source.is_file():  # a dataclass makes its own
            continue
        signature = inspect.signature(function)
        types = [
            p.annotation for p in signature.parameters.values() if p.name not in ("self", "cls")
        ]
        returned = () if function.__name__ == "__init__" else (signature.return_annotation,)
        seen += 1
        if inspect.Signature.empty in (*types, *returned):
            bare.append(name)
    assert seen and not bare


@pytest.mark.parametrize(
    "package", ["rnn_keras", "rnn_keras.export", "rnn_keras.serve", "rnn_keras.text"]
)
def test_type_checkers_see_what_is_imported_on_first_use(package):
    module = importlib.import_module(package)
    (block,) = [
        node
        for node in ast.parse(Path(module.__file__).read_text("utf-8")).body
        if isinstance(node, ast.If)
    ]
    imported = {alias.asname: alias.name for node in block.body for alias in node.names}
    assert imported == {name: name for name in module.__all__}
