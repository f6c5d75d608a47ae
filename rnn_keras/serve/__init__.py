"""SavedModels over HTTP: the REST API of TensorFlow Serving, in one process, for one machine.

`python -m rnn_keras.serve saved_models/sentiment/RUN` is the command, docs/serving.md the manual.
The engine is TensorFlow Serving's: a `tf.compat.v1.Session` runs the graph, which can be stopped
after a time limit and frees everything when a version is unloaded.
"""

import importlib

_MODULES = {
    "Limits": "limits",
    "ModelStore": "models",
    "Runner": "batching",
    "create_app": "api",
    "locate": "sources",
}

__all__ = list(_MODULES)


def __getattr__(name):
    # On first use, so that the command answers `--help` without TensorFlow.
    if name in _MODULES:
        return getattr(importlib.import_module(f"rnn_keras.serve.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'rnn_keras.serve' has no attribute {name!r}")


def __dir__():
    return [*globals(), *__all__]
