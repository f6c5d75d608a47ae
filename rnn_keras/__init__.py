"""The recurrent networks of the textbooks, as exact and fast Keras layers."""

import importlib

__version__ = "0.1.0"

_SUBMODULES = ("data", "decoding", "export", "interop", "layers", "metrics", "training")
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
