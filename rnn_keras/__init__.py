"""The recurrent networks of the textbooks, as exact and fast Keras layers."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what `__getattr__` finds
    from rnn_keras import data as data
    from rnn_keras import decoding as decoding
    from rnn_keras import export as export
    from rnn_keras import inspect as inspect
    from rnn_keras import interop as interop
    from rnn_keras import layers as layers
    from rnn_keras import metrics as metrics
    from rnn_keras import seq2seq as seq2seq
    from rnn_keras import text as text
    from rnn_keras import training as training
    from rnn_keras.layers import explain as explain
    from rnn_keras.layers import use_plan as use_plan

__version__ = "0.1.0"

_SUBMODULES = (
    "data", "decoding", "export", "inspect", "interop", "layers", "metrics", "seq2seq", "text",
    "training",
)  # fmt: skip
_FUNCTIONS = ("explain", "use_plan")  # of rnn_keras.layers

__all__ = [*_SUBMODULES, *_FUNCTIONS]


def __getattr__(name):
    # On first use, so that `import rnn_keras` is fast: Keras takes seconds, and imports matplotlib
    # if it is installed.
    if name in _SUBMODULES:
        return importlib.import_module(f"rnn_keras.{name}")
    if name in _FUNCTIONS:
        return getattr(importlib.import_module("rnn_keras.layers"), name)
    raise AttributeError(f"module 'rnn_keras' has no attribute {name!r}")


def __dir__():
    return [*globals(), *__all__]
